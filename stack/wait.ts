import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { messageOf } from './errors.js';

/** @internal Options of {@link waitFor}. */
export interface WaitOptions<T> {
  /** True ends the wait. Default: the value is truthy. */
  until?: (value: T) => boolean;
  /** Longest wait, in milliseconds. Default 30000. A `read` that hangs longer does not hold up the failure. */
  timeoutMs?: number;
  /** Pause between two reads, in milliseconds. Default 50. */
  everyMs?: number;
  /** Aborting rejects at once, with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** @internal A wait that ran out of time. */
export class WaitTimeoutError extends Error {
  override readonly name: string = 'WaitTimeoutError';
}

/**
 * Reads again and again until the value is as wanted, and returns that value.
 *
 * A `read` that throws counts as "not yet": servers refuse connections while they start. Whatever was seen last, value
 * or error, stands in the failure, so that a red test says what was there instead.
 *
 * @throws WaitTimeoutError - after `timeoutMs`; the message has the description and the last seen value.
 * @example
 * await waitFor('3 records on B', () => records.length, { until: (count) => count === 3 });
 * @internal
 */
export async function waitFor<T>(
  description: string,
  read: () => T | Promise<T>,
  { until = Boolean, timeoutMs = 30_000, everyMs = 50, signal }: WaitOptions<T> = {},
): Promise<T> {
  const deadlineAtMs = performance.now() + timeoutMs;
  let last = 'nothing was read';
  for (;;) {
    signal?.throwIfAborted();
    const leftMs = deadlineAtMs - performance.now();
    if (leftMs <= 0) break;
    const seen = await readWithin(read, leftMs, signal).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw error;
    });
    if (seen.kind === 'overrun') {
      last = `${last}; the last read did not end`;
      break;
    }
    if (seen.kind === 'value' && until(seen.value)) return seen.value;
    last = seen.kind === 'value' ? show(seen.value) : `an error: ${messageOf(seen.error)}`;
    const pauseMs = Math.min(everyMs, Math.max(0, deadlineAtMs - performance.now()));
    // An abort cuts the pause short; the next turn rejects with its reason.
    await sleep(pauseMs, undefined, signal === undefined ? {} : { signal }).catch(() => {});
  }
  throw new WaitTimeoutError(
    `waited ${timeoutMs} ms in vain for: ${description}. Last seen: ${last}`,
  );
}

type Seen<T> =
  { kind: 'value'; value: T } | { kind: 'error'; error: unknown } | { kind: 'overrun' };

async function readWithin<T>(
  read: () => T | Promise<T>,
  leftMs: number,
  signal: AbortSignal | undefined,
): Promise<Seen<T>> {
  const end = new AbortController();
  const cut = signal === undefined ? end.signal : AbortSignal.any([signal, end.signal]);
  // Made before the timer: a read that throws at once must not leave a timer behind.
  const reading = (async (): Promise<T> => read())().then(
    (value): Seen<T> => ({ kind: 'value', value }),
    (error: unknown): Seen<T> => ({ kind: 'error', error }),
  );
  const overrun = sleep(leftMs, undefined, { signal: cut }).then((): Seen<T> => ({
    kind: 'overrun',
  }));
  overrun.catch(() => {});
  try {
    return await Promise.race([reading, overrun]);
  } finally {
    end.abort();
  }
}

function show(value: unknown): string {
  return inspect(value, {
    depth: 4,
    breakLength: Infinity,
    maxStringLength: 500,
    maxArrayLength: 20,
  });
}
