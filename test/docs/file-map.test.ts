import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeBlocks, prose, readText, root, section } from './markdown.js';

const design = readText('docs/design.md');

/** Folders whose files have no line of their own. */
const summarised = ['stack', 'bench', 'examples', 'test', 'scripts'];

/**
 * The paths of the map, in which a folder's members stand below it, two spaces further in. Folders end in a slash.
 */
function mapped(): readonly string[] {
  const [block] = codeBlocks(section(design, '9. File map'));
  if (block === undefined) throw new Error('section 9 of docs/design.md has no map');
  const folders: string[] = [];
  return block.code.split('\n').flatMap((line) => {
    const match = /^((?: {2})*)(\S+) {2,}\S/.exec(line);
    if (match === null) {
      if (line.trim() === '') return [];
      throw new Error(`not a line of the map: ${line}`);
    }
    const [, indent = '', name = ''] = match;
    const depth = indent.length / 2;
    folders.length = depth;
    const path = [...folders, name].join('');
    if (name.endsWith('/')) folders.push(name);
    return [path];
  });
}

function entries(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? [`${path}/`, ...entries(path)] : [path];
  });
}

describe('the file map of the design', () => {
  const map = mapped();

  it('has one line for each file and folder of src, and for nothing else', () => {
    const real = ['src/', ...entries('src')];
    expect(real.length).toBeGreaterThan(100);
    expect(map.filter((path) => path.startsWith('src/')).toSorted()).toEqual(real.toSorted());
  });

  it('has one line for each other folder', () => {
    const real = summarised.flatMap((folder) => [
      `${folder}/`,
      ...entries(folder).filter((path) => path.endsWith('/')),
    ]);
    expect(map.filter((path) => !path.startsWith('src/')).toSorted()).toEqual(real.toSorted());
  });

  it('fits a screen in its width', () => {
    const [block] = codeBlocks(section(design, '9. File map'));
    expect(block?.code.split('\n').filter((line) => line.length > 120)).toEqual([]);
  });
});

describe('the journeys of the design', () => {
  /** Written as `switch/phases.ts:runPhase`, below `src`. */
  const steps = [...prose(design).matchAll(/`([\w/-]+\.ts):(\w+)`/g)].map((match) => ({
    file: match[1] ?? '',
    name: match[2] ?? '',
  }));

  it('name functions that are where they say', () => {
    expect(steps.length).toBeGreaterThan(30);
    const missing = steps.filter(({ file, name }) => {
      const text = readText(`src/${file}`);
      return !new RegExp(
        `(function\\*? |class |interface |type |const |#|async |^ {2}|get )${name}\\b`,
        'm',
      ).test(text);
    });
    expect(missing).toEqual([]);
  });

  it('name files of src that exist', () => {
    const files = new Set(entries('src'));
    const named = [...prose(design).matchAll(/`((?:[\w-]+\/)*[\w-]+\.ts)(?::\w+)?`/g)].flatMap(
      ([, file]) => file ?? [],
    );
    const others = /^(src|test|scripts|stack|bench|examples)\//;
    expect(
      named.filter((file) => !others.test(file)).filter((file) => !files.has(`src/${file}`)),
    ).toEqual([]);
  });
});
