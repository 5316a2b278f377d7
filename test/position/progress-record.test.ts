import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { progressKey, progressValue, readProgress } from '../../src/position/progress-record.js';

const key = { groupId: 'billing', cluster: 'A', physicalTopic: 'orders', partition: 3 };
const position = {
  offset: 9_007_199_254_740_993n,
  switchEpoch: 7,
  atWallMs: 1_790_000_000_000,
  writer: 'k3x9',
  isLast: true,
  isPast: true,
  committed: 76n,
  rewoundBelow: 77n,
  removed: { first: 60n, last: 69n },
  onStandby: 78n,
  recent: [
    { offset: 9_007_199_254_740_992n, timestamp: '1789999999999', hash: '0123456789abcdef' },
  ],
};

describe('a progress record', () => {
  it('is read as it was written, offsets beyond 2^53 included', () => {
    expect(readProgress(progressKey(key), progressValue(position))).toEqual({
      kind: 'position',
      key,
      position: { physicalTopic: 'orders', partition: 3, ...position },
    });
  });

  it('without a value voids what was written before', () => {
    expect(readProgress(progressKey(key), undefined)).toEqual({ kind: 'void', key });
  });

  it.each([
    ['no key', undefined, progressValue(position)],
    ['a key that is no list', '"billing"', progressValue(position)],
    ['a key of other things', '["billing","A",3,"orders"]', progressValue(position)],
    ['half a value', progressKey(key), progressValue(position).slice(0, 20)],
    ['another version', progressKey(key), progressValue(position).replace('"v":1', '"v":2')],
    [
      'an offset that is a number',
      progressKey(key),
      '{"v":1,"offset":5,"epoch":1,"at":1,"by":"a","recent":[]}',
    ],
    [
      'a negative offset',
      progressKey(key),
      '{"v":1,"offset":"-1","epoch":1,"at":1,"by":"a","recent":[]}',
    ],
    ['no epoch', progressKey(key), '{"v":1,"offset":"5","at":1,"by":"a","recent":[]}'],
    ['no writer', progressKey(key), '{"v":1,"offset":"5","epoch":1,"at":1,"recent":[]}'],
    [
      'records that are none',
      progressKey(key),
      '{"v":1,"offset":"5","epoch":1,"at":1,"by":"a","recent":[5]}',
    ],
    [
      'a range that is none',
      progressKey(key),
      '{"v":1,"offset":"5","epoch":1,"at":1,"by":"a","removed":["4","3"],"recent":[]}',
    ],
    ['null', progressKey(key), 'null'],
  ])('is not guessed where it holds %s', (_, keyText, valueText) => {
    expect(readProgress(keyText, valueText)).toEqual({ kind: 'unreadable' });
  });

  it('never throws, whatever is in the topic', () => {
    const text = fc.option(fc.oneof(fc.string(), fc.json()), { nil: undefined });
    fc.assert(
      fc.property(text, text, (keyText, valueText) => {
        expect(['unreadable', 'void']).toContain(readProgress(keyText, valueText).kind);
      }),
    );
  });
});
