// oxlint-disable-next-line no-restricted-imports -- no I/O: how many may listen to a signal
import { setMaxListeners } from 'node:events';
import { asError } from './caught.js';
import { pRetry } from './vendor/p-retry.js';
import type { World } from './world.js';

/**
 * An `AbortController` for as many listeners as there are: consumers, groups and partitions of one process wait for the same end. Node takes more than ten for a
 * leak, and says so on the service's standard error.
 *
 * @internal
 */
export function abortable(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

/** @internal A signal that is aborted with the first of these, for as many listeners as an {@link abortable}'s. */
export function anyOf(...signals: readonly AbortSignal[]): AbortSignal {
  const signal = AbortSignal.any([...signals]);
  setMaxListeners(0, signal);
  return signal;
}

/**
 * Waits `delayMs` on the world's clock. Rejects with the signal's reason, at once, when `signal` is aborted; the timer
 * and the listener are removed either way.
 *
 * @internal
 */
export function sleep(
  world: World,
  delayMs: number,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = world.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * Waits for `work`, but not beyond the abort of `signal`: then rejects with the signal's reason at once. The work is not
 * stopped by it, and its later outcome is ignored (and never an unhandled rejection): kafkajs's own retries go on for
 * seconds after a fence.
 *
 * @internal
 */
export function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    const settled = (): void => signal.removeEventListener('abort', onAbort);
    work.then(
      (value) => {
        settled();
        resolve(value);
      },
      (error: unknown) => {
        settled();
        reject(error);
      },
    );
  });
}

/** @internal How a bounded wait ended. */
export type Bounded<T> = { kind: 'settled'; value: T } | { kind: 'overrun' };

/**
 * Waits for `work` until `deadlineAtMs` on the world's clock. The work is not stopped by an overrun: its later outcome
 * is ignored (and never an unhandled rejection). Rejects where the work rejects in time.
 *
 * @internal
 */
export async function untilDeadline<T>(
  world: World,
  deadlineAtMs: number,
  work: Promise<T>,
): Promise<Bounded<T>> {
  let cancel = (): void => {};
  const overrun = new Promise<Bounded<T>>((resolve) => {
    cancel = world.after(Math.max(0, deadlineAtMs - world.nowMs()), () =>
      resolve({ kind: 'overrun' }),
    );
  });
  try {
    return await Promise.race([
      work.then((value): Bounded<T> => ({ kind: 'settled', value })),
      overrun,
    ]);
  } finally {
    cancel();
  }
}

/**
 * As {@link untilDeadline}, for work that can be called off: the signal that it gets is aborted at the deadline, so that
 * nothing is left behind. Where `signal` is aborted first, so is that one, and this rejects with the reason at once.
 *
 * @internal
 */
