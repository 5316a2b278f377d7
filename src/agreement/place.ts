import type { AgreedDecision, FleetPart, MemberState } from './agreement.js';
import { unheardEpoch, type FleetState, type Hearing } from './fleet-state.js';

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
 * @param placeOfGroup - where a group is to be read; undefined: wherever its process is.
 * @internal
 */
export function placeAnew(
  { groups }: Pick<Placed, 'groups'>,
  active: string,
  placeOfGroup: (group: string) => string | undefined,
): string | undefined {
  const [first] = groups;
  const isElsewhere = groups.every((group) => (placeOfGroup(group) ?? active) !== active);
  return first !== undefined && isElsewhere ? placeOfGroup(first) : undefined;
}

/**
 * Where a group is to be read, by all that is known; undefined: wherever its process is. Where members have obeyed a decision that is not heard here
 * (the store has lost it, or is late) it is where they read it.
 *
 * @internal
 */
export function knownGroupPlace(
  state: FleetState,
  group: string,
  { aliases, instance, hearing }: Seeing,
): string | undefined {
  const { decision } = state;
  const unheard = unheardEpoch(state);
  if (unheard === undefined)
    return decision?.only === undefined ? undefined : groupPlace(decision, group, aliases);
  const clusters = [...state.members.values()]
    .filter(({ heardAtMs }) => hearing.nowMs - heardAtMs <= hearing.silentMs)
    .filter(({ member }) => member.instance !== instance && member.groups.includes(group))
    .filter(({ member }) => member.obeyedEpoch === unheard && member.cluster !== '')
    .map(({ member }) => member.cluster);
  return new Set(clusters).size === 1 ? clusters[0] : undefined;
}

/** @internal Who looks, and when. */
export interface Seeing {
  readonly aliases: readonly string[];
  readonly instance: string;
  readonly hearing: Hearing;
}

/** Where a decision wants a group to be read. */
function groupPlace(
  { cluster, only }: Pick<AgreedDecision, 'cluster' | 'only'>,
  group: string,
  aliases: readonly string[],
): string {
  return only === undefined || only.groups.includes(group) ? cluster : otherThan(cluster, aliases);
}
