import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeCheckpoint,
  decodeHeartbeat,
  decodeOffsetSync,
  encodeCheckpoint,
  encodeHeartbeat,
  encodeOffsetSync,
} from '../../src/replication/records.js';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

describe("the bytes of Kafka's own serde tests", () => {
  it.each([
    [
      { group: 'group-1', topic: 'topic-2', partition: 3 },
      { upstreamOffset: 4n, downstreamOffset: 5n, metadata: 'metadata-6' },
      '000767726f75702d310007746f7069632d3200000003',
      '000000000000000000040000000000000005000a6d657461646174612d36',
    ],
    [
      { group: 'grüppe', topic: 'töpic', partition: 0 },
      { upstreamOffset: 250n, downstreamOffset: 201n, metadata: '' },
      '00076772c3bc707065000674c3b670696300000000',
      '000000000000000000fa00000000000000c90000',
    ],
  ])('round-trip a checkpoint of %j', (key, value, keyHex, valueHex) => {
    const bytes = encodeCheckpoint(key, value);
    expect(bytes.key.toString('hex')).toBe(keyHex);
    expect(bytes.value.toString('hex')).toBe(valueHex);
    expect(decodeCheckpoint({ key: hex(keyHex), value: hex(valueHex) })).toEqual({
      kind: 'checkpoint',
      key,
      value,
    });
  });

  it.each([
    [3n, 4n, '00000000000000030000000000000004'],
    [2n ** 53n + 1n, 2n ** 63n - 1n, '00200000000000017fffffffffffffff'],
  ])('round-trip an offset sync %d -> %d', (upstreamOffset, downstreamOffset, valueHex) => {
    const key = { topic: 'topic-1', partition: 2 };
    const value = { upstreamOffset, downstreamOffset };
    const bytes = encodeOffsetSync(key, value);
    expect(bytes.key.toString('hex')).toBe('0007746f7069632d3100000002');
    expect(bytes.value.toString('hex')).toBe(valueHex);
    expect(decodeOffsetSync(bytes)).toEqual({ kind: 'offset-sync', key, value });
  });

  it('round-trip a heartbeat', () => {
    const key = { source: 'source-1', target: 'target-2' };
    const value = { timestampMs: 1_234_567_890n };
    const bytes = encodeHeartbeat(key, value);
    expect(bytes.key.toString('hex')).toBe('0008736f757263652d3100087461726765742d32');
    expect(bytes.value.toString('hex')).toBe('000000000000499602d2');
    expect(decodeHeartbeat(bytes)).toEqual({ kind: 'heartbeat', key, value });
  });
});

