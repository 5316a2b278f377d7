import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  readReplayRecord,
  writeReplayRecord,
  type ReplayRecord,
} from '../../src/replay/replay-record.js';

const records = fc.record<ReplayRecord>({
  kind: fc.constantFrom('announced', 'replayed'),
  log: fc.record({
    cluster: fc.string(),
    topic: fc.string(),
    partition: fc.nat(),
    switchEpoch: fc.nat(),
  }),
  copiedAt: fc.bigInt({ min: -1n, max: 2n ** 63n - 1n }),
  identities: fc.array(
    fc.record(
      {
        ...{ offset: fc.nat(), timestamp: fc.nat().map(String), hash: fc.string() },
        replayedAt: fc.nat(),
      },
      { requiredKeys: ['offset', 'timestamp', 'hash'] },
    ),
  ),
});

describe('what a replayer says', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(records, (record) => {
        expect(readReplayRecord(writeReplayRecord(record))).toEqual(record);
      }),
    );
  });

  it('is not read where somebody else has written it', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(readReplayRecord(text)).toBeUndefined();
      }),
    );
    expect(readReplayRecord(undefined)).toBeUndefined();
    const text = writeReplayRecord({
      kind: 'announced',
      log: { cluster: 'A', topic: 'orders', partition: 0, switchEpoch: 1 },
      ...{ copiedAt: -1n, identities: [] },
    });
    expect(readReplayRecord(text.replace('"v":1', '"v":2'))).toBeUndefined();
    expect(readReplayRecord(text.replace('announced', 'withdrawn'))).toBeUndefined();
  });
});
