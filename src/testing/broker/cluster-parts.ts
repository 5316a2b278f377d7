import type { Clock } from '../clock.js';
import type { MemoryClusterOptions } from '../memory-cluster.js';
import type { Random } from '../random.js';
import type { Mailroom } from '../wire.js';
import { BrokerTimers } from './broker-timers.js';
import { groupApi, GroupStore } from './group-api.js';
import type { Handlers } from './handlers.js';
import { Link } from './link.js';
import { MemoryBroker } from './memory-broker.js';
import { recordApi } from './record-api.js';
import { topicApi } from './topic-api.js';
import { TopicStore } from './topic-store.js';
import { transactionApi } from './transaction-api.js';
import { Transactions } from './transactions.js';

/** @internal A memory cluster from the inside. */
export interface ClusterParts {
  readonly alias: string;
  readonly clusterId: string;
  readonly addresses: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
  readonly broker: MemoryBroker;
  readonly topics: TopicStore;
  readonly groups: GroupStore;
  readonly transactions: Transactions;
  readonly coordinatorLoadMs: number;
}

const NODE_ID = 1;
const DEFAULT_LATENCY_MS = 0.5;
const DEFAULT_COORDINATOR_LOAD_MS = 100;
const DEFAULT_MARKERS_MS = 0.5;

const GROUP_LIMITS = {
  minSessionTimeoutMs: 6000,
  maxSessionTimeoutMs: 1_800_000,
  offsetMetadataMaxLength: 4096,
};

/** @internal Puts a cluster together. */
export function buildCluster(
  alias: string,
  options: MemoryClusterOptions,
  { clock, random, mailroom }: { clock: Clock; random: Random; mailroom: Mailroom },
): ClusterParts {
  const addresses = options.brokers ?? [`${alias.toLowerCase()}.memory:9092`];
  const [host = '', port = ''] = addresses[0]?.split(':') ?? [];
  const identity = {
    clusterId: options.clusterId ?? `memory-${alias}`,
    nodeId: NODE_ID,
    host,
    port: Number(port),
  };
  const limits = {
    ...GROUP_LIMITS,
    minSessionTimeoutMs: options.minSessionTimeoutMs ?? GROUP_LIMITS.minSessionTimeoutMs,
  };
  const timers = new BrokerTimers(clock);
  const topics = new TopicStore();
  const groups = new GroupStore({
    timers,
    initialRebalanceDelayMs: options.initialRebalanceDelayMs ?? 0,
    newMemberId: (clientId) => `${clientId}-${hex(random)}`,
  });
  topics.onDeleted((topic) => {
    for (const { commits } of groups.all()) commits.deleteTopic(topic);
  });
  const transactions = new Transactions({
    timers,
    topics,
    markersMs: options.transactionMarkersMs ?? DEFAULT_MARKERS_MS,
    wallMs: () => clock.wallMs(),
    endInGroup: (groupId, producerId, how) =>
      groups.get(groupId)?.commits.endTransaction(producerId, how),
  });
  const handlers: Handlers = {
    ...recordApi({ clock, timers, topics, transactions }),
    ...groupApi({ groups, topics, limits, coordinator: identity }),
    ...transactionApi({
      transactions,
      groups,
      topics,
      offsetMetadataMaxLength: limits.offsetMetadataMaxLength,
    }),
    ...topicApi({
      topics,
      identity,
      defaultPartitionCount: options.defaultPartitionCount ?? 1,
      autoCreateTopics: options.autoCreateTopics ?? false,
    }),
  };
  const link = new Link(clock, options.latencyMs ?? DEFAULT_LATENCY_MS);
  const broker = new MemoryBroker({ clock, mailroom, link, timers, handlers });
  return {
    alias,
    clusterId: identity.clusterId,
    addresses,
    clock,
    random,
    broker,
    topics,
    groups,
    transactions,
    coordinatorLoadMs: options.coordinatorLoadMs ?? DEFAULT_COORDINATOR_LOAD_MS,
  };
}

/** 128 bits in the shape of the ids that Kafka gives to members. */
function hex(random: Random): string {
  const word = (): string => random.below(0x1_0000_0000).toString(16).padStart(8, '0');
  const digits = word() + word() + word() + word();
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
