import { EventEmitter } from 'node:events';
import { Traffic } from '../../src/health/traffic.js';
import { SessionWork } from '../../src/session-work.js';
import type {
  Kafka,
  Producer,
  ProducerBatch,
  ProducerConfig,
  ProducerRecord,
  RecordMetadata,
  Transaction,
} from 'kafkajs';
import type { ClusterSession, CountedClient } from '../../src/cluster/session.js';
import { FencedError } from '../../src/errors.js';
import type { EventSink, FailoverEventName } from '../../src/events.js';
import {
  createFailoverProducer,
  type FailoverProducer,
  type FailoverProducerParts,
} from '../../src/producer/failover-producer.js';
import type { SendMetadata } from '../../src/send-outcome.js';
import type { Participant, SwitchTurn } from '../../src/switch/participant.js';
import { controlled, type Controlled } from '../support/controlled.js';
import { FakeActive } from '../support/fake-active.js';
import { manualWorld, settle, type ManualWorld } from '../support/manual-world.js';
import { silentLogger } from '../support/silent-logger.js';

export { controlled, settle, type Controlled };

/** One send as an inner producer got it. */
export interface InnerCall extends Controlled<RecordMetadata[]> {
  readonly method: 'send' | 'sendBatch';
  readonly payload: ProducerRecord | ProducerBatch;
}

export interface FakeTransaction extends Transaction {
  readonly calls: { method: string; argument: unknown; answer: Controlled<unknown> }[];
  active: boolean;
}

/** An inner producer in the test's hands: everything it was asked is kept, and answered by the test. */
export class FakeInner {
  readonly config: ProducerConfig | undefined;
  readonly session: FakeSession;
  readonly emitter = new EventEmitter();
  readonly calls: InnerCall[] = [];
  readonly connects: Controlled<void>[] = [];
  readonly disconnects: Controlled<void>[] = [];
  readonly transactions: { answer: Controlled<Transaction> }[] = [];
  /** Answers connect() and disconnect() by itself, as a healthy cluster would. */
  automatic: boolean;
  readonly producer: Producer;

  constructor(session: FakeSession, config: ProducerConfig | undefined) {
    this.session = session;
    this.config = config;
    this.automatic = session.automatic;
    this.producer = {
      connect: async () => {
        const answer = controlled();
        this.connects.push(answer);
        if (this.automatic) answer.resolve();
        await answer.promise;
        this.emit('producer.connect', null);
      },
      disconnect: async () => {
        const answer = controlled();
        this.disconnects.push(answer);
        if (this.automatic) answer.resolve();
        await answer.promise;
        this.emit('producer.disconnect', null);
      },
      isIdempotent: () => false,
      events: undefined as unknown as Producer['events'],
      on: ((name: string, listener: (event: unknown) => void) => {
        this.emitter.on(name, listener);
        return () => this.emitter.off(name, listener);
      }) as unknown as Producer['on'],
      send: (record) => this.#call('send', record),
      sendBatch: (batch) => this.#call('sendBatch', batch),
      transaction: () => {
        const answer = controlled<Transaction>();
        this.transactions.push({ answer });
        return answer.promise;
      },
      logger: silentLogger,
    };
  }

  #call(
    method: 'send' | 'sendBatch',
    payload: ProducerRecord | ProducerBatch,
  ): Promise<RecordMetadata[]> {
    const call: InnerCall = { ...controlled<RecordMetadata[]>(), method, payload };
    this.calls.push(call);
    if (this.session.writesAtOnce && !this.session.signal.aborted) {
      this.session.wire.produceRequestCount += 1;
    }
    return call.promise;
  }

  emit(type: string, payload: unknown): void {
    this.emitter.emit(type, { id: '1', type, timestamp: 1, payload });
  }

  /** The values of the first message of every call, in the order in which they came. */
  values(): string[] {
    return this.calls.map(valueOf);
  }

  call(value: string): InnerCall {
    const found = this.calls.findLast((one) => valueOf(one) === value);
    if (found === undefined) throw new Error(`${value} never reached this inner producer`);
    return found;
  }
}

function valueOf({ payload }: InnerCall): string {
  const messages =
    'messages' in payload
      ? payload.messages
      : (('topicMessages' in payload ? payload.topicMessages : undefined)?.[0]?.messages ?? []);
  return String(messages[0]?.value);
}

export class FakeSession implements ClusterSession {
  readonly alias: string;
  readonly switchEpoch: number;
  readonly wire = {
    produceRequestCount: 0,
    to: () => ({ expect: () => {}, forget: () => {} }),
  };
  readonly traffic = new Traffic();
  readonly work = new SessionWork(manualWorld());
  readonly inners: FakeInner[] = [];
  /** For the inner producers that are made from now on. */
  automatic = true;
  /** Every send is on the wire as soon as it reaches an inner producer. Otherwise the test counts. */
  writesAtOnce = false;
  readonly #abort = new AbortController();
  readonly kafka: Kafka;
  produceWaitingMs(): number {
    return 0;
  }

