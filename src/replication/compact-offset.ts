/**
 * An offset as the stores keep it: a number where that is exact (8 bytes within an array, and quick to compare), else a
 * bigint. Real offsets never get that far; MirrorMaker's records may hold any 64-bit number.
 *
 * @internal
 */
export type CompactOffset = number | bigint;

/** @internal */
export function compact(offset: bigint): CompactOffset {
  return offset <= Number.MAX_SAFE_INTEGER && offset >= Number.MIN_SAFE_INTEGER
    ? Number(offset)
    : offset;
}

/** @internal Inverse of {@link compact}. */
export function expand(offset: CompactOffset): bigint {
  return typeof offset === 'bigint' ? offset : BigInt(offset);
}
