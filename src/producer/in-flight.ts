import type { RecordMetadata } from 'kafkajs';
import type { InnerProducer } from './inner-producer.js';
import type { Payload } from './payload.js';

/**
 * One call of `send` or `sendBatch`, from the call until its promise settles. Made once per call, on the hot path: plain
 * fields, nothing per message.
 *
 * @internal
 */
export class PendingSend {
  readonly method: 'send' | 'sendBatch';
  /** What the user passed, the very same object; replaced by a copy with timestamps where it had to wait. */
  payload: Payload;
  /** Wall-clock milliseconds of the call: the records' time, should they reach a cluster later. */
  readonly calledAtWallMs: number;
  readonly resolve: (metadata: RecordMetadata[]) => void;
  readonly reject: (error: unknown) => void;

  /** Who has it now; undefined while it waits in the hold buffer, and at its end. */
  inner: InnerProducer | undefined = undefined;
  /** `wire.produceRequestCount` when `inner` got it. */
  startedAtRequestCount = 0;
  /** What an overtaken inner producer rejected with, until the switch detaches. */
  innerError: unknown = undefined;
  parked = false;
  /** True once a cluster may have it although nobody acknowledged it: then it is never again "certainly not sent". */
  maybeWritten = false;
  /** Where it waits: since when on the monotonic clock, and its size. */
  heldSinceMs: number = Number.NaN;
  bytes = 0;
  /** Called when it leaves the flight, however: the release loop's cue. */
  onLeft: (() => void) | undefined = undefined;

  constructor(
    method: 'send' | 'sendBatch',
    payload: Payload,
    calledAtWallMs: number,
    resolve: (metadata: RecordMetadata[]) => void,
    reject: (error: unknown) => void,
  ) {
    this.method = method;
    this.payload = payload;
    this.calledAtWallMs = calledAtWallMs;
    this.resolve = resolve;
    this.reject = reject;
  }
}

/**
 * Sends that an inner producer has, in the order in which it got them.
 *
 * @internal
 */
export class InFlight {
  readonly #sends = new Set<PendingSend>();
  #parkedCount = 0;
  #onIdle: (() => void)[] = [];

  /** Sends that still wait for an answer. Parked ones have had theirs, and wait for the switch only. */
  get count(): number {
    return this.#sends.size - this.#parkedCount;
  }

  add(send: PendingSend): void {
    this.#sends.add(send);
  }

  remove(send: PendingSend): void {
    if (!this.#sends.delete(send)) return;
    if (send.parked) this.#parkedCount -= 1;
    this.#left(send);
  }

  /** Keeps a send whose inner promise was rejected by, or in the shadow of, the fence. */
  park(send: PendingSend, error: unknown): void {
    if (send.parked || !this.#sends.has(send)) return;
    send.parked = true;
    send.innerError = error;
    this.#parkedCount += 1;
    this.#checkIdle();
  }

  /** Takes out every send of this inner producer, or every send, in order. */
  takeAll(inner?: InnerProducer): readonly PendingSend[] {
    const taken = [...this.#sends].filter((send) => inner === undefined || send.inner === inner);
    for (const send of taken) this.remove(send);
    return taken;
  }

  /** Resolves when no send waits for an answer. */
  whenIdle(): Promise<void> {
    if (this.count === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle.push(resolve);
    });
  }

  #left(send: PendingSend): void {
    const { onLeft } = send;
    if (onLeft !== undefined) {
      send.onLeft = undefined;
      onLeft();
    }
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.#onIdle.length === 0 || this.count > 0) return;
    const waiting = this.#onIdle;
    this.#onIdle = [];
    for (const resolve of waiting) resolve();
  }
}
