import type { Logger, Producer, ProducerBatch, ProducerConfig, ProducerRecord } from 'kafkajs';
import type { EventSink } from '../events.js';
import { InstrumentationRelay } from '../instrumentation.js';
import { kafka } from '../kafkajs.js';
import type { Ledger } from '../ledger/ledger.js';
import type { ProducerLimits } from '../options-producer.js';
import { checkSend, type SendOptions } from '../options-calls.js';
import type { SendMetadata } from '../send-outcome.js';
import type { ActiveCluster } from '../switch/active.js';
import type { Participant } from '../switch/participant.js';
import { unreachable } from '../unreachable.js';
import type { World } from '../world.js';
import { beginTransaction } from './begin-transaction.js';
import { ProducerConnection } from './connection.js';
import { closedError, ProducerCore } from './core.js';
import { disconnectedError, disconnectingError } from './disconnected.js';
import { aborted, heldError } from './send-errors.js';
import { messageIds } from './message-ids.js';
import { withMessageIds, type Payload } from './payload.js';
import { PendingSend } from './pending-send.js';
import { PRODUCER_EVENTS } from './producer-events.js';
import { Sends } from './sends.js';
import type { ProducerStandbyStatus, StandbyProducerPort } from './standby-producer.js';
import { ProducerSwitching } from './switching.js';
import type { OffsetsGate } from './transaction.js';

/** @internal What a producer is made of. */
export interface FailoverProducerParts {
  /** Names it in events and reports, for example `producer-1`. */
  readonly id: string;
  /** The user's own. Every inner producer gets a copy. */
  readonly config: ProducerConfig | undefined;
  readonly limits: ProducerLimits;
  readonly world: World;
  readonly events: EventSink;
  readonly active: ActiveCluster;
  /** The root logger. */
  readonly logger: Logger;
  /** Alias of the preferred cluster: only there may a send create a topic, if the user's config allows it. */
  readonly homeCluster: string;
  /** For `transaction.sendOffsets`. Default: offsets go on as they are. */
  readonly offsetsGate?: OffsetsGate;
  /**
   * Longest wait of `disconnect()`, in milliseconds; what has no answer then is rejected as unknown. Default 30000.
   */
  readonly disconnectMaxMs?: number;
  /** Keeps what is acknowledged. Default: nothing is kept. */
  readonly ledger?: Ledger | undefined;
  /** Where it waits for the next switch. Default: nowhere. */
  readonly standby?: StandbyProducerPort | undefined;
}

/** kafkajs's default `requestTimeout`, which is what bounds its own `disconnect()`. */
const DISCONNECT_MAX_MS = 30_000;

/**
 * A producer, seen by an operator.
 *
 * @public
 */
export interface ProducerStatus {
  /** Names it in events and reports. */
  readonly id: string;
  /** `idle`: not connected. `held`: sends wait for a switch to end. */
  readonly state: 'idle' | 'leaving' | 'open' | 'held' | 'halted' | 'closed';
  /** Alias of the cluster that its inner producer belongs to; undefined where it has none. */
  readonly cluster: string | undefined;
  /** The activation that its inner producer belongs to; undefined where it has none. */
  readonly switchEpoch: number | undefined;
  /** Sends that wait for an answer. */
  readonly inFlightCount: number;
  /** Sends that wait for a switch to end; after one, those behind a send of their topic that has no answer yet. */
  readonly heldCount: number;
  /** Records of the sends that wait. */
  readonly heldRecordCount: number;
  /** Estimated size of what waits, with an allowance for each send. */
  readonly heldBytes: number;
  /** Sends refused because the hold buffer was full, since the producer was made. */
  readonly refusedCount: number;
  /** How it stands on the standby, by `producer.hotStandby`. */
  readonly standby: ProducerStandbyStatus;
}

/**
 * kafkajs's producer. What it adds: the answers say which cluster has the records, and a send can be given up.
 *
 * Each `send` and `sendBatch` settles once, within `producer.deliveryTimeoutMs`. It resolves where every record was acknowledged, and what it rejects with
 * tells by {@link sendOutcome} what became of each.
 *
 * @public
 */