describe('a record that is not what it should be', () => {
  const key = encodeCheckpoint(
    { group: 'g', topic: 'A.t', partition: 0 },
    { upstreamOffset: 1n, downstreamOffset: 1n, metadata: '' },
  ).key;
  const value = hex('0000000000000000000100000000000000010000');

  it('is a tombstone where its value is null', () => {
    expect(decodeCheckpoint({ key, value: null })).toEqual({
      kind: 'tombstone',
      key: { group: 'g', topic: 'A.t', partition: 0 },
    });
  });

  it.each([
    ['its key is null', null, value, 'no-key'],
    ['its key is cut', key.subarray(0, key.length - 1), value, 'short-buffer'],
    ['its key is empty', hex(''), value, 'short-buffer'],
    ['a length is negative', hex('ffff'), value, 'negative-length'],
    ['its partition is negative', hex('0001670003412e74ffffffff'), value, 'negative-partition'],
    ['its value is cut', key, value.subarray(0, value.length - 1), 'short-buffer'],
    ['its version is 1', key, hex('0001' + '00'.repeat(18)), 'unknown-version'],
    ['its version is -1', key, hex('ffff' + '00'.repeat(18)), 'unknown-version'],
    [
      'an offset is negative',
      key,
      hex('0000' + 'ff'.repeat(8) + '00'.repeat(10)),
      'negative-offset',
    ],
    [
      'the metadata has a negative length',
      key,
      hex('0000' + '00'.repeat(16) + 'ffff'),
      'negative-length',
    ],
  ])('is skipped where %s', (_, badKey, badValue, because) => {
    expect(decodeCheckpoint({ key: badKey, value: badValue })).toEqual({
      kind: 'skipped',
      because,
    });
  });

  it('is taken although bytes follow, as Java does', () => {
    const longer = {
      key: Buffer.concat([key, hex('00')]),
      value: Buffer.concat([value, hex('ff')]),
    };
    expect(decodeCheckpoint(longer).kind).toBe('checkpoint');
  });

  it('is skipped where an offset sync holds -1, what a producer without acks reports', () => {
    const bytes = encodeOffsetSync(
      { topic: 't', partition: 0 },
      { upstreamOffset: 5n, downstreamOffset: -1n },
    );
    expect(decodeOffsetSync(bytes)).toEqual({ kind: 'skipped', because: 'negative-offset' });
  });

  it('cannot be written with a text that is too long', () => {
    const longKey = { topic: 'x'.repeat(32_768), partition: 0 };
    expect(() => encodeOffsetSync(longKey, { upstreamOffset: 0n, downstreamOffset: 0n })).toThrow(
      RangeError,
    );
  });
});

describe('any record', () => {
  const offset = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
  const partition = fc.integer({ min: 0, max: 2 ** 31 - 1 });
  const text = fc.string({ unit: 'grapheme', maxLength: 40 });

  it('comes back as it was written', () => {
    fc.assert(
      fc.property(
        fc.record({ group: text, topic: text, partition }),
        fc.record({ upstreamOffset: offset, downstreamOffset: offset, metadata: text }),
        fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
        (key, value, timestampMs) => {
          expect(decodeCheckpoint(encodeCheckpoint(key, value))).toEqual({
            kind: 'checkpoint',
            key,
            value,
          });
          const syncKey = { topic: key.topic, partition: key.partition };
          const { upstreamOffset, downstreamOffset } = value;
          const sync = { upstreamOffset, downstreamOffset };
          expect(decodeOffsetSync(encodeOffsetSync(syncKey, sync))).toEqual({
            kind: 'offset-sync',
            key: syncKey,
            value: sync,
          });
          const flow = { source: key.group, target: key.topic };
          expect(decodeHeartbeat(encodeHeartbeat(flow, { timestampMs }))).toEqual({
            kind: 'heartbeat',
            key: flow,
            value: { timestampMs },
          });
        },
      ),
    );
  });

  it('made of junk is skipped or read, never thrown', () => {
    const junk = fc.option(fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)));
    fc.assert(
      fc.property(junk, junk, (key, value) => {
        const kinds = [decodeCheckpoint, decodeOffsetSync, decodeHeartbeat].map(
          (decode) => decode({ key, value }).kind,
        );
        expect(kinds).toHaveLength(3);
      }),
      { numRuns: 1_000 },
    );
  });

  it('that is cut anywhere is skipped', () => {
    const key = { group: 'group', topic: 'A.topic', partition: 7 };
    const value = { upstreamOffset: 1n, downstreamOffset: 2n, metadata: 'metadata' };
    const bytes = encodeCheckpoint(key, value);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: bytes.key.length - 1 }),
        fc.integer({ min: 0, max: bytes.value.length - 1 }),
        (keyLength, valueLength) => {
          const cutKey = { ...bytes, key: bytes.key.subarray(0, keyLength) };
          const cutValue = { ...bytes, value: bytes.value.subarray(0, valueLength) };
          expect(decodeCheckpoint(cutKey)).toEqual({ kind: 'skipped', because: 'short-buffer' });
          expect(decodeCheckpoint(cutValue)).toEqual({ kind: 'skipped', because: 'short-buffer' });
        },
      ),
    );
  });
});
