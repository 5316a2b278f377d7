import type { RecordMetadata } from 'kafkajs';
import type { ClusterSession } from '../cluster/session.js';
import type { EventSink } from '../events.js';
import type { ProducerLimits } from '../options-producer.js';
import type { SendOutcome } from '../send-outcome.js';
import type { World } from '../world.js';
import { DeliveryDeadline } from './delivery-deadline.js';
import { fateOf, isWhollyAcknowledged, outcomeOf } from './fate.js';
import { handOver, prepare } from './hand-over.js';
import { HoldBuffer, queuedAtMs } from './hold-buffer.js';
import { HoldNews } from './hold-news.js';
import { InFlight } from './in-flight.js';
import type { InnerProducer } from './inner-producer.js';
import {
  givenUpInFlight,
  heldError,
  holdFull,
  holdTimeout,
  overdue,
  resentAndFailed,
  unknownError,
  type GivenUp,
} from './send-errors.js';
import { messageCountOf, payloadBytes, withOwnLists } from './payload.js';
import type { PendingSend } from './pending-send.js';
import type { Release } from './release.js';
import { releaseOf } from './send-release.js';

/** Of a limit: that a buffer is fuller than this is told. */
const FILLING_MIN = 0.8;

/** @internal */
export interface SendsParts {
  /** The producer's id, for events. */
  readonly id: string;
  readonly world: World;
  readonly events: EventSink;
  readonly limits: ProducerLimits;
  /** What happens to a send whose outcome is unknown, resolved. */
  readonly onUnknownOutcome: 'resend' | 'reject';
  /** The inner producer in use. */
  inner(): InnerProducer | undefined;
}

/** @internal Where what was held goes. */
export interface ReleaseTarget {
  readonly session: ClusterSession;
  inner(): InnerProducer | undefined;
  onReleased(): void;
}

/**
 * Every send of one producer, wherever it is: in flight with an inner producer, or waiting in the hold buffer. Each
 * settles exactly once:
 *
 * ```
 *            ┌────────── taken back: certainly not sent, or unknown and `resend` ──────────┐
 *            ▼                                                                             │
 * call ──► held ──────────── release ────────────► in flight ── switch detaches ───────────┤
 *   │        │                                      ▲    │                                 └─► unknown and `reject`
 *   └────────│──────────── open ────────────────────┘    └─► acknowledged, or the inner error unchanged
 *            └─► full, too long, halted, disconnected
 * ```
 *
 * From everywhere: its deadline, or its caller's signal. Also with a cluster open a send is held where one of the same topic has not got
 * through since the last switch. Only what was not acknowledged is taken back: the rest of a batch may be all that is sent anew.
 *
 * @internal
 */
export class Sends {
  readonly inFlight: InFlight = new InFlight();
  readonly held: HoldBuffer<PendingSend>;
  readonly #parts: SendsParts;
  readonly #deadline: DeliveryDeadline;
  readonly news: HoldNews;
  #refusedCount = 0;
  /** From the opening of a cluster until nothing is held back any more. */
  #release: Release<PendingSend> | undefined;

  constructor(parts: SendsParts) {
    const { world, limits } = parts;
    this.#parts = parts;
    this.news = new HoldNews(parts.id, parts.events);
    this.held = new HoldBuffer({
      world,
      maxBytes: limits.holdMaxBytes,
      maxRecords: limits.holdMaxRecords,
      maxWaitMs: limits.holdMaxWaitMs,
      onTimeout: (send) => send.reject(holdTimeout(send, limits.holdMaxWaitMs, this.#wait())),
    });
    this.#deadline = new DeliveryDeadline({
      world,
      pending: () => [...this.inFlight, ...this.held.items()],
      onOverdue: (send) => this.giveUp(send, overdue(send, limits.deliveryTimeoutMs)),
    });
  }

