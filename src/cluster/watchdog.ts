import type { CancelTimer, World } from '../world.js';
import type { SocketLine } from './wire.js';

/** A timer that fires this late, in milliseconds, says that the process itself was blocked. */
const LATE_MS = 100;

/** @internal What the watchdog of one session needs. */
export interface WatchdogOptions {
  readonly world: Pick<World, 'nowMs' | 'after'>;
  /** The open sockets, asked at each look. */
  readonly lines: () => Iterable<SocketLine>;
  /** How long a request may wait beyond its own patience, with nothing received, in milliseconds. */
  readonly stalledAfterMs: number;
  /** Called once for each stall. */
  readonly report: (line: SocketLine) => void;
}

/**
 * Notices sockets that are open but dead: a frozen broker or a cut network shows in no socket event (measured: none after
 * SIGSTOP), only in requests that have no answer. It reports and does nothing else.
 *
 * One timer for the whole session, armed for the earliest moment at which a socket could be stalled, and only while
 * something waits for an answer: requests cost it one comparison.
 *
 * @internal
 */
export class Watchdog {
  readonly #options: WatchdogOptions;
  #timer: { readonly atMs: number; readonly cancel: CancelTimer } | undefined;
  #stopped = false;

  constructor(options: WatchdogOptions) {
    this.#options = options;
  }

  /** A socket began to wait for an answer. */
  wake(line: SocketLine): void {
    const stallsAtMs = line.stallsAtMs(this.#options.stalledAfterMs);
    if (stallsAtMs === undefined) return;
    // Armed for later only behind a patient request: a JoinGroup on one socket must not hide a Produce on another.
    if (this.#timer === undefined || stallsAtMs < this.#timer.atMs) this.#arm(stallsAtMs);
  }

  /** No report after this, and no timer left. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(atMs: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#stopped) return;
    const { world } = this.#options;
    const cancel = world.after(Math.max(0, atMs - world.nowMs()), () => {
      this.#timer = undefined;
      this.#look(atMs);
    });
    this.#timer = { atMs, cancel };
  }

  #look(expectedAtMs: number): void {
    const nowMs = this.#options.world.nowMs();
    // Timers run before sockets are read: after a blocked event loop (or a suspended machine) the answers may lie unread
    // in the kernel. Our own sleep is no evidence against the broker, so it is given one more look.
    if (nowMs - expectedAtMs > LATE_MS) {
      this.#arm(nowMs + LATE_MS);
      return;
    }
    for (const line of this.#options.lines()) {
      const stallsAtMs = line.stallsAtMs(this.#options.stalledAfterMs);
      if (line.stallReported || stallsAtMs === undefined || stallsAtMs > nowMs) continue;
      line.stallReported = true;
      this.#options.report(line);
    }
    const nextAtMs = this.#nextAtMs();
    if (nextAtMs !== undefined) this.#arm(nextAtMs);
  }

  #nextAtMs(): number | undefined {
    let nextAtMs: number | undefined;
    for (const line of this.#options.lines()) {
      if (line.stallReported) continue;
      const stallsAtMs = line.stallsAtMs(this.#options.stalledAfterMs);
      if (stallsAtMs === undefined) continue;
      if (nextAtMs === undefined || stallsAtMs < nextAtMs) nextAtMs = stallsAtMs;
    }
    return nextAtMs;
  }
}
