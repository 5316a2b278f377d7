/** @internal Where user code moved a position to: an offset, or an end of the log. */
export type Sought = bigint | 'beginning' | 'end';

/** kafkajs's numbers for the ends of a log. */
const LOG_ENDS = { beginning: '-2', end: '-1' } as const;

/** @internal From an offset as kafkajs takes it. */
export function soughtOf(offset: bigint): Sought {
  if (offset >= 0n) return offset;
  return offset === -1n ? 'end' : 'beginning';
}

/** @internal As kafkajs takes it. */
export function soughtOffset(sought: Sought): string {
  return typeof sought === 'bigint' ? String(sought) : LOG_ENDS[sought];
}

/**
 * Everything below it was handled. Below the beginning of a log there is nothing to handle; where its end was when kafkajs goes there nobody
 * knows.
 *
 * @internal
 */
export function handledAt(sought: Sought): bigint | undefined {
  if (typeof sought === 'bigint') return sought;
  return sought === 'beginning' ? 0n : undefined;
}

/** @internal Who moves a position: user code, or a plan that lets commits of the group up to an offset count as none. */
export type MovedBy = 'user' | { readonly voidedUpTo: bigint | undefined };