  countedClient(): CountedClient {
    return { kafka: this.kafka, wire: this.wire };
  }

  constructor(alias: string, switchEpoch: number) {
    this.alias = alias;
    this.switchEpoch = switchEpoch;
    this.kafka = {
      producer: (config?: ProducerConfig) => {
        const inner = new FakeInner(this, config);
        this.inners.push(inner);
        return inner.producer;
      },
    } as unknown as Kafka;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  drains(): void {}

  fence(reason: FencedError = new FencedError(`cluster ${this.alias} was fenced`)): void {
    this.#abort.abort(reason);
  }

  get inner(): FakeInner {
    const inner = this.inners.at(-1);
    if (inner === undefined) throw new Error(`no inner producer was made on ${this.alias}`);
    return inner;
  }
}

export interface Harness {
  readonly world: ManualWorld;
  readonly active: FakeActive<FakeSession>;
  readonly a: FakeSession;
  readonly b: FakeSession;
  /** `switchEpoch`: where it is not the one in force that is told. */
  readonly events: {
    name: FailoverEventName;
    facts: Record<string, unknown>;
    switchEpoch: number | undefined;
  }[];
  readonly handle: FailoverProducer;
  readonly producer: Producer;
  readonly participant: Participant;
  eventNames(): string[];
}

/** A producer between two fake clusters; not connected yet. */
export function harness(
  overrides: Partial<Omit<FailoverProducerParts, 'limits'>> & {
    limits?: Partial<FailoverProducerParts['limits']>;
  } = {},
): Harness {
  const world = manualWorld();
  const a = new FakeSession('A', 1);
  const b = new FakeSession('B', 2);
  const active = new FakeActive(a);
  const events: Harness['events'] = [];
  const sink: EventSink = {
    emit: (name, facts, epoch) =>
      void events.push({ name, facts: { ...facts }, switchEpoch: epoch?.switchEpoch }),
  };
  const { limits, ...rest } = overrides;
  const handle = createFailoverProducer({
    id: 'producer-1',
    config: undefined,
    world,
    events: sink,
    active,
    logger: silentLogger(),
    homeCluster: 'A',
    ...rest,
    limits: {
      holdMaxBytes: 1_000_000,
      holdMaxRecords: 100_000,
      holdMaxWaitMs: 30_000,
      deliveryTimeoutMs: 120_000,
      onUnknownOutcome: undefined,
      releaseJitterMs: 0,
      ...limits,
    },
  });
  return {
    world,
    active,
    a,
    b,
    events,
    handle,
    producer: handle.producer,
    participant: handle.participant,
    eventNames: () => events.map((event) => event.name),
  };
}

export async function connected(overrides: Parameters<typeof harness>[0] = {}): Promise<Harness> {
  const made = harness(overrides);
  await made.producer.connect();
  return made;
}

export function turn(overrides: Partial<SwitchTurn> = {}): SwitchTurn {
  return {
    switchEpoch: 2,
    from: 'A',
    to: 'B',
    planned: false,
    reason: 'test',
    by: 'operator',
    agreedEpoch: undefined,
    ...overrides,
  };
}

/** Hold, fence, detach: what an unplanned switch does before the new cluster is opened. */
export async function overtake(h: Harness, session: FakeSession = h.a): Promise<void> {
  h.participant.hold(turn());
  h.active.inForce = undefined;
  session.fence();
  await h.participant.detach(turn());
}

/** Opens the new session. */
export async function openOn(h: Harness, session: FakeSession = h.b): Promise<void> {
  h.active.inForce = session;
  await h.participant.attach(session, undefined);
}

export function record(value: string, topic = 'orders'): ProducerRecord {
  return { topic, messages: [{ key: 'k', value }] };
}

export function answer(topic = 'orders', partition = 0): RecordMetadata[] {
  return [{ topicName: topic, partition, errorCode: 0, baseOffset: '1' }];
}

/** {@link answer}, as the caller gets it. */
export function answered(session: FakeSession): SendMetadata[] {
  const { alias, switchEpoch } = session;
  return answer().map((one) => ({ ...one, cluster: alias, switchEpoch }));
}

/** How a promise stands; never leaves it unhandled. */
export function watch<T>(promise: Promise<T>): {
  state: 'pending' | 'resolved' | 'rejected';
  settledCount: number;
  value: T | undefined;
  error: unknown;
} {
  const seen = {
    state: 'pending' as 'pending' | 'resolved' | 'rejected',
    settledCount: 0,
    value: undefined as T | undefined,
    error: undefined as unknown,
  };
  promise.then(
    (value) => {
      seen.state = 'resolved';
      seen.value = value;
      seen.settledCount += 1;
    },
    (error: unknown) => {
      seen.state = 'rejected';
      seen.error = error;
      seen.settledCount += 1;
    },
  );
  return seen;
}
