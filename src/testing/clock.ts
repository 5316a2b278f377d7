import type { CancelTimer } from '../world.js';
import { TimerQueue } from './timer-queue.js';

/**
 * Time, as everything in a memory world sees it.
 *
 * @public
 */
export interface Clock {
  /** Monotonic time in milliseconds; its zero has no meaning. */
  nowMs(): number;
  /** Wall-clock time in milliseconds since 1970. */
  wallMs(): number;
  /**
   * Calls `callback` once, after `delayMs` milliseconds (at least 0).
   *
   * @param options.keepAlive - on the real clock: the timer keeps the process alive. Default false. No meaning on a
   *   simulated clock.
   */
  after(delayMs: number, callback: () => void, options?: { keepAlive?: boolean }): CancelTimer;
  /** Resolves after `delayMs` milliseconds. On the real clock it keeps the process alive. */
  sleep(delayMs: number): Promise<void>;
}

/** @public Options of {@link SimulatedClock}. */
export interface SimulatedClockOptions {
  /** Wall time at the start, in milliseconds since 1970. Default: 2026-01-01T00:00:00Z. */
  wallStartMs?: number;
}

/** 2026-01-01T00:00:00Z. */
const WALL_START_MS = 1_767_225_600_000;

// oxlint-disable-next-line no-restricted-globals -- the turn of the event loop is what drives simulated time
const defer: (callback: () => void) => unknown = setImmediate;

/** Timers fired in one turn of Node's event loop: as many as pay for the turn, and few enough to let it breathe. */
const TIMERS_PER_TURN = 64;

/** Empty turns after which nothing can come any more: promises and `setImmediate` need one or two. */
const IDLE_TURN_LIMIT = 16;

const DEFAULT_LIMIT_MS = 3_600_000;

/**
 * Time that moves only when nothing else can happen: after each timer all promises settle, then time jumps to the next
 * timer. An hour passes in the time that its work takes, and everything happens in the same order each time.
 *
 * Between two timers the microtask queue is drained by a turn of `setImmediate`, which Node guarantees. Real I/O does not
 * hold the clock: what waits on a file or a socket of the operating system is overtaken by simulated time.
 *
 * @example
 * ```ts
 * const clock = new SimulatedClock();
 * await clock.run(async () => {
 *   await clock.sleep(3_600_000); // an hour, at once
 * });
 * ```
 * @public
 */
export class SimulatedClock implements Clock {
  readonly #timers = new TimerQueue();
  #nowMs = 0;
  #wallOffsetMs: number;
  #isDriven = false;
  #firedCount = 0;

  constructor({ wallStartMs = WALL_START_MS }: SimulatedClockOptions = {}) {
    this.#wallOffsetMs = wallStartMs;
  }

  /** {@inheritDoc Clock.nowMs} */
  nowMs(): number {
    return this.#nowMs;
  }

  /** {@inheritDoc Clock.wallMs} */
  wallMs(): number {
    return Math.floor(this.#nowMs) + this.#wallOffsetMs;
  }

  /** Timers that have fired so far: a cheap mark of how far a run has come. */
  get firedCount(): number {
    return this.#firedCount;
  }

  /** Timers that wait. */
  get timerCount(): number {
    return this.#timers.size;
  }

  /** {@inheritDoc Clock.after} */
  after(delayMs: number, callback: () => void): CancelTimer {
    const atMs = this.#nowMs + (delayMs > 0 ? delayMs : 0);
    const timer = this.#timers.add(atMs, callback);
    return () => this.#timers.cancel(timer);
  }

  /** {@inheritDoc Clock.sleep} */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(delayMs, resolve);
    });
  }

  /** Lets the wall clock jump, forwards or (negative) backwards. Monotonic time and timers do not notice. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /**
   * Runs `main` and moves time until it settles. Answers or rejects as `main` does.
   *
   * @param options.limitMs - simulated milliseconds after which the run is given up. Default one hour.
   * @throws Error - (rejects) when `main` waits although no timer is left, when `limitMs` is passed, or with whatever a
   *   timer's callback threw.
   */
  async run<T>(
    main: () => Promise<T>,
    { limitMs = DEFAULT_LIMIT_MS }: { limitMs?: number } = {},
  ): Promise<T> {
    const deadlineMs = this.#nowMs + limitMs;
    let isSettled = false;
    const work = main();
    const settled = (): void => {
      isSettled = true;
    };
    work.then(settled, settled);
    await this.#drive(() => {
      if (isSettled) return 'done';
      const nextAtMs = this.#timers.nextAtMs();
      if (nextAtMs === undefined) return 'idle';
      if (nextAtMs <= deadlineMs) return 'step';
      throw new Error(
        `the simulation did not end within ${limitMs} simulated ms: does something wait on a real timer or on real I/O?`,
      );
    });
    if (!isSettled) {
      throw new Error(
        'the simulation waits for ever: no timer is left, and nothing else can happen',
      );
    }
    return work;
  }

  /** Moves time forward by `byMs`, firing what falls due. Not inside {@link SimulatedClock.run}: sleep there. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    await this.#drive(() => {
      const nextAtMs = this.#timers.nextAtMs();
      return nextAtMs !== undefined && nextAtMs <= untilMs ? 'step' : 'idle';
    });
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /**
   * One timer per `setImmediate`: Node drains promises between two of them. Ends when `next` says so, or after a number of
   * idle answers in a row, because promises may still be on their way to starting a timer.
   */
  #drive(next: () => 'step' | 'idle' | 'done'): Promise<void> {
    if (this.#isDriven)
      throw new Error('the simulated clock is already running: use clock.sleep()');
    this.#isDriven = true;
    return new Promise<void>((resolve, reject) => {
      let isOver = false;
      let idleTurnCount = 0;
      let leftInTurn = 0;
      const finish = (settle: () => void): void => {
        isOver = true;
        this.#isDriven = false;
        settle();
      };
      const turn = (): void => {
        if (isOver) return;
        leftInTurn -= 1;
        try {
          const what = next();
          if (what === 'step') {
            idleTurnCount = 0;
            this.#fireNext();
          } else if (what === 'done' || (idleTurnCount += 1) > IDLE_TURN_LIMIT) {
            finish(resolve);
            return;
          }
        } catch (error) {
          finish(() => reject(error));
          return;
        }
        if (leftInTurn === 0) schedule();
      };
      const schedule = (): void => {
        leftInTurn = TIMERS_PER_TURN;
        for (let count = 0; count < TIMERS_PER_TURN; count += 1) defer(turn);
      };
      schedule();
    });
  }

  #fireNext(): void {
    const timer = this.#timers.take();
    if (timer === undefined) return;
    this.#nowMs = Math.max(this.#nowMs, timer.atMs);
    this.#firedCount += 1;
    timer.callback();
  }
}
