import type { RecordMetadata } from 'kafkajs';
import type { ClusterSession } from '../cluster/session.js';
import type { EventSink } from '../events.js';
import type { ProducerLimits } from '../options.js';
import { endOf, type SwitchTurn } from '../switch/participant.js';
import type { World } from '../world.js';
import { DeliveryDeadline } from './delivery-deadline.js';
import { fateOf, isRestUnknown, isWhollyAcknowledged, type Fate } from './fate.js';
import { handOver, tagOf } from './hand-over.js';
import { HoldBuffer, queuedAtMs } from './hold-buffer.js';
import { InFlight } from './in-flight.js';
import type { InnerProducer } from './inner-producer.js';
import {
  givenUpInFlight,
  heldOutcome,
  holdFull,
  holdTimeout,
  overdue,
  resentAndFailed,
  truthOf,
  unknownOutcome,
  type GivenUp,
} from './outcome.js';
import { messageCountOf, payloadBytes } from './payload.js';
import type { PendingSend } from './pending-send.js';
import type { Release } from './release.js';
import { releaseOf } from './release-of.js';

/** Of its limit: a buffer that is fuller than this is told of, before it refuses anything. */
const FILLING = 0.8;

/** @internal */
export interface SendsParts {
  /** The producer's id, for events. */
  readonly id: string;
  readonly world: World;
  readonly events: EventSink;
  readonly limits: ProducerLimits;
  /** What happens to a send whose outcome is unknown, resolved. */
  readonly onUnknownOutcome: 'resend' | 'reject';
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
  /** The switch that is waited for; a planned one that fails goes on as another one, back to its source. */
  turn: SwitchTurn | undefined = undefined;
  #refusedCount = 0;
  /** From the opening of a cluster until nothing is held back any more. */
  #release: Release<PendingSend> | undefined;
  /** What was said already of the switch under way: each event comes once per switch. */
  #announced: Set<HoldEvent> = new Set();

