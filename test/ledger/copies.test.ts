import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LedgerRecord } from '../../src/ledger/contents.js';
import { Copies } from '../../src/ledger/copies.js';

const record = (offset: number, value: string, timestamp = '0'): LedgerRecord => ({
  offset,
  timestamp,
  key: null,
  value: Buffer.from(value),
  headers: undefined,
});

function throughAfter(
  records: readonly LedgerRecord[],
  copies: readonly LedgerRecord[],
  { isAppendTime = false, copiedAt = -1n } = {},
): number | undefined {
  const found = new Copies({ records, isAppendTime, copiedAt });
  for (const copy of copies) found.look({ ...copy, offset: String(copy.offset) });
  return found.highest?.offset;
}

describe('the copies of acknowledged records', () => {
  it('are known by time, key, value and headers, and speak for all before them', () => {
    const records = [record(5, 'a'), record(7, 'b'), record(9, 'c')];
    expect(throughAfter(records, [])).toBe(undefined);
    expect(throughAfter(records, [record(0, 'b'), record(1, 'elsewhere')])).toBe(7);
    expect(throughAfter(records, [record(0, 'b', '1')])).toBe(undefined);
    expect(throughAfter(records, [{ ...record(0, 'b'), key: Buffer.from('') }])).toBe(undefined);
    expect(throughAfter(records, [{ ...record(0, 'b'), headers: { h: 'x' } }])).toBe(undefined);
  });

  it('stand for one record each: of two that are alike the first one is found first', () => {
    const records = [record(5, 'a'), record(6, 'a')];
    expect(throughAfter(records, [record(0, 'a')])).toBe(5);
    expect(throughAfter(records, [record(0, 'a'), record(1, 'a')])).toBe(6);
    expect(throughAfter(records, [record(0, 'a'), record(1, 'a'), record(2, 'a')])).toBe(6);
  });

  it('are not used again: what was found for an earlier record stands for none that looks the same', () => {
    const again = [record(9, 'a')];
    expect(throughAfter(again, [record(4, 'a')], { copiedAt: 4n })).toBe(undefined);
    expect(throughAfter(again, [record(4, 'a'), record(5, 'a')], { copiedAt: 4n })).toBe(9);
  });

  it('are known by their content alone where each cluster gives its own time', () => {
    expect(throughAfter([record(5, 'a', '1')], [record(0, 'a', '2')], { isAppendTime: true })).toBe(
      5,
    );
  });

  it('are all found where the last one is, whatever others write between them, and no record is that was not copied', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(2), fc.nat(2), fc.boolean()), { maxLength: 12 }),
        fc.nat(12),
        (log, mirroredCount) => {
          // Who wrote it: this process, or another one, whose records may look the same but for their values.
          const all = log.map(([value, time, isOurs], offset) => ({
            isOurs,
            record: record(offset, `${isOurs ? 'ours' : 'theirs'}${value}`, String(time)),
          }));
          const ours = all.filter(({ isOurs }) => isOurs).map((one) => one.record);
          const copied = all.slice(0, mirroredCount).map((one) => one.record);
          const through = throughAfter(ours, copied);
          const last = ours.filter(({ offset }) => offset < mirroredCount).at(-1);
          expect(through).toBe(last?.offset);
        },
      ),
    );
  });
});
