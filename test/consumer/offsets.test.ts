import { describe, expect, it } from 'vitest';
import {
  OlderDeliveries,
  placeOffset,
  readOffset,
  readPartition,
  type LogFacts,
} from '../../src/consumer/offsets.js';
import type { OffsetSpan } from '../../src/position/offset-span.js';

function log(physicalTopic: string, delivered?: [number, number], committed?: number): LogFacts {
  return {
    physicalTopic,
    delivered: delivered && { first: BigInt(delivered[0]), last: BigInt(delivered[1]) },
    committed: committed === undefined ? undefined : BigInt(committed),
  };
}
const older = (first: number, last: number): OffsetSpan => ({
  first: BigInt(first),
  last: BigInt(last),
});

describe('placing an offset', () => {
  it.each<[what: string, offset: bigint, logs: LogFacts[], older: OffsetSpan[], expected: string]>([
    ['delivered in this epoch', 6n, [log('o', [5, 5])], [], 'o'],
    ['delivered now and before', 6n, [log('o', [5, 5])], [older(0, 9)], 'o'],
    ['the record itself', 5n, [log('o', [5, 9])], [], 'o'],
    ['one beyond what was delivered', 11n, [log('o', [5, 9])], [], 'o'],
    ['only before', 501n, [log('o', [5, 9])], [older(400, 500)], 'stale'],
    ['only before, nothing delivered now', 501n, [log('o')], [older(400, 500)], 'stale'],
    ['never: a choice of the user', 77n, [log('o', [5, 9])], [older(400, 500)], 'o'],
    ['in one of two logs', 6n, [log('o', [5, 5]), log('A.o', [90, 95])], [], 'o'],
    ['in the other of two logs', 92n, [log('o', [5, 5]), log('A.o', [90, 95])], [], 'A.o'],
    ['in both logs', 6n, [log('o', [0, 9]), log('A.o', [0, 9])], [], 'ambiguous'],
    ['in both, one has committed it', 6n, [log('o', [0, 9], 6), log('A.o', [0, 9])], [], 'A.o'],
    [
      'in both, both have committed it',
      6n,
      [log('o', [0, 9], 8), log('A.o', [0, 9], 7)],
      [],
      'ambiguous',
    ],
    ['backwards in one of two', 92n, [log('o', [0, 9]), log('A.o', [90, 95], 96)], [], 'A.o'],
    ['in neither, but before', 400n, [log('o', [0, 9]), log('A.o')], [older(300, 400)], 'stale'],
    ['in neither, never', 400n, [log('o', [0, 9]), log('A.o')], [], 'ambiguous'],
  ])('$0', (_what, offset, logs, windows, expected) => {
    const placement = placeOffset(offset, logs, windows);
    expect(placement.kind === 'log' ? placement.physicalTopic : placement.kind).toBe(expected);
  });
});

describe('older deliveries', () => {
  const source = { cluster: 'B', topic: 'o', physicalTopic: 'A.o', partition: 1, switchEpoch: 2 };

  it('keep one window per log and cluster, found by either name', () => {
    const deliveries = new OlderDeliveries();
    deliveries.add(source, older(5, 9));
    deliveries.add({ ...source, switchEpoch: 4 }, older(20, 30));
    deliveries.add({ ...source, cluster: 'A', physicalTopic: 'o' }, older(100, 200));
    expect(deliveries.of('o', 1, 5)).toEqual([older(5, 30), older(100, 200)]);
    expect(deliveries.of('A.o', 1, 5)).toEqual([older(5, 30)]);
    expect(deliveries.of('o', 0, 5)).toEqual([]);
    expect(deliveries.isRemote('A.o')).toBe(true);
    expect(deliveries.isRemote('o')).toBe(false);
  });

  it('are not those of the epoch that asks, in whatever order they were added', () => {
    const deliveries = new OlderDeliveries();
    deliveries.add({ ...source, switchEpoch: 4 }, older(20, 30));
    expect(deliveries.of('o', 1, 4)).toEqual([]);
    deliveries.add(source, older(5, 9));
    deliveries.add({ ...source, switchEpoch: 4 }, older(31, 40));
    expect(deliveries.of('o', 1, 4)).toEqual([older(5, 9)]);
    expect(deliveries.of('o', 1, 5)).toEqual([older(5, 40)]);
  });
});

describe('reading what kafkajs accepts', () => {
  it('takes offsets as strings, numbers and Longs', () => {
    const long = { toString: () => '12' };
    expect(['12', '-2', 12, 12n, long].map(readOffset)).toEqual([12n, -2n, 12n, 12n, 12n]);
    expect(['twelve', '', 1.5, undefined, null, {}].map(readOffset)).toEqual(
      Array.from({ length: 6 }, () => undefined),
    );
  });

  it.each<[value: unknown, expected: number | undefined]>([
    [0, 0],
    ['3', 3],
    ['', undefined],
    ['x', undefined],
    [undefined, undefined],
  ])('partition %j', (value, expected) => expect(readPartition(value)).toBe(expected));
});
