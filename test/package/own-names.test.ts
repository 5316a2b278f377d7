import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { transpile, withoutModuleMark } from '../../scripts/transpile.js';

const folders: string[] = [];
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** Builds an entry point as `scripts/build.ts` does, over a kafkajs of the test's own, and loads it. */
async function load(entry: string): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'kafkajs-failover-names-'));
  folders.push(folder);
  const files = {
    'node_modules/kafkajs/index.js':
      "module.exports = { Kafka: 'of kafkajs', Shared: 'of kafkajs', default: 'of kafkajs' };",
    'src/own.ts': "export const Shared = 'own'; export const Own = 'own';",
    'src/index.ts': entry,
  };
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const outDir = join(folder, 'dist');
  const sourceDir = join(folder, 'src');
  const outputs = await transpile([join(sourceDir, 'own.ts'), join(sourceDir, 'index.ts')], {
    root: folder,
    sourceDir,
    outDir,
  });
  for (const { path, text } of outputs) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, path.endsWith('index.js') ? withoutModuleMark(text) : text);
  }
  return createRequire(import.meta.url)(join(outDir, 'index.js'));
}

describe('the entry point', () => {
  it("prefers its own name where kafkajs has the same, and takes all of kafkajs's others", async () => {
    const loaded = await load("export * from 'kafkajs';\nexport { Own, Shared } from './own.js';");
    expect(loaded).toEqual({ Kafka: 'of kafkajs', Shared: 'own', Own: 'own' });
  });

  it('carries no __esModule mark, as kafkajs does not', async () => {
    const loaded = await load("export * from 'kafkajs';");
    expect(Object.getOwnPropertyNames(loaded)).not.toContain('__esModule');
  });
});
