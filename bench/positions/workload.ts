import type { Random } from 'kafkajs-failover/testing';

/** What one group handles, and how; drawn from a seed. @internal */
export interface Workload {
  readonly name: string;
  readonly partitions: number;
  /** Records that are in the topic when the group begins. */
  readonly backlog: number;
  /** Records a second that are written while it works. */
  readonly perSecond: number;
  /** So many records are handled before A is lost. */
  readonly handledBefore: number;
  /** Pause of the handler for each record, in milliseconds. */
  readonly handleMs: number;
  readonly handler: 'eachMessage' | 'eachBatch';
  readonly partitionsAtOnce: number;
  /**
   * `never`: nothing is committed before A is lost. `often`: several times a second. `off`: `autoCommit` is false and user code commits
   * nothing, so by the guide all of it is handled again.
   */
  readonly commits: 'never' | 'often' | 'off';
  /** Shares of the records, from 0 to 1. */
  readonly nullKeys: number;
  readonly nullValues: number;
  /** Records that are the same as one a little earlier, in everything. */
  readonly twins: number;
  /** Written in transactions; some are aborted. */
  readonly isTransactional: boolean;
  /** From when all has handled enough until A is lost, or this group is told to leave it, in milliseconds. */
  readonly lossAfterMs: number;
}

/** Of so many groups one has `autoCommit: false` and commits nothing. */
const OFF_SHARE = 0.1;

/** @internal */
export function drawWorkload(name: string, random: Random): Workload {
  const partitions = random.pick([1, 2, 3, 6, 12]);
  const backlog = random.pick([200, 1_000, 3_000, 6_000]);
  return {
    name,
    partitions,
    backlog,
    perSecond: random.pick([0, 20, 100, 300]),
    // Anything from one to most of it: a fifth may lie in aborted transactions, and has no ids.
    handledBefore: 1 + random.below(Math.floor(backlog * 0.7)),
    handleMs: random.pick([0, 0, 1, 3]),
    handler: random.chance(0.7) ? 'eachMessage' : 'eachBatch',
    partitionsAtOnce: random.chance(0.5) ? 1 : partitions,
    commits: random.chance(OFF_SHARE) ? 'off' : random.chance(0.75) ? 'never' : 'often',
    nullKeys: random.pick([0, 0.3, 1]),
    nullValues: random.pick([0, 0.2, 0.5]),
    twins: random.chance(0.3) ? random.pick([0.05, 0.5]) : 0,
    isTransactional: random.chance(0.3),
    lossAfterMs: random.below(1_500),
  };
}

/** @internal One record to write. A record of a transaction that will be aborted has no id. */
export interface Message {
  readonly partition: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly timestamp: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Twins are made of one of the last so many records. */
const TWIN_DISTANCE = 20;

/** @internal Makes the records of one topic on one cluster, in order. */
export class Messages {
  readonly #workload: Workload;
  readonly #origin: string;
  readonly #random: Random;
  readonly #last: Message[] = [];
  #count = 0;

  constructor(workload: Workload, origin: 'A' | 'B', random: Random) {
    this.#workload = workload;
    this.#origin = origin;
    this.#random = random.fork(origin);
  }

  /** @param nowMs - wall-clock milliseconds since 1970. */
  take(count: number, nowMs: number): Message[] {
    return Array.from({ length: count }, () => this.#next(nowMs));
  }

  #next(nowMs: number): Message {
    const { partitions, nullKeys, nullValues, twins } = this.#workload;
    const random = this.#random;
    if (this.#last.length > 0 && random.chance(twins)) return random.pick(this.#last);
    this.#count += 1;
    const message = {
      partition: random.below(partitions),
      key: random.chance(nullKeys) ? null : `key-${random.below(20)}`,
      value: random.chance(nullValues) ? null : `value-${random.below(10)}`,
      timestamp: String(nowMs),
      headers: { id: `${this.#origin}-${this.#count}` },
    };
    this.#last.push(message);
    if (this.#last.length > TWIN_DISTANCE) this.#last.shift();
    return message;
  }
}

/** The way from A to B, and the way home. @internal */
export type Leg = 'away' | 'home';

/** The last record of each partition: when it was handled, so was all before it, or it was skipped. @internal */
export function lastMessages(
  partitions: number,
  { leg, origin }: { leg: Leg; origin: 'A' | 'B' },
  nowMs: number,
): Message[] {
  return Array.from({ length: partitions }, (_, partition) => ({
    partition,
    key: null,
    value: 'last',
    timestamp: String(nowMs),
    headers: { id: `${LAST}${leg}-${origin}-${partition}` },
  }));
}

const LAST = 'last-';

/** Whether it ends a partition, on that way or on any. @internal */
export function isLast(id: string, leg: Leg | '' = ''): boolean {
  return id.startsWith(LAST + leg);
}
