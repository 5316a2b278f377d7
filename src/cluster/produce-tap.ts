import type { Message } from 'kafkajs';
import {
  aroundRequests,
  type KafkaJsBroker,
  type KafkaJsCluster,
  type KafkaJsProtocolRequest,
} from './kafkajs-cluster.js';
import type { World } from '../world.js';
import { SequenceGuard, type SequencedBatch } from './sequence-guard.js';
import type { ExpectedRequest, ExpectedRequests, Wire } from './session.js';

/**
 * What one Produce request carries of a topic: kafkajs's own lists, which hold the very message objects that it was given.
 *
 * @internal
 */
export interface ProducedTopic {
  readonly topic: string;
  readonly partitions: readonly {
    readonly partition: number;
    readonly messages: readonly Message[];
  }[];
}

/** @internal A broker's answer to a Produce request, at the versions that kafkajs speaks. */
export interface ProduceAnswer {
  readonly topics: readonly {
    readonly topicName: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly errorCode: number;
      readonly baseOffset?: string;
      /** Milliseconds, where the topic's time is the broker's; else -1. */
      readonly logAppendTime?: string;
    }[];
  }[];
}

/**
 * One Produce request that kafkajs has made of a send. There is one for each broker that leads a partition of it, and more where it
 * tries again.
 *
 * @internal
 */
export class ProduceAttempt implements ExpectedRequest {
  readonly topics: readonly ProducedTopic[];
  /** Wall-clock milliseconds: the time that kafkajs gives to messages without one (it reads the clock in the same moment). */
  stampWallMs: number | undefined = undefined;
  /** True once it was written to a socket: the broker may have it. */
  written = false;
  /** The very bytes that were written; undefined where they are not known. */
  frame: Buffer | undefined = undefined;
  /** As kafkajs has made it; undefined before. */
  request: KafkaJsProtocolRequest['request'] | undefined = undefined;
  /** The broker's, also where kafkajs throws because of an error in it. */
  answer: ProduceAnswer | undefined = undefined;
  /** True once nothing of it is under way any more: it was answered, or failed. */
  isOver = false;
  correlationId = 0;
  #expectedIn: ExpectedRequests | undefined = undefined;

  constructor(topics: readonly ProducedTopic[]) {
    this.topics = topics;
  }

  /** It will be written under this id, if at all. */
  expectIn(requests: ExpectedRequests, correlationId: number): void {
    this.correlationId = correlationId;
    this.#expectedIn = requests;
    requests.expect(this);
  }

  wrote(frame: Buffer | undefined): void {
    this.written = true;
    this.frame = this.request?.realFrame ?? frame;
  }

  end(): void {
    this.isOver = true;
    if (!this.written) this.#expectedIn?.forget(this);
  }
}

const NO_ATTEMPTS: readonly ProduceAttempt[] = [];

/**
 * Goes through kafkajs in the place of a send's `timeout`, so that each Produce request can be told to its send. kafkajs passes that on untouched
 * (`src/producer/sendMessages.js`), and tracing as well; the messages themselves may be copies by then.
 *
 * @internal
 */
export class SendTag {
  /** What the user gave. */
  readonly timeout: number | undefined;
  attempts: readonly ProduceAttempt[] = NO_ATTEMPTS;
  /** From now on no request is made of the send: it was settled, or taken back. */
  isRevoked = false;
  /** True once a request of it was kept back, because its numbers are in doubt: see {@link SequenceGuard}. */
  isKeptBack = false;

  constructor(timeout: number | undefined) {
    this.timeout = timeout;
  }

  began(attempt: ProduceAttempt): void {
    // Nearly always one. An array that grows takes room for many.
    this.attempts = this.attempts.length === 0 ? [attempt] : [...this.attempts, attempt];
  }
}

/** @internal What a tapped client tells. */
export interface ProduceTap {
  readonly sequences: SequenceGuard;
  /** True once a request came without a tag, and not in a transaction: something between has taken it away, and a send without an attempt may have left. */
  readonly hasUntagged: boolean;
}

/** @internal See {@link tapProduce}. */
export type OnAnswered = (attempt: ProduceAttempt) => void;

const PRODUCE_API_KEY = 0;

/**
 * Has every {@link SendTag} told what becomes of its Produce requests: which messages each one carries, whether it left, and what the broker
 * answered. kafkajs tells none of it: its answer is one for all partitions, and its error does not say whether anything left.
 *
 * Between `Broker.produce` and the connection there is no await, so the request that comes there is the one that was begun last.
 *
 * @param onAnswered - told of each request that a broker has answered, but those of transactions, which may be aborted yet.
 * @returns undefined for a client that is not built like kafkajs's: nothing may be tagged then.
 * @internal
 */
