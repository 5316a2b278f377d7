import { describe, expect, it } from 'vitest';
import { contentHash } from '../../src/position/fingerprint.js';
import { ReplayIndex } from '../../src/replay/replay-index.js';
import type { ReplayRecord } from '../../src/replay/replay-record.js';

const content = (value: string, timestamp = '1000') => ({
  timestamp,
  key: null,
  value: Buffer.from(value),
});

function said(kind: ReplayRecord['kind'], offset: number, value: string, time = '1000') {
  const log = { cluster: 'A', topic: 'orders', partition: 0, switchEpoch: 1 };
  const hash = contentHash(content(value));
  return { kind, log, identities: [{ offset, timestamp: time, hash }] };
}

describe('the index of what is replayed', () => {
  it('knows a record by its topic, partition, time and content', () => {
    const index = new ReplayIndex();
    index.take('B', said('announced', 17, 'a'));
    expect(index.find('orders', 0, content('a'))).toMatchObject([
      { cluster: 'A', origin: '0 17 1 A orders', replayedTo: undefined },
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
    index.take('B', said('replayed', 17, 'a'));
    index.take('B', said('replayed', 18, 'b'));
    const replayedTo = (value: string) =>
      index.find('orders', 0, content(value)).map((place) => place.replayedTo);
    expect(replayedTo('a')).toEqual(['B']);
    expect(replayedTo('b')).toEqual(['B']);
    // Read once more, from the beginning of the log.
    index.take('B', said('announced', 17, 'a'));
    expect(replayedTo('a')).toEqual(['B']);
  });

  it('has one for each of several records that look alike', () => {
    const index = new ReplayIndex();
    index.take('B', said('announced', 17, 'a'));
    index.take('B', said('announced', 18, 'a'));
    expect(index.find('orders', 0, content('a')).map(({ origin }) => origin)).toEqual([
      '0 17 1 A orders',
      '0 18 1 A orders',
    ]);
  });

  it('knows by content alone what has another time on each cluster', () => {
    const index = new ReplayIndex();
    index.take('B', said('announced', 17, 'a', ''));
    expect(index.find('orders', 0, content('a', '5'))).toHaveLength(1);
    expect(index.find('orders', 0, content('a', '6'))).toHaveLength(1);
  });

  it('is bounded: what was told of longest ago is forgotten first, with its time', () => {
    const index = new ReplayIndex(3);
    for (let offset = 0; offset < 5; offset += 1) {
      index.take('B', said('announced', offset, `v${offset}`, String(1_000 + offset)));
    }
    const known = Array.from(
      { length: 5 },
      (_, offset) =>
        index.find('orders', 0, content(`v${offset}`, String(1_000 + offset))).length > 0,
    );
    expect(known).toEqual([false, false, true, true, true]);
  });
});
