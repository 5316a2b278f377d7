import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installPacked, type Consumer } from './consumer.js';

const root = join(import.meta.dirname, '..', '..');
const samplesFolder = join(root, 'test', 'types', 'samples');

/** How a service names its clusters once it has two: the only file that a move to the library writes anew. */
const twoClusters = `
  import { manualStrategy, type FailoverKafkaConfig } from 'kafkajs-failover';

  export const kafkaConfig: FailoverKafkaConfig = {
    clientId: 'orders-service',
    clusters: {
      A: { brokers: ['a1.example:9092', 'a2.example:9092'] },
      B: { brokers: ['b1.example:9092'] },
    },
    strategy: manualStrategy({ initial: 'A' }),
  };
`;

/** Follows requires from file to file, as Node would. */
function resolveFrom(file: string, ...specifiers: readonly string[]): string {
  return specifiers.reduce((from, specifier) => createRequire(from).resolve(specifier), file);
}

interface Setting {
  readonly name: string;
  /** Script of the compiler, below `node_modules`. */
  readonly compiler: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** The repository's compiler. */
const typescript7 = 'typescript/bin/tsc';

/** An older one, as services have it; "are the types wrong?" brings it along. */
const typescript5 = relative(
  join(root, 'node_modules'),
  resolveFrom(
    resolveFrom(import.meta.url, '@arethetypeswrong/cli/package.json', '@arethetypeswrong/core'),
    'typescript/bin/tsc',
  ),
);

/** Default imports of CommonJS modules are refused: declarations that use one are broken for such a service. */
const plain: Setting = {
  name: 'TypeScript 5, node16, no interoperability helpers',
  compiler: typescript5,
  options: { module: 'node16', moduleResolution: 'node16', esModuleInterop: false },
};

/** The compilers' settings that change how the package is found or how strictly it is read. */
const settings: readonly Setting[] = [
  {
    name: 'TypeScript 7, node16',
    compiler: typescript7,
    options: { module: 'node16', moduleResolution: 'node16' },
  },
  {
    name: 'TypeScript 7, nodenext',
    compiler: typescript7,
    options: { module: 'nodenext', moduleResolution: 'nodenext' },
  },
  {
    name: 'TypeScript 7, bundler, exact optional properties',
    compiler: typescript7,
    options: {
      module: 'esnext',
      moduleResolution: 'bundler',
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
    },
  },
  plain,
  {
    name: 'TypeScript 5, node',
    compiler: typescript5,
    options: { module: 'commonjs', moduleResolution: 'node' },
  },
];

const nodenext: Setting = {
  name: 'TypeScript 7, nodenext, emitting',
  compiler: typescript7,
  options: { module: 'nodenext', moduleResolution: 'nodenext' },
};

const common = {
  target: 'es2022',
  strict: true,
  types: ['node'],
  // The package's own declarations are read as strictly as the user's code.
  skipLibCheck: false,
  rootDir: '.',
};

let consumer: Consumer;
beforeAll(async () => {
  consumer = await installPacked();
});
afterAll(() => consumer.remove());

async function compile(
  folder: string,
  files: Readonly<Record<string, string>>,
  { compiler, options }: Setting,
): Promise<string> {
  const tsconfig = { compilerOptions: { ...common, ...options }, include: ['**/*'] };
  await consumer.write({
    ...inFolder(folder, files),
    [`${folder}/tsconfig.json`]: JSON.stringify(tsconfig),
  });
  const { output } = await consumer.tool(
    compiler,
    '-p',
    `${folder}/tsconfig.json`,
    '--pretty',
    'false',
  );
  return output;
}

function inFolder(
  folder: string,
  files: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]),
  );
}

async function readSamples(): Promise<Readonly<Record<string, string>>> {
  const names = await readdir(samplesFolder);
  const files = names.map(async (name): Promise<[string, string]> => {
    return [name, await readFile(join(samplesFolder, name), 'utf8')];
  });
  return Object.fromEntries(await Promise.all(files));
}

const changeImports = (text: string): string =>
  text.replaceAll("from 'kafkajs'", "from 'kafkajs-failover'");
