import type { ConsulEntry } from '../signals/consul-query.js';
import type { AgreementNews, MemberState } from './agreement.js';
import { readMember, type ReadMember } from './member.js';

/** @internal What was seen last of one member's key. */
interface SeenMember {
  /** Who spoke there; undefined: it is no member's statement. */
  readonly member: MemberState | undefined;
  readonly modifyIndex: number;
  /** Since when we see it unchanged, in monotonic milliseconds. */
  readonly sinceMs: number;
}

/** @internal The members' keys as they were seen last. */
export type SeenMembers = ReadonlyMap<string, SeenMember>;

/** @internal What an answer about the members' keys means. */
export interface HeardMembers {
  readonly seen: SeenMembers;
  readonly news: readonly AgreementNews[];
  /** Keys that were there before, and are not in the answer. */
  readonly missing: readonly string[];
}

/**
 * A key that did not change for so long belongs to a process that is no more, by our own clock: ten minutes. Long before that
 * its member has stopped to count (`AgreementLimits.heartbeatMs`).
 */
const SILENT_MS = 600_000;

/** @internal Where the members' keys stand. */
export function membersPrefix(key: string): string {
  return `${key}/members/`;
}

/**
 * The key of a member. Slashes in names would be other places, and dots between slashes are lost on the way: addresses take
 * them for folders.
 *
 * @internal
 */
export function memberKey(key: string, instance: string): string {
  const name = encodeURIComponent(instance).replace(/^\.{1,2}$/, (dots) =>
    dots.replaceAll('.', '%2E'),
  );
  return `${membersPrefix(key)}${name}`;
}

/**
 * Understands what the members' keys hold. Pure. Everything that is understood is news, also again; what is not is told once
 * for each write.
 *
 * @param options.askedAt - the leader says so, and this had been seen when it was asked: whoever was there then, has not spoken
 *   since and is not in the answer has left. Undefined: another server says so, and nobody has, for one that was deposed may not
 *   know the newest members.
 * @internal
 */
export function hearMembers(
  seen: SeenMembers,
  entries: readonly ConsulEntry[],
  { key, atMs, askedAt }: { key: string; atMs: number; askedAt: SeenMembers | undefined },
): HeardMembers {
  const found = new Set(entries.map((entry) => entry.key));
  const missing = [...seen.keys()].filter((each) => !found.has(each));
  const after = new Map(seen);
  const news: AgreementNews[] = [];
  for (const entry of entries) {
    const before = seen.get(entry.key);
    const isSame = before?.modifyIndex === entry.modifyIndex;
    const read = understand(entry, key);
    if (read.kind === 'member' || !isSame) news.push(read);
    after.set(entry.key, {
      member: read.kind === 'member' ? read.member : undefined,
      modifyIndex: entry.modifyIndex,
      sinceMs: isSame ? before.sinceMs : atMs,
    });
  }
  for (const each of missing) {
    const last = seen.get(each);
    if (askedAt?.get(each)?.modifyIndex !== last?.modifyIndex) continue;
    after.delete(each);
    if (last?.member === undefined) continue;
    const { instance, incarnation } = last.member;
    news.push({ kind: 'left', instance, incarnation });
  }
  return { seen: after, news, missing };
}

/** @internal Keys of members that were silent for ten minutes, with the write that they were silent since. */
export function silentMembers(
  seen: SeenMembers,
  atMs: number,
): readonly { readonly key: string; readonly modifyIndex: number }[] {
  return [...seen].flatMap(([key, { member, modifyIndex, sinceMs }]) =>
    member !== undefined && atMs - sinceMs >= SILENT_MS ? [{ key, modifyIndex }] : [],
  );
}

function understand(entry: ConsulEntry, key: string): ReadMember {
  if (entry.text === undefined) return refused('a member: it holds bytes that are no text');
  const read = readMember(entry.text);
  if (read.kind === 'refused' || memberKey(key, read.member.instance) === entry.key) return read;
  return refused(`a member: the key of another one speaks for ${read.member.instance}`);
}

function refused(because: string): ReadMember {
  return { kind: 'refused', because };
}
