import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installPacked, npm, type Consumer } from './consumer.js';

const root = join(import.meta.dirname, '..', '..');

interface PackedFile {
  readonly path: string;
  readonly size: number;
}

let consumer: Consumer;
let files: readonly PackedFile[];
beforeAll(async () => {
  consumer = await installPacked();
  const [packed] = JSON.parse(await npm('pack', '--dry-run', '--json', '--ignore-scripts')) as [
    { files: readonly PackedFile[] },
  ];
  files = packed.files;
});
afterAll(() => consumer.remove());

describe('the content of the package', () => {
  it('is the build, and the files that npm and readers expect', () => {
    const outside = files.map(({ path }) => path).filter((path) => !path.startsWith('dist/'));
    expect(outside.toSorted()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']);
  });

  it('has code, declarations and a source map for every module, and nothing else', async () => {
    const sources = (await readdir(join(root, 'src'), { recursive: true }))
      .filter((path) => path.endsWith('.ts'))
      .map((path) => path.slice(0, -'.ts'.length));
    const expected = sources.flatMap((path) => {
      const code = [`dist/${path}.js`, `dist/${path}.js.map`];
      // The declarations of what is bundled would name packages that CommonJS consumers cannot resolve.
      return path.startsWith('vendor/') ? code : [...code, `dist/${path}.d.ts`];
    });
    const facades = ['index', 'testing/index'].flatMap((entry) => [
      `dist/${entry}.mjs`,
      `dist/${entry}.d.mts`,
    ]);
    const built = files.map(({ path }) => path).filter((path) => path.startsWith('dist/'));
    expect(built.toSorted()).toEqual([...expected, ...facades].toSorted());
  });

  it('names no folder of the machine that built it', async () => {
    const naming: string[] = [];
    for (const { path } of files) {
      const text = await readFile(join(consumer.installed, path), 'utf8');
      if (text.includes(root)) naming.push(path);
    }
    expect(naming).toEqual([]);
  });

  it('has the code of each module once: no entry point carries a copy of the errors', async () => {
    const defining: string[] = [];
    for (const { path } of files.filter((file) => /\.m?js$/.test(file.path))) {
      const text = await readFile(join(consumer.installed, path), 'utf8');
      if (text.includes('Symbol.for("kafkajs-failover.error")')) defining.push(path);
    }
    expect(defining).toEqual(['dist/errors.js']);
  });

  it('carries the licences of what is bundled', async () => {
    const text = await readFile(join(consumer.installed, 'dist/vendor/p-retry.js'), 'utf8');
    expect(text).toContain('p-retry\n\nMIT License');
    expect(text).toContain('is-network-error\n\nMIT License');
  });

  it('stays small', () => {
    const total = files.reduce((sum, { size }) => sum + size, 0);
    expect(total).toBeLessThan(3 * 2 ** 20);
  });
});

describe('package.json', () => {
  it('depends on the agreed packages and no other', async () => {
    const manifest = JSON.parse(
      await readFile(join(consumer.installed, 'package.json'), 'utf8'),
    ) as Record<string, unknown>;
    expect(manifest['dependencies']).toEqual({
      eventemitter3: expect.stringMatching(/^\^5\./),
      'lru-cache': expect.stringMatching(/^\^11\./),
      // Exact: the copy inside the package is this one.
      'p-retry': '7.1.1',
      zod: expect.stringMatching(/^\^4\./),
    });
    expect(manifest['peerDependencies']).toEqual({ kafkajs: '^2.2.4' });
    expect(manifest['engines']).toEqual({ node: '>=20.19.0' });
    expect(manifest).not.toHaveProperty('optionalDependencies');
    expect(manifest).not.toHaveProperty('bundledDependencies');
  });
});
