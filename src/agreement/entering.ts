import type { Waiters } from '../waiters.js';

/** @internal What the waiting looks at. */
export interface EnteringParts {
  readonly waiters: Waiters;
  /** The others know of the groups by now, or nobody can be told. */
  isSaid(): boolean;
  /** Where the decision in force wants a group to be read; undefined: it says nothing of groups. */
  placeOfGroup(group: string): string | undefined;
  /** Resolves when nobody may still handle records of these groups in an older epoch. */
  othersLeft(groups: readonly string[]): Promise<unknown>;
}

/** @internal As {@link SwitchFleet.entering}. */
export async function entering(
  groups: readonly string[],
  cluster: string,
  signal: AbortSignal,
  { waiters, isSaid, placeOfGroup, othersLeft }: EnteringParts,
): Promise<readonly string[]> {
  await waiters.until(isSaid, signal);
  const elsewhere = (): readonly string[] =>
    groups.filter((group) => (placeOfGroup(group) ?? cluster) !== cluster);
  // What the decision makes of the new group may move the process; then the signal ends it.
  await waiters.until(() => elsewhere().length === 0, signal);
  await othersLeft(groups);
  return elsewhere();
}
