import type { AgreedDecision, FleetPart, MemberState } from './agreement.js';

/** @internal Of a process: what its place depends on. */
export type Placed = Pick<MemberState, 'instance' | 'groups'>;

/** @internal The cluster that is not this one: a fleet has two. */
export function otherThan(cluster: string, aliases: readonly string[]): string {
  return aliases.find((alias) => alias !== cluster) ?? cluster;
}

/**
 * True where a decision that moves a part of the fleet moves this process: it has a consumer of a group that moves. A group moves as a whole,
 * or each of its records would be handled on both clusters. So a process without consumers is the only one that its name may move.
 *
 * @internal
 */
export function isMoved({ groups, instances }: FleetPart, process: Placed): boolean {
  return process.groups.length === 0
    ? instances.includes(process.instance)
    : process.groups.some((group) => groups.includes(group));
}

/** @internal Where a decision wants a process to work. */
export function placeOf(
  { cluster, only }: Pick<AgreedDecision, 'cluster' | 'only'>,
  process: Placed,
  aliases: readonly string[],
): string {
  return only === undefined || isMoved(only, process) ? cluster : otherThan(cluster, aliases);
}

/**
 * Where a process has to go that has obeyed a decision already and has new consumers since; undefined: it stays. It goes where all of its
 * groups work, and stays where they work on both sides: the one that is elsewhere is not begun then. Without a consumer it stays, too.
 *
 * @internal
 */
export function placeAnew(
  decision: Pick<AgreedDecision, 'cluster' | 'only'>,
  { groups }: Placed,
  active: string,
  aliases: readonly string[],
): string | undefined {
  if (decision.only === undefined || groups.length === 0) return undefined;
  const isElsewhere = groups.every((group) => groupPlace(decision, group, aliases) !== active);
  return isElsewhere ? otherThan(active, aliases) : undefined;
}

/** @internal Where a decision wants a group to be read. */
export function groupPlace(
  { cluster, only }: Pick<AgreedDecision, 'cluster' | 'only'>,
  group: string,
  aliases: readonly string[],
): string {
  return only === undefined || only.groups.includes(group) ? cluster : otherThan(cluster, aliases);
}