  constructor(parts: SendsParts) {
    const { world, limits } = parts;
    this.#parts = parts;
    this.held = new HoldBuffer({
      world,
      maxBytes: limits.holdMaxBytes,
      maxRecords: limits.holdMaxRecords,
      maxWaitMs: limits.holdMaxWaitMs,
      onTimeout: (send) =>
        send.reject(holdTimeout(send, limits.holdMaxWaitMs, this.#wait()), truthOf(send)),
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

  /** A switch begins. */
  switchStarted(turn: SwitchTurn): void {
    this.turn = turn;
    this.#announced = new Set();
  }

  /** Takes a send while a cluster is open. The hot path. */
  submit(send: PendingSend, inner: InnerProducer): void {
    if (this.#release?.holdsBack(send) === true) this.hold(send);
    else this.begin(send, inner);
  }

  /** Hands a send to an inner producer. */
  begin(send: PendingSend, inner: InnerProducer): void {
    const { payload } = send;
    const tag = tagOf(payload, inner);
    send.inner = inner;
    send.tag = tag;
    send.startedAtRequestCount = inner.wire.produceRequestCount;
    send.messageCount = messageCountOf(payload);
    this.#deadline.watch(send);
    inner.sendStarted();
    this.inFlight.add(send);
    handOver(send, inner).then(
      (metadata) => {
        inner.sendEnded();
        inner.session.traffic.worked('produce');
        // An answer of an older epoch: the switch has settled or taken back this send already.
        if (send.inner === inner && send.tag === tag) this.#answered(send, inner, metadata);
      },
      (error: unknown) => {
        inner.sendEnded();
        inner.session.traffic.failed('produce', error);
        if (send.inner === inner && send.tag === tag) this.#failed(send, inner, error);
      },
    );
  }

  #answered(send: PendingSend, inner: InnerProducer, metadata: RecordMetadata[]): void {
    const fate = isWhollyAcknowledged(send) ? undefined : fateOf(send, inner);
    if (fate?.rest !== undefined) {
      this.#goOn(send, inner, fate);
      return;
    }
    this.inFlight.remove(send);
    send.letGo();
    inner.session.work.acknowledged(metadata, send.messageCount);
    send.answer(metadata, inner.session);
  }

  /** kafkajs has resolved it, and not all of it was written: see {@link isWhollyAcknowledged}. */
  #goOn(send: PendingSend, inner: InnerProducer, fate: Fate): void {
    send.keep(inner, fate);
    this.inFlight.remove(send);
    this.begin(send, inner);
  }

  #failed(send: PendingSend, inner: InnerProducer, error: unknown): void {
    if (inner.overtaken) {
      this.inFlight.park(send, error);
      return;
    }
    const fate = fateOf(send, inner);
    this.inFlight.remove(send);
    send.letGo();
    if (fate.rest === undefined) this.#complete(send, inner, fate);
    else {
      const told = send.maybeWritten ? resentAndFailed(send, inner, error) : error;
      send.reject(told, truthOf(send, fate));
    }
  }

  /** The wire knows that all of it was acknowledged, whatever kafkajs says. */
  #complete(send: PendingSend, inner: InnerProducer, fate: Fate): void {
    send.keep(inner, fate);
    send.complete();
  }

  /** Makes a send wait, or refuses it at once where the buffer is full. */
  hold(send: PendingSend): void {
    const { limits, world } = this.#parts;
    send.bytes = payloadBytes(send.payload);
    send.recordCount = messageCountOf(send.payload);
    send.heldAtMs = world.nowMs();
    const full = this.held.offer(send);
    if (full === undefined) {
      this.#deadline.watch(send);
      this.#announce('producer.held');
      if (this.held.fullness > FILLING) this.#announce('producer.hold-filling');
      return;
    }
    this.#refusedCount += 1;
    this.#announce('producer.hold-full');
    const limit =
      full === 'bytes'
        ? `producer.holdMaxBytes ${limits.holdMaxBytes}`
        : `producer.holdMaxRecords ${limits.holdMaxRecords}`;
    send.reject(holdFull(send, limit, this.#wait()), truthOf(send));
  }

  /** Settles a send that is not to be waited for any more, wherever it is. Nothing where it is settled. */
  giveUp(send: PendingSend, givenUp: GivenUp): void {
    const { inner } = send;
    if (inner === undefined) {
      if (!this.held.remove(send)) return;
      send.reject(heldOutcome(send, givenUp.because, givenUp.error), truthOf(send));
      return;
    }
    const fate = fateOf(send, inner);
    this.inFlight.remove(send);
    send.letGo();
    if (fate.rest === undefined) {
      this.#complete(send, inner, fate);
      return;
    }
    const isUnknown = send.maybeWritten || isRestUnknown(fate);
    const outcome = truthOf(send, fate);
    send.acknowledged = [...send.acknowledged, ...fate.acknowledged];
    send.reject(givenUpInFlight(send, inner, givenUp, isUnknown), outcome);
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
      if (inner === undefined) continue;
      const fate = fateOf(send, inner);
      send.letGo();
      if (fate.rest === undefined) {
        this.#complete(send, inner, fate);
        continue;
      }
      if (isRestUnknown(fate) && this.#parts.onUnknownOutcome === 'reject') {
        const error = unknownOutcome(send, inner, 'a switch overtook it before an answer came');
        send.reject(error, truthOf(send, fate));
        continue;
      }
      send.keep(inner, fate);
      send.innerError = undefined;
      send.bytes = payloadBytes(send.payload);
      send.recordCount = messageCountOf(send.payload);
      takenBack.push(send);
    }
    this.#release = undefined;
    this.#putBack(takenBack, heldAtMs);
    if (takenBack.length > 0) this.#announce('producer.held');
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
  #wait(): { turn: SwitchTurn | undefined; why: string } {
    const { turn } = this;
    const why =
      this.#release?.isReleased === true
        ? 'behind a send of its topic that has had no answer since a switch'
        : `for ${endOf(turn)}`;
    return { turn, why };
  }

  /** Rejects everything that waits. */
  rejectHeld(errorFor: (send: PendingSend) => unknown): void {
    this.#release = undefined;
    for (const send of this.held.takeAll()) send.reject(errorFor(send), truthOf(send));
  }

  /**
   * Rejects everything in flight, with the truth about it: as unknown, or, where it is certain that it was not sent and
   * never was before, with this error.
   */
  rejectInFlight(because: string, notSent: (send: PendingSend) => unknown): void {
    this.#deadline.stop();
    for (const send of this.inFlight.takeAll()) {
      const { inner } = send;
      if (inner === undefined) continue;
      const fate = fateOf(send, inner);
      send.letGo();
      if (fate.rest === undefined) {
        this.#complete(send, inner, fate);
        continue;
      }
      const certain = !send.maybeWritten && !isRestUnknown(fate);
      const error = certain ? notSent(send) : unknownOutcome(send, inner, because);
      send.reject(error, truthOf(send, fate));
    }
  }

  #announce(name: HoldEvent): void {
    if (this.#announced.has(name)) return;
    this.#announced.add(name);
    const { events, id } = this.#parts;
    events.emit(name, { producer: id, cluster: this.turn?.to }, this.turn);
  }
}

type HoldEvent = 'producer.held' | 'producer.hold-filling' | 'producer.hold-full';
