import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recordsOf } from '../../src/ledger/contents.js';
import { Ledger } from '../../src/ledger/ledger.js';
import type { LedgerLog } from '../../src/ledger/ledger-reader.js';
import { Segment } from '../../src/ledger/segment.js';
import { acknowledged, messages, together } from './support.js';

/** What one record of a value of two letters takes. */
const ENTRY_BYTES = Segment.bytesOf(acknowledged(0, messages(1)));

/** `orders-0@1 0 1 2 | 7`: every log, with the offsets of each batch that is kept. */
const told = (ledger: Ledger): Promise<string[]> =>
  ledger.read(async (reader) =>
    ledger.logs().map((log) => {
      const batches = reader.batches(log).map(({ baseOffset, from, bytes }) => {
        const end = baseOffset + bytes.readInt32BE(23) + 1;
        const first = Math.max(baseOffset, from);
        return first < end ? `${first}..${end - 1}` : '';
      });
      const { topic, partition, switchEpoch, dropped } = log;
      const gone = dropped && ` dropped ${dropped.count} of ${dropped.first}..${dropped.last}`;
      const kept = batches.filter((one) => one !== '').join(',');
      return `${topic}-${partition}@${switchEpoch} ${kept}${gone ?? ''}`;
    }),
  );

function theLog(ledger: Ledger): LedgerLog {
  const [log] = ledger.logs();
  if (log === undefined) throw new Error('there is no log');
  return log;
}

/** Tells it of an answer. `wall`: when the request was made, and when it was answered. */
function add(
  ledger: Ledger,
  answered: Parameters<Ledger['add']>[2],
  { epoch = 1, madeAtMs = 0, nowMs = 1 } = {},
): void {
  ledger.add('A', epoch, { ...answered, stampWallMs: madeAtMs }, nowMs);
}

/** The copy of this offset was found. */
function found(ledger: Ledger, log: LedgerLog, offset: number, copiedAt = 0n): void {
  ledger.mirroredThrough(log, { offset, copiedAt });
  ledger.forgetMirrored();
}

const bigLedger = (): Ledger => new Ledger(10_000_000);

/** One that has room for so many entries of one record, in segments of one. */
const roomFor = (count: number): Ledger => new Ledger(Math.max(count, 1) * ENTRY_BYTES);

