import type { RecordMetadata } from 'kafkajs';
import type { SendTag } from '../cluster/produce-tap.js';
import type { ClusterSession } from '../cluster/session.js';
import { markOutcome, type SendMetadata, type SendOutcome } from '../send-outcome.js';
import { isRestUnknown, outcomeOf, withCluster, type AcknowledgedPart, type Fate } from './fate.js';
import type { InnerProducer } from './inner-producer.js';
import type { Payload } from './payload.js';

/** @internal What {@link PendingSend} begins with. */
export interface Call {
  readonly method: 'send' | 'sendBatch';
  readonly payload: Payload;
  readonly calledAtWallMs: number;
  /** On the monotonic clock: when it must be settled. */
  readonly deadlineAtMs: number;
}

/**
 * One call of `send` or `sendBatch`, from the call until its promise settles. Made once per call, on the hot path: plain
 * fields, nothing per message.
 *
 * @internal
 */
export class PendingSend {
  readonly method: 'send' | 'sendBatch';
  /** What the user passed, the very same object; replaced by a copy with timestamps where it had to wait, and by what is left of it. */
  payload: Payload;
  /**
   * Wall-clock milliseconds: the time of records that were given none, should they reach a cluster later. That of the call, or that which they
   * were given when they left for the first time.
   */
  stampWallMs: number;
  readonly deadlineAtMs: number;
  readonly #resolve: (metadata: SendMetadata[]) => void;
  readonly #reject: (error: unknown) => void;

  /** Who has it now; undefined while it waits in the hold buffer, and at its end. */
  inner: InnerProducer | undefined = undefined;
  /** What `inner` makes of it; undefined where it does not tell. */
  tag: SendTag | undefined = undefined;
  /** `inner.wire.produceRequestCount` when `inner` got it. */
  startedAtRequestCount = 0;
  /** What an overtaken inner producer rejected with, until the switch detaches. */
  innerError: unknown = undefined;
  parked = false;
  /** True while it waits for the sequence numbers of its inner producer to be in order. */
  isKeptBack = false;
  /** True once a cluster may have it although nobody acknowledged it: then it is never again "certainly not sent". */
  maybeWritten = false;
  /** Parts of it that were acknowledged already, and are in `payload` no more. */
  acknowledged: readonly AcknowledgedPart[] = [];
  /** Of `payload`, counted when it began to wait, or when `inner` got it: the list is the user's. */
  recordCount = 0;
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
    { method, payload, calledAtWallMs, deadlineAtMs }: Call,
    resolve: (metadata: SendMetadata[]) => void,
    reject: (error: unknown) => void,
  ) {
    this.method = method;
    this.payload = payload;
    this.stampWallMs = calledAtWallMs;
    this.deadlineAtMs = deadlineAtMs;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** @param outcome - the truth about it, which goes along with the error. Default: that no inner producer has it. */
  reject(error: unknown, outcome: SendOutcome = outcomeOf(this)): void {
    markOutcome(error, outcome);
    this.#reject(error);
  }

  /** Nobody waits for `inner` any more, and nothing that it has not begun with may leave. */
  letGo(): void {
    const { tag } = this;
    this.inner = undefined;
    this.tag = undefined;
    this.isKeptBack = false;
    if (tag === undefined) return;
    tag.isRevoked = true;
    this.stampWallMs = tag.attempts.find(({ written }) => written)?.stampWallMs ?? this.stampWallMs;
  }

  /** What was acknowledged of it is done; the rest is what it consists of from now on. */
  keepAcknowledged({ session }: InnerProducer, fate: Fate): void {
    this.acknowledged = [...this.acknowledged, ...fate.acknowledged];
    if (!fate.isWhole) {
      if (isRestUnknown(fate)) this.maybeWritten = true;
      this.payload = fate.rest;
    }
    for (const { metadata, messages } of fate.acknowledged) {
      session.work.acknowledged([metadata], messages.length);
    }
  }

  /** All of it was acknowledged, the last of it by this answer of kafkajs. */
  answer(metadata: RecordMetadata[], session: ClusterSession): void {
    // kafkajs's own list. Tracing, or a client in a test, may answer with something else.
    if (Array.isArray(metadata)) for (const one of metadata) withCluster(one, session);
    const last = metadata as SendMetadata[];
    this.#resolve(this.acknowledged.length === 0 ? last : [...this.#metadata(), ...last]);
  }

  /** All of it was acknowledged, by what it kept. */
  complete(): void {
    this.#resolve(this.#metadata());
  }

  #metadata(): SendMetadata[] {
    return this.acknowledged.map(({ metadata }) => metadata);
  }
}