  /** Sends that were refused because the hold buffer was full, since the producer was made. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** Takes a send while a cluster is open. The hot path. */
  submit(send: PendingSend, inner: InnerProducer): void {
    if (this.#release?.holdsBack(send) === true) this.hold(send);
    else this.begin(send, inner);
  }

  /** Hands a send to an inner producer. */
  begin(send: PendingSend, inner: InnerProducer): void {
    // First of all: what user code has passed may throw when it is read.
    const tag = prepare(send, inner);
    this.#deadline.watch(send);
    this.inFlight.add(send);
    this.#handOver(send, inner, tag);
  }

  #handOver(send: PendingSend, inner: InnerProducer, tag = prepare(send, inner)): void {
    send.inner = inner;
    send.tag = tag;
    send.startedAtRequestCount = inner.wire.produceRequestCount;
    send.recordCount = messageCountOf(send.payload);
    inner.sendStarted();
    handOver(send, inner).then(
      (metadata) => {
        inner.session.traffic.worked('produce');
        // Else it was settled, taken back or handed over anew since.
        if (send.inner === inner && send.tag === tag) this.#answered(send, inner, metadata);
        inner.sendEnded(tag);
      },
      (error: unknown) => {
        // What was kept back or revoked here says nothing about the cluster.
        if (tag?.isKeptBack !== true && tag?.isRevoked !== true) {
          inner.session.traffic.failed('produce', error);
        }
        if (send.inner === inner && send.tag === tag) this.#failed(send, inner, error);
        inner.sendEnded(tag);
      },
    );
  }

