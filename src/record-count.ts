import { unreachable } from './unreachable.js';

/**
 * How many records, and how well that is known. A number alone would be taken for the truth.
 *
 * - `counted`: so many.
 * - `atLeast`, `atMost`: so many are certain, or more than that are impossible; the rest cannot be seen from this process.
 * - `unknown`: nothing can be said, and why.
 *
 * @public
 */
export type RecordCount =
  | { readonly kind: 'counted' | 'atLeast' | 'atMost'; readonly count: number }
  | { readonly kind: 'unknown'; readonly because: string };

/** @internal */
export const NO_RECORDS: RecordCount = { kind: 'counted', count: 0 };

/** @internal An offset or a difference of offsets, as a number of records. */
export function records(kind: 'counted' | 'atLeast' | 'atMost', count: bigint): RecordCount {
  return { kind, count: Number(count > 0n ? count : 0n) };
}

/**
 * As well known as the least known of them: beside what is unknown, what is certain is still a lower limit. Pure.
 *
 * @internal
 */
export function sumOf(counts: readonly RecordCount[]): RecordCount {
  let sum: RecordCount = NO_RECORDS;
  for (const one of counts) sum = plus(sum, one);
  return sum;
}

function plus(a: RecordCount, b: RecordCount): RecordCount {
  if (a.kind === 'unknown') return b.kind === 'unknown' ? a : beside(b, a);
  if (b.kind === 'unknown') return beside(a, b);
  const count = a.count + b.count;
  if (a.kind === b.kind || b.kind === 'counted') return { kind: a.kind, count };
  if (a.kind === 'counted') return { kind: b.kind, count };
  // One has no upper limit, and the other one no lower limit but 0.
  return { kind: 'atLeast', count: a.kind === 'atLeast' ? a.count : b.count };
}

function beside(
  known: Exclude<RecordCount, { kind: 'unknown' }>,
  unknown: Extract<RecordCount, { kind: 'unknown' }>,
): RecordCount {
  const isLowerLimit = known.kind !== 'atMost' && known.count > 0;
  return isLowerLimit ? { kind: 'atLeast', count: known.count } : unknown;
}

/** @internal */
export function countInWords(count: RecordCount): string {
  switch (count.kind) {
    case 'counted':
      return String(count.count);
    case 'atLeast':
      return `at least ${count.count}`;
    case 'atMost':
      return count.count === 0 ? '0' : `at most ${count.count}`;
    case 'unknown':
      return 'unknown';
    default:
      return unreachable(count);
  }
}
