import type { RecordMetadata } from 'kafkajs';
import type { UnmirroredReport } from '../../src/ledger/report.js';
import { replicationPolicy } from '../../src/replication/policy.js';
import type { SendMetadata } from '../../src/send-outcome.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import type { HistoryEvent } from './history.js';
import type { Scenario } from './scenario.js';

/** What was told of the tail that a switch has left behind, beside how it was. */
export type Searched = Omit<Extract<HistoryEvent, { kind: 'searched' }>, 'atMs' | 'process'>;

/** What the producer of one process was told, and what of it is on the other cluster: seen from outside. */
export class Tail {
  readonly #memory: MemoryWorld;
  readonly #topic: string;
  readonly #policy: ReturnType<typeof replicationPolicy>;
  /** Copies are taken away from time to time: then what is not there may have been. */
  readonly #isCut: boolean;
  /** The cluster that has acknowledged a record. */
  readonly #acknowledged = new Map<string, string>();
  /** What was on the target when a switch to it had ended. */
  #there: ReadonlySet<string> = new Set();

  /** @param topic - that the producer sends to. */
  constructor(memory: MemoryWorld, topic: string, { policy, steps }: Scenario) {
    this.#memory = memory;
    this.#topic = topic;
    this.#policy = replicationPolicy({ policy });
    this.#isCut = steps.some(({ kind }) => kind === 'retention' || kind === 'remake');
  }

  acknowledged(id: string, metadata: readonly RecordMetadata[]): void {
    const [one] = metadata as readonly SendMetadata[];
    if (one !== undefined) this.#acknowledged.set(id, one.cluster);
  }

  switched(from: string, to: string): void {
    this.#there = this.#copies(from, to);
  }

  searched(report: UnmirroredReport, switchEpoch: number): Searched {
    const { from, to, isComplete } = report;
    const now = this.#copies(from, to);
    const missing = [...this.#acknowledged].flatMap(([id, cluster]) =>
      cluster === from && !now.has(id) ? [id] : [],
    );
    const named = this.#named(report);
    return {
      kind: 'searched',
      switchEpoch,
      missing: this.#isCut || !isComplete ? [] : missing,
      named,
      wasThere: named.filter((id) => this.#there.has(id)),
    };
  }

  /** Values in the copies of a cluster's topic. */
  #copies(from: string, to: string): ReadonlySet<string> {
    const topic = this.#policy.formatRemoteTopic(from, this.#topic);
    const cluster = this.#memory.cluster(to);
    const partitions = Array.from({ length: cluster.partitionCount(topic) }, (_, index) => index);
    return new Set(
      partitions.flatMap((partition) =>
        cluster.records(topic, partition).map(({ value }) => String(value)),
      ),
    );
  }

  #named({ from, logs }: UnmirroredReport): readonly string[] {
    const cluster = this.#memory.cluster(from);
    return logs
      .filter(({ topic }) => topic === this.#topic)
      .flatMap(({ partition, ranges }) =>
        cluster
          .records(this.#topic, partition)
          .filter(({ offset }) =>
            ranges.some(({ first, last }) => offset >= BigInt(first) && offset <= BigInt(last)),
          )
          .map(({ value }) => String(value)),
      );
  }
}
