import fc from 'fast-check';
import type { KafkaMessage } from 'kafkajs';
import { CONSUMER_EVENTS } from '../../src/consumer/consumer-events.js';
import type { FailoverConsumerRunConfig } from '../../src/consumer/types.js';
import type { DedupLimits } from '../../src/options-dedup.js';
import { FailoverClosedError } from '../../src/errors.js';
import { controlled, FakeBatch, harness, planFor, settle, start, type Harness } from './support.js';

type Alias = 'A' | 'B';

/** How the service works. */
export interface Style {
  readonly handlers: 'eachMessage' | 'eachBatch';
  readonly autoCommit: boolean;
  readonly dedup: DedupLimits;
}

/** What may happen; numbers are taken modulo what there is. */
export type Step =
  | {
      readonly kind: 'append';
      readonly on: Alias;
      readonly count: number;
      readonly isMirrored: boolean;
    }
  /** MirrorMaker copies what is new, or again the last ones. */
  | { readonly kind: 'mirror'; readonly from: Alias; readonly again: number }
  | {
      readonly kind: 'deliver';
      readonly log: number;
      readonly count: number;
      readonly ends: 'well' | 'badly';
    }
  | { readonly kind: 'commit'; readonly log: number; readonly back: number }
  /** A rebalance in which the member keeps everything: kafkajs goes on at the commit. */
  | { readonly kind: 'rejoin' }
  /** Another member has the partition for a while, and its user code moves back. */
  | { readonly kind: 'takeover'; readonly log: number; readonly back: number }
  | { readonly kind: 'seek'; readonly log: number; readonly to: number }
  | {
      readonly kind: 'switch';
      /** How far the positions are behind the exact ones. */
      readonly vague: number;
      /** A handler that runs over the fence ends so. */
      readonly overrun: 'none' | 'well' | 'badly';
      /** Another member is quicker, comes so far, and moves back by so much. */
      readonly others: number;
      readonly othersBack: number;
      /** An administrator has set the group back on the target by so much, in the log that is its own. */
      readonly setBack: number;
    };

const count = fc.nat({ max: 6 });
const log = fc.nat({ max: 1 });
const alias = fc.constantFrom<Alias>('A', 'B');

export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('append' as const),
        on: alias,
        count: fc.integer({ min: 1, max: 6 }),
        isMirrored: fc.constantFrom(true, true, false),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('mirror' as const), from: alias, again: count }),
    },
    {
      weight: 10,
      arbitrary: fc.record({
        kind: fc.constant('deliver' as const),
        log,
        count: fc.integer({ min: 1, max: 12 }),
        ends: fc.constantFrom('well' as const, 'well' as const, 'well' as const, 'badly' as const),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('commit' as const), log, back: count }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('rejoin' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('takeover' as const), log, back: count }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('seek' as const), log, to: fc.nat({ max: 12 }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('switch' as const),
        vague: fc.nat({ max: 9 }),
        overrun: fc.constantFrom('none' as const, 'well' as const, 'badly' as const),
        others: fc.constantFrom(0, 0, 0, 8),
        othersBack: fc.nat({ max: 4 }),
        setBack: fc.constantFrom(0, 0, 0, 2, 5),
      }),
    },
  ),
  { minLength: 5, maxLength: 40, size: 'max' },
);

/** One physical log. Offsets are the places of its records, which are known by their birth. */
interface Log {
  readonly cluster: Alias;
  readonly physicalTopic: string;
  readonly births: number[];
  position: number;
  committed: number;
  /** As far as the service itself has seen it come: the first delivery, and commits. */
  seen: number | undefined;
  /** Given to handlers, which ended well, and not committed yet. */
  given: { readonly offset: number; readonly birth: number }[];
}

/** What a flow has shown. */
export interface Flow {
  /** A record was left out that somebody wants, or one that is wanted never came. */
  readonly violation: string | undefined;
  readonly hitCount: number;
}

/** Plays a service, its clusters, MirrorMaker and people around a consumer, and keeps the books of who wants what. */
export async function play(style: Style, list: readonly Step[]): Promise<Flow> {
  const world = new FlowWorld(style);
  try {
    await world.begin();
    for (const step of list) await world.take(step);
    await world.finish();
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return { violation: error.message, hitCount: world.hitCount };
  }
  return { violation: undefined, hitCount: world.hitCount };
}