export async function withinDeadline<T>(
  world: World,
  deadlineAtMs: number,
  work: (signal: AbortSignal) => Promise<T>,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<Bounded<T>> {
  const { limit, letGo } = limitedBy(signal);
  try {
    const working = untilAborted(limit.signal, work(limit.signal));
    const result = await untilDeadline(world, deadlineAtMs, working);
    if (result.kind === 'overrun') limit.abort(tookTooLong());
    return result;
  } finally {
    letGo();
  }
}

/**
 * As {@link withinDeadline}, for work that answers with what it has by then when it is called off: so this waits for its answer,
 * also beyond the deadline and beyond the abort of `signal`.
 *
 * @internal
 */
export async function answerByDeadline<T>(
  world: World,
  deadlineAtMs: number,
  work: (signal: AbortSignal) => Promise<T>,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<T> {
  const { limit, letGo } = limitedBy(signal);
  const delayMs = Math.max(0, deadlineAtMs - world.nowMs());
  const cancel = world.after(delayMs, () => limit.abort(tookTooLong()));
  try {
    return await work(limit.signal);
  } finally {
    cancel();
    letGo();
  }
}

/**
 * What calls work off: `signal`, or whoever has the controller. By hand, because each `AbortSignal.any` leaves a trace on its sources, and
 * `signal` may live as long as the process.
 */
function limitedBy(signal: AbortSignal | undefined): {
  readonly limit: AbortController;
  letGo(): void;
} {
  const limit = abortable();
  const onAbort = (): void => limit.abort(signal?.reason);
  if (signal?.aborted === true) onAbort();
  else signal?.addEventListener('abort', onAbort, { once: true });
  return { limit, letGo: () => signal?.removeEventListener('abort', onAbort) };
}

function tookTooLong(): Error {
  return new Error('it took too long');
}

/** @internal Shape of {@link retry}. */
export interface RetryPolicy {
  /** First pause, in milliseconds; it doubles from attempt to attempt. */
  firstDelayMs: number;
  /** Longest pause, in milliseconds. */
  maxDelayMs: number;
  /** Attempts after the first one. `Infinity` retries until `signal` is aborted. */
  retries: number;
  signal?: AbortSignal | undefined;
  /** False ends the retrying with that error. Default: every error is retried. */
  shouldRetry?: (error: Error) => boolean;
  onFailedAttempt?: (error: Error, attemptCount: number) => void;
}

/** @internal Retries until the signal is aborted, at a pace that spares a cluster that does not answer. */
export const ENDLESS_RETRIES: Pick<RetryPolicy, 'firstDelayMs' | 'maxDelayMs' | 'retries'> = {
  firstDelayMs: 100,
  maxDelayMs: 2_000,
  retries: Infinity,
};

/** @internal As {@link ENDLESS_RETRIES}, where a planned switch waits for the answer. */
export const ENDLESS_QUICK_RETRIES: typeof ENDLESS_RETRIES = {
  firstDelayMs: 50,
  maxDelayMs: 1_000,
  retries: Infinity,
};

/**
 * p-retry on the world's clock: p-retry counts the attempts, listens to the signal and decides when to give up; the
 * pauses (full jitter: a random part of a doubling limit) are ours, so that no hidden timer or randomness reaches the
 * core, and simulations repeat.
 *
 * Errors of every kind are retried, if the policy has it so. p-retry itself takes a TypeError, and what is no Error, for a
 * bug and ends at once; kafkajs throws some where its metadata is half-way gone, and `brokers` may be a function of the
 * user's.
 *
 * @internal
 */
export async function retry<T>(
  world: World,
  policy: RetryPolicy,
  attempt: (attemptCount: number) => Promise<T>,
): Promise<T> {
  const wrapped = async (attemptCount: number): Promise<T> => {
    try {
      return await attempt(attemptCount);
    } catch (error) {
      throw new FailedAttempt(error);
    }
  };
  const errorOf = (failed: Error): Error =>
    failed instanceof FailedAttempt ? failed.error : failed;
  try {
    return await pRetry(wrapped, {
      retries: policy.retries,
      minTimeout: 0,
      maxTimeout: 0,
      ...AS_BY_DEFAULT,
      ...(policy.signal === undefined ? {} : { signal: policy.signal }),
      shouldRetry: ({ error }) => policy.shouldRetry?.(errorOf(error)) ?? true,
      onFailedAttempt: async ({ error, attemptNumber, retriesLeft }) => {
        policy.onFailedAttempt?.(errorOf(error), attemptNumber);
        if (retriesLeft <= 0 || policy.shouldRetry?.(errorOf(error)) === false) return;
        const limitMs = Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (attemptNumber - 1));
        await sleep(world, world.random() * limitMs, { signal: policy.signal });
      },
    });
  } catch (error) {
    throw error instanceof FailedAttempt ? error.cause : error;
  }
}

/**
 * p-retry's own defaults. It would add what is missing to a copy of its options, one by one, which takes most of a call's time;
 * and some loops go through here at every step.
 */
const AS_BY_DEFAULT = {
  factor: 2,
  maxRetryTime: Infinity,
  randomize: false,
  shouldConsumeRetry: (): boolean => true,
} as const;

/** Carries what an attempt rejected with past p-retry. Its message is not read: a fence's throws (`socket-gate.ts`). */
class FailedAttempt extends Error {
  readonly error: Error;

  constructor(cause: unknown) {
    super('an attempt failed', { cause });
    this.error = asError(cause);
  }
}

/** Part of a rest by which it is shorter or longer. */
const SPREAD = 0.1;

/**
 * A rest with jitter: up to a tenth shorter or longer, so that the processes of a fleet do not all ask in the same moment.
 *
 * @internal
 */
export function spread(world: Pick<World, 'random'>, restMs: number): number {
  return restMs * (1 - SPREAD + 2 * SPREAD * world.random());
}
