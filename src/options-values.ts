import * as z from 'zod';

/** The longest delay that Node's timers take; a longer one would be over at once. */
const MAX_TIMER_MS = 2_147_483_647;

/** @internal A time in milliseconds. One lower bound: of two the reader would learn one after the other. */
export function timerFrom(leastMs: number): z.ZodInt {
  return z.int().min(leastMs).max(MAX_TIMER_MS);
}

/** @internal Does it look like a strategy? */
export function isStrategy(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'decide' in value && 'startOn' in value;
}
