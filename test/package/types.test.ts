import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installPacked, type Consumer } from './consumer.js';

const samplesFolder = join(import.meta.dirname, '..', 'types', 'samples');

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

/** The compilers' settings that change how the package is found or how strictly it is read. */
const settings = {
  node16: { module: 'node16', moduleResolution: 'node16' },
  nodenext: { module: 'nodenext', moduleResolution: 'nodenext' },
  'bundler, exact optional properties': {
    module: 'esnext',
    moduleResolution: 'bundler',
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
  },
  'CommonJS without interoperability helpers': {
    module: 'node16',
    moduleResolution: 'node16',
    esModuleInterop: false,
    allowSyntheticDefaultImports: false,
  },
} as const;

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
  options: Readonly<Record<string, unknown>>,
): Promise<string> {
  const inFolder = Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text]);
  const tsconfig = { compilerOptions: { ...common, ...options }, include: ['**/*'] };
  await consumer.write({
    ...Object.fromEntries(inFolder),
    [`${folder}/tsconfig.json`]: JSON.stringify(tsconfig),
  });
  const { output } = await consumer.tool(
    'typescript/bin/tsc',
    '-p',
    `${folder}/tsconfig.json`,
    '--pretty',
    'false',
  );
  return output;
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

  it.each(Object.entries(settings))(
    'compile with only the import path changed: %s',
    async (name, options) => {
      const files = mapValues(await readSamples(), changeImports);
      const output = await compile(`path-${Object.keys(settings).indexOf(name)}`, files, {
        ...options,
        noEmit: true,
      });
      expect(output).toBe('');
    },
  );

  it.each(Object.entries(settings))(
    'compile with FailoverKafka for Kafka and two clusters in the configuration: %s',
    async (name, options) => {
      const files = {
        ...mapValues(await readSamples(), changeClass),
        'config.ts': twoClusters,
      };
      const output = await compile(`class-${Object.keys(settings).indexOf(name)}`, files, {
        ...options,
        noEmit: true,
      });
      expect(output).toBe('');
    },
  );

  it('do not compile when they are wrong: the declarations are seen, and are not any', async () => {
    const wrong = `
      import { FailoverKafka } from 'kafkajs-failover';
      new FailoverKafka({ clusters: 'A,B' }).producer().sendd();
    `;
    const output = await compile(
      'wrong',
      { 'wrong.mts': wrong },
      {
        ...settings.nodenext,
        noEmit: true,
      },
    );
    expect(output).toContain("Type 'string' is not assignable to type");
    expect(output).toContain("Property 'sendd' does not exist on type 'Producer'");
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
      const output = await compile(
        folder,
        { [`service.${extension}`]: text },
        {
          ...settings.nodenext,
          esModuleInterop: true,
        },
      );
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
    const output = await compile(
      'run-plain',
      { 'service.cts': text },
      {
        ...settings['CommonJS without interoperability helpers'],
      },
    );
    expect(output).toBe('');
    const ran = await consumer.node('run-plain/service.cjs');
    expect(ran).toEqual({ exitCode: 0, output: 'function ERR_FAILOVER_OPTIONS true true\n' });
  });
});
