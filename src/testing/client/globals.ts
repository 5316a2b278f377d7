import type { Clock } from '../clock.js';
import type { Random } from '../random.js';

/** What Node makes of a delay of less than 1 ms. */
const MIN_DELAY_MS = 1;

/**
 * What a negative delay becomes. kafkajs starts timers in the past, again and again, while a connection is idle: its
 * throttle check (`src/network/requestQueue/index.js`), which then finds nothing to do, about 900 times a second.
 * Once a minute finds as much: brokers in memory do not throttle, and what waits for its turn goes out when an answer comes.
 */
const IDLE_CHECK_MS = 60_000;

/** @internal Time and chance, as the code sees them. */
export interface TimeAndChance {
  readonly clock: Clock;
  readonly random: Random;
}

/** What looks again and again, by its period in milliseconds. */
type Intervals = Map<number, Set<() => void>>;

/**
 * The globals that kafkajs's code uses to know time, chance and the process, on another clock. Its timers keep the
 * process alive on the real clock, as they do outside.
 *
 * @param present - the clock and the chance that are in force at the moment.
 * @internal
 */
export function clockGlobals(present: () => TimeAndChance): Record<string, unknown> {
  const startTimer = (
    callback: (...args: unknown[]) => void,
    delayMs?: number,
    ...args: unknown[]
  ) => present().clock.after(delayOf(delayMs), () => callback(...args), { keepAlive: true });

  const intervalsByClock = new WeakMap<Clock, Intervals>();
  const intervalsOn = (clock: Clock): Intervals => {
    const intervals = intervalsByClock.get(clock) ?? new Map<number, Set<() => void>>();
    intervalsByClock.set(clock, intervals);
    return intervals;
  };
  const tick = (clock: Clock, periodMs: number, callbacks: Set<() => void>): void => {
    clock.after(
      periodMs,
      () => {
        for (const callback of [...callbacks]) if (callbacks.has(callback)) callback();
        if (callbacks.size > 0) tick(clock, periodMs, callbacks);
        else intervalsOn(clock).delete(periodMs);
      },
      { keepAlive: true },
    );
  };
  // Every connection looks for timed out requests ten times a second. All of one period look together: a third of a
  // simulation's timers would be theirs otherwise.
  const startInterval = (callback: () => void, delayMs?: number) => {
    const { clock } = present();
    const intervals = intervalsOn(clock);
    const periodMs = delayOf(delayMs);
    const known = intervals.get(periodMs);
    const callbacks = known ?? new Set();
    callbacks.add(callback);
    if (known === undefined) {
      intervals.set(periodMs, callbacks);
      tick(clock, periodMs, callbacks);
    }
    return () => {
      callbacks.delete(callback);
    };
  };

  const stopTimer = (stop?: () => void): void => stop?.();
  return {
    setTimeout: startTimer,
    clearTimeout: stopTimer,
    setInterval: startInterval,
    clearInterval: stopTimer,
    Date: dateOn(() => present().clock),
    Math: Object.assign(Object.create(Math), { random: () => present().random.next() }),
    process: {
      env: { NODE_ENV: 'production', KAFKAJS_NO_PARTITIONER_WARNING: '1' },
      hrtime: (since?: readonly [number, number]) => hrtime(present().clock.nowMs(), since),
    },
  };
}

function delayOf(delayMs = 0): number {
  if (delayMs < 0) return IDLE_CHECK_MS;
  return delayMs > MIN_DELAY_MS ? delayMs : MIN_DELAY_MS;
}

function dateOn(clock: () => Clock): unknown {
  // oxlint-disable-next-line no-restricted-globals -- a Date that reads the simulated wall clock
  return class extends Date {
    constructor(value?: number | string) {
      super(value ?? clock().wallMs());
    }

    static override now(): number {
      return clock().wallMs();
    }
  };
}

function hrtime(nowMs: number, since: readonly [number, number] = [0, 0]): [number, number] {
  const nanoseconds = Math.round(nowMs * 1e6) - since[0] * 1e9 - since[1];
  return [Math.floor(nanoseconds / 1e9), nanoseconds % 1e9];
}
