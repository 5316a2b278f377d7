import { describe, expect, it } from 'vitest';
import { contentHash } from '../../src/position/fingerprint.js';
import { ReplayIndex } from '../../src/replay/replay-index.js';
import type { ReplayRecord } from '../../src/replay/replay-record.js';

const content = (value: string, timestamp = '1000') => ({
  timestamp,
  key: null,
  value: Buffer.from(value),
});

const HASHES = { a: contentHash(content('a')) };

function said(
  kind: ReplayRecord['kind'],
  offset: number,
  value: string,
  { time = '1000', at = 0 } = {},
): ReplayRecord {
  const log = { cluster: 'A', topic: 'orders', partition: 0, switchEpoch: 1 };
  const identity = { offset, timestamp: time, hash: contentHash(content(value)) };
  const identities = [kind === 'replayed' ? { ...identity, replayedAt: at } : identity];
  return { kind, log, copiedAt: 7n, identities };
}

describe('the index of what is replayed', () => {
  it('knows a record by its topic, partition, time and content', () => {
    const index = new ReplayIndex();
    index.take('B', said('announced', 17, 'a'));
    expect(index.find('orders', 0, content('a'))).toMatchObject([
      {
        ...{ cluster: 'A', offset: '17', copiedAt: 7n, replayed: undefined },
        origin: `0 17 1 1000 ${HASHES.a} A orders`,
      },
    ]);
    for (const other of [
      index.find('orders', 1, content('a')),
      index.find('invoices', 0, content('a')),
      index.find('orders', 0, content('a', '1001')),
      index.find('orders', 0, content('b')),
    ]) {
      expect(other).toEqual([]);
    }
  });

  it('knows where it was sent to, once that is told, also where nobody has announced it', () => {
    const index = new ReplayIndex();
    index.take('B', said('announced', 17, 'a'));
    index.take('B', said('replayed', 17, 'a', { at: 4 }));
    index.take('B', said('replayed', 18, 'b', { at: 5 }));
    const replayed = (value: string) =>
      index.find('orders', 0, content(value)).map((place) => place.replayed);
    expect(replayed('a')).toEqual([{ cluster: 'B', offset: 4n }]);
    expect(replayed('b')).toEqual([{ cluster: 'B', offset: 5n }]);
    // Read once more, from the beginning of the log.
    index.take('B', said('announced', 17, 'a'));
    expect(replayed('a')).toEqual([{ cluster: 'B', offset: 4n }]);
  });

  it('has one for each of several records that look alike', () => {
    const index = new ReplayIndex();
    index.take('B', said('announced', 17, 'a'));
    index.take('B', said('announced', 18, 'a'));
    expect(index.find('orders', 0, content('a')).map(({ offset }) => offset)).toEqual(['17', '18']);
  });

  it('is bounded: what was told of longest ago is forgotten first, with its time', () => {
    const index = new ReplayIndex(3);
    for (let offset = 0; offset < 5; offset += 1) {
      index.take('B', said('announced', offset, `v${offset}`, { time: String(1_000 + offset) }));
    }
    // What is told of once more is new again.
    index.take('B', said('replayed', 2, 'v2', { time: '1002' }));
    index.take('B', said('announced', 5, 'v5', { time: '1005' }));
    const known = Array.from(
      { length: 6 },
      (_, offset) =>
        index.find('orders', 0, content(`v${offset}`, String(1_000 + offset))).length > 0,
    );
    expect(known).toEqual([false, false, true, false, true, true]);
  });
});
