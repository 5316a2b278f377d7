import type { RecordMetadata } from 'kafkajs';
import { messageOf } from '../caught.js';
import type { ClusterSession } from '../cluster/session.js';
import type { EventSink } from '../events.js';
import { OutcomeUnknownError } from '../errors.js';
import type { ProducerLimits } from '../options.js';
import { endOf, type SwitchTurn } from '../switch/participant.js';
import { untilDeadline } from '../wait.js';
import type { World } from '../world.js';
import { HoldBuffer, queuedAtMs } from './hold-buffer.js';
import { InFlight, type PendingSend } from './in-flight.js';
import type { InnerProducer } from './inner-producer.js';
import { holdFull, holdTimeout, outcomeOf, unknownOutcome } from './outcome.js';
import { payloadBytes, topicOf, topicsOf, withTimestamps } from './payload.js';
import { Release } from './release.js';

/** Most held sends that are under way at the same time after a switch. */
const RELEASE_WINDOW = 32;
/**
 * Promise turns that kafkajs gets to bring a send to the wire. It takes 25 to 28 where nothing has to be awaited (measured
 * with 2.2.4), more only where the records are compressed or an earlier send has to be answered first.
 */
const TURNS_TO_WIRE = 100;
/** Longest pause between looks at the wire after that, in milliseconds; the first one is 1. */
const WIRE_POLL_MAX_MS = 256;
/** How long the release waits for one send before it goes on with those of other topics, in milliseconds. */
const STUCK_AFTER_MS = 1_000;

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
 * Also with a cluster open a send is held where one of the same topic has not got through since the last switch.
 *
 * @internal
 */
export class Sends {
  readonly inFlight: InFlight = new InFlight();
  readonly held: HoldBuffer<PendingSend>;
  readonly #parts: SendsParts;
  /** The switch that is waited for; a planned one that fails goes on as another one, back to its source. */
  turn: SwitchTurn | undefined = undefined;
  #refusedCount = 0;
  /** From the opening of a cluster until nothing is held back any more. */
  #release: Release<PendingSend> | undefined;
  /** What was said already of the switch under way: each event comes once per switch. */
  #announced: { held: boolean; full: boolean } = { held: false, full: false };

