import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

function filesBelow(folder: string, ending: RegExp): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => ending.test(name))
    .map((name) => `${folder}/${name}`);
}

/** Hand-written documents; the reference pages in `docs/api` are checked where they are made. */
const documents = [
  'README.md',
  'CHANGELOG.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

describe('the documents', () => {
  it.each(documents)('%s links to files that exist', (document) => {
    const text = read(document).replaceAll(/```[^]*?```/g, '');
    const links = [...text.matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)].flatMap(
      ([, link]) => link ?? [],
    );
    const broken = links
      .filter((link) => !/^[a-z]+:/.test(link))
      .filter((link) => !existsSync(join(root, dirname(document), link)));
    expect(broken).toEqual([]);
  });

  it.each(documents)('%s names scripts that package.json has', (document) => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...read(document).matchAll(/npm run ([\w:-]+)/g)].flatMap(
      ([, name]) => name ?? [],
    );
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it('has every source file in the file map of docs/design.md', () => {
    const design = read('docs/design.md');
    const map = design.slice(design.indexOf('File map'));
    const files = filesBelow('src', /\.ts$/);
    const absent = files.filter((path) => {
      const name = path.slice(path.lastIndexOf('/') + 1);
      return !map.includes(name);
    });
    expect(files.length).toBeGreaterThan(60);
    expect(absent).toEqual([]);
  });
});
