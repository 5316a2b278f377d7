import { FailoverClosedError, FencedError, StaleOffsetError } from '../errors.js';
import { kafka } from '../kafkajs.js';
import type { PhysicalOffset } from './commits.js';
import type { ConsumerCore } from './core.js';
import type { InnerConsumer } from './inner-consumer.js';
import { fits, readOffset, readPartition, type HandedBackOffset } from './offsets.js';
import { checkPausedTopics, type PausedTopic } from './pauses.js';

/** @internal An offset to commit, as user code passes it. */
export type OffsetToCommit = HandedBackOffset & {
  readonly offset: string;
  readonly metadata?: string | null;
};

/** @internal Where a consumer is between `run()` and its end. */
export interface RunningState {
  /** `stop()` is under way. */
  readonly isStopping: boolean;
  /** It is about to join its group, and may fail to. */
  readonly isBeginning: boolean;
}

/**
 * What user code says about offsets and pauses: each belongs to one epoch, or to all of them.
 *
 * @internal
 */
export class UserOffsets {
  readonly #core: ConsumerCore;
  readonly #running: RunningState;

  constructor(core: ConsumerCore, running: RunningState) {
    this.#core = core;
    this.#running = running;
  }

  /** Physical topics that an offset is for, which goes to the cluster by another way than this consumer. */
  place(entry: HandedBackOffset): readonly string[] {
    const { inner: last, state } = this.#core;
    // `stop()` waits for handlers, and kafkajs lets their transactions send offsets until then.
    const isLeaving = this.#running.isStopping && state.kind !== 'halted';
    const inner =
      isLeaving && last?.hasStarted === true && !last.isRetired
        ? last
        : this.#innerFor('sendOffsets()');
    return this.#reported(() => inner.place(entry) ?? [entry.topic]);
  }

  /**
   * An offset that was placed in this epoch is committed, by the other way. kafkajs sends it without the member's generation, so
   * no group has looked whose partition it is: only what was delivered here counts.
   */
  confirms({ topic, partition, offset }: PhysicalOffset, switchEpoch: number): void {
    const { inner } = this.#core;
    const position = readOffset(offset);
    const index = readPartition(partition);
    if (inner?.session.switchEpoch !== switchEpoch) return;
    if (position === undefined || index === undefined) return;
    const lane = inner.laneOf(topic, index);
    if (fits(position, lane?.progress.delivered())) lane?.confirms(position);
  }

  /** Whether this member has the partition, by its original or a physical name. */
  isAssigned(topic: string, partition: unknown): boolean {
    const { inner } = this.#core;
    const index = readPartition(partition);
    if (inner === undefined || index === undefined) return false;
    return inner.assignment[inner.names.originalOf(topic)]?.includes(index) === true;
  }

  async commit(entries: readonly OffsetToCommit[] = []): Promise<void> {
    const inner = this.#innerFor('commitOffsets()');
    const placed = this.#reported(() =>
      entries.flatMap((entry) => {
        const { topic, partition, offset, metadata } = entry;
        const given = metadata === undefined ? {} : { metadata };
        return (inner.place(entry) ?? [topic]).map((name) => ({
          topic: name,
          partition,
          offset,
          ...given,
        }));
      }),
    );
    await inner.commit(placed);
  }

  seek(entry: HandedBackOffset & { readonly offset: string }): void {
    const core = this.#core;
    if (core.intent !== undefined && core.state.kind === 'open') {
      // Between the call of run() and kafkajs's own: as with kafkajs, a seek is remembered.
      const { inner } = core;
      if (!inner?.hasStarted || inner.isRetired || inner.isStopping) {
        core.seeks.push({ ...entry });
        return;
      }
    }
    const inner = this.#innerFor('seek()');
    const { partition, offset } = entry;
    const topics = this.#reported(() => inner.place(entry) ?? [entry.topic]);
    core.dedup?.forget(inner.session.alias, inner.names.originalOf(entry.topic), partition);
    for (const topic of topics) inner.seek({ topic, partition, offset });
    // Its join may fail, and the next one knows nothing of it.
    const isJoining = this.#running.isBeginning && inner.memberId === undefined;
    if (isJoining && core.state.kind === 'open') core.seeks.push({ ...entry });
  }

  pause(list: readonly PausedTopic[] = []): void {
    checkPausedTopics(list, 'pause');
    const named = this.#named(list);
    this.#core.pauses.pause(named);
    this.#core.inner?.applyPause('pause', named);
  }

  resume(list: readonly PausedTopic[] = []): void {
    checkPausedTopics(list, 'resume');
    const named = this.#named(list);
    this.#core.pauses.resume(named);
    this.#core.inner?.applyPause('resume', named);
  }

  /** As with kafkajs: of what is paused, what this member was assigned. */
  paused(): { topic: string; partitions: number[] }[] {
    const { inner, intent, pauses } = this.#core;
    if (inner === undefined || intent === undefined) return [];
    return Object.entries(inner.assignment)
      .map(([topic, partitions]) => ({
        topic,
        partitions: partitions.filter((partition) => pauses.isPaused(topic, partition)),
      }))
      .filter(({ partitions }) => partitions.length > 0);
  }

  #named(list: readonly PausedTopic[]): PausedTopic[] {
    const { inner, intent } = this.#core;
    if (intent === undefined) throw notRunning();
    return list.map((entry) => ({
      ...entry,
      topic: inner?.names.originalOf(entry.topic) ?? entry.topic,
    }));
  }

  #innerFor(call: string): InnerConsumer {
    const { inner, intent, state, parts } = this.#core;
    if (state.kind === 'halted') throw state.error;
    if (intent === undefined) {
      if (!this.#running.isStopping) throw notRunning();
      throw new FailoverClosedError(`${call} was refused: the consumer is stopping`);
    }
    if (inner?.hasStarted === true && !inner.isRetired) return inner;
    const switchEpoch = parts.active.switchEpoch();
    if (state.kind === 'open') {
      throw new FailoverClosedError(
        `${call} was refused: the consumer is not in its group now, it is joining`,
        { cluster: parts.active.session()?.alias, switchEpoch },
      );
    }
    const { from, to } = state.turn;
    throw new FencedError(
      `${call} was refused: a switch from ${from} to ${to} is under way. The group resumes at positions of its own; ` +
        `offsets of ${from} mean nothing there.`,
      { cluster: from, switchEpoch },
    );
  }

  #reported<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof StaleOffsetError) this.#core.reportRefused(error);
      throw error;
    }
  }
}

function notRunning(): Error {
  return new kafka.KafkaJSNonRetriableError(
    'Consumer group was not initialized, consumer#run must be called first',
  );
}