export function tapProduce(
  cluster: KafkaJsCluster,
  wire: Wire,
  world: Pick<World, 'wallMs'>,
  onAnswered: OnAnswered = () => {},
): ProduceTap | undefined {
  if (cluster.brokerPool?.connectionPoolBuilder === undefined) return undefined;
  const tap = { sequences: new SequenceGuard(), hasUntagged: false };
  let begun: ProduceAttempt | undefined;
  aroundRequests(cluster, ({ host, port, pool: [connection] }) => {
    const requests = wire.to(`${host}:${port}`);
    return (asked) => {
      const { request, response } = asked;
      if (request.apiKey !== PRODUCE_API_KEY || begun === undefined) return asked;
      const attempt = begun;
      const { encode } = request;
      attempt.request = request;
      // kafkajs makes a request anew each time; how its answer is read belongs to all of them.
      request.encode = () => {
        attempt.stampWallMs = world.wallMs();
        // Where its id cannot be known it counts as written: the safe side.
        if (connection === undefined) attempt.wrote(undefined);
        else attempt.expectIn(requests, connection.correlationId - 1);
        return encode();
      };
      return {
        request,
        response: {
          decode: response.decode,
          parse: (decoded) => {
            attempt.answer = decoded as ProduceAnswer;
            return response.parse(decoded);
          },
        },
      };
    };
  });
  const known = new WeakSet<KafkaJsBroker>();
  const findBroker = cluster.findBroker.bind(cluster);
  const onBegun = (attempt: ProduceAttempt | undefined): void => {
    begun = attempt;
  };
  const tapped = (broker: KafkaJsBroker): KafkaJsBroker => {
    if (known.has(broker)) return broker;
    known.add(broker);
    tapBroker(broker, tap, onBegun, onAnswered);
    return broker;
  };
  cluster.findBroker = (node) => findBroker(node).then(tapped);
  return tap;
}

/** @param onBegun - told of the attempt that is handed over now, and then of none. */
function tapBroker(
  broker: KafkaJsBroker,
  tap: { readonly sequences: SequenceGuard; hasUntagged: boolean },
  onBegun: (attempt: ProduceAttempt | undefined) => void,
  onAnswered: OnAnswered,
): void {
  const { sequences } = tap;
  const produce = broker.produce.bind(broker);
  broker.produce = (request) => {
    const timeout: unknown = request.timeout;
    const tag = timeout instanceof SendTag ? timeout : undefined;
    if (tag === undefined && !request.transactionalId) tap.hasUntagged = true;
    const batches = sequencedBatches(request);
    if (tag?.isRevoked === true) return Promise.reject(new SendRevokedError());
    if (!sequences.mayGo(batches)) {
      if (tag !== undefined) tag.isKeptBack = true;
      return Promise.reject(new KeptBackError());
    }
    const attempt = new ProduceAttempt(request.topicData as unknown as readonly ProducedTopic[]);
    tag?.began(attempt);
    onBegun(attempt);
    // kafkajs has made the request for this call. Where the user gave no limit, its default takes its place.
    if (tag !== undefined) request.timeout = tag.timeout as number;
    // An async function: it throws nothing, and has come to the connection when it returns.
    const answering = produce(request);
    onBegun(undefined);
    const ended = (): void => {
      attempt.end();
      if (attempt.answer !== undefined && !request.transactionalId) onAnswered(attempt);
    };
    return answering.then(
      (answer) => {
        ended();
        if (batches.length > 0) sequences.succeeded(batches);
        return answer;
      },
      (error: unknown) => {
        ended();
        if (batches.length > 0) sequences.failed(batches, tag, attempt);
        throw error;
      },
    );
  };
}

/** What is sent without numbers has none of them. */
function sequencedBatches({ producerId, topicData }: ProduceRequest): readonly SequencedBatch[] {
  if (producerId === NO_PRODUCER_ID) return NO_BATCHES;
  const id = String(producerId);
  return topicData.flatMap(({ topic, partitions }) =>
    partitions.map(({ partition, firstSequence, messages }) => ({
      producerId: id,
      topic,
      partition,
      firstSequence,
      messages: messages as unknown as readonly Message[],
    })),
  );
}

type ProduceRequest = Parameters<KafkaJsBroker['produce']>[0];

/** kafkajs's own, for a producer that is not idempotent. */
const NO_PRODUCER_ID = -1;
const NO_BATCHES: readonly SequencedBatch[] = [];

/** kafkajs does not retry it (`src/retry/index.js`). Nobody waits for its answer. */
class SendRevokedError extends Error {
  readonly retriable = false;

  constructor() {
    super('this send was settled, or a switch has taken it back');
  }
}

/** Likewise. A send is handed over anew; in a transaction the caller sees it. */
class KeptBackError extends Error {
  readonly retriable = false;

  constructor() {
    super(
      'an earlier batch of this partition had no answer, and this one would be taken for it: abort the transaction and begin a new one',
    );
  }
}
