import type { KafkaMessage, RecordMetadata } from 'kafkajs';
import type { RecordCount } from './record-count.js';
import type { World } from './world.js';

/** @internal Up to where this process's own producers were told that a log reaches: at least. */
export interface AcknowledgedEnd {
  readonly topic: string;
  readonly partition: number;
  readonly end: bigint;
}

/** @internal What is handled again in one partition after a switch, while it is counted. */
export interface RereadCounter {
  readonly groupId: string;
  readonly physicalTopic: string;
  readonly partition: number;
  /** True once no record can come any more that was handled before, or nothing more can be told: the count is final. */
  readonly isFinal: boolean;
  /** True once a record has come. */
  readonly hasBegun: boolean;
  /** True once it wants to see no more records. */
  readonly isOver: boolean;
  count(): RecordCount;
  /**
   * A handler is given a record. To be asked in the order of the log, until it is over.
   *
   * @returns true for the first one that has certainly not been handled before.
   */
  handles(message: KafkaMessage): boolean;
  /** Another member may have the partition, or user code has moved: what follows tells nothing. */
  giveUp(because: string): void;
}

/**
 * Between two looks at the clock while records are handled, in milliseconds. A look costs as much as everything else that is done
 * for a record.
 */
const LOOK_MS = 10;

interface LastBatch {
  baseOffset: string;
  messageCount: number;
}

/**
 * What this process's own clients have done on one cluster in one session: when, and how far the logs reach that they wrote to. For
 * the report of the next switch; written on the hot path, so it is a few plain fields.
 *
 * @internal
 */
export class SessionWork {
  /** Monotonic milliseconds, as all times here. */
  firstAcknowledgedAtMs: number | undefined = undefined;
  lastAcknowledgedAtMs: number | undefined = undefined;
  /** When a handler was called last; up to {@link LOOK_MS} early. */
  lastHandledAtMs: number | undefined = undefined;
  /** When a handler was given a record that had certainly not been handled before the session. */
  firstNewAtMs: number | undefined = undefined;
  readonly #world: Pick<World, 'nowMs' | 'after'>;
  readonly #batches = new Map<string, (LastBatch | undefined)[]>();
  readonly #counters: RereadCounter[] = [];
  #hasLooked = false;
  #onNews: () => void = () => {};

  constructor(world: Pick<World, 'nowMs' | 'after'>) {
    this.#world = world;
  }

  /**
   * A send was acknowledged.
   *
   * @param messageCount - how many messages it had, for where all of them went to one partition.
   */
  acknowledged(metadata: readonly RecordMetadata[] | undefined, messageCount: number): void {
    // With `acks: 0` nobody has acknowledged anything.
    if (!Array.isArray(metadata) || metadata.length === 0) return;
    const nowMs = this.#world.nowMs();
    this.lastAcknowledgedAtMs = nowMs;
    const count = metadata.length === 1 ? messageCount : 1;
    for (const one of metadata) this.#reached(one, count);
    if (this.firstAcknowledgedAtMs !== undefined) return;
    this.firstAcknowledgedAtMs = nowMs;
    this.#onNews();
  }

  /** A transaction was committed. Where its records are, nobody asks: they count for the time only. */
  committed(): void {
    const nowMs = this.#world.nowMs();
    this.lastAcknowledgedAtMs = nowMs;
    if (this.firstAcknowledgedAtMs !== undefined) return;
    this.firstAcknowledgedAtMs = nowMs;
    this.#onNews();
  }

  #reached({ topicName, partition, baseOffset }: RecordMetadata, messageCount: number): void {
    if (baseOffset === undefined || baseOffset.startsWith('-')) return;
    let batches = this.#batches.get(topicName);
    if (batches === undefined) {
      batches = [];
      this.#batches.set(topicName, batches);
    }
    const last = batches[partition];
    if (last === undefined) batches[partition] = { baseOffset, messageCount };
    else if (isHigher(baseOffset, last.baseOffset)) {
      last.baseOffset = baseOffset;
      last.messageCount = messageCount;
    }
  }

  /** Of each partition that was written to; at least, because kafkajs does not say how a batch was divided. */
  acknowledgedEnds(): readonly AcknowledgedEnd[] {
    return [...this.#batches].flatMap(([topic, batches]) =>
      // Lists are sparse.
      batches.flatMap((last, partition) =>
        last === undefined
          ? []
          : [{ topic, partition, end: BigInt(last.baseOffset) + BigInt(last.messageCount) }],
      ),
    );
  }

  /** A handler is called, or a batch was handled. The hot path. */
  handles(): void {
    if (!this.#hasLooked) this.#look();
  }

  #look(): void {
    this.lastHandledAtMs = this.#world.nowMs();
    this.#hasLooked = true;
    this.#world.after(LOOK_MS, () => {
      this.#hasLooked = false;
    });
  }

  /** A handler is called with a record that nobody has handled before. */
  handlesNew(): void {
    this.firstNewAtMs ??= this.#world.nowMs();
    this.#onNews();
  }

  /** What a plan predicts for the partitions of a group is counted from now on, once in a session. */
  expect(counters: readonly RereadCounter[]): void {
    const known = new Set(this.#counters.map(keyOf));
    this.#counters.push(...counters.filter((one) => !known.has(keyOf(one))));
  }

  get counters(): readonly RereadCounter[] {
    return this.#counters;
  }

  /** That which still wants to see records; undefined where there is none. */
  counterOf(groupId: string, physicalTopic: string, partition: number): RereadCounter | undefined {
    const key = keyOf({ groupId, physicalTopic, partition });
    return this.#counters.find((one) => keyOf(one) === key && !one.isOver);
  }

  /** Called when something happens for the first time that a report waits for. */
  onNews(listener: () => void): void {
    this.#onNews = listener;
  }
}

function keyOf({
  groupId,
  physicalTopic,
  partition,
}: Pick<RereadCounter, 'groupId' | 'physicalTopic' | 'partition'>): string {
  return `${partition} ${physicalTopic} ${groupId}`;
}

/** Of two offsets as kafkajs gives them, without making numbers of them. */
function isHigher(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}
