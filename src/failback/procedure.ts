import { messageOf } from '../caught.js';
import { FailbackRefusedError, FailoverOptionsError } from '../errors.js';
import type { EventSink } from '../events.js';
import type { FailbackCallOptions, GradualFailbackOptions } from '../options-failback.js';
import type { SwitchOutcome, SwitchReport } from '../switch/report.js';
import { sleep } from '../wait.js';
import type { World } from '../world.js';
import type { FailbackAssessment, FailbackGate, FailbackGateName } from './gates.js';
import { goGradually, stopped, type GradualFleet } from './gradual.js';
import type { FailbackStep } from './steps.js';
import type { FailbackValidation } from './validate.js';

/**
 * What a failback has found and done.
 *
 * @public
 */
export interface FailbackReport {
  /** Whether the way home was open, when it was taken. */
  readonly assessment: FailbackAssessment;
  /** Gates that were closed, and accepted. */
  readonly accepted: readonly FailbackGateName[];
  /** The steps that a gradual failback has taken before the switch of this process; none otherwise. */
  readonly steps: readonly FailbackStep[];
  /** The switch of this process. */
  readonly report: SwitchReport;
  /** What was seen afterwards. */
  readonly validation: FailbackValidation;
}

/**
 * How a call of `failback` ended.
 *
 * @public
 */
export type FailbackOutcome =
  | ({ readonly kind: 'done' } & FailbackReport)
  | {
      /** The preferred cluster was the active one already; nothing was done. */
      readonly kind: 'already-home';
      readonly cluster: string;
      readonly switchEpoch: number;
    };

/** @internal What {@link failBack} has done for it. */
export interface FailBackParts {
  readonly world: World;
  readonly events: EventSink;
  /** Alias of the preferred cluster. */
  readonly home: string;
  switchEpoch(): number;
  /** Resolves when no switch is under way. @throws FailoverHaltedError ERR_FAILOVER_HALTED - the library has stopped itself. */
  steady(signal: AbortSignal): Promise<void>;
  assessNow(
    accept: readonly FailbackGateName[],
    signal: AbortSignal,
  ): Promise<FailbackAssessment | undefined>;
  switchHome(reason: string): Promise<SwitchOutcome>;
  /** The other processes; undefined where there are none. */
  readonly fleet: GradualFleet | undefined;
  /** Topics have the same names on both clusters. */
  readonly isIdentity: boolean;
  validate(from: string, signal: AbortSignal): Promise<FailbackValidation>;
}

/** Pause between two looks at gates that are waited for, in milliseconds. */
const POLL_MS = 1_000;

/**
 * The way home as a procedure: look whether it is open, go, look whether all is well.
 *
 * @throws {@link FailbackRefusedError} ERR_FAILOVER_FAILBACK_REFUSED - a gate is closed, nothing was touched.
 * @throws {@link FailbackStoppedError} ERR_FAILOVER_FAILBACK_STOPPED - as {@link goGradually}; the last switch was refused; or this process is home before others.
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - `gradually` without a fleet, or under the Identity policy.
 * @throws {@link FailoverHaltedError} ERR_FAILOVER_HALTED - the library has stopped itself: `switchTo` leads out of that.
 * @throws what `switchHome` rejects with, and the reason of `signal`.
 * @internal
 */
export async function failBack(
  parts: FailBackParts,
  options: Omit<FailbackCallOptions, 'signal'> & { readonly signal: AbortSignal },
): Promise<FailbackOutcome> {
  const { world, events, home } = parts;
  const { accept = [], waitMs = 0, reason = 'failback', gradually, signal } = options;
  if (gradually !== undefined) refuseSteps(parts, gradually);
  const alreadyHome = (): FailbackOutcome => ({
    kind: 'already-home',
    cluster: home,
    switchEpoch: parts.switchEpoch(),
  });
  // Where a switch leads, and whether it arrives, is known when it is over.
  await parts.steady(signal);
  const deadlineAtMs = world.nowMs() + waitMs;
  let assessment = await parts.assessNow(accept, signal);
  while (assessment !== undefined && shutOf(assessment, accept) !== undefined) {
    if (world.nowMs() >= deadlineAtMs) throw refused(assessment, accept, parts.switchEpoch());
    await sleep(world, Math.min(POLL_MS, deadlineAtMs - world.nowMs()), { signal });
    await parts.steady(signal);
    assessment = await parts.assessNow(accept, signal);
  }
  if (assessment === undefined) {
    if (isInParts(parts)) throw stopped(parts, [], HOME_BEFORE_OTHERS);
    return alreadyHome();
  }
  const accepted = assessment.gates.filter(({ state }) => state !== 'open').map(({ name }) => name);
  const steps =
    gradually === undefined || parts.fleet === undefined
      ? []
      : await goGradually(
          {
            ...{ world, events, home, reason, fleet: parts.fleet, options: gradually },
            switchEpoch: () => parts.switchEpoch(),
            assessNow: (until) => parts.assessNow(accept, until),
            shutGate: (assessed) => inWords(shutOf(assessed, accept)),
          },
          signal,
        );
  const outcome = await parts.switchHome(reason).catch((error: unknown) => {
    signal.throwIfAborted();
    // What was taken home is home: that the last switch was refused, and has touched nothing, is not all.
    if (!isInParts(parts)) throw error;
    throw stopped(parts, steps, `the last part: ${messageOf(error)}`, { cause: error });
  });
  if (outcome.kind !== 'switched') return alreadyHome();
  const validation = await parts.validate(assessment.from, signal);
  const done = { assessment, accepted, steps, report: outcome.report, validation };
  events.emit('failback.completed', done, outcome.report);
  return { kind: 'done', ...done };
}

/** Why a process that an earlier step has taken home does not lead the way. */
const HOME_BEFORE_OTHERS =
  'this process is home, and the gates are looked at from where the others are. Call it in a process that is not home yet';

/** True where a part of the fleet is home, and the others are not. */
function isInParts(parts: FailBackParts): parts is FailBackParts & { fleet: GradualFleet } {
  return parts.fleet?.status().decision?.only !== undefined;
}

/** The first gate that stands in the way. */
function shutOf(
  { gates }: FailbackAssessment,
  accept: readonly FailbackGateName[],
): FailbackGate | undefined {
  return gates.find(({ name, state }) => state !== 'open' && !accept.includes(name));
}

function inWords(shut: FailbackGate | undefined): string | undefined {
  return shut === undefined ? undefined : `${shut.name}: ${shut.detail}`;
}

function refuseSteps({ fleet, isIdentity }: FailBackParts, given: GradualFailbackOptions): void {
  const because =
    fleet === undefined
      ? 'needs an agreement: without one each process goes home by itself, and there is no fleet to take in steps.'
      : isIdentity
        ? 'is not for the Identity policy: only one direction is mirrored at a time, so what is written at home would not reach those who are still away. Go at once.'
        : undefined;
  if (because === undefined) return;
  throw new FailoverOptionsError('failback.gradually', given, `failback.gradually ${because}`);
}

function refused(
  assessment: FailbackAssessment,
  accept: readonly FailbackGateName[],
  switchEpoch: number,
): FailbackRefusedError {
  const { from, to } = assessment;
  const shut = shutOf(assessment, accept);
  return new FailbackRefusedError(
    `The way home from ${from} to ${to} is not open, nothing was touched: ${inWords(shut)}. ` +
      'failback({ waitMs }) waits for it, failback({ accept }) goes all the same, and so does switchTo().',
    assessment,
    { cluster: to, switchEpoch },
  );
}
