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
  /** `inner.wire.produceRequestCount` when `inner` got it. */
  startedAtRequestCount = 0;
  /** What an overtaken inner producer rejected with, until the switch detaches. */
  innerError: unknown = undefined;
  parked = false;
  /** True once a cluster may have it although nobody acknowledged it: then it is never again "certainly not sent". */
  maybeWritten = false;
  /** Counted when `inner` got it: the list is the user's. */
  messageCount = 0;
  /** Once it waits, or did: since when on the monotonic clock, and its size. */
  heldAtMs: number | undefined = undefined;
  bytes = 0;
  /** Called when it leaves the flight, however: the release loop's cue. */
  onLeft: (() => void) | undefined = undefined;
  /** Its neighbours in {@link InFlight}, and whether it is there. */
  previous: PendingSend | undefined = undefined;
  next: PendingSend | undefined = undefined;
  inFlight = false;

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
 * Sends that inner producers have, in the order in which they got them. A linked list through the sends themselves: it is
 * touched twice by every send, and a `Set` costs several times as much there.
 *
 * @internal
 */
export class InFlight {
  #first: PendingSend | undefined;
  #last: PendingSend | undefined;
  #count = 0;
  #onIdle: (() => void)[] = [];

  /** Sends that still wait for an answer. Parked ones have had theirs, and wait for the switch only. */
  get count(): number {
    return this.#count;
  }

  add(send: PendingSend): void {
    send.inFlight = true;
    send.previous = this.#last;
    if (this.#last === undefined) this.#first = send;
    else this.#last.next = send;
    this.#last = send;
    this.#count += 1;
  }

  remove(send: PendingSend): void {
    if (!send.inFlight) return;
    const { previous, next } = send;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    send.previous = undefined;
    send.next = undefined;
    send.inFlight = false;
    if (send.parked) send.parked = false;
    else this.#count -= 1;
    if (send.onLeft !== undefined) {
      const { onLeft } = send;
      send.onLeft = undefined;
      onLeft();
    }
    if (this.#onIdle.length > 0) this.#checkIdle();
  }

  /** Keeps a send whose inner promise was rejected by, or in the shadow of, the fence. */
  park(send: PendingSend, error: unknown): void {
    if (send.parked || !send.inFlight) return;
    send.parked = true;
    send.innerError = error;
    this.#count -= 1;
    this.#checkIdle();
  }

  /** Takes out every send, in order. */
  takeAll(): readonly PendingSend[] {
    const taken: PendingSend[] = [];
    for (let send = this.#first; send !== undefined; send = this.#first) {
      taken.push(send);
      this.remove(send);
    }
    return taken;
  }

  /** Resolves when no send waits for an answer. */
  whenIdle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle.push(resolve);
    });
  }

  #checkIdle(): void {
    if (this.#count > 0) return;
    const waiting = this.#onIdle;
    this.#onIdle = [];
    for (const resolve of waiting) resolve();
  }
}
