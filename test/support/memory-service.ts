import type { ISocketFactory } from 'kafkajs';
import { onTestFinished } from 'vitest';
import type { FailoverEachMessagePayload } from '../../src/consumer/types.js';
import { FailoverKafka } from '../../src/failover-kafka.js';
import type { ClusterOptions, FailoverKafkaConfig } from '../../src/options.js';
import {
  createMemoryWorld,
  type MemoryCluster,
  type MemoryWorld,
  type MemoryWorldOptions,
} from '../../src/testing/index.js';

const ORDERS = { topics: { orders: 1 } };

/** Two clusters with a topic `orders`, mirrored both ways unless told otherwise. Closed when the test is over. */
export function ordersWorld({
  isMirrored = true,
  ...options
}: MemoryWorldOptions & { isMirrored?: boolean } = {}): MemoryWorld {
  const memory = createMemoryWorld({
    clusters: { A: ORDERS, B: ORDERS },
    ...(isMirrored ? { mirror: {} } : {}),
    ...options,
  });
  onTestFinished(() => memory.close());
  return memory;
}

/** Such requests to the cluster are not answered, until what is returned is called. */
export function hang(cluster: MemoryCluster, ...apiNames: readonly string[]): () => void {
  return cluster.intercept(({ apiName }) =>
    apiNames.includes(apiName) ? { kind: 'hang' } : undefined,
  );
}

/** How the two clusters are configured; `more` adds to either. */
export function clustersOf(
  memory: MemoryWorld,
  more: Partial<Record<'A' | 'B', Partial<ClusterOptions>>> = {},
): Record<'A' | 'B', ClusterOptions> {
  return {
    A: { brokers: [...memory.cluster('A').brokers], ...more.A },
    B: { brokers: [...memory.cluster('B').brokers], ...more.B },
  };
}

/** The name of a cluster that may be turned round, as a DNS name or a load balancer is. */
export interface TurnableName {
  /** The cluster's, for {@link clustersOf}. */
  readonly socketFactory: ISocketFactory;
  /** New connections lead to the other cluster. */
  isTurned: boolean;
}

/** @param to - the cluster that it leads to then. */
export function turnableName(
  memory: MemoryWorld,
  to: string,
  open: ISocketFactory = memory.world.openSocket,
): TurnableName {
  const [host = '', port = ''] = memory.cluster(to).brokers[0]?.split(':') ?? [];
  const name: TurnableName = {
    socketFactory: (args) => open(name.isTurned ? { ...args, host, port: Number(port) } : args),
    isTurned: false,
  };
  return name;
}

/** Breaks every connection to a cluster, as a load balancer does that ends its sessions. */
export async function breakConnections(memory: MemoryWorld, cluster: string): Promise<void> {
  memory.cluster(cluster).down();
  await memory.clock.sleep(1);
  memory.cluster(cluster).up();
}

/** A service on the two clusters, silent. */
export function kafkaIn(
  memory: MemoryWorld,
  config: Partial<FailoverKafkaConfig> = {},
): FailoverKafka {
  return new FailoverKafka({
    clientId: 'service',
    logLevel: 0,
    clusters: clustersOf(memory),
    world: memory.world,
    ...config,
  });
}

/** How {@link consume} subscribes and runs. */
export interface ConsumeOptions {
  readonly groupId?: string;
  readonly topics?: (string | RegExp)[];
  readonly fromBeginning?: boolean;
  readonly autoCommit?: boolean;
}

/** Connects, subscribes, to `orders` from its beginning unless told otherwise, and runs. */
export async function consume(
  kafka: FailoverKafka,
  eachMessage: (payload: FailoverEachMessagePayload) => Promise<void>,
  {
    groupId = 'billing',
    topics = ['orders'],
    fromBeginning = true,
    autoCommit = true,
  }: ConsumeOptions = {},
): Promise<ReturnType<FailoverKafka['consumer']>> {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics, fromBeginning });
  await consumer.run({ autoCommit, eachMessage });
  return consumer;
}

/** As {@link consume}; answers the values as they are handled. */
export async function consumeOrders(
  kafka: FailoverKafka,
  options?: ConsumeOptions,
): Promise<string[]> {
  const handled: string[] = [];
  await consume(
    kafka,
    async ({ message }) => {
      handled.push(String(message.value));
    },
    options,
  );
  return handled;
}

export function write(memory: MemoryWorld, cluster: string, values: readonly string[]): void {
  memory.cluster(cluster).append(
    'orders',
    0,
    values.map((value) => ({ value })),
  );
}

/** Waits, in simulated time, until something is so. */
export async function until(
  { clock }: MemoryWorld,
  what: string,
  isSo: () => boolean,
  limitMs = 30_000,
): Promise<void> {
  const endAtMs = clock.nowMs() + limitMs;
  while (!isSo()) {
    if (clock.nowMs() > endAtMs) throw new Error(`never: ${what}`);
    await clock.sleep(5);
  }
}
