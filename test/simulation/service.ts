import type { Consumer } from 'kafkajs';
import { FailoverKafka } from '../../src/failover-kafka.js';
import type { MemoryWorld, Random } from '../../src/testing/index.js';
import type { HistoryEvent } from './history.js';
import type { Scenario } from './scenario.js';

/** One service process of the fleet: a FailoverKafka with a producer and a consumer, as a team would write it. */
export interface Service {
  readonly kafka: FailoverKafka;
  send(id: string, key: string): void;
  stopConsumer(): Promise<void>;
  close(): Promise<void>;
}

export interface ServiceParts {
  readonly number: number;
  readonly memory: MemoryWorld;
  readonly scenario: Scenario;
  readonly random: Random;
  record(event: HistoryEvent): void;
  readonly pending: Map<string, number>;
}

export const TOPIC = 'orders';
export const GROUP = 'billing';
export const HOLD_MAX_WAIT_MS = 20_000;

type Fact = HistoryEvent extends infer Event
  ? Event extends HistoryEvent
    ? Omit<Event, 'atMs'>
    : never
  : never;

export async function startService(parts: ServiceParts): Promise<Service> {
  const { memory, scenario, number } = parts;
  const note = (fact: Fact): void => parts.record({ ...fact, atMs: memory.clock.nowMs() });
  const kafka = new FailoverKafka({
    clientId: `service-${number}`,
    logLevel: 0,
    retry: { initialRetryTime: 100, retries: 5 },
    requestTimeout: 5_000,
    clusters: {
      A: { brokers: [...memory.cluster('A').brokers] },
      B: { brokers: [...memory.cluster('B').brokers] },
    },
    mirror: { policy: scenario.policy },
    producer: {
      holdMaxWaitMs: HOLD_MAX_WAIT_MS,
      onUnknownOutcome: scenario.onUnknownOutcome,
    },
    consumer: { topicRefreshMs: 1_000 },
    switch: {
      prepareMs: 1_000,
      drainMs: 2_000,
      handlersMs: 2_000,
      catchUpMs: 1_000,
      openMs: 4_000,
    },
    world: memory.world,
  });
  observe(kafka, number, note);
  const producer = kafka.producer();
  await producer.connect();
  const consumerName = `consumer-${number}`;
  const consumer = kafka.consumer({
    groupId: GROUP,
    maxWaitTimeInMs: 200,
    heartbeatInterval: 500,
    sessionTimeout: 6_000,
    rebalanceTimeout: 6_000,
  });
  await consumer.connect();
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
  void run(consumer, consumerName, parts, note).catch((error: unknown) =>
    note({ kind: 'fact', process: number, what: `run rejected: ${String(error)}` }),
  );
  let left: Promise<void> | undefined;
  return {
    kafka,
    send(id, key) {
      note({ kind: 'sent', process: number, id });
      parts.pending.set(id, memory.clock.nowMs());
      producer.send({ topic: TOPIC, messages: [{ key, value: id }] }).then(
        () => {
          parts.pending.delete(id);
          note({ kind: 'acknowledged', process: number, id });
        },
        (error: { code?: string; name: string; message: string }) => {
          parts.pending.delete(id);
          note({
            kind: 'send-failed',
            process: number,
            id,
            code: error.code ?? error.name,
          });
        },
      );
    },
    stopConsumer() {
      left ??= consumer
        .disconnect()
        .then(() => note({ kind: 'consumer-stopped', process: number, consumer: consumerName }));
      return left;
    },
    close: () => kafka.close(),
  };
}

