import type { Consumer } from 'kafkajs';
import type { ClusterSession } from '../cluster/session.js';
import { FailoverClosedError } from '../errors.js';
import { untilAborted } from '../wait.js';
import { readOffset } from './offsets.js';

/** @internal One physical offset. */
export interface PhysicalOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: unknown;
}

/**
 * Commits of one inner consumer, each confirmed. kafkajs resolves a commit that it drops (while it stops or restarts)
 * exactly as one that was stored (`src/consumer/runner.js`); only its COMMIT_OFFSETS event tells them apart.
 *
 * @internal
 */
export class Commits {
  readonly #consumer: Consumer;
  readonly #session: ClusterSession;
  readonly #unconfirmed = new Set<Set<string>>();
  readonly #pending = new Set<Promise<unknown>>();

  constructor(consumer: Consumer, session: ClusterSession) {
    this.#consumer = consumer;
    this.#session = session;
  }

  /**
   * Commits offsets of physical topics. Resolves only where the cluster has stored them.
   *
   * @throws FencedError - the session was fenced meanwhile: they may or may not be stored.
   * @throws FailoverClosedError - kafkajs dropped them, because it was stopping or joining.
   */
  async commit(offsets: readonly (PhysicalOffset & { offset: string })[]): Promise<void> {
    const { alias, switchEpoch, signal } = this.#session;
    const unconfirmed = new Set(offsets.map(nameOf));
    this.#unconfirmed.add(unconfirmed);
    const work = this.#consumer.commitOffsets([...offsets]);
    this.#pending.add(work);
    try {
      await untilAborted(signal, work);
      if (unconfirmed.size === 0) return;
      throw new FailoverClosedError(
        `Not committed: ${[...unconfirmed].join(', ')}. The consumer is not in its group now: it is stopping or joining.`,
        { cluster: alias, switchEpoch },
      );
    } finally {
      this.#unconfirmed.delete(unconfirmed);
      this.#pending.delete(work);
    }
  }

  /** Resolves when no commit is on its way, however they ended. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }

  /**
   * The cluster has stored what the payload of a COMMIT_OFFSETS event names.
   *
   * @param confirmed - told of each.
   */
  confirm(
    payload: unknown,
    confirmed: (topic: string, partition: number, offset: bigint) => void,
  ): void {
    for (const commit of readCommits(payload)) {
      const name = nameOf(commit);
      for (const unconfirmed of this.#unconfirmed) unconfirmed.delete(name);
      const offset = readOffset(commit.offset);
      if (offset !== undefined) confirmed(commit.topic, commit.partition, offset);
    }
  }
}

function nameOf({ topic, partition, offset }: PhysicalOffset): string {
  return `${topic}[${partition}]@${readOffset(offset)}`;
}

/** Reads the `topics` of a COMMIT_OFFSETS event. For auto commits kafkajs gives partitions as strings. */
function readCommits(payload: unknown): readonly PhysicalOffset[] {
  if (typeof payload !== 'object' || payload === null || !('topics' in payload)) return [];
  const { topics } = payload;
  if (!Array.isArray(topics)) return [];
  return topics.flatMap(
    (entry: { topic: string; partitions: { partition: number | string; offset: unknown }[] }) =>
      entry.partitions.map(({ partition, offset }) => ({
        topic: entry.topic,
        partition: Number(partition),
        offset,
      })),
  );
}
