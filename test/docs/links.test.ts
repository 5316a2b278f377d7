import { existsSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { anchors, links, prose, readDocuments, readText, root } from './markdown.js';

const documents = readDocuments();

/** What is wrong with a link, or undefined. */
function fault(from: string, text: string, target: string): string | undefined {
  if (/^[a-z]+:/.test(target)) return undefined;
  const [file = '', anchor] = target.split('#');
  const path = file === '' ? from : posix.join(dirname(from), file);
  if (!existsSync(join(root, path))) return `${target}: there is no ${path}`;
  if (anchor === undefined) return undefined;
  const linked = file === '' ? text : readText(path);
  return anchors(linked).has(anchor) ? undefined : `${target}: ${path} has no such heading`;
}

describe('the documents', () => {
  it('are looked at, with their links', () => {
    expect(documents.map(({ path }) => path)).toContain('docs/guide.md');
    expect(documents.flatMap(({ text }) => links(text)).length).toBeGreaterThan(30);
  });

  it.each(documents)('$path links to files and headings that exist', ({ path, text }) => {
    expect(links(text).flatMap((target) => fault(path, text, target) ?? [])).toEqual([]);
  });

  it.each(documents)('$path names scripts that package.json has', ({ text }) => {
    const { scripts } = JSON.parse(readText('package.json')) as { scripts: object };
    const named = [...text.matchAll(/npm run ([\w-]+(?::[\w-]+)*)/g)].flatMap(
      ([, name]) => name ?? [],
    );
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it.each(documents)('$path names folders and files of the repository that exist', ({ text }) => {
    const named = [
      ...prose(text).matchAll(
        /`((?:src|test|stack|bench|examples|scripts|docs|etc)\/[\w./-]*)(?::\w+)?`/g,
      ),
    ].flatMap(([, path]) => path ?? []);
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('would not pass a link to a heading that is not there', () => {
    const text = '# One thing\n\n[a](#one-thing) [b](#another) [c](nowhere.md)';
    expect(links(text).map((target) => fault('README.md', text, target))).toEqual([
      undefined,
      '#another: README.md has no such heading',
      'nowhere.md: there is no nowhere.md',
    ]);
  });
});
