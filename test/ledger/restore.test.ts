import { describe, expect, it } from 'vitest';
import type { KeptGeneration } from '../../src/ledger/generation.js';
import { Ledger } from '../../src/ledger/ledger.js';
import type { Segment } from '../../src/ledger/segment.js';
import { acknowledged, messages, together } from './support.js';

const ORIGIN = { cluster: 'A', switchEpoch: 3 };

/** The segments of a ledger, as they are told to whoever watches it. */
function watched(maxBytes = 1_000_000): {
  ledger: Ledger;
  segments: Set<Segment>;
  left: string[];
} {
  const ledger = new Ledger(maxBytes);
  const segments = new Set<Segment>();
  const left: string[] = [];
  ledger.watch({
    written: (segment) => segments.add(segment),
    letGo: (segment, why) => {
      segments.delete(segment);
      left.push(why);
    },
  });
  return { ledger, segments, left };
}

/** What another life takes up of these. */
function restored(
  segments: Iterable<Segment>,
  ledger: Ledger,
  kept: KeptGeneration = { ...ORIGIN, logs: [] },
): number {
  const number = ledger.restore(kept);
  for (const segment of segments) {
    ledger.restoreSegment(number, [...segment.entries()], () => {});
  }
  return number;
}

const logsOf = (ledger: Ledger): unknown[] =>
  ledger.logs().map(({ topic, partition, kept, dropped }) => ({ topic, partition, kept, dropped }));

const add = (ledger: Ledger, answered: Parameters<Ledger['add']>[2], epoch = 3): void =>
  ledger.add('A', epoch, { ...answered, stampWallMs: 0 }, 1);

describe('a ledger that outlives its process', () => {
  it('has in the next life what it had, batch by batch', async () => {
    const { ledger, segments } = watched();
    add(ledger, acknowledged(5, messages(3)));
    add(ledger, acknowledged(2, messages(2), { partition: 1, topic: 'other' }));
    add(
      ledger,
      together(
        acknowledged(9, messages(1)),
        acknowledged(0, messages(2), { partition: 4, errorCode: 10 }),
      ),
    );
    add(ledger, acknowledged(40, messages(1), { logAppendTime: '77' }));
    const next = new Ledger(1_000_000);
    restored(segments, next);
    expect(logsOf(next)).toEqual(logsOf(ledger));
    expect(next.logs().every(({ isEarlier }) => isEarlier)).toBe(true);
    const batchesOf = (one: Ledger): Promise<unknown> =>
      one.read(async (reader) => one.logs().flatMap((log) => reader.batches(log)));
    expect(await batchesOf(next)).toEqual(await batchesOf(ledger));
  });

  it('stands before what the next life is told, also where that was sooner', () => {
    const { ledger, segments } = watched();
    add(ledger, acknowledged(0, messages(1)));
    const next = watched(2_000);
    add(next.ledger, acknowledged(100, messages(1)));
    restored(segments, next.ledger);
    expect(next.ledger.logs().map(({ isEarlier }) => isEarlier)).toEqual([true, false]);
    for (let offset = 101; next.left.length === 0; offset += 1) {
      add(next.ledger, acknowledged(offset, messages(1)));
    }
    expect(next.ledger.logs()[0]).toMatchObject({ isEarlier: true, dropped: { count: 1 } });
  });

  it('looks for its copies from the beginning, whatever the next life has found meanwhile', () => {
    const { ledger, segments } = watched();
    add(ledger, acknowledged(0, messages(1)));
    const next = new Ledger(1_000_000);
    add(next, acknowledged(100, messages(1)));
    const [log] = next.logs();
    if (log !== undefined) next.mirroredThrough(log, { offset: 100, copiedAt: 55n });
    restored(segments, next);
    expect(next.logs()).toMatchObject([{ isEarlier: true, copiedAt: -1n }]);
  });

  it('knows again how far its logs were mirrored, and what it had let go', () => {
    const { ledger, segments } = watched();
    add(ledger, acknowledged(0, messages(5)));
    add(ledger, { ...acknowledged(0, messages(2), { partition: 1 }), frame: undefined });
    const [log] = ledger.logs();
    if (log !== undefined) ledger.mirroredThrough(log, { offset: 2, copiedAt: 7n });
    const [kept] = ledger.generations().values();
    const next = new Ledger(1_000_000);
    restored(segments, next, kept);
    expect(next.logs()).toMatchObject([
      { partition: 0, kept: { first: 3, last: 4 }, copiedAt: 7n, dropped: undefined },
      { partition: 1, kept: undefined, dropped: { first: 0, last: 1, count: 2 } },
    ]);
  });

  it('lets go of the oldest where the next life has less room, and never of what is newer before it', () => {
    const { ledger, segments } = watched(2_000);
    for (let offset = 0; offset < 12; offset += 1) add(ledger, acknowledged(offset, messages(1)));
    const next = watched(700);
    const number = next.ledger.restore({ ...ORIGIN, logs: [] });
    for (const segment of segments) {
      next.ledger.restoreSegment(number, [...segment.entries()], (one) => next.segments.add(one));
      expect(next.ledger.bytes).toBeLessThanOrEqual(700);
    }
    const [log] = next.ledger.logs();
    expect(log?.kept?.last).toBe(11);
    expect((log?.dropped?.count ?? 0) + (log?.kept?.count ?? 0)).toBe(12);
    expect(next.left.every((why) => why === 'dropped')).toBe(true);
  });

  it('is not whole where that life has ended without a word, until all that is known of it is mirrored', () => {
    const { ledger, segments } = watched();
    add(ledger, acknowledged(0, messages(1)));
    const next = new Ledger(1_000_000);
    next.cut(restored(segments, next));
    expect([next.isWhole('A'), next.isWhole('B')]).toEqual([false, true]);
    const [log] = next.logs();
    if (log !== undefined) next.mirroredThrough(log, { offset: 0, copiedAt: 0n });
    next.forgetMirrored();
    expect(next.isWhole('A')).toBe(true);
  });

  it('is not whole where something of it is lost, until that is told', () => {
    const next = new Ledger(1_000_000);
    next.damaged('A');
    next.forgetMirrored();
    expect([next.isWhole('A'), next.isWhole('B')]).toEqual([false, true]);
    next.damaged('A', false);
    expect(next.isWhole('A')).toBe(true);
  });

  it('takes nothing up that it cannot read', () => {
    const next = new Ledger(1_000_000);
    const number = next.restore({ ...ORIGIN, logs: [] });
    const entry = Buffer.from([0, 0, 0, 1, 9, 9]);
    expect(() => next.restoreSegment(number, [entry], () => {})).toThrow(RangeError);
    expect([next.isEmpty, next.bytes]).toEqual([true, 0]);
  });
});
