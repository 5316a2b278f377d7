import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { Script } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeBlocks, readDocuments, root } from './markdown.js';

/** Names that a reader takes from the text around a block. A block that makes its own is not disturbed by them. */
const PRELUDE = `import type { FailoverKafka, FailoverKafkaConfig, FailoverKafkaConsumer, FailoverKafkaProducer, ProducerRecord, SendPart, TopicMessages } from 'kafkajs-failover';
declare global {
  const clusters: FailoverKafkaConfig['clusters'];
  const configService: { onChange(key: string, listener: (text: string) => void): () => void };
  const kafka: FailoverKafka;
  const producer: FailoverKafkaProducer;
  const consumer: FailoverKafkaConsumer;
  const record: ProducerRecord;
  const topicMessages: TopicMessages[];
  const groupId: string;
  function handle(message: { readonly value: Buffer | null }): Promise<void>;
  function log(entry: object): void;
  function putAside(part: SendPart): Promise<void>;
  function putAllAside(all: TopicMessages[], error: unknown): Promise<void>;
  function sendLater(record: ProducerRecord): void;
  function checkWhetherItArrived(record: ProducerRecord): void;
}
`;

const blocks = readDocuments().flatMap(({ path, text }) =>
  codeBlocks(text)
    .filter(({ language }) => language === 'ts')
    .map((block) => ({ ...block, path })),
);

/** Compiles the blocks as a user with strict settings would, and answers the compiler's complaints. */
async function compile(folder: string, files: ReadonlyMap<string, string>): Promise<string> {
  for (const [name, code] of files) writeFileSync(join(folder, name), code);
  const here = relative(folder, root);
  const config = {
    extends: join(here, 'tsconfig.json'),
    compilerOptions: {
      rootDir: here,
      noUnusedLocals: false,
      noUnusedParameters: false,
      types: ['node'],
      paths: {
        'kafkajs-failover': [join(here, 'src/index.ts')],
        'kafkajs-failover/testing': [join(here, 'src/testing/index.ts')],
      },
    },
    include: ['*.ts'],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
  const tsc = join(dirname(typescript), 'bin', 'tsc');
  try {
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, [tsc, '-p', folder, '--pretty', 'false']);
    return stdout;
  } catch (error) {
    return typeof error === 'object' && error !== null && 'stdout' in error
      ? String(error.stdout)
      : String(error);
  }
}

/** In the place of a document's import of its test runner: its tests are run by the one that is running. */
const COLLECTED = `import { expect } from 'vitest';
export const collected = [];
const test = (_name, body) => collected.push(body);`;

/** The tests that the documents show, on the sources of this repository. */
const tests = blocks.filter(({ code }) => code.includes("from 'vitest'"));

describe('the code in the documents', () => {
  let folder = '';
  beforeAll(() => {
    const temp = join(root, 'temp');
    mkdirSync(temp, { recursive: true });
    folder = mkdtempSync(join(temp, 'documents-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('compiles, and a mistake in it would be seen', async () => {
    expect(blocks.length).toBeGreaterThan(7);
    const files = new Map(
      blocks.map(({ path, line, code }) => [
        `${path.replaceAll(/\W/g, '-')}-${line}.ts`,
        // Each block is a module, named after the line on which it begins.
        `${code}export {};\n`,
      ]),
    );
    files.set('prelude.ts', PRELUDE);
    files.set('mistake.ts', "await kafka.switchTo('B', { plannned: true });\nexport {};\n");
    const complaints = await compile(folder, files);
    const lines = complaints.split('\n').filter((line) => line.includes('error TS'));
    expect(lines.filter((line) => line.includes('mistake.ts'))).toHaveLength(1);
    expect(lines.filter((line) => !line.includes('mistake.ts'))).toEqual([]);
  }, 120_000);

  it('parses where it is JavaScript', () => {
    const scripts = readDocuments().flatMap(({ text }) =>
      codeBlocks(text).filter(({ language }) => language === 'js'),
    );
    expect(scripts.length).toBeGreaterThan(0);
    for (const { code } of scripts) expect(() => new Script(code)).not.toThrow();
    expect(() => new Script('class {')).toThrow(SyntaxError);
  });

  it('runs where it is a test', async () => {
    expect(tests.map(({ path }) => path)).toEqual(['docs/testing.md']);
    for (const { code } of tests) {
      const source = code
        .replace(/^import .* from 'vitest';$/m, COLLECTED)
        .replace("from 'kafkajs-failover/testing'", `from '${join(root, 'src/testing/index.ts')}'`)
        .replace("from 'kafkajs-failover'", `from '${join(root, 'src/index.ts')}'`);
      const file = join(folder, 'runs.ts');
      writeFileSync(file, source);
      const { collected } = (await import(file)) as { collected: readonly (() => Promise<void>)[] };
      expect(collected).toHaveLength(1);
      for (const body of collected) await body();
    }
  }, 60_000);
});
