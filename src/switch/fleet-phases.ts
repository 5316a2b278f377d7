import type { World } from '../world.js';
import type { SwitchFleet } from './fleet.js';
import { bounded, type PhaseContext } from './phase-context.js';
import type { PhaseOutcome, SwitchRun } from './state.js';

/** The way out for a person, where the agreement is dead. */
const WITHOUT_IT = 'Without it a process is moved by switchTo() with alone: true';

/** @internal Refusing is safe here as well; an answer that comes too late is heard by the agreement, and obeyed then. */
export async function agree({ turn }: SwitchRun, context: PhaseContext): Promise<PhaseOutcome> {
  const { fleet, deadlines } = context;
  if (fleet === undefined) return { kind: 'done' };
  const outcome = await bounded(context, deadlines.agreeMs, (signal) => fleet.agree(turn, signal));
  if (outcome === undefined) {
    const because = `the agreement did not answer within ${deadlines.agreeMs} ms (switch.agreeMs). ${WITHOUT_IT}`;
    return { kind: 'refused', reasons: [because], plannedOnly: false };
  }
  const { kind } = outcome;
  return kind === 'refused'
    ? { kind, reasons: [outcome.because], plannedOnly: false }
    : { kind: 'done', agreed: outcome };
}

/** @internal Waits for the others, so that what they still do at the source is over when its end is looked for. */
export async function barrier({ turn }: SwitchRun, context: PhaseContext): Promise<PhaseOutcome> {
  const late = await othersLeft(turn, undefined, context.signal, context);
  if (late.length === 0) return { kind: 'done' };
  return { kind: 'overran', detail: `not known to have left ${turn.from}: ${late.join(', ')}` };
}

/** @internal Who had not left in time; nobody where there is no fleet. */
export async function othersLeft(
  { agreedEpoch }: SwitchRun['turn'],
  groups: readonly string[] | undefined,
  signal: AbortSignal,
  { fleet, world, deadlines }: PhaseContext,
): Promise<readonly string[]> {
  if (fleet === undefined || agreedEpoch === undefined) return [];
  return limited(world, deadlines.barrierMs, signal, (until) =>
    fleet.othersLeft(agreedEpoch, groups, until),
  );
}

/** @internal Before a consumer starts: see {@link SwitchFleet.entering}. */
export function entering(
  groupId: string,
  fleet: SwitchFleet,
  { world, deadlines }: Pick<PhaseContext, 'world' | 'deadlines'>,
  signal: AbortSignal,
): Promise<void> {
  return limited(world, deadlines.barrierMs, signal, (until) => fleet.entering([groupId], until));
}

/** Runs what never rejects, with a signal that is aborted after `limitMs`, or with `signal`. */
async function limited<T>(
  world: World,
  limitMs: number,
  signal: AbortSignal,
  work: (until: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const end = (): void => limit.abort();
  const cancel = world.after(limitMs, end);
  if (signal.aborted) end();
  else signal.addEventListener('abort', end, { once: true });
  try {
    return await work(limit.signal);
  } finally {
    cancel();
    signal.removeEventListener('abort', end);
  }
}
