import type { FleetPart, MemberState } from '../agreement/agreement.js';

/**
 * A step of a gradual failback, as it was taken. Plain JSON.
 *
 * @public
 */
export interface FailbackStep {
  /** How much of the fleet was to be home after it. */
  readonly percent: number;
  /** The number of the fleet's decision. */
  readonly agreedEpoch: number;
  /** What is home after it; what earlier steps have moved is among it. */
  readonly part: FleetPart;
  /** The processes that are meant by it, by `instance`. */
  readonly members: readonly string[];
  /** How long it took until each of them had left the other cluster for home, in milliseconds; it works there a moment later. */
  readonly tookMs: number;
}

/** @internal Of a member: what a step looks at. */
export type Movable = Pick<MemberState, 'instance' | 'groups'>;

/** Groups that share processes, and these. */
interface Unit {
  readonly groups: readonly string[];
  readonly instances: readonly string[];
}

/**
 * Pure: what is home after a step. Whole units only, in an order that depends on their names alone; never more than asked, but what is home
 * already stays there.
 *
 * @param self - the process that leads the way: it goes last, as it has to look at the cluster that is left.
 * @internal
 */
export function partAt(
  percent: number,
  members: readonly Movable[],
  self: string,
  home: FleetPart,
): FleetPart {
  const units = unitsOf(members.filter(({ groups }) => groups.length > 0));
  const consuming = units.flatMap(({ instances }) => instances).length;
  const isHome = ({ groups }: Unit): boolean => groups.some((group) => home.groups.includes(group));
  const moved = units.filter(isHome);
  let count = moved.flatMap(({ instances }) => instances).length;
  for (const unit of byHash(units, ({ groups }) => groups.join(' '))) {
    const isFitting = count + unit.instances.length <= (consuming * percent) / 100;
    if (isHome(unit) || unit.instances.includes(self) || !isFitting) continue;
    moved.push(unit);
    count += unit.instances.length;
  }
  const idle = members.filter(({ groups }) => groups.length === 0).map(({ instance }) => instance);
  const others = byHash(idle, (instance) => instance).filter((instance) => instance !== self);
  const [there, here] = partition(others, (instance) => home.instances.includes(instance));
  const more = Math.max(0, Math.floor((idle.length * percent) / 100) - there.length);
  return {
    groups: [...new Set([...home.groups, ...moved.flatMap(({ groups }) => groups)])].toSorted(),
    instances: [...new Set([...home.instances, ...here.slice(0, more)])].toSorted(),
  };
}

/** @internal Is the second part larger? It holds the first one. */
export function isMore(before: FleetPart, after: FleetPart): boolean {
  return (
    after.groups.length > before.groups.length || after.instances.length > before.instances.length
  );
}

/** Groups that have a process in common go together, and so do those that are connected by others. */
function unitsOf(members: readonly Movable[]): readonly Unit[] {
  let units: readonly Unit[] = [];
  for (const { instance, groups } of members) {
    const [touched, apart] = partition(units, (unit) =>
      unit.groups.some((group) => groups.includes(group)),
    );
    const joined = {
      groups: [...new Set([...groups, ...touched.flatMap((unit) => unit.groups)])].toSorted(),
      instances: [instance, ...touched.flatMap(({ instances }) => instances)],
    };
    units = [...apart, joined];
  }
  return units;
}

function partition<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))];
}

/** Not by `localeCompare`: the processes of one fleet may run in several languages. */
function byHash<T>(items: readonly T[], nameOf: (item: T) => string): readonly T[] {
  return items
    .map((item) => ({ item, name: nameOf(item), hash: hashOf(nameOf(item)) }))
    .toSorted((one, other) => one.hash - other.hash || (one.name < other.name ? -1 : 1))
    .map(({ item }) => item);
}

/** FNV-1a, 32 bits: names that differ in their last digit come to stand far from each other. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const character of name) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  // The last characters have moved the lower bits only.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 12)) >>> 0;
}
