import { describe, expect, it } from 'vitest';
import type { KafkaMessage } from 'kafkajs';
import { AwaitedRecords, Awaited } from '../../src/consumer/awaited-records.js';
import { Gate } from '../../src/consumer/gate.js';
import { Lane, withoutHandled } from '../../src/consumer/lane.js';
import { RecentRecords } from '../../src/consumer/recent-records.js';
import type { GroupPlan } from '../../src/position/plan.js';
import { SessionWork } from '../../src/session-work.js';

function message(offset: number, value = `v${offset}`): KafkaMessage {
  return {
    offset: String(offset),
    timestamp: String(1_000 + offset),
    key: null,
    value: Buffer.from(value),
    attributes: 0,
    headers: {},
  };
}

function messages(from: number, to: number): KafkaMessage[] {
  return Array.from({ length: to - from }, (_, index) => message(from + index));
}

function offsetsBelow(recent: RecentRecords, position: number): readonly number[] {
  return recent
    .below(BigInt(position))
    .all()
    .map(({ offset }) => Number(offset));
}

function laneWith(awaited: AwaitedRecords | undefined): Lane {
  return new Lane({
    topic: 'orders',
    physicalTopic: 'A.orders',
    partition: 0,
    cluster: 'B',
    switchEpoch: 2,
    gate: new Gate(),
    lock: undefined,
    awaited,
    dedup: undefined,
    reread: undefined,
    work: new SessionWork({ nowMs: () => 0, after: () => () => {} }),
    pause: () => () => {},
    onRemoved: () => {},
  });
}

describe('the records that a commit names', () => {
  it('are the newest ones below its offset, of a batch in the middle as well', () => {
    const recent = new RecentRecords();
    for (const one of messages(0, 10)) recent.add(one);
    recent.addBatch(messages(10, 300));
    const named = (position: bigint) =>
      recent.forCommit(position).map(({ offset }) => Number(offset));
    expect(named(150n)).toEqual([146, 147, 148, 149]);
    expect(named(12n)).toEqual([8, 9, 10, 11]);
    expect(named(2n)).toEqual([0, 1]);
    expect(named(0n)).toEqual([]);
  });

  it('are hashed once, however often they are committed, and none that would take long', () => {
    const recent = new RecentRecords();
    const large = { ...message(2), value: Buffer.alloc(70_000) };
    for (const one of [message(0), message(1), large]) recent.add(one);
    const [first] = recent.forCommit(3n);
    expect(recent.forCommit(3n).map(({ offset }) => offset)).toEqual([0n, 1n]);
    expect(recent.forCommit(3n)[0]).toBe(first);
  });

  it('are none where another member has had the partition', () => {
    const recent = new RecentRecords();
    recent.add(message(0));
    recent.clear();
    expect(recent.forCommit(1n)).toEqual([]);
  });
});