class Violation extends Error {}

class FlowWorld {
  readonly #style: Style;
  readonly #h: Harness;
  readonly #logs: Record<Alias, readonly [own: Log, remote: Log]>;
  #active: Alias = 'A';
  #birthCount = 0;
  /** Not handled, or wanted again. */
  readonly #due = new Set<number>();
  /** Another member has moved back in it, and this one has got none of its records since. */
  #unseen: Log | undefined;
  /** What the handler does, and what it was given. */
  #handle: (messages: readonly KafkaMessage[], resolve: (offset: string) => void) => Promise<void> =
    () => Promise.resolve();

  constructor(style: Style) {
    this.#style = style;
    this.#h = harness(
      {},
      {
        limits: {
          onMissingPosition: 'earliest',
          topicRefreshMs: 30_000,
          commitMetadata: true,
          dedup: style.dedup,
        },
      },
    );
    for (const [cluster, remote] of [
      [this.#h.a, 'B.orders'],
      [this.#h.b, 'A.orders'],
    ] as const) {
      cluster.topics.set('orders', 1);
      cluster.topics.set(remote, 1);
      cluster.assignment = { orders: [0], [remote]: [0] };
    }
    this.#logs = {
      A: [makeLog('A', 'orders'), makeLog('A', 'B.orders')],
      B: [makeLog('B', 'orders'), makeLog('B', 'A.orders')],
    };
  }

  get hitCount(): number {
    return this.#h.client.status().dedupHitCount;
  }

  async begin(): Promise<void> {
    const { handlers, autoCommit } = this.#style;
    const run: FailoverConsumerRunConfig =
      handlers === 'eachMessage'
        ? { autoCommit, eachMessage: ({ message }) => this.#handle([message], () => {}) }
        : {
            autoCommit,
            eachBatch: ({ batch, resolveOffset }) => this.#handle(batch.messages, resolveOffset),
          };
    await start(this.#h, { eachMessage: undefined, ...run });
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'append':
        for (let index = 0; index < step.count; index += 1) this.#bear(step.on);
        if (step.isMirrored) this.#mirror(step.on, 0);
        return;
      case 'mirror':
        return this.#mirror(step.from, step.again);
      case 'deliver':
        return this.#deliver(this.#log(step.log), step.count, step.ends);
      case 'commit':
        return this.#commit(this.#log(step.log), step.back);
      case 'rejoin':
        this.#inner.join(this.#cluster.assignment);
        for (const one of this.#logs[this.#active]) {
          one.position = one.committed;
          one.given = [];
        }
        return;
      case 'takeover':
        return this.#takeover(this.#log(step.log), step.back);
      case 'seek':
        return this.#seek(this.#log(step.log), step.to);
      case 'switch':
        return this.#switch(step);
    }
  }

  /** Everything that somebody wants comes. */
  async finish(): Promise<void> {
    for (const one of ['A', 'B'] as const) this.#mirror(one, 0);
    for (const one of this.#logs[this.#active]) {
      while (one.position < one.births.length) await this.#deliver(one, 3, 'well');
      this.#commit(one, 0);
    }
    if (this.#due.size > 0) throw new Violation(`never came: ${[...this.#due].join(', ')}`);
  }

  get #cluster() {
    return this.#active === 'A' ? this.#h.a : this.#h.b;
  }

  get #inner() {
    return this.#cluster.inner;
  }

