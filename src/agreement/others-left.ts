import type { World } from '../world.js';
import type { Leaving } from '../switch/fleet.js';
import { stillThere, type FleetState, type HeardMember } from './fleet-state.js';
import type { ResolvedLimits } from './limits.js';
import type { Rhythm } from './rhythm.js';
import type { Waiters } from '../waiters.js';

/** @internal What the waiting looks at. */
export interface OthersParts {
  readonly world: World;
  readonly limits: ResolvedLimits;
  readonly rhythm: Rhythm;
  readonly waiters: Waiters;
  /** Of this process. */
  readonly instance: string;
  state(): FleetState;
  /** Where the decision in force wants this process. */
  place(): string | undefined;
}

/**
 * As {@link SwitchFleet.othersLeft}. While it waits this process speaks often, so that it hears soon.
 *
 * @internal
 */
export async function othersLeft(
  leaving: Leaving,
  signal: AbortSignal,
  { world, limits: { leaseMs, silentMs }, rhythm, waiters, ...parts }: OthersParts,
): Promise<readonly string[]> {
  const left = (): readonly HeardMember[] =>
    stillThere(parts.state(), leaving, {
      instance: parts.instance,
      place: parts.place(),
      nowMs: world.nowMs(),
      silentMs: leaseMs ?? silentMs,
    });
  const calm = rhythm.quicken();
  try {
    await waiters.until(() => left().length === 0, signal);
    return signal.aborted ? left().map(({ member }) => member.instance) : [];
  } finally {
    calm();
  }
}