describe('the records that handlers were given last', () => {
  it('are those below the position, in their order', () => {
    const recent = new RecentRecords();
    for (const one of messages(10, 15)) recent.add(one);
    expect(offsetsBelow(recent, 13)).toEqual([10, 11, 12]);
    expect(offsetsBelow(recent, 10)).toEqual([]);
  });

  it('are the last 128, also where a position was moved back and forth', () => {
    const recent = new RecentRecords();
    for (const one of messages(0, 500)) recent.add(one);
    for (const one of messages(450, 460)) recent.add(one);
    expect(offsetsBelow(recent, 460).at(-1)).toBe(459);
    expect(offsetsBelow(recent, 500)).toHaveLength(128);
  });

  it('count in a batch as far as it was handled, and before it', () => {
    const recent = new RecentRecords();
    recent.addBatch(messages(0, 5));
    recent.addBatch(messages(5, 400));
    expect(offsetsBelow(recent, 5)).toEqual([0, 1, 2, 3, 4]);
    expect(offsetsBelow(recent, 7)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(offsetsBelow(recent, 400)).toHaveLength(128);
  });

  it('give up their contents when somebody asks for a few, and stay known by their hashes', () => {
    const recent = new RecentRecords();
    const given = messages(0, 100);
    for (const one of given) recent.add(one);
    const few = recent.below(100n).few();
    expect(few.map(({ offset }) => Number(offset))).toEqual([92, 93, 94, 95, 96, 97, 98, 99]);
    const before = recent.below(100n).all();
    // Whoever changes a record now changes nothing here.
    for (const one of given) one.value = Buffer.from('changed');
    expect(recent.below(100n).all()).toEqual(before);
    expect(recent.below(100n).few()).toEqual(few);
    recent.add(message(100));
    expect(offsetsBelow(recent, 101)).toHaveLength(101);
  });

  it('keep what a handler still has, and everything where the next ones will replace it soon', () => {
    const recent = new RecentRecords();
    for (const one of messages(0, 100)) recent.add(one);
    recent.below(99n).few();
    expect(offsetsBelow(recent, 99)).toHaveLength(99);
    expect(offsetsBelow(recent, 100)).toHaveLength(100);
    const busy = new RecentRecords();
    for (const one of messages(0, 200)) busy.add(one);
    busy.below(200n).few();
    expect(offsetsBelow(busy, 200)).toHaveLength(128);
  });

  it('are written down where they are small, and the newest is kept where it is large', () => {
    const recent = new RecentRecords();
    for (let offset = 0; offset < 4; offset += 1) recent.add(message(offset, 'x'.repeat(200_000)));
    expect(recent.below(4n).few()).toEqual([]);
    expect(offsetsBelow(recent, 4)).toEqual([3]);
  });

  it('are not pushed out by one that fails again and again', () => {
    const recent = new RecentRecords();
    for (const one of messages(0, 10)) recent.add(one);
    for (let times = 0; times < 500; times += 1) {
      recent.add(message(10));
      // Somebody asks once a second; it fails more rarely than a hundred times in that time.
      if (times % 100 === 0) recent.below(10n).few();
    }
    expect(offsetsBelow(recent, 10)).toHaveLength(10);
    expect(offsetsBelow(recent, 11)).toHaveLength(11);
  });

  it('are forgotten with the partition', () => {
    const recent = new RecentRecords();
    recent.addBatch(messages(0, 5));
    recent.clear();
    expect(offsetsBelow(recent, 5)).toEqual([]);
  });
});

/** As a plan lists them: handled on the other cluster, at other offsets. */
function awaited(from: number, to: number): AwaitedRecords {
  const recent = new RecentRecords();
  for (const one of messages(from, to)) recent.add(one);
  return new AwaitedRecords(recent.below(BigInt(to)).all(), 70n);
}

/** The same record here, at another offset. */
function copy(offset: number, at: number): KafkaMessage {
  return { ...message(offset), offset: String(at) };
}

describe('records that were handled before they were mirrored', () => {
  it('are recognised when they come, once each, and again where kafkajs delivers again', () => {
    const records = awaited(10, 13);
    expect(records.recognises(copy(10, 70))).toBe(true);
    expect(records.recognises(copy(11, 71))).toBe(true);
    expect(records.recognises(copy(10, 70))).toBe(true);
    // A second copy at another place.
    expect(records.recognises(copy(10, 72))).toBe(false);
    expect(records.recognises(copy(12, 73))).toBe(true);
    expect(records.expected).toEqual([]);
    expect(records.recognisedCount).toBe(3);
  });

  it('are not confused with others', () => {
    const records = awaited(10, 13);
    expect(records.recognises(copy(50, 70))).toBe(false);
    expect(records.recognises({ ...copy(10, 71), value: Buffer.from('another') })).toBe(false);
    expect(records.recognises({ ...copy(10, 72), headers: { h: 'another' } })).toBe(false);
    expect(records.recognises(copy(10, 73))).toBe(true);
  });

  it('are not expected any more where later ones have come', () => {
    const records = awaited(10, 13);
    expect(records.recognises(copy(12, 70))).toBe(true);
    expect(records.expected).toEqual([]);
  });

  it('are not expected for ever', () => {
    const records = awaited(10, 13);
    for (let at = 0; at < 10_000; at += 1) records.recognises(copy(20_000 + at, at));
    expect(records.expected).toEqual([]);
  });

  it('are taken out of a batch, which stays itself where there are none', () => {
    const batch = [copy(10, 70), copy(99, 71)];
    expect(withoutHandled(batch, laneWith(awaited(10, 12)))).toEqual([copy(99, 71)]);
    expect(withoutHandled(batch, laneWith(awaited(200, 202)))).toBe(batch);
    expect(withoutHandled(batch, laneWith(undefined))).toBe(batch);
  });

  it('are counted over plans', () => {
    const all = new Awaited();
    const plan = (from: number, to: number): GroupPlan => {
      const recent = new RecentRecords();
      for (const one of messages(from, to)) recent.add(one);
      const position = { offset: 70n, method: 'exact', maxRereadCount: 0n } as const;
      return {
        groupId: 'g',
        cluster: 'B',
        topics: [],
        partitions: [
          {
            kind: 'resume',
            topic: 'orders',
            physicalTopic: 'A.orders',
            partition: 0,
            ...position,
            voidCommit: undefined,
            awaited: recent.below(BigInt(to)).all(),
            missing: [],
            notes: [],
          },
        ],
      };
    };
    all.put(plan(10, 13));
    all.of('B', 'A.orders', 0)?.recognises(copy(10, 70));
    expect(all.counts()).toEqual({ recognisedCount: 1, awaitedCount: 2 });
    expect(all.of('A', 'A.orders', 0)).toBeUndefined();
    all.put(plan(20, 21));
    expect(all.counts()).toEqual({ recognisedCount: 1, awaitedCount: 1 });
  });
});
