import type { AgreedDecision, FleetPart, Proposal } from '../agreement/agreement.js';
import { isMoved } from '../agreement/place.js';
import type { AgreementStatus } from '../agreement/status.js';
import { messageOf } from '../caught.js';
import { FailbackStoppedError, type FailoverErrorDetails } from '../errors.js';
import type { EventSink } from '../events.js';
import type { GradualFailbackOptions } from '../options-failback.js';
import type { Waiters } from '../waiters.js';
import type { World } from '../world.js';
import type { FailbackAssessment } from './gates.js';
import { isMore, partAt, type FailbackStep } from './steps.js';

/** @internal The fleet, as a gradual failback sees it. */
export interface GradualFleet {
  status(): Pick<AgreementStatus, 'instance' | 'decision' | 'members'>;
  /** Who is silent for longer is not known to live, in milliseconds. */
  readonly limits: { readonly silentMs: number };
  /** They look whenever something is known of the fleet anew. */
  readonly waiters: Pick<Waiters, 'within'>;
  /** As {@link AgreementStore.propose}. */
  propose(proposal: Proposal, after: number, signal: AbortSignal): Promise<AgreedDecision>;
}

/** @internal What {@link goGradually} needs. */
export interface GradualParts {
  readonly world: World;
  readonly events: EventSink;
  readonly fleet: GradualFleet;
  /** Alias of the preferred cluster. */
  readonly home: string;
  readonly reason: string;
  readonly options: GradualFailbackOptions;
  switchEpoch(): number;
  /** Looks at the gates anew; undefined: this process is home already. */
  assessNow(signal: AbortSignal): Promise<FailbackAssessment | undefined>;
  /** The first gate that stands in the way, in words. */
  shutGate(assessment: FailbackAssessment): string | undefined;
}

type StoppedParts = Pick<GradualParts, 'events' | 'fleet' | 'home' | 'switchEpoch'>;

const DEFAULTS = { steps: [10, 50], pauseMs: 60_000, arriveMs: 120_000 } as const;

const NOBODY: FleetPart = { groups: [], instances: [] };

/**
 * Takes one part of the fleet home after the other, each by a decision of the fleet that names it, and looks whether all is well before the next.
 * The last part, in which this process is, is left to the caller. What an earlier call has taken home stays there.
 *
 * @returns the steps that were taken.
 * @throws {@link FailbackStoppedError} ERR_FAILOVER_FAILBACK_STOPPED - a step was not completed, or something is wrong after it.
 * @throws the reason of `signal`; the step that was taken last stays in force.
 * @internal
 */
export async function goGradually(
  parts: GradualParts,
  signal: AbortSignal,
): Promise<readonly FailbackStep[]> {
  const { events, fleet, home, options } = parts;
  const taken: FailbackStep[] = [];
  const { decision } = fleet.status();
  // The others are home: only this process is away, and a step would take them back.
  if (decision?.cluster === home && decision.only === undefined) return taken;
  let part = decision?.cluster === home ? (decision.only ?? NOBODY) : NOBODY;
  for (const percent of options.steps ?? DEFAULTS.steps) {
    const { members, instance } = fleet.status();
    const alive = members.filter((member) => isHeard(member, fleet));
    const next = partAt(percent, alive, instance, part);
    if (!isMore(part, next)) continue;
    part = next;
    const step = await takeStep(parts, { percent, part }, taken, signal);
    taken.push(step);
    events.emit('failback.step', { step });
    await watch(parts, step, taken, signal);
  }
  return taken;
}

/** Has the fleet decide it, and waits until everybody whom it means has come home. */
async function takeStep(
  parts: GradualParts,
  { percent, part }: Pick<FailbackStep, 'percent' | 'part'>,
  taken: readonly FailbackStep[],
  signal: AbortSignal,
): Promise<FailbackStep> {
  const { world } = parts;
  const startedAtMs = world.nowMs();
  const { epoch: agreedEpoch } = await decide(parts, { percent, part }, taken, signal);
  const members = await untilHome(parts, { agreedEpoch, part }, taken, signal);
  return { percent, agreedEpoch, part, members, tookMs: world.nowMs() - startedAtMs };
}

