import type {
  ClusterAccess,
  Commit,
  FetchedRecord,
  FetchedRecords,
  LogRange,
} from '../../src/cluster/access.js';

interface FakeLog {
  low: bigint;
  high: bigint;
  readonly records: FetchedRecord[];
}

export interface FakeRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/** What the cluster does with a question. */
export type Mood = 'answers' | 'fails' | 'hangs';

/** A cluster in memory behind the library's own port: just what reading MirrorMaker's records and planning needs. */
export class FakeCluster implements ClusterAccess {
  readonly alias: string;
  readonly #topics = new Map<string, FakeLog[]>();
  readonly #commits = new Map<string, Commit[]>();
  #held: (() => void)[] = [];
  mood: Mood = 'answers';
  failure: Error = new Error('the cluster is down');
  /** Questions asked so far, in their order. */
  readonly asked: string[] = [];
  maxRecordsPerFetch = 1_000;
  /** Awaited before each answer. */
  beforeAnswer: (question: string) => void | Promise<void> = () => {};

  constructor(alias: string) {
    this.alias = alias;
  }

  create(topic: string, partitionCount = 1): this {
    const logs = Array.from({ length: partitionCount }, () => ({ low: 0n, high: 0n, records: [] }));
    this.#topics.set(topic, logs);
    return this;
  }

  delete(topic: string): void {
    this.#topics.delete(topic);
  }

  append(topic: string, record: FakeRecord, { partition = 0, timestampMs = 0 } = {}): bigint {
    const log = this.#log(topic, partition);
    const offset = log.high;
    log.records.push({
      key: record.key,
      value: record.value,
      timestamp: String(timestampMs),
      attributes: 0,
      offset: String(offset),
    });
    log.high += 1n;
    return offset;
  }

  /** Offsets without a record: a transaction's marker, compaction. */
  skip(topic: string, count: bigint, partition = 0): void {
    this.#log(topic, partition).high += count;
  }

  setRange(topic: string, partition: number, range: LogRange): void {
    const log = this.#log(topic, partition);
    log.low = range.low;
    log.high = range.high;
  }

  /** A partition without a leader. */
  dropPartition(topic: string, partition: number): void {
    const logs = this.#topics.get(topic) ?? [];
    // oxlint-disable-next-line typescript/no-array-delete -- a hole: the other partitions keep their numbers
    delete logs[partition];
  }

  commit(groupId: string, topic: string, partition: number, offset: bigint): void {
    const commits = this.#commits.get(groupId) ?? [];
    commits.push({ topic, partition, offset, metadata: '' });
    this.#commits.set(groupId, commits);
  }

  /** Lets the questions that hang be answered. */
  answerHeld(): void {
    this.mood = 'answers';
    for (const answer of this.#held.splice(0)) answer();
  }

  clusterId(): Promise<string> {
    return Promise.resolve(`id-of-${this.alias}`);
  }

  async topics(): Promise<ReadonlyMap<string, number>> {
    await this.#ask('topics');
    return new Map([...this.#topics].map(([topic, logs]) => [topic, logs.length]));
  }

  async ranges(topic: string): Promise<ReadonlyMap<number, LogRange> | undefined> {
    await this.#ask(`ranges ${topic}`);
    const logs = this.#topics.get(topic);
    if (logs === undefined) return undefined;
    const ranges = new Map<number, LogRange>();
    logs.forEach(({ low, high }, partition) => ranges.set(partition, { low, high }));
    return ranges;
  }

  async committed(groupId: string, topics?: readonly string[]): Promise<readonly Commit[]> {
    await this.#ask(`committed ${groupId}`);
    return (this.#commits.get(groupId) ?? []).filter(
      ({ topic }) => topics?.includes(topic) ?? true,
    );
  }

  commitIdle(): Promise<'stored' | 'refused'> {
    throw new Error('nothing is committed in these tests');
  }

  leaveGroup(): Promise<void> {
    throw new Error('nobody leaves a group in these tests');
  }

  async fetch(topic: string, partition: number, offset: bigint): Promise<FetchedRecords> {
    await this.#ask(`fetch ${topic}`);
    const log = this.#log(topic, partition);
    if (offset < log.low || offset > log.high) throw new Error('OFFSET_OUT_OF_RANGE');
    const rest = log.records.filter((record) => BigInt(record.offset) >= offset);
    const records = rest.slice(0, this.maxRecordsPerFetch);
    const last = records.at(-1);
    const isAll = records.length === rest.length;
    const nextOffset = isAll || last === undefined ? log.high : BigInt(last.offset) + 1n;
    return { records, nextOffset, range: { low: log.low, high: log.high } };
  }

  async offsetOfTime(
    topic: string,
    partition: number,
    timestampMs: number,
  ): Promise<bigint | undefined> {
    await this.#ask(`offset of time ${topic}`);
    const { records } = this.#log(topic, partition);
    const found = records.find(({ timestamp }) => Number(timestamp) >= timestampMs);
    return found === undefined ? undefined : BigInt(found.offset);
  }

  renew(): void {}

  isCompacted(): Promise<boolean> {
    return Promise.resolve(false);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #ask(question: string): Promise<void> {
    this.asked.push(question);
    await this.beforeAnswer(question);
    if (this.mood === 'fails') throw this.failure;
    if (this.mood === 'hangs') {
      await new Promise<void>((resolve) => {
        this.#held.push(resolve);
      });
    }
  }

  #log(topic: string, partition: number): FakeLog {
    const log = this.#topics.get(topic)?.[partition];
    if (log === undefined) throw new Error('UNKNOWN_TOPIC_OR_PARTITION');
    return log;
  }
}
