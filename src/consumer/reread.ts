import type { KafkaMessage } from 'kafkajs';
import { contentHash, type HandledRecord } from '../position/fingerprint.js';
import type { GroupPlan, PartitionPlan } from '../position/plan.js';
import type { HandledPosition } from '../position/need.js';
import { sumOf, type RecordCount } from '../record-count.js';
import type { RereadCounter } from '../session-work.js';

/** @internal Where a partition goes on, and what is known of what was handled before. */
export interface RereadParts {
  readonly groupId: string;
  readonly plan: Pick<
    Extract<PartitionPlan, { kind: 'resume' }>,
    'physicalTopic' | 'partition' | 'offset' | 'method' | 'maxRereadCount'
  >;
  /** How far this process handled the log on the source; undefined where it does not know. */
  readonly handled: HandledPosition | undefined;
}

/**
 * Counts what is handled again in one partition after a switch.
 *
 * MirrorMaker keeps the order: up to the copy of the last record that was handled, everything was handled. So the records that this
 * process remembers are looked for among those that come below the plan's limit, and everything up to one of them counts. From the
 * limit on all is new. Records that look the same are taken for the same.
 *
 * @internal
 */
export class Reread implements RereadCounter {
  readonly groupId: string;
  readonly physicalTopic: string;
  readonly partition: number;
  readonly #newFrom: bigint;
  readonly #remembered: readonly HandledRecord[];
  readonly #timestamps: ReadonlySet<string>;
  /** The last record that was handled is the last that handlers were given. */
  readonly #isWhole: boolean;
  readonly #from: bigint;
  #next: bigint;
  /** Records below the place of the plan, all of them handled before: somebody has set the group back since (MirrorMaker, KAFKA-19794). */
  #belowCount = 0;
  #nextBelow = 0n;
  /** Records that came below the limit, and how many of them, up to the last recognised one, were handled before. */
  #givenCount = 0;
  #twiceCount = 0;
  #hasMetLast = false;
  #isOver = false;
  #gaveUp: string | undefined;

  constructor({ groupId, plan, handled }: RereadParts) {
    this.groupId = groupId;
    this.physicalTopic = plan.physicalTopic;
    this.partition = plan.partition;
    // What lies below the end that the option `latest` begins at was handled by nobody.
    this.#from = plan.method === 'latest' ? 0n : plan.offset;
    this.#next = plan.offset;
    this.#newFrom = plan.offset + plan.maxRereadCount;
    const mayBeAny = plan.maxRereadCount !== 0n;
    this.#remembered = mayBeAny ? (handled?.recent.all() ?? []) : [];
    this.#timestamps = new Set(this.#remembered.map(({ timestamp }) => timestamp));
    this.#isWhole = handled !== undefined && handled.deliveredBelow === handled.offset;
  }

  get isOver(): boolean {
    return this.#isOver || this.#gaveUp !== undefined;
  }

  get hasBegun(): boolean {
    return this.#givenCount + this.#belowCount > 0;
  }

  get isFinal(): boolean {
    return this.isOver || this.#newFrom === this.#next;
  }

  handles(message: KafkaMessage): boolean {
    if (this.isOver) return false;
    const offset = BigInt(message.offset);
    if (offset < this.#from) {
      if (offset < this.#nextBelow) return false;
      this.#belowCount += 1;
      this.#nextBelow = offset + 1n;
      return false;
    }
    // A record whose handler has failed comes again.
    if (offset < this.#next) return false;
    if (offset >= this.#newFrom) {
      this.#isOver = true;
      return true;
    }
    this.#next = offset + 1n;
    this.#givenCount += 1;
    if (!this.#timestamps.has(message.timestamp)) return false;
    const { timestamp } = message;
    const hash = contentHash(message);
    const isOne = (one: HandledRecord): boolean => one.timestamp === timestamp && one.hash === hash;
    if (!this.#remembered.some(isOne)) return false;
    this.#twiceCount = this.#givenCount;
    const last = this.#remembered.at(-1);
    if (last !== undefined && isOne(last)) this.#hasMetLast = true;
    return false;
  }

  giveUp(because: string): void {
    if (!this.isOver) this.#gaveUp = because;
  }

  count(): RecordCount {
    return sumOf([this.#count(), { kind: 'counted', count: this.#belowCount }]);
  }

  #count(): RecordCount {
    if (this.#givenCount === 0) {
      if (this.isFinal && this.#gaveUp === undefined) return { kind: 'counted', count: 0 };
      return { kind: 'unknown', because: this.#gaveUp ?? 'no record has come yet' };
    }
    if (this.#hasMetLast && this.#isWhole) return { kind: 'counted', count: this.#twiceCount };
    if (this.#twiceCount > 0) return { kind: 'atLeast', count: this.#twiceCount };
    if (this.#gaveUp !== undefined) return { kind: 'unknown', because: this.#gaveUp };
    return this.isFinal
      ? { kind: 'atMost', count: this.#givenCount }
      : { kind: 'unknown', because: 'no record has come that this process knows' };
  }
}

/** @internal Of each partition of a plan; `processed` is where this process stood on the source. */
export function rereadsOf(
  { groupId, partitions }: GroupPlan,
  processed: readonly HandledPosition[],
): readonly Reread[] {
  return partitions.flatMap((plan) => {
    if (plan.kind !== 'resume') return [];
    const handled = processed.find(
      ({ physicalTopic, partition }) =>
        physicalTopic === plan.upstream?.topic && partition === plan.partition,
    );
    return [new Reread({ groupId, plan, handled })];
  });
}