/** Waits until everybody whom a step means is home, and answers who that is. */
async function untilHome(
  parts: GradualParts,
  { agreedEpoch, part }: Pick<FailbackStep, 'agreedEpoch' | 'part'>,
  taken: readonly FailbackStep[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { fleet, home, options } = parts;
  const meant = () =>
    fleet.status().members.filter((one) => isHeard(one, fleet) && isMoved(part, one));
  const missing = () =>
    meant().filter(({ cluster, obeyedEpoch }) => cluster !== home || obeyedEpoch < agreedEpoch);
  const arrived = () =>
    missing().length === 0 ? meant().map(({ instance }) => instance) : undefined;
  const arriveMs = options.arriveMs ?? DEFAULTS.arriveMs;
  const names = await firstOf(parts, arrived, arriveMs, { agreedEpoch, taken, signal });
  if (names !== undefined) return names;
  const late = missing().map(({ instance }) => instance);
  throw stopped(parts, taken, `not home in time (arriveMs): ${late.join(', ')}`);
}

/**
 * What `look` sees first: it looks whenever something is known of the fleet anew. Undefined: it has seen nothing within `maxWaitMs`.
 * Stops where the fleet decides something else meanwhile.
 */
async function firstOf<T>(
  parts: GradualParts,
  look: () => T | undefined,
  maxWaitMs: number,
  {
    agreedEpoch,
    taken,
    signal,
  }: { agreedEpoch: number; taken: readonly FailbackStep[]; signal: AbortSignal },
): Promise<T | undefined> {
  const { world, fleet } = parts;
  let seen: T | undefined;
  const isOver = (): boolean => {
    // Kept: more may be heard before whoever waits goes on.
    seen = look();
    return seen !== undefined || otherDecision(parts, agreedEpoch) !== undefined;
  };
  await fleet.waiters.within(world, maxWaitMs, isOver, { signal });
  signal.throwIfAborted();
  refuseOther(parts, agreedEpoch, taken);
  return seen ?? look();
}

async function decide(
  parts: GradualParts,
  { percent, part }: Pick<FailbackStep, 'percent' | 'part'>,
  taken: readonly FailbackStep[],
  signal: AbortSignal,
): Promise<AgreedDecision> {
  const { fleet, home } = parts;
  const { decision: known } = fleet.status();
  const reason = `${parts.reason} (${percent} % of the fleet)`;
  const proposal = { cluster: home, mode: 'planned', reason, by: 'operator', only: part } as const;
  let decision: AgreedDecision;
  try {
    decision = await fleet.propose(proposal, known?.epoch ?? 0, signal);
  } catch (error) {
    signal.throwIfAborted();
    const because = `whether the fleet has decided is not known: ${messageOf(error)}`;
    throw stopped(parts, taken, because, { cause: error });
  }
  const isOurs =
    decision.reason === reason && JSON.stringify(decision.only) === JSON.stringify(part);
  if (!isOurs) throw stopped(parts, taken, otherInWords(decision));
  return decision;
}

/** Looks at what is home for a while, and then at the gates. */
async function watch(
  parts: GradualParts,
  step: FailbackStep,
  taken: readonly FailbackStep[],
  signal: AbortSignal,
): Promise<void> {
  const { agreedEpoch } = step;
  const pauseMs = parts.options.pauseMs ?? DEFAULTS.pauseMs;
  const look = () => wrongWith(parts, step);
  const wrong = await firstOf(parts, look, pauseMs, { agreedEpoch, taken, signal });
  if (wrong !== undefined) throw stopped(parts, taken, wrong);
  // Whoever was started anew meanwhile may still be on its way.
  await untilHome(parts, step, taken, signal);
  const assessment = await parts.assessNow(signal);
  refuseOther(parts, agreedEpoch, taken);
  if (assessment === undefined) throw stopped(parts, taken, 'this process went home meanwhile');
  const shut = parts.shutGate(assessment);
  if (shut !== undefined) throw stopped(parts, taken, `the way home is not open any more: ${shut}`);
}

/** Whoever has left in order is not missed: a deployment goes on meanwhile. */
function wrongWith({ fleet, home }: GradualParts, { members }: FailbackStep): string | undefined {
  for (const member of fleet.status().members) {
    if (!members.includes(member.instance)) continue;
    const { instance, wants, heardAgeMs } = member;
    if (!isHeard(member, fleet))
      return `${instance} went home and was not heard for ${Math.floor(heardAgeMs)} ms`;
    if (wants !== undefined && wants !== home)
      return `${instance} is home and wants to leave for ${wants}`;
  }
  return undefined;
}

function isHeard(
  { heardAgeMs }: { readonly heardAgeMs: number },
  { limits }: GradualFleet,
): boolean {
  return heardAgeMs <= limits.silentMs;
}

function refuseOther(parts: GradualParts, epoch: number, taken: readonly FailbackStep[]): void {
  const other = otherDecision(parts, epoch);
  if (other !== undefined) throw stopped(parts, taken, otherInWords(other));
}

/** The decision that has taken the place of a step's. */
function otherDecision({ fleet }: GradualParts, epoch: number): AgreedDecision | undefined {
  const { decision } = fleet.status();
  return decision === undefined || decision.epoch <= epoch ? undefined : decision;
}

function otherInWords({ cluster, epoch, reason }: AgreedDecision): string {
  return `the fleet has decided for ${cluster} meanwhile (epoch ${epoch}): ${reason}`;
}

/** @internal Tells that it goes no further, and where the fleet is. */
export function stopped(
  { events, fleet, home, switchEpoch }: StoppedParts,
  steps: readonly FailbackStep[],
  because: string,
  details: Pick<FailoverErrorDetails, 'cause'> = {},
): FailbackStoppedError {
  events.emit('failback.stopped', { because, steps });
  const { decision } = fleet.status();
  const state =
    decision === undefined
      ? 'No decision of the fleet is known here'
      : `By decision ${decision.epoch}, the newest that is known here, the fleet works with ` +
        (decision.only === undefined
          ? `${decision.cluster} alone`
          : 'both clusters: failback() goes on from there, switchTo() brings everybody to one cluster');
  return new FailbackStoppedError(
    `The gradual way home has stopped: ${because}. ${state}.`,
    steps,
    { ...details, cluster: home, switchEpoch: switchEpoch() },
  );
}
