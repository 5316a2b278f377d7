import { misused } from '../scripts/command-line.js';
import { nearest } from '../src/nearest.js';

/** @internal A whole number from 1 that an option of a benchmark gives. Ends the process where it is none. */
export function countFrom(
  command: string,
  option: string,
  text: string | undefined,
  byDefault: number,
): number {
  if (text === undefined) return byDefault;
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1) return count;
  return misused(command, `${option} must be a whole number from 1, got "${text}".`);
}

/**
 * The parts of a benchmark that `--only` names, in their own order. Ends the process where there is no such part.
 *
 * @param what - one of them is called, for example `part`.
 * @internal
 */
export function namesFrom<Name extends string>(
  command: string,
  what: string,
  known: readonly Name[],
  text: string | undefined,
): readonly Name[] {
  if (text === undefined) return known;
  const wanted = text.split(',').map((word) => word.trim());
  for (const word of wanted) {
    if (known.some((name) => name === word)) continue;
    const best = nearest(word, known);
    const remedy =
      best === undefined ? `The ${what}s: ${known.join(', ')}.` : `Did you mean "${best}"?`;
    misused(command, `--only: there is no ${what} "${word}". ${remedy}`);
  }
  return known.filter((name) => wanted.includes(name));
}