export interface FailoverKafkaProducer extends Producer {
  /** As kafkajs's, and as with options. */
  send(record: ProducerRecord): Promise<SendMetadata[]>;
  /**
   * As kafkajs's. Every rejection has a {@link sendOutcome}. A second argument that is no object is ignored, as kafkajs does.
   *
   * @param options - `signal` ends the waiting of this call. Default: none.
   * @returns kafkajs's own metadata, and the cluster that has the records.
   * @throws kafkajs's own error - with no switch under way.
   * @throws {@link OutcomeUnknownError} ERR_FAILOVER_OUTCOME_UNKNOWN - some of it may be in a log.
   * @throws {@link HoldBufferFullError} ERR_FAILOVER_HOLD_FULL, {@link HoldTimeoutError} ERR_FAILOVER_HOLD_TIMEOUT - it could not wait for a switch, or not long
   *   enough: not sent, or not the rest of it.
   * @throws {@link DeliveryTimeoutError} ERR_FAILOVER_DELIVERY_TIMEOUT, {@link SendAbortedError} ERR_FAILOVER_SEND_ABORTED - likewise.
   * @throws {@link FailoverHaltedError} ERR_FAILOVER_HALTED, {@link FailoverClosedError} ERR_FAILOVER_CLOSED - likewise.
   * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - as a rejection, for an option that it does not know: not sent.
   */
  send(record: ProducerRecord, options: SendOptions | undefined): Promise<SendMetadata[]>;
  /** As kafkajs's, and as with options. */
  sendBatch(batch: ProducerBatch): Promise<SendMetadata[]>;
  /**
   * As kafkajs's, and as `send`. Where a switch overtakes it, or kafkajs has left out a part of it, only those messages are sent anew that were
   * not acknowledged; the answer has the metadata of both clusters then.
   */
  sendBatch(batch: ProducerBatch, options: SendOptions | undefined): Promise<SendMetadata[]>;
}

/** @internal A producer, as the composition root has it. */
export interface FailoverProducer {
  /** What the user gets, with methods that need no `this`. */
  readonly producer: FailoverKafkaProducer;
  /** What the coordinator moves. It registers itself at `connect()` and takes its leave at `disconnect()`. */
  readonly participant: Participant;
  status(): ProducerStatus;
  /** Disconnects, bounded; every later call is refused with `FailoverClosedError`. Idempotent, never rejects. */
  close(): Promise<void>;
}

/**
 * Makes a producer that outlives its cluster: kafkajs's producer in front, one inner kafkajs producer per epoch behind.
 *
 * With no switch under way the messages of a send are handed to the inner producer as they are (the very same objects), and its answer or
 * error comes back. During a switch sends wait in a bounded buffer, in order. A send that was overtaken settles
 * by what the wire knows, message by message: acknowledged, certainly not sent (it waits with the others), or unknown
 * (`producer.onUnknownOutcome`).
 *
 * @throws KafkaJSNonRetriableError for an idempotent producer without retries, as kafkajs does.
 * @internal
 */
export function createFailoverProducer(parts: FailoverProducerParts): FailoverProducer {
  const { id, config, limits, world, events } = parts;
  const isIdempotent = config?.idempotent ?? false;
  if (isIdempotent && (config?.retry?.retries ?? 1) < 1) {
    throw new kafka.KafkaJSNonRetriableError(
      'Idempotent producer must allow retries to protect against transient errors',
    );
  }
  const sends = new Sends({
    id,
    world,
    events,
    limits,
    onUnknownOutcome: limits.onUnknownOutcome ?? (isIdempotent ? 'reject' : 'resend'),
    inner: () => core.inner(),
  });
  const relay = new InstrumentationRelay({
    client: 'producer',
    events: { ...PRODUCER_EVENTS },
    contained: () => core.state.kind === 'held' || core.state.kind === 'halted',
    onListenerFailed: (event, error) => events.emit('listener.failed', { event, error }),
  });
  const disconnectMaxMs = parts.disconnectMaxMs ?? DISCONNECT_MAX_MS;
  const core = new ProducerCore({ ...parts, disconnectMaxMs, sends, relay });
  const participant = new ProducerSwitching(core);
  const connection = new ProducerConnection(core, participant);
  return {
    producer: surfaceOf(core, connection, isIdempotent, parts),
    participant,
    status: () => statusOf(core),
    close: () => connection.close(),
  };
}

