/**
 * The candidate that a misspelt word most probably meant: the one with the fewest typing slips, if they are few
 * for its length. Letter case is ignored. Pure.
 *
 * @internal
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: { candidate: string; editCount: number } | undefined;
  for (const candidate of candidates) {
    const editCount = edits(word.toLowerCase(), candidate.toLowerCase());
    if (best === undefined || editCount < best.editCount) best = { candidate, editCount };
  }
  if (best === undefined) return undefined;
  const few = Math.max(2, Math.floor(best.candidate.length / 3));
  return best.editCount <= few ? best.candidate : undefined;
}

/** Optimal string alignment: letters inserted, removed or replaced, and neighbours swapped, each count one. */
function edits(source: string, target: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: target.length + 1 }, (_, index) => index);
  for (let i = 1; i <= source.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= target.length; j += 1) {
      const replaced = (last[j - 1] ?? 0) + (source[i - 1] === target[j - 1] ? 0 : 1);
      const swapped =
        source[i - 1] === target[j - 2] && source[i - 2] === target[j - 1]
          ? (beforeLast[j - 2] ?? Infinity) + 1
          : Infinity;
      row.push(Math.min(replaced, swapped, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    beforeLast = last;
    last = row;
  }
  return last[target.length] ?? 0;
}
