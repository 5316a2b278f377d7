import { readOffset } from './offsets.js';

/** @internal One physical offset to commit. */
export interface PhysicalOffset {
  readonly topic: string;
  readonly partition: number;
  readonly offset: unknown;
}

/**
 * Commits that have not been confirmed yet. kafkajs resolves a commit that it drops (while it stops or restarts) exactly
 * as one that was stored (`src/consumer/runner.js`); only its COMMIT_OFFSETS event tells them apart.
 *
 * @internal
 */
export class CommitWatch {
  readonly #open = new Set<Set<string>>();

  /** Watches until `close`; `missing` is what was not confirmed so far. */
  watch(offsets: readonly PhysicalOffset[]): { missing: ReadonlySet<string>; close(): void } {
    const missing = new Set(
      offsets.map(({ topic, partition, offset }) => keyOf(topic, partition, offset)),
    );
    this.#open.add(missing);
    return { missing, close: () => this.#open.delete(missing) };
  }

  confirm({ topic, partition, offset }: PhysicalOffset): void {
    for (const missing of this.#open) missing.delete(keyOf(topic, partition, offset));
  }
}

function keyOf(topic: string, partition: number, offset: unknown): string {
  return `${topic}[${partition}]@${readOffset(offset)}`;
}

/** @internal Reads the `topics` of a COMMIT_OFFSETS event. For auto commits kafkajs gives partitions as strings. */
export function readCommits(payload: unknown): readonly PhysicalOffset[] {
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
