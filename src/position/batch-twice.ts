/** @internal Records in the order of their log. */
export interface RecordsInOrder {
  /** Equal where they look alike. */
  readonly names: readonly string[];
  /** True where there is nothing behind the last one. */
  readonly isWhole: boolean;
  /** Second copies count that lie behind this place. */
  readonly behind: number;
}

/**
 * Of two records that look alike: may the later one be a second copy of the earlier one, in a batch that MirrorMaker has written twice, as it does where the
 * answer to the first attempt was lost? Then one stands directly behind the other: some stretch around the first record comes again, as far behind as the
 * second one is. What is not known may be as it likes. Pure.
 *
 * @internal
 */
export function mayBeTwice(
  { names, isWhole, behind }: RecordsInOrder,
  first: number,
  second: number,
): boolean {
  const length = second - first;
  const comesAgain = (at: number): boolean => {
    if (at + length >= names.length) return !isWhole;
    return at < 0 || names[at] === names[at + length];
  };
  for (let from = first - length + 1; from <= first; from += 1) {
    if (from + 2 * length - 1 <= behind) continue;
    let at = from;
    while (at < from + length && comesAgain(at)) at += 1;
    if (at === from + length) return true;
  }
  return false;
}
