import { expect, it } from 'vitest';
import {
  hearMembers,
  memberKey,
  type SeenMembers,
  silentMembers,
} from '../../src/agreement/consul-members.js';
import { writeMember } from '../../src/agreement/member.js';
import type { ConsulEntry } from '../../src/signals/consul-query.js';
import { key, member } from './consul-support.js';

const entry = (instance: string, modifyIndex: number): ConsulEntry => ({
  key: memberKey(key, instance),
  text: writeMember(member(instance)),
  modifyIndex,
});

const nobody: SeenMembers = new Map();

/** What is seen after an answer of the leader. */
function see(entries: readonly ConsulEntry[], atMs = 0, before: SeenMembers = nobody): SeenMembers {
  return hearMembers(before, entries, { key, atMs, askedAt: before }).seen;
}

it('who is not in an answer of the leader has left', () => {
  const seen = see([entry('one', 1), entry('two', 2)]);
  const heard = hearMembers(seen, [entry('two', 2)], { key, atMs: 5, askedAt: seen });
  expect(heard.news).toEqual([
    { kind: 'member', member: member('two') },
    { kind: 'left', instance: 'one', incarnation: 'first' },
  ]);
  expect([...heard.seen.keys()]).toEqual([memberKey(key, 'two')]);
});

it('who is not in another answer is missing, and has not left', () => {
  const seen = see([entry('one', 1)]);
  const heard = hearMembers(seen, [], { key, atMs: 5, askedAt: undefined });
  expect(heard).toEqual({ seen, news: [], missing: [memberKey(key, 'one')] });
});

it.each([
  ['came', nobody],
  ['spoke', see([entry('one', 1)])],
])('who %s while the leader was asked has not left by an answer without it', (_what, askedAt) => {
  // 1. The leader answers. 2. The member writes. 3. Who waits for news hears of it. 4. The answer of the leader arrives.
  const seen = see([entry('one', 7)], 3, askedAt);
  const heard = hearMembers(seen, [], { key, atMs: 5, askedAt });
  expect(heard).toEqual({ seen, news: [], missing: [memberKey(key, 'one')] });
});

it('silence begins with the last write that was seen, and ends with the next', () => {
  const minuteMs = 60_000;
  const first = see([entry('one', 1), entry('two', 2)]);
  const second = see([entry('one', 1), entry('two', 9)], 5 * minuteMs, first);
  expect(silentMembers(second, 10 * minuteMs - 1)).toEqual([]);
  expect(silentMembers(second, 10 * minuteMs)).toEqual([
    { key: memberKey(key, 'one'), modifyIndex: 1 },
  ]);
  expect(silentMembers(second, 15 * minuteMs)).toHaveLength(2);
});
