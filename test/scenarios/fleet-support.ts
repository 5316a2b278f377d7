import type {
  Agreement,
  AgreementContext,
  AgreementLimits,
  AgreementStore,
} from '../../src/agreement/agreement.js';
import type { FailoverEvents } from '../../src/events.js';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import type { FailoverKafkaConfig } from '../../src/options.js';
import { healthStrategy } from '../../src/strategy/health.js';
import { manualStrategy } from '../../src/strategy/manual.js';
import type { SwitchReport } from '../../src/switch/report.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { processWorld, type ProcessWorld } from '../simulation/process-world.js';
import { memoryAgreement, type MemoryAgreement } from '../support/memory-agreement.js';
import { consume, kafkaIn, ordersWorld, until } from '../support/memory-service.js';

/** A state file. */
export const STATE = '/var/lib/service/kafka.json';

/** A process of the fleet, and what was seen of it. */
export interface Member {
  readonly name: string;
  readonly kafka: FailoverKafka;
  readonly process: ProcessWorld;
  /** The clusters to which it wrote Produce or OffsetCommit. */
  readonly writes: string[];
  /** What it wrote into its state file. */
  readonly kept: string[];
  readonly reports: SwitchReport[];
  readonly stayed: FailoverEvents['strategy.stayed'][];
  readonly heard: string[];
}

/** Processes with one agreement. */
export interface Fleet {
  readonly memory: MemoryWorld;
  readonly agreement: MemoryAgreement;
  readonly members: readonly [Member, Member, Member, ...Member[]];
  /** Another process, as the others are. */
  join(name: string, config?: Partial<FailoverKafkaConfig>): Member;
}

/** How the fleet decides. */
export interface FleetOptions {
  readonly limits?: AgreementLimits;
  readonly isByHealth?: boolean;
  readonly config?: Partial<FailoverKafkaConfig>;
}

/** Three processes with one agreement; each has a producer that is connected. */
export async function fleet(
  main: (fleet: Fleet) => Promise<void>,
  { limits = {}, isByHealth = false, config = {} }: FleetOptions = {},
): Promise<void> {
  const memory = ordersWorld({ files: new Map() });
  const agreement = memoryAgreement();
  const everybody: Member[] = [];
  const join: Fleet['join'] = (name, more = {}) => {
    const writes: string[] = [];
    const kept: string[] = [];
    const process = processWorld({
      memory,
      activeCluster: '',
      host: undefined,
      onWrite: (cluster) => writes.push(cluster),
      onKept: () => {},
    });
    const kafka = kafkaIn(memory, {
      world: {
        ...process.world,
        writeText(path, text) {
          kept.push(text);
          return process.world.writeText(path, text);
        },
      },
      strategy: isByHealth ? healthStrategy() : manualStrategy(),
      agreement: agreement.with({ instance: name, ...limits }),
      ...config,
      ...more,
    });
    const member: Member = {
      name,
      kafka,
      process,
      writes,
      kept,
      reports: [],
      stayed: [],
      heard: [],
    };
    kafka.on('switch.completed', ({ report }) => member.reports.push(report));
    kafka.on('strategy.stayed', (event) => member.stayed.push(event));
    kafka.on('agreement.failed', ({ because }) => member.heard.push(`failed: ${because}`));
    kafka.on('agreement.refused', ({ because }) => member.heard.push(`refused: ${because}`));
    kafka.on('agreement.decided', ({ decision }) =>
      member.heard.push(`${decision.epoch} ${decision.cluster} by ${decision.by}`),
    );
    everybody.push(member);
    return member;
  };
  const members = [join('one'), join('two'), join('three')] as const;
  await memory.run(async () => {
    for (const { kafka } of members) await kafka.producer({ retry: { retries: 2 } }).connect();
    await until(memory, 'all have heard each other', () =>
      members.every(({ kafka }) => kafka.status().agreement?.members.length === 3),
    );
    if (isByHealth) {
      await until(memory, 'both clusters are healthy', () =>
        members.every(({ kafka }) =>
          kafka.status().clusters.every(({ health }) => health.produce.kind === 'healthy'),
        ),
      );
    }
    await main({ memory, agreement, members: [...members], join });
    await Promise.all(everybody.map(({ kafka }) => kafka.close()));
    await until(memory, 'no connection is left', () =>
      memory.clusters.every(({ connectionCount }) => connectionCount === 0),
    );
  });
}

/** Gates of the way home that open quickly. */
export const QUICK_WAY_HOME = { dwellMs: 0, everyMs: 30_000, lagMs: 2_000 };

/** Each of the members consumes `orders` in a group of its own; `handled` has the values of each, by its name. */
export async function consumeApart(
  members: readonly Member[],
): Promise<ReadonlyMap<string, string[]>> {
  const handled = new Map<string, string[]>();
  for (const { name, kafka } of members) {
    const values: string[] = [];
    handled.set(name, values);
    await consume(kafka, async ({ message }) => void values.push(String(message.value)), {
      groupId: `group-${name}`,
    });
  }
  return handled;
}

/** Do these work with the cluster, and do nothing else? */
export const isOn = (cluster: string, members: readonly Member[]) => (): boolean =>
  members.every(({ kafka }) => {
    const { state, active } = kafka.status();
    return state === 'steady' && active === cluster;
  });

/** The same agreement, with a store that does some things in another way. */
export function onStore(
  plain: Agreement,
  change: (store: AgreementStore, context: AgreementContext) => Partial<AgreementStore>,
): Agreement {
  return {
    ...plain,
    open(context) {
      const store = plain.open(context);
      return { ...store, ...change(store, context) };
    },
  };
}