function surfaceOf(
  core: ProducerCore,
  connection: ProducerConnection,
  isIdempotent: boolean,
  parts: FailoverProducerParts,
): FailoverKafkaProducer {
  const { world, sends, relay } = core.parts;
  const logger = parts.logger.namespace('Producer');
  const gate: OffsetsGate = parts.offsetsGate ?? ((offsets) => ({ offsets, committed: () => {} }));
  const on: InstrumentationRelay['on'] = (eventName, listener) => relay.on(eventName, listener);
  const { deliveryTimeoutMs, messageIdHeader } = parts.limits;
  const nextId = messageIdHeader === undefined ? undefined : messageIds(world);
  // The hot path: with a cluster open, a send is one record of it, one call, and nothing per message.
  const submit = (
    method: 'send' | 'sendBatch',
    passed: Payload,
    given: SendOptions | undefined,
  ): Promise<SendMetadata[]> => {
    const payload =
      messageIdHeader === undefined || nextId === undefined
        ? passed
        : withMessageIds(passed, messageIdHeader, nextId);
    // kafkajs takes no second argument and ignores it: `records.map(producer.send)` passes a number.
    const options = typeof given === 'object' && given !== null ? given : undefined;
    let send: PendingSend | undefined;
    const settled = new Promise<SendMetadata[]>((resolve, reject) => {
      const deadlineAtMs = world.nowMs() + deliveryTimeoutMs;
      const calledAtWallMs = world.wallMs();
      send = new PendingSend({ method, payload, calledAtWallMs, deadlineAtMs }, resolve, reject);
      const refusal = options === undefined ? undefined : refusalBy(options, send);
      const { state } = core;
      if (refusal !== undefined) send.reject(refusal);
      else if (state.kind === 'open') sends.submit(send, state.inner);
      else submitAside(core, send);
    });
    const signal = options?.signal;
    if (signal?.aborted === false && send !== undefined) {
      giveUpOnAbort(signal, send, sends, settled);
    }
    return settled;
  };
  return {
    connect: () => connection.connect(),
    disconnect: () => connection.disconnect(),
    isIdempotent: () => isIdempotent,
    events: PRODUCER_EVENTS,
    on: on as Producer['on'],
    send: (record: ProducerRecord, options?: SendOptions) => submit('send', record, options),
    sendBatch: (batch: ProducerBatch, options?: SendOptions) => submit('sendBatch', batch, options),
    transaction: () => beginTransaction(core, gate),
    logger: () => logger,
  };
}

/** Wrong options, or a signal that is aborted already: nothing of the send is done. */
function refusalBy(options: SendOptions, send: PendingSend): unknown {
  try {
    checkSend(send.method, options);
  } catch (error) {
    return error;
  }
  if (options.signal?.aborted !== true) return undefined;
  const { because, error } = aborted(send, options.signal.reason);
  return heldError(send, because, error);
}

/** Until the send is settled, however. */
function giveUpOnAbort(
  signal: AbortSignal,
  send: PendingSend,
  sends: Sends,
  settled: Promise<unknown>,
): void {
  const giveUp = (): void => sends.giveUp(send, aborted(send, signal.reason));
  signal.addEventListener('abort', giveUp, { once: true });
  const stop = (): void => signal.removeEventListener('abort', giveUp);
  settled.then(stop, stop);
}

/** Everything but the usual case. */
function submitAside(core: ProducerCore, send: PendingSend): void {
  const { state } = core;
  const { sends } = core.parts;
  switch (state.kind) {
    case 'open':
      return sends.submit(send, state.inner);
    case 'held':
      return core.connected ? sends.hold(send) : send.reject(disconnectedError());
    case 'halted':
      return send.reject(state.error);
    case 'idle':
      return send.reject(disconnectedError());
    case 'leaving':
      return send.reject(disconnectingError());
    case 'closed':
      return send.reject(closedError(send.method));
    default:
      return unreachable(state);
  }
}

function statusOf(core: ProducerCore): ProducerStatus {
  const { sends, id } = core.parts;
  const inner = core.inner();
  return {
    id,
    state: core.state.kind,
    cluster: inner?.session.alias,
    switchEpoch: inner?.session.switchEpoch,
    inFlightCount: sends.inFlight.count,
    heldCount: sends.held.count,
    heldRecordCount: sends.held.recordCount,
    heldBytes: sends.held.bytes,
    refusedCount: sends.refusedCount,
    standby: core.standby?.status ?? { kind: 'none' },
  };
}
