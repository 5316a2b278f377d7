import { describe, expect, it } from 'vitest';
import type { FetchedRecord } from '../../src/cluster/access.js';
import type { LedgerRecord } from '../../src/ledger/contents.js';
import { search, type ReadOn } from '../../src/ledger/look.js';
import { realWorld } from '../../src/world.js';
import { FakeCluster } from '../replication/fake-cluster.js';

const TOPIC = 'A.orders';

const record = (offset: number, timestampMs: number): LedgerRecord => ({
  offset,
  timestamp: String(timestampMs),
  key: null,
  value: Buffer.from(`v${offset}`),
  headers: undefined,
});

/** The other cluster has these copies of `record`s. */
function on(copies: readonly LedgerRecord[], timestampType = 0): ReadOn & { access: FakeCluster } {
  const cluster = new FakeCluster('B').create(TOPIC);
  for (const { value, timestamp } of copies) {
    cluster.append(TOPIC, { key: null, value }, { timestampMs: Number(timestamp) });
  }
  const fetch = cluster.fetch.bind(cluster);
  cluster.fetch = async (...asked) => {
    const fetched = await fetch(...asked);
    const records = fetched.records.map((one): FetchedRecord => ({
      ...one,
      batchContext: { timestampType },
    }));
    return { ...fetched, records };
  };
  return {
    access: cluster,
    topic: TOPIC,
    world: realWorld(),
    signal: new AbortController().signal,
  };
}

const sought = (records: readonly LedgerRecord[], copiedAt = -1n) => ({
  records,
  isAppendTime: false,
  copiedAt,
});

const offsetsOf = (records: readonly LedgerRecord[]): number[] =>
  records.map(({ offset }) => offset);

describe('a search of the other cluster', () => {
  const records = [record(5, 100), record(6, 101), record(7, 102)];

  it('finds what is there, and names what is not', async () => {
    const found = await search({ partition: 0 }, sought(records), on(records.slice(0, 2)));
    expect(offsetsOf(found.unmirrored)).toEqual([7]);
    expect(found.highest).toMatchObject({ offset: 6, copiedAt: 1n });
  });

  it('takes for unknown what is not there although something behind it is', async () => {
    const found = await search({ partition: 0 }, sought(records), on(records.slice(2)));
    expect(offsetsOf(found.unknown)).toEqual([5, 6]);
    expect(found.unmirrored).toEqual([]);
  });

  it('takes all for unknown where the copies have a time of their own', async () => {
    const later = records.map((one) => ({ ...one, timestamp: '5000' }));
    const found = await search({ partition: 0 }, sought(records), on(later, 1));
    expect(offsetsOf(found.unknown)).toEqual([5, 6, 7]);
    expect(found.unmirrored).toEqual([]);
  });

  it('begins behind the copies that were found for other records, unless the log was made anew', async () => {
    const twins = [record(5, 100)];
    const place = on([record(5, 100), record(8, 101)]);
    expect(
      offsetsOf((await search({ partition: 0 }, sought(twins, 0n), place)).unmirrored),
    ).toEqual([5]);
    expect((await search({ partition: 0 }, sought(twins, 2n), place)).unmirrored).toEqual([]);
  });

  it('names all where there is no such topic', async () => {
    const place = { ...on([]), topic: 'A.invoices' };
    expect(offsetsOf((await search({ partition: 0 }, sought(records), place)).unmirrored)).toEqual([
      5, 6, 7,
    ]);
  });
});
