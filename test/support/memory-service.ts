import { FailoverKafka } from '../../src/failover-kafka.js';
import type { FailoverKafkaConfig } from '../../src/options.js';
import {
  createMemoryWorld,
  type MemoryWorld,
  type MemoryWorldOptions,
} from '../../src/testing/index.js';

const ORDERS = { topics: { orders: 1 } };

/** Two clusters with a topic `orders`, mirrored both ways. The caller closes it. */
export function ordersWorld(options: MemoryWorldOptions = {}): MemoryWorld {
  return createMemoryWorld({ clusters: { A: ORDERS, B: ORDERS }, mirror: {}, ...options });
}

/** A service on the two clusters, silent. */
export function kafkaIn(
  memory: MemoryWorld,
  config: Partial<FailoverKafkaConfig> = {},
): FailoverKafka {
  return new FailoverKafka({
    clientId: 'service',
    logLevel: 0,
    clusters: {
      A: { brokers: [...memory.cluster('A').brokers] },
      B: { brokers: [...memory.cluster('B').brokers] },
    },
    world: memory.world,
    ...config,
  });
}

/** Begins to consume `orders`; answers the values as they are handled. */
export async function consumeOrders(kafka: FailoverKafka, groupId = 'billing'): Promise<string[]> {
  const handled: string[] = [];
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic: 'orders', fromBeginning: true });
  await consumer.run({
    eachMessage: ({ message }) => Promise.resolve(void handled.push(String(message.value))),
  });
  return handled;
}

export function write(memory: MemoryWorld, cluster: string, values: readonly string[]): void {
  memory.cluster(cluster).append(
    'orders',
    0,
    values.map((value) => ({ value })),
  );
}
