/** @internal Records of one partition. Offsets are those of the cluster that has acknowledged them; records of others may lie between. */
export interface Span {
  readonly topic: string;
  readonly partition: number;
  readonly first: number;
  readonly last: number;
  /** At most so many are meant. */
  readonly count: number;
}

/** @internal What of a span lies above an offset; undefined: nothing. */
export function above(offset: number, span: Span): Span | undefined {
  if (span.last <= offset) return undefined;
  if (span.first > offset) return span;
  return { ...span, first: offset + 1, count: Math.min(span.count, span.last - offset) };
}

/** @internal Both spans of one partition as one. */
export function joined(one: Span | undefined, other: Span): Span {
  if (one === undefined) return { ...other };
  const first = Math.min(one.first, other.first);
  const last = Math.max(one.last, other.last);
  return { ...one, first, last, count: one.count + other.count };
}