const changeClass = (text: string): string =>
  changeImports(text).replace(/^ {2}Kafka,$/m, '  FailoverKafka as Kafka,');

function mapValues(
  files: Readonly<Record<string, string>>,
  change: (text: string) => string,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [path, change(text)]));
}

describe('kafkajs services', () => {
  it('are at least six, and use kafkajs', async () => {
    const users = Object.values(await readSamples()).filter((text) => text.includes('new Kafka('));
    expect(users.length).toBeGreaterThanOrEqual(6);
  });

  it.each(settings)(
    'compile with only the import path changed, and with FailoverKafka for Kafka and two clusters configured: $name',
    async (setting) => {
      const samples = await readSamples();
      const output = await compile(
        `services-${settings.indexOf(setting)}`,
        {
          ...inFolder('path', mapValues(samples, changeImports)),
          ...inFolder('class', { ...mapValues(samples, changeClass), 'config.ts': twoClusters }),
        },
        setting,
      );
      expect(output).toBe('');
    },
  );

  it('import nothing from kafkajs once they are changed, and make FailoverKafka where they made Kafka', async () => {
    for (const [name, text] of Object.entries(await readSamples())) {
      expect(changeImports(text), name).not.toMatch(/(['"`])kafkajs\1/);
      if (name !== 'config.ts') expect(changeClass(text), name).toMatch(/FailoverKafka as Kafka/);
    }
  });

  it('do not compile when they are wrong: the declarations are seen, and are not any', async () => {
    const wrong = `
      import { FailoverKafka } from 'kafkajs-failover';
      new FailoverKafka({ clusters: 'A,B' }).producer().sendd();
    `;
    const output = await compile('wrong', { 'wrong.mts': wrong }, nodenext);
    expect(output).toContain("Type 'string' is not assignable to type");
    expect(output).toContain("Property 'sendd' does not exist on type 'FailoverKafkaProducer'");
  });
});

const uses = `
  const kafka = new FailoverKafka({
    clusters: { A: { brokers: ['127.0.0.1:1'] }, B: { brokers: ['127.0.0.1:2'] } },
    logLevel: logLevel.NOTHING,
  });
  const producer: Producer = kafka.producer();
  let code = 'none';
  try {
    new FailoverKafka({ clusters: {} });
  } catch (error) {
    if (error instanceof FailoverError && error instanceof KafkaJSError) code = error.code;
  }
  const names = [typeof producer.send, code, String(whole.Kafka === Kafka), String(testingNames > 0)];
  kafka.close().then(() => console.log(names.join(' ')));
`;
const named =
  "import { FailoverError, FailoverKafka, Kafka, KafkaJSError, logLevel, type Producer } from 'kafkajs-failover';";

describe('compiled services', () => {
  it.each(['mts', 'cts'])(
    'run as %s, by named, default and namespace import alike',
    async (extension) => {
      const text = `
        ${named}
        import whole from 'kafkajs-failover';
        import * as testing from 'kafkajs-failover/testing';
        const testingNames = Object.keys(testing).length;
        const partitioner: whole.ICustomPartitioner = whole.Partitioners.DefaultPartitioner;
        void partitioner;
        ${uses}
      `;
      const folder = `run-${extension}`;
      const output = await compile(folder, { [`service.${extension}`]: text }, nodenext);
      expect(output).toBe('');
      const ran = await consumer.node(`${folder}/service.${extension.replace('ts', 'js')}`);
      expect(ran).toEqual({ exitCode: 0, output: 'function ERR_FAILOVER_OPTIONS true true\n' });
    },
  );

  it('run as CommonJS without interoperability helpers', async () => {
    const text = `
      ${named}
      import * as whole from 'kafkajs-failover';
      import testing = require('kafkajs-failover/testing');
      const testingNames = Object.keys(testing).length;
      ${uses}
    `;
    const output = await compile('run-plain', { 'service.cts': text }, plain);
    expect(output).toBe('');
    const ran = await consumer.node('run-plain/service.cjs');
    expect(ran).toEqual({ exitCode: 0, output: 'function ERR_FAILOVER_OPTIONS true true\n' });
  });
});
