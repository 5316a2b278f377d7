import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The repository. */
export const root: string = join(import.meta.dirname, '..', '..');

/** A hand-written document. The pages of `docs/api` are generated, and checked where they are made. */
export interface Document {
  /** Path below the repository. */
  readonly path: string;
  readonly text: string;
}

/** A fenced block. */
export interface CodeBlock {
  /** The word after the fence; empty where there is none. */
  readonly language: string;
  readonly code: string;
  /** Line of the document on which the code begins, from 1. */
  readonly line: number;
}

/** Reads a file of the repository. */
export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** README, changelog and everything in `docs`. */
export function readDocuments(): readonly Document[] {
  const inDocs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  const paths = ['README.md', 'CHANGELOG.md', ...inDocs.map((name) => `docs/${name}`)];
  return paths.map((path) => ({ path, text: readText(path) }));
}

/** A fenced block; one in a list is indented as a whole. */
const FENCED = /^( *)```(\w*)\n([^]*?)^\1```$/gm;

/** Every fenced block of a text. */
export function codeBlocks(text: string): readonly CodeBlock[] {
  return [...text.matchAll(FENCED)].map((match) => ({
    language: match[2] ?? '',
    code: (match[3] ?? '').replaceAll(new RegExp(`^${match[1]}`, 'gm'), ''),
    line: text.slice(0, match.index).split('\n').length + 1,
  }));
}

/** The text without its fenced blocks: what a reader takes for prose. */
export function prose(text: string): string {
  return text.replaceAll(FENCED, '');
}

/** Targets of the links in a text. */
export function links(text: string): readonly string[] {
  const withoutCode = prose(text).replaceAll(/`[^`\n]*`/g, '');
  return [...withoutCode.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target]) => target ?? []);
}

/** The anchors of a text's headings, as GitHub makes them. */
export function anchors(text: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const made = new Set<string>();
  for (const [, heading = ''] of prose(text).matchAll(/^#{1,6} (.+)$/gm)) {
    const slug = heading
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    made.add(count === 0 ? slug : `${slug}-${count}`);
  }
  return made;
}

/** One section of a text: from its heading to the next one of the same or a higher rank. */
export function section(text: string, heading: string): string {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.endsWith(` ${heading}`));
  if (start < 0) throw new Error(`there is no heading "${heading}"`);
  const rank = lines[start]?.indexOf(' ') ?? 1;
  let isCode = false;
  const length = lines.slice(start + 1).findIndex((line) => {
    if (line.startsWith('```')) isCode = !isCode;
    return !isCode && /^#+ /.test(line) && line.indexOf(' ') <= rank;
  });
  return lines.slice(start, length < 0 ? undefined : start + 1 + length).join('\n');
}

/** The cells of every row of the tables in a text that begins with something in backticks. */
export function tableRows(text: string): readonly (readonly string[])[] {
  return text
    .split('\n')
    .filter((line) => /^\| +`/.test(line))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}
