import type { Admin, ConsumerConfig, Kafka, Logger, ProducerConfig } from 'kafkajs';
import { ClusterAdmin } from './admin/cluster-admin.js';
import { createFailoverAdmin, type FailoverAdmin } from './admin/failover-admin.js';
import { clusterConfig } from './cluster/kafka-session.js';
import type { Standby } from './cluster/standby.js';
import type { ClusterOperations } from './cluster-operations.js';
import { createFailoverConsumer, type FailoverConsumer } from './consumer/failover-consumer.js';
import { placeTransactionOffsets, type OffsetPlacer } from './consumer/transaction-offsets.js';
import type { StandbyPort } from './consumer/standby-member.js';
import type { FailoverKafkaConsumer } from './consumer/types.js';
import { FailoverOptionsError } from './errors.js';
import type { EventSink } from './events.js';
import type { Ledger } from './ledger/ledger.js';
import type { ClusterOptions, ResolvedOptions } from './options.js';
import type { FailoverAdminConfig } from './options-calls.js';
import {
  createFailoverProducer,
  type FailoverKafkaProducer,
  type FailoverProducer,
} from './producer/failover-producer.js';
import type { StandbyProducerPort } from './producer/standby-producer.js';
import type { ReplayIndex } from './replay/replay-index.js';
import type { Coordinator } from './switch/coordinator.js';
import type { Participant } from './switch/participant.js';
import { abortable } from './wait.js';

/** @internal What the clients are made of. */
export interface ClientsParts {
  readonly options: ResolvedOptions;
  readonly events: EventSink;
  readonly operations: ClusterOperations;
  readonly coordinator: Coordinator;
  /** What the producers' clusters have acknowledged; undefined where nothing is kept. */
  readonly ledger: Ledger | undefined;
  /** What was replayed; undefined where nothing ever is (`producer.onUnmirrored`). */
  readonly replays: ReplayIndex | undefined;
  /** Aborted by `close()` of the whole, with what calls hear from then on. */
  readonly ended: AbortSignal;
}

type Client = FailoverProducer | FailoverConsumer | FailoverAdmin;

/**
 * Makes the clients of a FailoverKafka, and knows those that are in use.
 *
 * @internal
 */
export class Clients {
  readonly #parts: ClientsParts;
  /** Weak, so that a client that was disconnected and forgotten by the service is forgotten here as well. */
  readonly #made = new WeakMap<Participant, Client>();
  /** Admins of named clusters that were used and not disconnected. */
  readonly #clusterAdmins = new Set<ClusterAdmin>();
  /** Never connects: it lends its logger. */
  readonly #offline: Kafka;
  readonly #home: string;
  /** Where consumers and producers wait on the standby; undefined: nowhere. */
  readonly #standby: StandbyPort | undefined;
  readonly #producerStandby: StandbyProducerPort | undefined;
  #count = 0;

