import { describe, expect, it } from 'vitest';
import type { MirroredEvidence } from '../../src/position/bounds.js';
import type { Gathered } from '../../src/position/recognise.js';
import { goingBack, removedOf } from '../../src/position/removed.js';

const range = { low: 0n, high: 60n };

/** A group whose own commit lies behind records that were removed on the source. */
function gathered(kind: 'not-read' | 'no-sync'): Gathered {
  const mirrored = {
    mirror: {
      source: 'A',
      target: 'B',
      syncsAround: () => ({ kind }),
      translate: () => ({ kind: 'unavailable', reason: kind }),
      foreignFrom: () => undefined,
    },
    isShared: false,
    upstreamTopic: 'orders',
    partition: 0,
    removed: { first: 10n, last: 39n },
  } as unknown as MirroredEvidence;
  return {
    ...{ physicalTopic: 'A.orders', partition: 0, mirrored, returned: undefined },
    ...{ copies: undefined, left: {} },
    bounds: {
      bounds: [{ method: 'own-commit', offset: 60n }],
      ...{ handledBelow: undefined, voidCommit: undefined, awaited: [], notes: [], missing: [] },
    },
  };
}

describe('going back for what was removed on the source', () => {
  it('reads the target from its beginning where the offset syncs cannot be read: its commit says nothing', () => {
    const { bounds } = goingBack(gathered('not-read'), range);
    expect(bounds).toMatchObject({
      bounds: [{ method: 'earliest', offset: 0n }],
      voidCommit: 60n,
      notes: [expect.stringContaining('goes back to their copies')],
    });
  });

  it('knows that what lies below the commit on the target comes again', () => {
    const { mirrored } = goingBack(gathered('not-read'), range);
    expect(mirrored?.deliveredOnTarget).toBe(60n);
  });

  it('is out of place where MirrorMaker has copied nothing', () => {
    const found = gathered('no-sync');
    expect(goingBack(found, { low: 0n, high: 0n })).toBe(found);
    const shared = { ...found, mirrored: { ...found.mirrored, isShared: true } } as Gathered;
    expect(goingBack(shared, range)).toBe(shared);
  });

  it('is not where it has written no offset sync of what it has copied: they may be lost', () => {
    const { bounds } = goingBack(gathered('no-sync'), range);
    expect(bounds).toMatchObject({ bounds: [{ method: 'earliest', offset: 0n }], voidCommit: 60n });
  });

  it('counts what others have handled beyond this process, in what comes again', () => {
    const known = { ...gathered('not-read').mirrored, sourceCommit: 50n } as MirroredEvidence;
    const went = (deliveredBelow: bigint): bigint | undefined => {
      const processed = { offset: 40n, deliveredBelow, recent: { all: () => [], few: () => [] } };
      const mirrored = { ...known, processed } as unknown as MirroredEvidence;
      return goingBack({ ...gathered('not-read'), mirrored }, range).mirrored?.processed
        ?.deliveredBelow;
    };
    expect(went(50n)).toBe(50n);
    expect(went(49n)).toBeUndefined();
  });
});

describe('what was removed below the position of a group', () => {
  const removed = { first: 10n, last: 39n };
  const junk = { upstreamOffset: 70n, downstreamOffset: 1_000_070n, metadata: '' };
  const told = (more: object): Parameters<typeof removedOf>[0] =>
    ({ ...gathered('no-sync').mirrored, checkpoint: junk, ...more }) as never;
  const processed = { offset: 60n, rewoundBelow: undefined, removed };

  it('is not taken back by a checkpoint that names nothing: it may be junk', () => {
    expect(removedOf(told({ processed }), undefined)).toEqual(removed);
    expect(removedOf(told({ untouched: { committed: 60n, removed } }), undefined)).toEqual(removed);
  });

  it('is by a commit on the source that names nothing: somebody has set the group there', () => {
    const byHand = { offset: 80n, metadata: '' };
    expect(removedOf(told({ processed }), byHand)).toBeUndefined();
  });
});
