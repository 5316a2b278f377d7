import { describe, expect, it } from 'vitest';
import type { ClusterAccess } from '../../src/cluster/access.js';
import type { ClusterSession } from '../../src/cluster/session.js';
import { GroupMember } from '../../src/consumer/group-member.js';

const JOINED = { memberId: 'member-1', memberAssignment: {} } as Parameters<
  GroupMember['joined']
>[0];

/** A member whose accesses are closed one after another, as the last client that leaves closes them. */
function memberOf({ answers }: { answers: boolean }) {
  const log: string[] = [];
  let accessCount = 0;
  const member = new GroupMember({
    groupId: 'billing',
    access: () => {
      accessCount += 1;
      const name = `access ${accessCount}`;
      return {
        leaveGroup: async (groupId: string, memberId: string) => {
          log.push(`${name}: ${memberId} leaves ${groupId}`);
          if (!answers) throw new Error('down');
        },
      } as Partial<ClusterAccess> as ClusterAccess;
    },
    releaseUnused: () => log.push('release'),
    session: { signal: new AbortController().signal } as ClusterSession,
    isCommitted: () => true,
  });
  return { member, log };
}

describe('a member that leaves', () => {
  it('uses the access that is open then, and keeps none open for itself', async () => {
    const { member, log } = memberOf({ answers: true });
    member.joined(JOINED, 0);
    await member.leave();
    expect(member.id).toBeUndefined();
    member.joined(JOINED, 0);
    await member.leave();
    expect(log).toEqual([
      'access 1: member-1 leaves billing',
      'release',
      'access 2: member-1 leaves billing',
      'release',
    ]);
  });

  it('stays known, and keeps no access open, where its cluster does not answer', async () => {
    const { member, log } = memberOf({ answers: false });
    member.joined(JOINED, 0);
    await member.leave();
    expect(member.id).toBe('member-1');
    expect(log.at(-1)).toBe('release');
  });

  it('asks nobody where it is no member', async () => {
    const { member, log } = memberOf({ answers: true });
    await member.leave();
    expect(log).toEqual([]);
  });
});