  constructor(parts: ClientsParts) {
    this.#parts = parts;
    const { aliases, kafka, world } = parts.options;
    this.#home = aliases[0];
    const config = clusterConfig(kafka, clusterNamed(parts.options, this.#home, 'clusters'));
    this.#offline = world.createKafka(config);
    const { hotStandby } = parts.options;
    this.#standby = hotStandby.consumers ? standbyPort(parts) : undefined;
    this.#producerStandby = hotStandby.producers ? producerStandbyPort(parts) : undefined;
  }

  logger(): Logger {
    return this.#offline.logger();
  }

  /** Those that take part in switches. */
  inUse(): readonly Client[] {
    const participants = this.#parts.coordinator.participants();
    return participants.flatMap((one) => this.#made.get(one) ?? []);
  }

  /** The groups that consumers are run as members of, each once. */
  groupIds(): readonly string[] {
    const groupIds = this.inUse().flatMap((one) =>
      'groupInUse' in one ? (one.groupInUse() ?? []) : [],
    );
    return [...new Set(groupIds)];
  }

  producer(config: ProducerConfig | undefined): FailoverKafkaProducer {
    const client = createFailoverProducer({
      ...this.#common('producer'),
      config,
      limits: this.#parts.options.producer,
      standby: this.#producerStandby,
      ledger: this.#parts.ledger,
      offsetsGate: (offsets, session) => placeTransactionOffsets(offsets, session, this.#placers()),
    });
    this.#made.set(client.participant, client);
    return client.producer;
  }

  /** For what a switch has left behind: it waits for no switch, and each record goes to the partition that it says. */
  replayProducer(): FailoverKafkaProducer {
    const { options, ledger } = this.#parts;
    const client = createFailoverProducer({
      ...this.#common('replay'),
      config: {
        allowAutoTopicCreation: false,
        idempotent: true,
        createPartitioner: () => (record) => record.message.partition ?? 0,
      },
      limits: { ...options.producer, holdMaxRecords: 0, onUnknownOutcome: 'reject' },
      ledger,
    });
    this.#made.set(client.participant, client);
    return client.producer;
  }

  consumer(config: ConsumerConfig): FailoverKafkaConsumer {
    const { options, operations } = this.#parts;
    const client = createFailoverConsumer({
      ...this.#common(`consumer-${config.groupId}`),
      config,
      limits: options.consumer,
      policy: operations.policy,
      aliases: options.aliases,
      access: (alias) => operations.access(alias),
      sayLast: ({ alias, switchEpoch }, need) => {
        const [first, second] = options.aliases;
        const next = {
          from: alias,
          to: alias === first ? second : first,
          switchEpoch: switchEpoch + 1,
        };
        // Also where the session is fenced meanwhile.
        return operations.lastWords(next, [need], abortable().signal);
      },
      latePositions: (groupId, session) =>
        this.inUse().flatMap((one) =>
          'latePositions' in one ? one.latePositions(groupId, session) : [],
        ),
      replays: this.#parts.replays,
      standby: this.#standby,
      kafkaRetry: options.kafka.retry,
    });
    this.#made.set(client.participant, client);
    return client.consumer;
  }

  admin({ cluster, ...config }: FailoverAdminConfig): Admin {
    const { options, ended } = this.#parts;
    if (cluster !== undefined) {
      return new ClusterAdmin({
        alias: cluster,
        config,
        clusterOptions: clusterNamed(options, cluster, 'admin.cluster'),
        kafkaConfig: options.kafka,
        world: options.world,
        ended,
        inUse: this.#clusterAdmins,
      }).admin;
    }
    const maxWaitMs = options.producer.holdMaxWaitMs;
    const client = createFailoverAdmin({ ...this.#common('admin'), config, maxWaitMs });
    this.#made.set(client.participant, client);
    return client.admin;
  }

  /** Disconnects all, bounded. Never rejects. */
  async close(): Promise<void> {
    const clients = [...this.inUse(), ...this.#clusterAdmins];
    await Promise.allSettled(clients.map((client) => client.close()));
  }

  #common(kind: string) {
    const { options, events, coordinator } = this.#parts;
    this.#count += 1;
    return {
      id: `${kind}-${this.#count}`,
      world: options.world,
      events,
      active: coordinator,
      logger: this.logger(),
      homeCluster: this.#home,
    };
  }

  #placers(): readonly OffsetPlacer[] {
    return this.inUse().flatMap((client) => ('placer' in client ? client.placer : []));
  }
}

function standbyOf({ options, operations }: ClientsParts): Standby {
  const [first, second] = options.aliases;
  return {
    beside: (active) => (active === first ? second : first),
    sessionOn: (alias) => operations.sessions.waitingOn(alias),
    identify: (alias) => operations.identities.identify(alias),
  };
}

function standbyPort(parts: ClientsParts): StandbyPort {
  const isFleet = parts.options.agreement !== undefined;
  return { ...standbyOf(parts), isFleet, members: new Set() };
}

/** How old the list of topics may be that all producers of a process share, in milliseconds. */
const SHARED_TOPICS_MS = 100;

function producerStandbyPort(parts: ClientsParts): StandbyProducerPort {
  const topicsOn: StandbyProducerPort['topicsOn'] = (alias) =>
    parts.operations.access(alias).topics({ maxAgeMs: SHARED_TOPICS_MS });
  return { ...standbyOf(parts), topicsOn };
}

/**
 * A cluster's options by its alias.
 *
 * @param option - where the alias was given.
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - it is not a configured one.
 * @internal
 */
export function clusterNamed(
  { clusters, aliases }: Pick<ResolvedOptions, 'clusters' | 'aliases'>,
  alias: string,
  option: string,
): ClusterOptions {
  const cluster = clusters.get(alias);
  if (cluster !== undefined) return cluster;
  throw new FailoverOptionsError(
    option,
    alias,
    `There is no cluster ${JSON.stringify(alias)}; the configured ones are ${aliases.join(', ')}.`,
  );
}