function observe(kafka: FailoverKafka, process: number, note: (fact: Fact) => void): void {
  kafka.on('positions.planned', ({ switchEpoch, plan }) =>
    note({ kind: 'planned', process, switchEpoch, plan }),
  );
  kafka.on('cluster.fenced', ({ switchEpoch, cluster }) =>
    note({ kind: 'fenced', process, cluster, switchEpoch }),
  );
  kafka.on('switch.phase-started', ({ phase, switchEpoch }) => {
    const { switchingTo } = kafka.status();
    note({ kind: 'fact', process, what: phase });
    if (phase !== 'open' || switchingTo === undefined) return;
    note({ kind: 'opened', process, cluster: switchingTo, switchEpoch });
  });
  kafka.on('switch.phase-overran', ({ phase }) =>
    note({ kind: 'fact', process, what: `${phase} overran` }),
  );
  kafka.on('switch.refused', () => note({ kind: 'fact', process, what: 'refused' }));
  kafka.on('switch.rolled-back', () => note({ kind: 'fact', process, what: 'rolled back' }));
  kafka.on('switch.completed', ({ report }) => {
    const kind = report.planned ? 'planned' : 'unplanned';
    note({ kind: 'fact', process, what: `${kind} switch completed` });
  });
  kafka.on('producer.held', () => note({ kind: 'fact', process, what: 'sends held' }));
  kafka.on('producer.released', ({ resentCount }) => {
    if (resentCount > 0) note({ kind: 'fact', process, what: 'sends resent' });
  });
  kafka.on('failover.halted', ({ error }) =>
    note({ kind: 'fact', process, what: `halted: ${error.message}` }),
  );
  kafka.on('listener.failed', ({ error }) =>
    note({ kind: 'fact', process, what: `listener failed: ${error.message}` }),
  );
}

async function run(
  consumer: Consumer,
  name: string,
  parts: ServiceParts,
  note: (fact: Fact) => void,
): Promise<void> {
  const { handler } = parts.scenario;
  const work = async (
    payload: { topic: string; partition: number },
    message: { value: Buffer | null; offset: string },
  ): Promise<void> => {
    const { physicalTopic, cluster, switchEpoch } = payload as unknown as {
      physicalTopic: string;
      cluster: string;
      switchEpoch: number;
    };
    const facts = {
      process: parts.number,
      consumer: name,
      switchEpoch,
      id: message.value?.toString() ?? '',
      logical: `${payload.topic}-${payload.partition}`,
      place: {
        cluster,
        topic: physicalTopic,
        partition: payload.partition,
        offset: BigInt(message.offset),
      },
    };
    note({ kind: 'handling', ...facts });
    if (handler.maxMs > 0) await parts.memory.clock.sleep(parts.random.below(handler.maxMs));
    if (parts.random.chance(handler.failureRate)) {
      note({ kind: 'handler-failed', ...facts });
      throw new Error('the handler failed, as handlers do');
    }
    note({ kind: 'handled', ...facts });
  };
  const common = {
    autoCommit: handler.autoCommit,
    partitionsConsumedConcurrently: handler.concurrency,
  };
  const commit = async (
    topic: string,
    partition: number,
    offset: string,
    physicalTopic: string,
    switchEpoch: number,
  ): Promise<void> => {
    if (handler.autoCommit) return;
    const next = String(BigInt(offset) + 1n);
    // What the guide recommends: the payload says where the offset belongs. A refusal is what a switch brings.
    await consumer
      .commitOffsets([{ topic, partition, offset: next, physicalTopic, switchEpoch } as never])
      .catch((error: { code?: string; message: string }) =>
        note({
          kind: 'fact',
          process: parts.number,
          what: `commit refused: ${error.code ?? error.message}`,
        }),
      );
  };
  type Where = { physicalTopic: string; switchEpoch: number };
  if (handler.kind === 'eachMessage') {
    await consumer.run({
      ...common,
      eachMessage: async (payload) => {
        await work(payload, payload.message);
        const { physicalTopic, switchEpoch } = payload as unknown as Where;
        const { topic, partition, message } = payload;
        await commit(topic, partition, message.offset, physicalTopic, switchEpoch);
      },
    });
    return;
  }
  await consumer.run({
    ...common,
    eachBatchAutoResolve: false,
    eachBatch: async (payload) => {
      const { batch, resolveOffset, heartbeat, isRunning, isStale } = payload;
      const { physicalTopic, switchEpoch } = payload as unknown as Where;
      for (const message of batch.messages) {
        if (!isRunning() || isStale()) break;
        await work({ ...payload, topic: batch.topic, partition: batch.partition }, message);
        resolveOffset(message.offset);
        await commit(batch.topic, batch.partition, message.offset, physicalTopic, switchEpoch);
        await heartbeat();
      }
    },
  });
}