  constructor(parts: SendsParts) {
    this.#parts = parts;
    this.held = new HoldBuffer({
      world: parts.world,
      maxBytes: parts.limits.holdMaxBytes,
      maxWaitMs: parts.limits.holdMaxWaitMs,
      onTimeout: (send) => send.reject(holdTimeout(send, parts.limits.holdMaxWaitMs, this.#wait())),
    });
  }

  /** Sends that were refused because the hold buffer was full, since the producer was made. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** A switch begins. */
  switchStarted(turn: SwitchTurn): void {
    this.turn = turn;
    this.#announced = { held: false, full: false };
  }

  /** Takes a send while a cluster is open. The hot path. */
  submit(send: PendingSend, inner: InnerProducer): void {
    if (this.#release?.holdsBack(send) === true) this.hold(send);
    else this.begin(send, inner);
  }

  /** Hands a send to an inner producer. */
  begin(send: PendingSend, inner: InnerProducer): void {
    send.inner = inner;
    send.startedAtRequestCount = inner.wire.produceRequestCount;
    send.messageCount = messageCountOf(send.payload);
    inner.sendStarted();
    this.inFlight.add(send);
    callInner(send, inner).then(
      (metadata) => {
        inner.sendEnded();
        inner.session.traffic.worked('produce');
        // An answer of an older epoch: the switch has settled or taken back this send already.
        if (send.inner !== inner) return;
        this.inFlight.remove(send);
        send.inner = undefined;
        inner.session.work.acknowledged(metadata, send.messageCount);
        send.resolve(metadata);
      },
      (error: unknown) => {
        inner.sendEnded();
        inner.session.traffic.failed('produce', error);
        if (send.inner === inner) this.#failed(send, inner, error);
      },
    );
  }

  /** Makes a send wait, or refuses it at once where the buffer is full. */
  hold(send: PendingSend): void {
    const { events, id, limits, world } = this.#parts;
    send.bytes = payloadBytes(send.payload);
    send.heldAtMs = world.nowMs();
    if (this.held.offer(send)) {
      this.#announceHeld();
      return;
    }
    this.#refusedCount += 1;
    if (!this.#announced.full) {
      this.#announced.full = true;
      events.emit('producer.hold-full', { producer: id, cluster: this.turn?.to }, this.turn);
    }
    send.reject(holdFull(send, limits.holdMaxBytes, this.#wait()));
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
      send.inner = undefined;
      if (outcomeOf(send, inner) === 'unknown') {
        if (this.#parts.onUnknownOutcome === 'reject') {
          send.reject(unknownOutcome(send, inner, 'a switch overtook it before an answer came'));
          continue;
        }
        send.maybeWritten = true;
      }
      send.innerError = undefined;
      if (send.heldAtMs === undefined) send.bytes = payloadBytes(send.payload);
      takenBack.push(send);
    }
    this.#release = undefined;
    this.#putBack(takenBack, heldAtMs);
    if (takenBack.length > 0) this.#announceHeld();
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
    let sendCount = 0;
    let resentCount = 0;
    const release = new Release<PendingSend>({
      windowCount: RELEASE_WINDOW,
      waiting: () => this.held.items(),
      topicsOf: ({ payload }) => topicsOf(payload),
      isCurrent: () => inner() !== undefined,
      start: (send) => {
        const to = inner();
        if (to === undefined || !this.held.remove(send)) return undefined;
        sendCount += 1;
        if (send.maybeWritten) resentCount += 1;
        send.payload = withTimestamps(send.payload, send.calledAtWallMs);
        return new Promise((resolve) => {
          send.onLeft = resolve;
          this.begin(send, to);
        });
      },
      written: (send, left) => this.#written(send, left),
      inTime: async (work) => {
        const waited = await untilDeadline(world, world.nowMs() + STUCK_AFTER_MS, work);
        return waited.kind === 'settled';
      },
      onReleased: () => {
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

  /**
   * Resolves true when a Produce request was written since the send began, or the send left; false where nothing of it
   * came in time.
   */
  async #written(send: PendingSend, left: Promise<void>): Promise<boolean> {
    const { world } = this.#parts;
    const { inner } = send;
    const isWaiting = (): boolean =>
      inner !== undefined &&
      send.inner === inner &&
      inner.wire.produceRequestCount === send.startedAtRequestCount;
    // All turns in any case: the request that was written may be another send's.
    for (let turn = 0; turn < TURNS_TO_WIRE; turn += 1) await Promise.resolve();
    const giveUpAtMs = world.nowMs() + STUCK_AFTER_MS;
    for (let pauseMs = 1; isWaiting(); pauseMs = Math.min(pauseMs * 2, WIRE_POLL_MAX_MS)) {
      if (world.nowMs() >= giveUpAtMs) return false;
      await untilDeadline(world, world.nowMs() + pauseMs, left);
    }
    return true;
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
    for (const send of this.held.takeAll()) send.reject(errorFor(send));
  }

  /**
   * Rejects everything in flight, with the truth about it: as unknown, or, where it is certain that it was not sent and
   * never was before, with this error.
   */
  rejectInFlight(because: string, notSent: (send: PendingSend) => unknown): void {
    for (const send of this.inFlight.takeAll()) {
      const { inner } = send;
      if (inner === undefined) continue;
      send.inner = undefined;
      const certain = !send.maybeWritten && outcomeOf(send, inner) === 'not-sent';
      send.reject(certain ? notSent(send) : unknownOutcome(send, inner, because));
    }
  }

  #failed(send: PendingSend, inner: InnerProducer, error: unknown): void {
    if (inner.overtaken) {
      this.inFlight.park(send, error);
      return;
    }
    this.inFlight.remove(send);
    send.inner = undefined;
    send.reject(send.maybeWritten ? resentAndFailed(send, inner, error) : error);
  }

  #announceHeld(): void {
    if (this.#announced.held) return;
    this.#announced.held = true;
    const { events, id } = this.#parts;
    events.emit('producer.held', { producer: id, cluster: this.turn?.to }, this.turn);
  }
}

/** User code may pass anything; of a batch of several topics one in each partition is certain. */
function messageCountOf(
  payload: Partial<Extract<PendingSend['payload'], { messages: unknown }>>,
): number {
  return payload?.messages?.length ?? 1;
}

function callInner(send: PendingSend, { producer }: InnerProducer): Promise<RecordMetadata[]> {
  try {
    // Looked up at each call: tracing may have put its own function there, and that one may return no promise.
    return Promise.resolve(
      send.method === 'send'
        ? producer.send(send.payload as Parameters<typeof producer.send>[0])
        : producer.sendBatch(send.payload),
    );
  } catch (error) {
    return Promise.reject(error);
  }
}

/** The second attempt has a definite answer, the first one still has none. */
function resentAndFailed(send: PendingSend, inner: InnerProducer, cause: unknown): Error {
  const { alias, switchEpoch } = inner.session;
  return new OutcomeUnknownError(
    `The outcome of this ${send.method} is unknown: a switch overtook it, and resending it to cluster ${alias} failed (${messageOf(cause)}). ` +
      'It may or may not be in the log of the cluster it was sent to first.',
    { cluster: alias, switchEpoch, topic: topicOf(send.payload), cause },
  );
}
