/** @internal Offsets from `first` to `last`, both included. */
export interface OffsetSpan {
  readonly first: bigint;
  readonly last: bigint;
}

/** @internal The smallest span that holds both. Pure. */
export function union(a: OffsetSpan, b: OffsetSpan | undefined): OffsetSpan {
  if (b === undefined) return a;
  return {
    first: a.first < b.first ? a.first : b.first,
    last: a.last > b.last ? a.last : b.last,
  };
}

/** @internal What of it lies below an offset; undefined where nothing does. Pure. */
export function partBelow(span: OffsetSpan | undefined, end: bigint): OffsetSpan | undefined {
  if (span === undefined || span.first >= end) return undefined;
  return span.last < end ? span : { first: span.first, last: end - 1n };
}
