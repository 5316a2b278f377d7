import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  markedHeaders,
  originKey,
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
      fc.property(origins, (origin) => {
        const headers = asRead(markedHeaders({ trace: 't1' }, origin));
        expect(replayOrigin({ headers })).toEqual(origin);
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
          ...{ cluster: 'A', topic: 'o', partition: 0, offset: '1', switchEpoch: 1 },
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
        expect(originKey(one) === originKey(other)).toBe(isSame);
      }),
    );
  });
});
