import { describe, expect, it } from 'vitest';
import { unmirroredCount, type MirroredFacts } from '../../src/replication/mirrored.js';

function facts(
  source: readonly [number, number],
  targetEnd: number | undefined,
  newestSync: readonly [number, number] | undefined,
  recordsAfterSync?: number,
): MirroredFacts {
  return {
    source: { low: BigInt(source[0]), high: BigInt(source[1]) },
    targetEnd: targetEnd === undefined ? undefined : BigInt(targetEnd),
    newestSync:
      newestSync === undefined
        ? undefined
        : { upstreamOffset: BigInt(newestSync[0]), downstreamOffset: BigInt(newestSync[1]) },
    recordsAfterSync: recordsAfterSync === undefined ? undefined : BigInt(recordsAfterSync),
  };
}

describe('a partition', () => {
  it.each([
    ['an empty log', facts([0, 0], undefined, undefined), 0n],
    ['a log that retention has emptied', facts([50, 50], undefined, undefined), 0n],
    ['a log without a sync', facts([10, 50], 40, undefined), 40n],
    ['a sync of the last record', facts([0, 50], 77, [49, 76]), 0n],
    ['a sync beyond the end that is waited for', facts([0, 50], 90, [60, 88]), 0n],
    ['as many records behind the sync on both sides', facts([0, 50], 50, [39, 39]), 0n],
    ['more records behind the sync on the target', facts([0, 50], 60, [39, 39]), 0n],
    ['some records missing', facts([0, 50], 43, [39, 39]), 7n],
    ['no records behind the sync', facts([0, 50], 40, [39, 39]), 10n],
    ['no log on the target', facts([0, 50], undefined, [39, 39]), 10n],
    ['a target that was re-created', facts([0, 50], 3, [39, 39]), 10n],
    ['a source whose next records are gone', facts([45, 50], 40, [39, 39]), 5n],
    ['a marker at the end, counted', facts([0, 50], 49, [48, 48], 0), 0n],
    ['a marker at the end, not counted', facts([0, 50], 49, [48, 48]), 1n],
  ])('with %s', (_, given, expected) => {
    expect(unmirroredCount(given)).toBe(expected);
  });
});
