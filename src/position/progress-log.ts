import type { ControlLog, ControlRecords } from '../agreement/agreement.js';
import { TopicReader } from '../agreement/topic-reader.js';
import type { World } from '../world.js';
import {
  progressKey,
  readProgress,
  type ProgressKey,
  type RecordedPosition,
} from './progress-record.js';

/** Of each group and partition only the newest record counts; the log is kept small, because every process reads all of it. */
export const PROGRESS_SETTINGS: Readonly<Record<string, string>> = {
  'cleanup.policy': 'compact',
  'segment.bytes': '1048576',
  'segment.ms': '600000',
  'min.cleanable.dirty.ratio': '0.1',
};

/** Characters of one request, at most: brokers take a megabyte. */
const MAX_CHUNK = 200_000;

/**
 * The progress records that one cluster holds: what groups had handled on the other one.
 *
 * @internal
 */
export class ProgressLog {
  readonly #log: ControlLog;
  readonly #reader: TopicReader;
  #writing: Promise<void> = Promise.resolve();
  readonly #positions = new Map<string, { key: ProgressKey; position: RecordedPosition }>();
  /** Records that were read of each group. */
  readonly #readCounts = new Map<string, number>();

  constructor(log: ControlLog, world: World) {
    this.#log = log;
    this.#reader = new TopicReader({
      world,
      log,
      from: 'beginning',
      onRecords: (records) => this.#take(records),
    });
  }

  /** Resolves when every replica in sync has the records. One after the other: what is said last counts. */
  write(records: readonly { key: string; value: string | null }[]): Promise<void> {
    const writing = this.#writing.then(() => this.#append(records));
    this.#writing = writing.catch(() => {});
    return writing;
  }

  async #append(records: readonly { key: string; value: string | null }[]): Promise<void> {
    let chunk: { key: string; value: string | null }[] = [];
    let size = 0;
    for (const record of records) {
      size += record.key.length + (record.value?.length ?? 0);
      if (size > MAX_CHUNK && chunk.length > 0) {
        await this.#log.appendAll(chunk);
        chunk = [];
        size = 0;
      }
      chunk.push(record);
    }
    if (chunk.length > 0) await this.#log.appendAll(chunk);
  }

  /** Resolves when everything was read that was there when it was called. */
  readToEnd(signal: AbortSignal): Promise<void> {
    return this.#reader.readToEnd(signal);
  }

  /** What was written about a group that reads from `cluster`, as far as it was read. */
  recorded(groupId: string, cluster: string): readonly RecordedPosition[] {
    return [...this.#positions.values()]
      .filter(({ key }) => key.groupId === groupId && key.cluster === cluster)
      .map(({ position }) => position);
  }

  /** Records that were read of a group, of whatever cluster: as long as it stays the same there is no news. */
  readCount(groupId: string): number {
    return this.#readCounts.get(groupId) ?? 0;
  }

  close(): Promise<void> {
    return this.#log.close();
  }

  #take(records: ControlRecords['records']): void {
    for (const { key: keyText, value } of records) {
      const read = readProgress(keyText, value);
      if (read.kind === 'unreadable') continue;
      const { groupId } = read.key;
      this.#readCounts.set(groupId, this.readCount(groupId) + 1);
      const name = progressKey(read.key);
      if (read.kind === 'void') this.#positions.delete(name);
      else this.#positions.set(name, { key: read.key, position: read.position });
    }
  }
}
