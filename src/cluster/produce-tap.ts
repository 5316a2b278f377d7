import type { Message } from 'kafkajs';
import { aroundRequests, type KafkaJsBroker, type KafkaJsCluster } from './kafkajs-cluster.js';
import type { World } from '../world.js';
import type { Wire } from './session.js';

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
    }[];
  }[];
}

/**
 * One Produce request that kafkajs has made of a send. There is one for each broker that leads a partition of it, and more where it
 * tries again.
 *
 * @internal
 */
export class ProduceAttempt {
  readonly topics: readonly ProducedTopic[];
  /** Wall-clock milliseconds: the time that kafkajs gives to messages without one (it reads the clock in the same moment). */
  stampMs: number | undefined = undefined;
  /** True once it was written to a socket: the broker may have it. */
  written = false;
  /** The broker's, also where kafkajs throws because of an error in it. */
  answer: ProduceAnswer | undefined = undefined;
  /** True once nothing of it is under way any more: it was answered, or failed. */
  isOver = false;
  /** Called then. */
  onOver: () => void = () => {};

  constructor(topics: readonly ProducedTopic[]) {
    this.topics = topics;
  }
}

/**
 * Goes through kafkajs in the place of a send's `timeout`, so that each Produce request can be told to its send. kafkajs passes that on untouched
 * (`src/producer/sendMessages.js`), and tracing as well; the messages themselves may be copies by then.
 *
 * @internal
 */
export class SendTag {
  /** What the user gave. */
  readonly timeout: number | undefined;
  readonly attempts: ProduceAttempt[] = [];
  /** From now on nothing of the send may leave: it was settled, or taken back. */
  isOver = false;

  constructor(timeout: number | undefined) {
    this.timeout = timeout;
  }
}

const PRODUCE_API_KEY = 0;

/**
 * Has every {@link SendTag} told what becomes of its Produce requests: which messages each one carries, whether it left, and what the broker
 * answered. kafkajs tells none of it: its answer is one for all partitions, and its error does not say whether anything left.
 *
 * Between `Broker.produce` and the connection there is no await, so the request that comes there is the one that was begun last.
 *
 * @returns false for a client that is not built like kafkajs's: nothing may be tagged then.
 * @internal
 */
export function tapProduce(
  cluster: KafkaJsCluster,
  wire: Wire,
  world: Pick<World, 'wallMs'>,
): boolean {
  if (cluster.brokerPool?.connectionPoolBuilder === undefined) return false;
  let begun: ProduceAttempt | undefined;
  aroundRequests(cluster, (asked, { host, port, pool: [connection] }) => {
    const { request, response } = asked;
    if (request.apiKey !== PRODUCE_API_KEY || begun === undefined) return asked;
    const attempt = begun;
    return {
      request: {
        ...request,
        encode: () => {
          attempt.stampMs = world.wallMs();
          // Its id is taken in the moment in which it is encoded.
          if (connection === undefined) attempt.written = true;
          else {
            const correlationId = connection.correlationId - 1;
            attempt.onOver = wire.expect(`${host}:${port}`, correlationId, attempt);
          }
          return request.encode();
        },
      },
      response: {
        ...response,
        decode: async (bytes) => {
          const answer = await response.decode(bytes);
          attempt.answer = answer as ProduceAnswer;
          return answer;
        },
      },
    };
  });
  const known = new WeakSet<KafkaJsBroker>();
  const findBroker = cluster.findBroker.bind(cluster);
  cluster.findBroker = async (node) => {
    const broker = await findBroker(node);
    if (!known.has(broker)) {
      known.add(broker);
      tapBroker(broker, (attempt) => {
        begun = attempt;
      });
    }
    return broker;
  };
  return true;
}

/** @param onBegun - told of the attempt that is handed over now, and then of none. */
function tapBroker(
  broker: KafkaJsBroker,
  onBegun: (attempt: ProduceAttempt | undefined) => void,
): void {
  const produce = broker.produce.bind(broker);
  broker.produce = async (request) => {
    const tag: unknown = request.timeout;
    if (!(tag instanceof SendTag)) return produce(request);
    if (tag.isOver) throw new SendOverError();
    const attempt = new ProduceAttempt(request.topicData as unknown as readonly ProducedTopic[]);
    tag.attempts.push(attempt);
    onBegun(attempt);
    let answering: Promise<unknown>;
    try {
      // Where the user gave none, kafkajs's default takes its place.
      answering = produce({ ...request, timeout: tag.timeout as number });
    } finally {
      onBegun(undefined);
    }
    try {
      return await answering;
    } finally {
      attempt.isOver = true;
      attempt.onOver();
    }
  };
}

/** kafkajs does not retry it (`src/retry/index.js`). Nobody waits for its answer. */
class SendOverError extends Error {
  readonly retriable = false;

  constructor() {
    super('this send was settled, or a switch has taken it back');
  }
}
