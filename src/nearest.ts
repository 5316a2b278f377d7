/**
 * The candidate that a misspelt word most probably meant: the one with the fewest single-letter edits, if they are few
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

/** Levenshtein's distance, one row at a time. */
function edits(source: string, target: string): number {
  let row = Array.from({ length: target.length + 1 }, (_, index) => index);
  for (let i = 1; i <= source.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= target.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (source[i - 1] === target[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[target.length] ?? 0;
}
