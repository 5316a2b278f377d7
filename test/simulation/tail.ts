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
  /** Where a record was acknowledged, and in which activation. */
  readonly #acknowledged = new Map<string, Pick<SendMetadata, 'cluster' | 'switchEpoch'>>();
  /** What was on the target when a switch to it had ended, and how often. */
  #there: ReadonlyMap<string, number> = new Map();

  /** @param topic - that the producer sends to. */
  constructor(memory: MemoryWorld, topic: string, { policy, steps }: Scenario) {
    this.#memory = memory;
    this.#topic = topic;
    this.#policy = replicationPolicy({ policy });
    this.#isCut = steps.some(({ kind }) => kind === 'retention' || kind === 'remake');
  }

  acknowledged(id: string, metadata: readonly RecordMetadata[]): void {
    const [one] = metadata as readonly SendMetadata[];
    if (one !== undefined) this.#acknowledged.set(id, one);
  }

  switched(from: string, to: string): void {
    this.#there = this.#copies(from, to);
  }

  searched(report: UnmirroredReport, switchEpoch: number): Searched {
    const { from, to, isComplete } = report;
    const now = this.#copies(from, to);
    const missing = [...this.#acknowledged].flatMap(([id, told]) =>
      told.cluster === from && told.switchEpoch < switchEpoch && !now.has(id) ? [id] : [],
    );
    const named = this.#named(report);
    return {
      kind: 'searched',
      switchEpoch,
      missing: this.#isCut || !isComplete ? [] : missing,
      named: named.map(({ id }) => id),
      // A send that is repeated is there more than once, and mirrored in that order.
      wasThere: named.flatMap(({ id, turn }) => ((this.#there.get(id) ?? 0) >= turn ? [id] : [])),
    };
  }

  /** Values in the copies of a cluster's topic, and how often each is there. */
  #copies(from: string, to: string): ReadonlyMap<string, number> {
    const topic = this.#policy.formatRemoteTopic(from, this.#topic);
    const cluster = this.#memory.cluster(to);
    const partitions = Array.from({ length: cluster.partitionCount(topic) }, (_, index) => index);
    const counts = new Map<string, number>();
    for (const partition of partitions) {
      for (const { value } of cluster.records(topic, partition)) addTo(counts, String(value));
    }
    return counts;
  }

  /** What a report names, and the how manyth record of that id it is on its cluster. */
  #named({ from, logs }: UnmirroredReport): readonly { id: string; turn: number }[] {
    const cluster = this.#memory.cluster(from);
    return logs
      .filter(({ topic }) => topic === this.#topic)
      .flatMap(({ partition, ranges }) => {
        const turns = new Map<string, number>();
        return cluster.records(this.#topic, partition).flatMap(({ offset, value }) => {
          const id = String(value);
          const turn = addTo(turns, id);
          const isNamed = ranges.some(
            ({ first, last }) => offset >= BigInt(first) && offset <= BigInt(last),
          );
          return isNamed ? [{ id, turn }] : [];
        });
      });
  }
}

/** Counts one more. */
function addTo(counts: Map<string, number>, id: string): number {
  const count = (counts.get(id) ?? 0) + 1;
  counts.set(id, count);
  return count;
}