  #answered(send: PendingSend, inner: InnerProducer, metadata: RecordMetadata[]): void {
    if (!isWhollyAcknowledged(send) && !fateOf(send, inner).isWhole) {
      this.#goOn(send, inner);
      return;
    }
    this.inFlight.remove(send);
    send.letGo();
    inner.session.work.acknowledged(metadata, send.recordCount);
    send.answer(metadata, inner.session);
  }

  /** kafkajs has resolved it, and not all of it was written (see {@link isWhollyAcknowledged}): the rest is handed over, in its place. */
  #goOn(send: PendingSend, inner: InnerProducer): void {
    const outcome = this.#judge(send, inner);
    if (outcome === undefined) return;
    const to = this.#parts.inner();
    if (!this.#mayGoAgain(outcome)) {
      this.inFlight.remove(send);
      const because = 'an attempt got no answer, and kafkajs has left it out of the next one';
      send.reject(unknownError(send, inner, because), outcome);
    } else if (to === undefined || to.overtaken) this.#waitInPlace(send, inner);
    else this.#handOver(send, to);
  }

  #failed(send: PendingSend, inner: InnerProducer, error: unknown): void {
    if (inner.overtaken) {
      this.inFlight.park(send, error);
      return;
    }
    const wasResent = send.maybeWritten;
    const isKeptBack = send.tag?.isKeptBack === true;
    const outcome = this.#judge(send, inner);
    if (outcome === undefined) return;
    if (isKeptBack && this.#mayGoAgain(outcome)) {
      // Nothing is wrong with it, but for the sequence numbers of its inner producer: it waits until they are in order.
      this.#waitInPlace(send, inner);
      send.isKeptBack = true;
      this.resumeKeptBack();
      return;
    }
    this.inFlight.remove(send);
    send.reject(wasResent ? resentAndFailed(send, inner, error) : error, outcome);
  }

  /**
   * Judges a send by the wire: its inner producer has it no more. What was acknowledged is done, and the rest is what it consists of from now on.
   *
   * @returns undefined where all of it was acknowledged, whatever kafkajs says: it is settled then.
   */
  #judge(send: PendingSend, inner: InnerProducer): SendOutcome | undefined {
    const wasMaybeWritten = send.maybeWritten;
    const fate = fateOf(send, inner);
    send.letGo();
    send.keepAcknowledged(inner, fate);
    if (!fate.isWhole) return outcomeOf(send, wasMaybeWritten ? 'all' : fate.maybe);
    this.inFlight.remove(send);
    send.complete();
    return undefined;
  }

  #mayGoAgain({ kind }: SendOutcome): boolean {
    return kind !== 'unknown' || this.#parts.onUnknownOutcome === 'resend';
  }

  /** Nobody has it now: a switch that comes finds that it was not sent. */
  #waitInPlace(send: PendingSend, inner: InnerProducer): void {
    send.inner = inner;
    send.tag = prepare(send, inner);
    this.inFlight.park(send, undefined);
  }

  /** What was kept back goes on, in order, where the inner producer in use can be trusted. */
  resumeKeptBack(): void {
    const inner = this.#parts.inner();
    if (inner === undefined || inner.overtaken || inner.tap?.sequences.isInOrder !== true) return;
    for (const send of [...this.inFlight].filter(({ isKeptBack }) => isKeptBack)) {
      send.letGo();
      this.inFlight.unpark(send);
      this.#handOver(send, inner);
    }
  }

  /** Makes a send wait, or refuses it at once where the buffer is full. */
  hold(send: PendingSend): void {
    const { limits, world } = this.#parts;
    send.payload = withOwnLists(send.payload);
    send.bytes = payloadBytes(send.payload);
    send.recordCount = messageCountOf(send.payload);
    send.heldAtMs = world.nowMs();
    const full = this.held.offer(send);
    if (full === undefined) {
      this.#deadline.watch(send);
      this.news.tell('producer.held');
      if (this.held.fullness > FILLING_MIN) this.news.tell('producer.hold-filling');
      return;
    }
    this.#refusedCount += 1;
    this.news.tell('producer.hold-full');
    send.reject(holdFull(send, full, limits, this.#wait()));
  }

  /** Settles a send that is not to be waited for any more, wherever it is. Nothing where it is settled. */
  giveUp(send: PendingSend, givenUp: GivenUp): void {
    const { inner } = send;
    if (inner === undefined) {
      if (this.held.remove(send)) send.reject(heldError(send, givenUp.because, givenUp.error));
      return;
    }
    const outcome = this.#judge(send, inner);
    if (outcome === undefined) return;
    this.inFlight.remove(send);
    send.reject(givenUpInFlight(send, inner, givenUp, outcome), outcome);
  }

  /**
   * The inner producers of before were fenced: judges what is in flight, in order. Nobody waits for inner promises.
   *
   * @param heldAtMs - since when these sends wait, for their time limit: the beginning of the switch.
   */
  detach(heldAtMs: number): void {
    const takenBack: PendingSend[] = [];
    for (const send of this.inFlight.takeAll()) {
      const { inner } = send;
      const outcome = inner === undefined ? undefined : this.#judge(send, inner);
      if (inner === undefined || outcome === undefined) continue;
      if (!this.#mayGoAgain(outcome)) {
        const error = unknownError(send, inner, 'a switch overtook it before an answer came');
        send.reject(error, outcome);
        continue;
      }
      send.innerError = undefined;
      send.bytes = payloadBytes(send.payload);
      send.recordCount = messageCountOf(send.payload);
      takenBack.push(send);
    }
    this.#release = undefined;
    this.#putBack(takenBack, heldAtMs);
    if (takenBack.length > 0) this.news.tell('producer.held');
  }

  /** What waited in an earlier switch, and was released or held back after it, waits anew. */
  #putBack(takenBack: readonly PendingSend[], heldAtMs: number): void {
    const sends = [...takenBack, ...this.held.takeAll()];
    for (const send of sends) {
      send.heldAtMs = Math.max(queuedAtMs(send), heldAtMs);
    }
    // What was held back is older than what was released past it. Sends of one topic are in their order already.
    this.held.putBack(sends.toSorted((a, b) => queuedAtMs(a) - queuedAtMs(b)));
  }

  /**
   * Hands everything that waits to the new inner producer, in order.
   *
   * @param session - its own.
   * @param inner - the inner producer in use; undefined as soon as a newer switch, or the end, took over.
   * @param onReleased - called once, synchronously, when nothing waits any more but sends whose topics do not get through:
   *   from then on others need not queue behind.
   */
  async release({ session, inner, onReleased }: ReleaseTarget): Promise<void> {
    const { world, events, id } = this.#parts;
    const release = releaseOf({
      world,
      held: this.held,
      inner,
      begin: (send, to) => this.begin(send, to),
      onReleased: (sendCount, resentCount) => {
        onReleased();
        if (sendCount === 0) return;
        const facts = { producer: id, cluster: session.alias, sendCount, resentCount };
        events.emit('producer.released', facts, session);
      },
    });
    this.#release = release;
    await release.run();
    if (this.#release === release) this.#release = undefined;
  }

  /** What a send waits for that is held now. */
  #wait(): ReturnType<HoldNews['waitsFor']> {
    return this.news.waitsFor(this.#release?.isReleased === true);
  }

  /** Rejects everything that waits. */
  rejectHeld(errorFor: (send: PendingSend) => unknown): void {
    this.#release = undefined;
    for (const send of this.held.takeAll()) send.reject(errorFor(send));
  }

  /** The end: no send is pending from here on, but for what is settled now. */
  stopDeadlines(): void {
    this.#deadline.stop();
  }

  /**
   * Settles everything in flight, with the truth about it: rejects it as unknown, or, where it is certain that it was not sent and
   * never was before, with this error.
   */
  settleInFlight(because: string, notSent: (send: PendingSend) => unknown): void {
    for (const send of this.inFlight.takeAll()) {
      const { inner } = send;
      const outcome = inner === undefined ? undefined : this.#judge(send, inner);
      if (inner === undefined || outcome === undefined) continue;
      const isUnknown = outcome.kind === 'unknown';
      const error = isUnknown ? unknownError(send, inner, because) : notSent(send);
      send.reject(error, outcome);
    }
  }
}
