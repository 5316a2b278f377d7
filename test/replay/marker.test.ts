import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentHash } from '../../src/position/fingerprint.js';
import {
  markedHeaders,
  originKey,
  replayedHash,
  replayOf,
  REPLAY_HEADER,
  replayOrigin,
  type ReplayOrigin,
} from '../../src/replay/marker.js';

const origins = fc.record<ReplayOrigin>({
  cluster: fc.string({ minLength: 1 }),
  topic: fc.string({ minLength: 1 }),
  partition: fc.nat(),
  offset: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String),
  switchEpoch: fc.nat(),
});

/** As a consumer gets it. */
const asRead = (headers: ReturnType<typeof markedHeaders>): Record<string, Buffer> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Buffer.from(String(value))]),
  );

describe('the header of a replayed record', () => {
  it('says where the record was acknowledged first, beside the headers that it had', () => {
    fc.assert(
      fc.property(origins, fc.boolean(), (origin, isOfLastLog) => {
        const headers = asRead(markedHeaders({ trace: 't1' }, { origin, isOfLastLog }));
        expect(replayOrigin({ headers })).toEqual(origin);
        const content = { timestamp: '1', key: null, value: Buffer.from('v') };
        expect(replayOf({ ...content, headers })).toEqual({ origin, isOfLastLog });
        const own = { trace: Buffer.from('t1') };
        expect(replayedHash({ ...content, headers })).toBe(
          contentHash({ ...content, headers: own }),
        );
        expect(headers['trace']).toEqual(Buffer.from('t1'));
      }),
    );
  });

  it.each([
    ['none', undefined],
    ['no JSON', 'A/orders-0'],
    ['no object', '17'],
    ['null', 'null'],
    ['an offset that is none', JSON.stringify({ ...{ cluster: 'A', topic: 'o' }, partition: 0 })],
    [
      'an offset that is a number',
      JSON.stringify({ cluster: 'A', topic: 'o', partition: 0, offset: 1, switchEpoch: 1 }),
    ],
  ])('is nothing where it is %s', (_, value) => {
    const headers = value === undefined ? {} : { [REPLAY_HEADER]: Buffer.from(value) };
    expect(replayOrigin({ headers })).toBeUndefined();
  });

  it('is nothing where it comes twice: nobody here writes that', () => {
    const one = Buffer.from(
      String(
        markedHeaders(undefined, {
          origin: { cluster: 'A', topic: 'o', partition: 0, offset: '1', switchEpoch: 1 },
          isOfLastLog: true,
        })[REPLAY_HEADER],
      ),
    );
    expect(replayOrigin({ headers: { [REPLAY_HEADER]: [one, one] } })).toBeUndefined();
    expect(replayOrigin({ headers: { [REPLAY_HEADER]: one } })).toBeDefined();
  });

  it('names one record, and no other one', () => {
    fc.assert(
      fc.property(origins, origins, (one, other) => {
        const isSame = JSON.stringify(one) === JSON.stringify(other);
        const content = { timestamp: '1', hash: 'h' };
        expect(originKey(one, content) === originKey(other, content)).toBe(isSame);
        expect(originKey(one, content)).not.toBe(originKey(one, { ...content, hash: 'i' }));
      }),
    );
  });
});
