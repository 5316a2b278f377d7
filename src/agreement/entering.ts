import type { Waiters } from '../waiters.js';

/** @internal What the waiting looks at. */
export interface EnteringParts {
  readonly waiters: Waiters;
  /** Resolves when the others know of the groups, or nobody can be told. */
  said(signal: AbortSignal): Promise<void>;
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
  { waiters, said, placeOfGroup, othersLeft }: EnteringParts,
): Promise<readonly string[]> {
  await said(signal);
  const elsewhere = (): readonly string[] =>
    groups.filter((group) => (placeOfGroup(group) ?? cluster) !== cluster);
  // What the decision makes of the new group may move the process; then the signal ends it.
  await waiters.until(() => elsewhere().length === 0, signal);
  await othersLeft(groups);
  return elsewhere();
}
