import { describe, expect, it } from 'vitest';
import type { ClusterAccess, Commit } from '../../src/cluster/access.js';
import type { ClusterSession } from '../../src/cluster/session.js';
import { CommitsAtJoin } from '../../src/consumer/commits-at-join.js';
import type { Assignment } from '../../src/consumer/consumer-events.js';
import { standingOf } from '../../src/consumer/standing.js';
import { settle } from '../support/manual-world.js';

const TWO: Assignment = { orders: [0, 1] };

/** A member of a group that has committed 7 in `orders-0`, and nothing in `orders-1`. */
function memberOf(notCommitted: readonly number[] = []) {
  const asked: (readonly string[])[] = [];
  let resolve: (commits: readonly Commit[]) => void = () => {};
  const committed = (_group: string, topics: readonly string[]): Promise<readonly Commit[]> => {
    asked.push(topics);
    return new Promise((done) => {
      resolve = done;
    });
  };
  const commits = new CommitsAtJoin({
    groupId: 'billing',
    access: () => ({ committed }) as Partial<ClusterAccess> as ClusterAccess,
    session: { signal: new AbortController().signal } as ClusterSession,
    isCommitted: (_topic, partition) => !notCommitted.includes(partition),
  });
  return {
    commits,
    asked,
    async answers(): Promise<void> {
      resolve([{ topic: 'orders', partition: 0, offset: 7n, metadata: '' }]);
      await settle();
    },
    known: () => TWO['orders']?.map((partition) => commits.of('orders', partition)),
  };
}

describe('what the group had committed when a member joined', () => {
  it('is known once it is answered, also that there is none', async () => {
    const { commits, asked, answers, known } = memberOf();
    commits.joined(TWO, undefined, true);
    expect(known()).toEqual([undefined, undefined]);
    await answers();
    expect(known()).toEqual([{ committed: 7n }, { committed: undefined }]);
    expect(asked).toEqual([['orders']]);
  });

  it('is not asked where others are in the group: they may have handled more', async () => {
    const { commits, asked, answers, known } = memberOf();
    commits.joined(TWO, undefined, false);
    commits.joined(TWO, TWO, true);
    await answers();
    expect(asked).toEqual([]);
    expect(known()).toEqual([undefined, undefined]);
  });

  it('counts for partitions that it has had ever since', async () => {
    const { commits, answers, known } = memberOf();
    commits.joined(TWO, undefined, true);
    await answers();
    commits.joined({ orders: [0] }, TWO, false);
    commits.joined(TWO, { orders: [0] }, true);
    expect(known()).toEqual([{ committed: 7n }, undefined]);
    commits.joined(TWO, undefined, true);
    expect(known()).toEqual([undefined, undefined]);
  });

  it('counts not where the position is not in a commit', async () => {
    const { commits, answers, known } = memberOf([1]);
    commits.joined(TWO, undefined, true);
    await answers();
    expect(known()).toEqual([{ committed: 7n }, undefined]);
  });

  it('tells how far partitions were handled of which the member was given nothing', async () => {
    const { commits, answers } = memberOf();
    const member = {
      assignment: TWO,
      joinedAtWallMs: undefined,
      committedAtJoin: (...log: readonly [string, number]) => commits.of(...log),
    };
    const untouched = () => standingOf([], member, {}).untouched;
    commits.joined(TWO, undefined, true);
    expect(untouched()).toEqual([
      { physicalTopic: 'orders', partition: 0 },
      { physicalTopic: 'orders', partition: 1 },
    ]);
    await answers();
    expect(untouched()).toMatchObject([
      { partition: 0, committed: 7n, deliveredBelow: 7n },
      { partition: 1, committed: undefined, deliveredBelow: 0n },
    ]);
  });
});