describe('the ledger', () => {
  it('keeps what was acknowledged, by activation and partition, in the order of the log', async () => {
    const ledger = bigLedger();
    add(ledger, acknowledged(5, messages(2)));
    add(ledger, acknowledged(0, messages(5, 10)));
    add(ledger, acknowledged(0, messages(1), { partition: 3 }));
    add(ledger, acknowledged(7, messages(1)), { epoch: 3 });
    expect(await told(ledger)).toEqual([
      'orders-0@1 0..4,5..6',
      'orders-3@1 0..0',
      'orders-0@3 7..7',
    ]);
    expect(theLog(ledger)).toMatchObject({ cluster: 'A', kept: { first: 0, last: 6, count: 7 } });
    const records = await ledger.read(async (reader) =>
      (await Promise.all(reader.batches(theLog(ledger)).map(recordsOf))).flat(),
    );
    expect(records.map(({ offset, value }) => `${offset} ${String(value)}`)).toEqual([
      ...['0 v10', '1 v11', '2 v12', '3 v13', '4 v14'],
      ...['5 v0', '6 v1'],
    ]);
  });

  it('keeps each part of a request that goes to several partitions, with its own records, and leaves out what was refused', async () => {
    const ledger = bigLedger();
    add(
      ledger,
      together(
        acknowledged(3, messages(1, 10), { partition: 0 }),
        acknowledged(0, messages(2, 20), { partition: 1, errorCode: 10 }),
        acknowledged(7, messages(2, 30), { partition: 2 }),
      ),
    );
    expect(await told(ledger)).toEqual(['orders-0@1 3..3', 'orders-2@1 7..8']);
    const records = await ledger.read(async (reader) =>
      (
        await Promise.all(
          ledger
            .logs()
            .flatMap((log) => reader.batches(log))
            .map(recordsOf),
        )
      ).flat(),
    );
    expect(records.map(({ value }) => String(value))).toEqual(['v10', 'v30', 'v31']);
  });

  it('keeps nothing of what nobody has acknowledged, or whose place nobody knows', async () => {
    const ledger = bigLedger();
    add(ledger, acknowledged(0, messages(1), { errorCode: 10 }));
    add(ledger, { ...acknowledged(0, messages(1)), answer: undefined });
    add(ledger, acknowledged(-1, messages(1)));
    expect(await told(ledger)).toEqual([]);
    expect([ledger.isEmpty, ledger.bytes]).toEqual([true, 0]);
  });

  it('remembers that there was something whose bytes nobody knows', async () => {
    const ledger = bigLedger();
    add(ledger, { ...acknowledged(4, messages(3)), frame: undefined });
    expect(await told(ledger)).toEqual(['orders-0@1  dropped 3 of 4..6']);
    found(ledger, theLog(ledger), 6);
    expect(ledger.isEmpty).toBe(true);
  });

  it('forgets up to a record that was found on the other cluster, and gives its memory back', async () => {
    const ledger = bigLedger();
    add(ledger, acknowledged(0, messages(5)));
    add(ledger, acknowledged(8, messages(5)));
    found(ledger, theLog(ledger), 9);
    expect(await told(ledger)).toEqual(['orders-0@1 10..12']);
    expect(theLog(ledger).kept).toMatchObject({ first: 10, last: 12, count: 3 });
    expect(ledger.bytes).toBeGreaterThan(0);
    found(ledger, theLog(ledger), 12);
    expect([ledger.isEmpty, ledger.bytes]).toEqual([true, 0]);
    add(ledger, acknowledged(13, messages(1)));
    expect(await told(ledger)).toEqual(['orders-0@1 13..13']);
  });

  it('keeps the neighbours of a record in memory until all of them are mirrored', async () => {
    const ledger = bigLedger();
    add(ledger, acknowledged(0, messages(1)));
    add(ledger, acknowledged(0, messages(1), { partition: 1 }));
    found(ledger, theLog(ledger), 0);
    expect(await told(ledger)).toEqual(['orders-1@1 0..0']);
  });

  it('does not take what was found of one activation for another one: a log may have lost its end between them', async () => {
    const ledger = bigLedger();
    add(ledger, acknowledged(100, messages(5)));
    add(ledger, acknowledged(100, messages(5)), { epoch: 3 });
    const [, newer] = ledger.logs();
    if (newer !== undefined) found(ledger, newer, 104);
    expect(await told(ledger)).toEqual(['orders-0@1 100..104']);
  });

  it('takes for mirrored what lies below what was found, also where its answer comes late', async () => {
    const ledger = bigLedger();
    add(ledger, acknowledged(100, messages(5)), { madeAtMs: 10, nowMs: 20 });
    found(ledger, theLog(ledger), 102);
    add(ledger, acknowledged(50, messages(1)), { madeAtMs: 15, nowMs: 30 });
    expect(await told(ledger)).toEqual(['orders-0@1 103..104']);
  });

  it('looks for the copies of a log that has gone back from their beginning: the broker may have told an old place', () => {
    const ledger = bigLedger();
    add(ledger, acknowledged(100, messages(5)), { madeAtMs: 10, nowMs: 20 });
    found(ledger, theLog(ledger), 104, 77n);
    add(ledger, acknowledged(50, messages(1)), { madeAtMs: 20, nowMs: 30 });
    expect(theLog(ledger)).toMatchObject({ kept: { first: 50, last: 50 }, copiedAt: -1n });
  });

  it('does not take what is found of a log for what it holds since it has gone back', async () => {
    const ledger = bigLedger();
    add(ledger, acknowledged(0, messages(10)), { madeAtMs: 10, nowMs: 20 });
    // Made anew: a request of after that answer has a lower place.
    add(ledger, acknowledged(0, messages(5)), { madeAtMs: 21, nowMs: 30 });
    expect(await told(ledger)).toEqual(['orders-0@1 0..9', 'orders-0@1 0..4']);
    found(ledger, theLog(ledger), 9, 9n);
    expect(await told(ledger)).toEqual(['orders-0@1 0..4']);
  });

  it('knows of a log that begins anew how far its copy was used up', () => {
    const ledger = bigLedger();
    add(ledger, acknowledged(0, messages(10)), { madeAtMs: 10, nowMs: 20 });
    found(ledger, theLog(ledger), 9, 77n);
    add(ledger, acknowledged(0, messages(5)), { epoch: 3, madeAtMs: 30, nowMs: 40 });
    expect(theLog(ledger).copiedAt).toBe(77n);
  });

  it('lets the oldest go where it has no room, and remembers that there was something', async () => {
    const ledger = roomFor(4);
    for (let offset = 0; offset < 60; offset += 10) {
      add(ledger, acknowledged(offset, messages(1)));
    }
    expect(await told(ledger)).toEqual([
      'orders-0@1 20..20,30..30,40..40,50..50 dropped 2 of 0..10',
    ]);
    expect(ledger.bytes).toBe(4 * ENTRY_BYTES);
    found(ledger, theLog(ledger), 5);
    expect(theLog(ledger).dropped).toMatchObject({ first: 6, last: 10, count: 2 });
    found(ledger, theLog(ledger), 20);
    expect(await told(ledger)).toEqual(['orders-0@1 30..30,40..40,50..50']);
    found(ledger, theLog(ledger), 50);
    expect(ledger.isEmpty).toBe(true);
  });

  it('does not remember as let go what was found before', async () => {
    const ledger = roomFor(4);
    for (let offset = 0; offset < 4; offset += 1) {
      add(ledger, acknowledged(offset, messages(1), { partition: offset % 2 }));
    }
    found(ledger, theLog(ledger), 2);
    for (let offset = 4; offset < 9; offset += 1) {
      add(ledger, acknowledged(offset, messages(1), { partition: 1 }));
    }
    expect(await told(ledger)).toEqual(['orders-1@1 5..5,6..6,7..7,8..8 dropped 3 of 1..4']);
  });

  it('keeps one request that is larger than its room', async () => {
    const ledger = roomFor(1);
    add(ledger, acknowledged(0, messages(20)));
    add(ledger, acknowledged(20, messages(20)));
    expect(await told(ledger)).toEqual(['orders-0@1 20..39 dropped 20 of 0..19']);
  });

  it('has, whatever is added and found, each record that was acknowledged and not found, or says that it was let go', async () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ add: fc.integer({ min: 1, max: 4 }), gap: fc.nat(2) }) },
      { weight: 1, arbitrary: fc.record({ found: fc.double({ min: 0, max: 1, noNaN: true }) }) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.integer({ min: 4, max: 24 }),
        async (steps, room) => {
          const ledger = roomFor(room);
          let end = 0;
          let open: number[] = [];
          for (const one of steps) {
            if ('add' in one) {
              const first = end + one.gap;
              end = first + one.add;
              add(ledger, acknowledged(first, messages(one.add)));
              for (let offset = first; offset < end; offset += 1) open.push(offset);
            } else {
              const through = Math.floor(one.found * end) - 1;
              for (const log of ledger.logs()) found(ledger, log, through);
              open = open.filter((offset) => offset > through);
            }
            expect(ledger.bytes).toBeLessThanOrEqual((room + 4) * ENTRY_BYTES);
          }
          const [log] = ledger.logs();
          const batches = await ledger.read(async (reader) =>
            log === undefined ? [] : reader.batches(log),
          );
          const kept = batches.flatMap(({ baseOffset, from, bytes }) =>
            Array.from(
              { length: bytes.readInt32BE(23) + 1 },
              (_, index) => baseOffset + index,
            ).filter((offset) => offset >= from),
          );
          const dropped = open.filter((offset) => !kept.includes(offset));
          expect(kept).toEqual(open.filter((offset) => kept.includes(offset)));
          for (const offset of dropped) {
            expect(log?.dropped?.first).toBeLessThanOrEqual(offset);
            expect(log?.dropped?.last).toBeGreaterThanOrEqual(offset);
          }
          expect(log?.dropped?.count ?? 0).toBeGreaterThanOrEqual(dropped.length);
          expect(ledger.isEmpty || open.length > 0).toBe(true);
        },
      ),
    );
  });
});