  #log(index: number): Log {
    return this.#logs[this.#active][index % 2 === 0 ? 0 : 1];
  }

  #bear(on: Alias): void {
    this.#logs[on][0].births.push(this.#birthCount);
    this.#due.add(this.#birthCount);
    this.#birthCount += 1;
  }

  #mirror(from: Alias, again: number): void {
    const [{ births: source }] = this.#logs[from];
    const { births: copies } = this.#logs[other(from)][1];
    const last = copies.at(-1);
    const copied = last === undefined ? 0 : source.indexOf(last) + 1;
    copies.push(...source.slice(Math.max(0, copied - again)));
  }

  #message(log: Log, offset: number): KafkaMessage {
    const birth = log.births[offset] ?? -1;
    return {
      key: null,
      // Many look alike, and some have no id.
      value: Buffer.from(`twin ${birth % 2}`),
      timestamp: '7',
      attributes: 0,
      offset: String(offset),
      headers: birth % 5 === 4 ? {} : { id: `id ${birth}` },
    };
  }

  async #deliver(log: Log, count: number, ends: 'well' | 'badly'): Promise<void> {
    const available = Math.min(count, log.births.length - log.position);
    if (available === 0) return;
    if (this.#style.handlers === 'eachBatch') return this.#deliverBatch(log, available, ends);
    for (let index = 0; index < available; index += 1) {
      const isLast = index === available - 1;
      if (!(await this.#deliverOne(log, isLast ? ends : 'well'))) return;
    }
  }

  async #deliverOne(log: Log, ends: 'well' | 'badly'): Promise<boolean> {
    let wasCalled = false;
    this.#handle = async () => {
      wasCalled = true;
      if (ends === 'badly') throw new Error('no database');
    };
    const offset = log.position;
    this.#see(log, offset);
    const hasEnded = await this.#call(log, offset);
    if (!wasCalled) this.#leftOut(log, offset);
    else if (hasEnded) this.#ended(log, offset);
    if (hasEnded) log.position = offset + 1;
    return hasEnded;
  }

  #call(log: Log, offset: number): Promise<boolean> {
    const { eachMessage } = this.#inner.runConfig ?? {};
    const call = eachMessage?.({
      topic: log.physicalTopic,
      partition: 0,
      message: this.#message(log, offset),
      heartbeat: async () => {},
      pause: () => () => {},
    });
    return Promise.resolve(call).then(
      () => true,
      () => false,
    );
  }

  async #deliverBatch(log: Log, count: number, ends: 'well' | 'badly'): Promise<void> {
    const first = log.position;
    const given = new Set<number>();
    let resolved: number | undefined;
    this.#handle = async (messages, resolve) => {
      for (const message of messages) given.add(Number(message.offset));
      if (ends === 'well') return;
      // Half of it was handled.
      for (const { offset } of messages.slice(0, Math.floor(messages.length / 2))) {
        resolve(offset);
        resolved = Number(offset);
      }
      throw new Error('no database');
    };
    const batch = new FakeBatch(log.physicalTopic, 0, []);
    for (let offset = first; offset < first + count; offset += 1) {
      batch.messages.push(this.#message(log, offset));
    }
    this.#see(log, first);
    const hasEnded = await this.#inner.deliverBatch(batch).then(
      () => true,
      () => false,
    );
    const below = hasEnded ? first + count : resolved === undefined ? first : resolved + 1;
    for (let offset = first; offset < first + count; offset += 1) {
      if (!given.has(offset)) this.#leftOut(log, offset);
      else if (offset < below) this.#ended(log, offset);
    }
    log.position = below;
  }

  #see(log: Log, offset: number): void {
    if (this.#unseen === log) this.#unseen = undefined;
    if (log.seen === undefined || offset < log.seen) log.seen = offset;
  }

  #leftOut(log: Log, offset: number): void {
    const birth = log.births[offset] ?? -1;
    if (!this.#due.has(birth)) return;
    throw new Violation(`${birth} at ${log.cluster} ${log.physicalTopic} ${offset} was left out`);
  }

  /** A handler has ended well with it. Without auto-commit the commit counts. */
  #ended(log: Log, offset: number): void {
    const birth = log.births[offset] ?? -1;
    if (this.#style.autoCommit) this.#due.delete(birth);
    else log.given.push({ offset, birth });
  }

  #commit(log: Log, back: number): void {
    const offset = Math.max(log.committed, log.position - back);
    if (offset === log.committed) return;
    log.committed = offset;
    log.seen = Math.max(log.seen ?? 0, offset);
    for (const one of log.given) if (one.offset < offset) this.#due.delete(one.birth);
    log.given = log.given.filter((one) => one.offset >= offset);
    this.#inner.emit(CONSUMER_EVENTS.COMMIT_OFFSETS, {
      topics: [
        { topic: log.physicalTopic, partitions: [{ partition: '0', offset: String(offset) }] },
      ],
    });
  }

  /** Somebody wants all of it again, from here on. */
  #moveBack(log: Log, to: number): void {
    for (const one of log.given) if (one.offset < to) this.#due.delete(one.birth);
    for (const birth of log.births.slice(to)) this.#due.add(birth);
    log.position = to;
    log.committed = to;
    log.given = [];
    for (const one of this.#logs[log.cluster]) one.seen = undefined;
  }

  async #takeover(log: Log, back: number): Promise<void> {
    this.#inner.join({});
    for (const one of this.#logs[this.#active]) {
      one.position = one.committed;
      one.given = [];
    }
    this.#moveBack(log, Math.max(0, log.position - back));
    try {
      this.#inner.join(this.#cluster.assignment);
    } catch (error) {
      // A seek was not carried out when the partition left: kafkajs would keep it, so the consumer joins anew.
      if (!(error instanceof FailoverClosedError)) throw error;
      await settle();
    }
  }

  #seek(log: Log, to: number): void {
    const offset = Math.min(to, log.position);
    this.#h.consumer.seek({
      topic: 'orders',
      partition: 0,
      offset: String(offset),
      physicalTopic: log.physicalTopic,
      switchEpoch: this.#h.active.epoch,
    });
    this.#moveBack(log, offset);
  }

  async #switch(step: Step & { kind: 'switch' }): Promise<void> {
    // Left before this member has got any record of it, nobody here could know what the other one wanted.
    if (this.#unseen !== undefined) return;
    const target = other(this.#active);
    for (const one of this.#logs[this.#active]) one.given = [];
    const [own, remote] = this.#logs[target];
    const places = [
      this.#setBack(own, step.setBack) ?? this.#placeOf(own, step.vague),
      this.#placeOf(remote, step.vague),
    ];
    const [source] = this.#logs[this.#active];
    const overrun = step.overrun === 'none' ? undefined : this.#overrun(source, step.overrun);
    const switching = this.#h.switchTo(target, {
      plan: planFor(
        target,
        this.#logs[target].map(
          (one, index) => [one.physicalTopic, 0, BigInt(places[index] ?? 0)] as const,
        ),
      ),
    });
    await settle();
    await overrun?.();
    await switching;
    this.#active = target;
    for (const [index, one] of this.#logs[target].entries()) {
      one.position = places[index] ?? 0;
      one.committed = one.position;
    }
    if (step.others > 0) this.#othersWork(step.others, step.othersBack);
  }

  /** Where the group goes on in a log of the target: never beyond what is wanted. */
  #placeOf(log: Log, vague: number): number {
    const open = log.births.findIndex((birth) => this.#due.has(birth));
    const exact = open < 0 ? log.births.length : open;
    return log.committed > exact ? exact : Math.max(log.committed, exact - vague);
  }

  /** Where the group goes on that was set back by hand; undefined where it was not, or never was there. */
  #setBack(log: Log, by: number): number | undefined {
    if (by === 0 || log.seen === undefined || log.seen === 0) return undefined;
    const to = Math.max(0, log.seen - by);
    for (const birth of log.births.slice(to)) this.#due.add(birth);
    return to;
  }

  /** A handler that the fence overtakes: answers how to end it. */
  #overrun(log: Log, ends: 'well' | 'badly'): (() => Promise<void>) | undefined {
    const offset = log.position;
    if (offset >= log.births.length || this.#style.handlers === 'eachBatch') return undefined;
    let wasCalled = false;
    const end = controlled();
    this.#handle = () => {
      wasCalled = true;
      return end.promise;
    };
    this.#see(log, offset);
    const call = this.#call(log, offset);
    return async () => {
      if (ends === 'well' || !wasCalled) end.resolve();
      else end.reject(new Error('no database'));
      await call;
      if (!wasCalled) this.#leftOut(log, offset);
      else if (ends === 'well' && this.#style.autoCommit) this.#ended(log, offset);
    };
  }

  /** Before this member has its partition: another one comes further, and its user code moves back. */
  #othersWork(count: number, back: number): void {
    const [, log] = this.#logs[this.#active];
    const from = log.position;
    const until = Math.min(log.births.length, from + count);
    if (until === from) return;
    for (const birth of log.births.slice(from, until)) this.#due.delete(birth);
    // Exactly where it began nobody could tell.
    const to = Math.max(from + 1, until - back);
    if (to < until) {
      this.#moveBack(log, to);
      this.#unseen = log;
    }
    log.position = to;
    log.committed = to;
  }
}

function makeLog(cluster: Alias, physicalTopic: string): Log {
  return {
    cluster,
    physicalTopic,
    births: [],
    position: 0,
    committed: 0,
    seen: undefined,
    given: [],
  };
}

function other(alias: Alias): Alias {
  return alias === 'A' ? 'B' : 'A';
}
