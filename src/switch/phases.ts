import { asError, messageOf } from '../caught.js';
import type { ClusterSession } from '../cluster/session.js';
import { isFailoverError } from '../errors.js';
import type { GroupPlan } from '../position/plan.js';
import type { GroupNeed } from '../position/need.js';
import { planWarnings } from '../position/plan-warnings.js';
import { unreachable } from '../unreachable.js';
import { answerByDeadline, ENDLESS_RETRIES, retry, untilDeadline } from '../wait.js';
import type { World } from '../world.js';
import { agree, barrier, groupElsewhere, othersLeft } from './fleet-phases.js';
import type { Participant } from './participant.js';
import { bounded, type PhaseContext } from './phase-context.js';
import type { PhaseOutcome, SwitchRun } from './state.js';

/** Part of `drainMs` after which sends are held although handlers still run: what is in flight then needs time, too. */
const USERS_DRAIN_SHARE = 0.75;

/**
 * Performs one phase, within its deadline. Never rejects: how it ended is the answer.
 *
 * @internal
 */
export async function runPhase(run: SwitchRun, context: PhaseContext): Promise<PhaseOutcome> {
  try {
    return await perform(run, context);
  } catch (error) {
    return { kind: 'failed', error: asError(error) };
  }
}

function perform(run: SwitchRun, context: PhaseContext): Promise<PhaseOutcome> {
  switch (run.phase) {
    case 'prepare':
      return prepare(run, context);
    case 'agree':
      return agree(run, context);
    case 'hold':
      context.hold(run.turn.planned ? 'users' : 'all');
      return Promise.resolve({ kind: 'done' });
    case 'drain':
      return drain(run, context);
    case 'fence':
      return fence(run, context);
    case 'barrier':
      return barrier(run, context);
    case 'catch-up':
      return catchUp(run, context);
    case 'translate':
      return translate(run, context);
    case 'open':
      return open(run, context);
    default:
      return unreachable(run.phase);
  }
}

/** @internal One need per group: several consumers of a process may be members of the same one. */
export function needsOf(participants: readonly Participant[]): readonly GroupNeed[] {
  const byGroup = new Map<string, GroupNeed>();
  for (const participant of participants) {
    const need = participant.need();
    if (need === undefined) continue;
    const other = byGroup.get(need.groupId);
    byGroup.set(
      need.groupId,
      other === undefined
        ? need
        : {
            groupId: need.groupId,
            selectors: [...other.selectors, ...need.selectors],
            processed: [...other.processed, ...need.processed],
            untouched: [...other.untouched, ...need.untouched],
            begunAt: [...other.begunAt, ...need.begunAt],
            earlier: [...other.earlier, ...need.earlier],
            deliveredBefore: [...other.deliveredBefore, ...need.deliveredBefore],
          },
    );
  }
  return [...byGroup.values()];
}

async function prepare({ turn }: SwitchRun, context: PhaseContext): Promise<PhaseOutcome> {
  const { prepareMs } = context.deadlines;
  const readiness = await bounded(context, prepareMs, (signal) =>
    context.operations.checkReadiness(turn, needsOf(context.participants()), signal),
  );
  // Refusing is safe here and in `agree`: nothing was touched yet.
  if (readiness === undefined) {
    return {
      kind: 'refused',
      reasons: [`cluster ${turn.to} did not answer within ${prepareMs} ms (switch.prepareMs)`],
      plannedOnly: false,
    };
  }
  return readiness.obstacles.length > 0
    ? {
        kind: 'refused',
        reasons: readiness.obstacles,
        missing: readiness.missing,
        plannedOnly: readiness.targetAnswers,
      }
    : { kind: 'done', warnings: readiness.warnings, missing: readiness.missing };
}

/** How it went: who was not ready in time, and who failed, with the reason. */
interface Tally {
  readonly late: readonly string[];
  readonly failed: readonly string[];
}

/** Waits for all, each on its own: one that fails or overruns does not stop the others. */
async function eachOf(
  participants: readonly Participant[],
  world: World,
  deadlineAtMs: number,
  work: (participant: Participant) => Promise<void>,
): Promise<Tally> {
  const late = new Set<string>();
  const failed: string[] = [];
  await Promise.all(
    participants.map(async (participant) => {
      try {
        const result = await untilDeadline(world, deadlineAtMs, work(participant));
        if (result.kind === 'overrun') late.add(participant.id);
      } catch (error) {
        failed.push(`${participant.id}: ${messageOf(error)}`);
      }
    }),
  );
  return { late: [...late], failed };
}

function eachParticipant(
  { participants, world }: PhaseContext,
  deadlineMs: number,
  work: (participant: Participant) => Promise<void>,
): Promise<Tally> {
  return eachOf(participants(), world, world.nowMs() + deadlineMs, work);
}

/**
 * First those whose work may need the others, while these still work: a handler that sends would otherwise wait for a
 * send that waits for the handler. Then the others, also where a handler takes too long, so that they have time left.
 */
async function drain({ turn }: SwitchRun, context: PhaseContext): Promise<PhaseOutcome> {
  const { world, deadlines } = context;
  const startedAtMs = world.nowMs();
  const deadlineAtMs = startedAtMs + deadlines.drainMs;
  const drainEach = (participants: readonly Participant[]): Promise<Tally> =>
    eachOf(participants, world, deadlineAtMs, (one) => one.drain(turn));
  const users = drainEach(context.participants().filter((one) => one.usesOthers));
  await untilDeadline(world, startedAtMs + deadlines.drainMs * USERS_DRAIN_SHARE, users);
  // Cut short: how it ends interests nobody.
  if (!context.hold('all')) return { kind: 'done' };
  const others = drainEach(context.participants().filter((one) => !one.usesOthers));
  const tallies = await Promise.all([users, others]);
  const late = tallies.flatMap((tally) => tally.late);
  const warnings = tallies.flatMap((tally) => tally.failed).map((reason) => `drain: ${reason}`);
  if (late.length > 0) {
    const detail = `still busy with ${turn.from}: ${late.join(', ')}`;
    return { kind: 'overran', detail, warnings };
  }
  return { kind: 'done', warnings };
}

async function fence(
  { turn, rollBackOf }: SwitchRun,
  context: PhaseContext,
): Promise<PhaseOutcome> {
  // Where an unplanned order has cut a planned switch short, only some are held so far.
  context.hold('all');
  context.fence(turn.reason);
  const { late, failed } = await eachParticipant(context, context.deadlines.handlersMs, (one) =>
    one.detach(turn),
  );
  // Before the others hear that this process has left: they go on from what it says now. One that is rolled back has handled nothing there: what its consumers know is
  // of the cluster that it goes back to.
  if (!turn.planned && rollBackOf === undefined)
    await context.operations.lastWords(turn, needsOf(context.participants()), context.signal);
  if (turn.agreedEpoch !== undefined) context.fleet?.obeyed(turn.agreedEpoch);
  const warnings = failed.map((reason) => `fence: ${reason}`);
  if (late.length > 0) {
    return { kind: 'overran', detail: `handlers still run in: ${late.join(', ')}`, warnings };
  }
  return { kind: 'done', warnings };
}

async function catchUp({ turn }: SwitchRun, context: PhaseContext): Promise<PhaseOutcome> {
  const { world, operations, deadlines, participants } = context;
  const { unmirrored } = await answerByDeadline(
    world,
    world.nowMs() + deadlines.catchUpMs,
    (signal) => operations.catchUp(turn, needsOf(participants()), signal),
    context,
  );
  return unmirrored.length === 0
    ? { kind: 'done' }
    : { kind: 'overran', detail: `not mirrored to ${turn.to} yet: ${unmirrored.join(', ')}` };
}

async function translate({ turn }: SwitchRun, context: PhaseContext): Promise<PhaseOutcome> {
  const needs = needsOf(context.participants());
  const plans = await bounded(context, context.deadlines.translateMs, (signal) =>
    Promise.all(needs.map((need) => context.operations.plan(turn, need, signal))),
  );
  if (plans !== undefined) {
    for (const plan of plans) context.onPlan(plan);
    return { kind: 'done', plans, warnings: plans.flatMap(planWarnings) };
  }
  const because = `positions on ${turn.to} were not found within ${context.deadlines.translateMs} ms`;
  // A planned switch can go back; an unplanned one goes on, and its consumers keep asking.
  return turn.planned
    ? { kind: 'failed', error: new Error(because) }
    : { kind: 'overran', detail: because };
}

async function open(run: SwitchRun, context: PhaseContext): Promise<PhaseOutcome> {
  const session = context.openSession();
  const plans = new Map<string, GroupPlan>();
  // Now: who is open there stands in other logs.
  const needs = new Map(needsOf(context.participants()).map((need) => [need.groupId, need]));
  const { late, failed } = await eachParticipant(context, context.deadlines.openMs, (one) =>
    attach(one, session, run, {
      ...context,
      needs,
      onPlan(plan) {
        plans.set(plan.groupId, plan);
        context.onPlan(plan);
      },
    }),
  );
  const warnings = failed.map((reason) => `open: ${reason}`);
  if (late.length > 0) {
    return {
      kind: 'overran',
      detail: `not open on ${run.turn.to} yet: ${late.join(', ')}`,
      pending: late,
      plans: [...plans.values()],
      warnings,
    };
  }
  return { kind: 'done', plans: [...plans.values()], warnings };
}

/**
 * Gives a participant its positions and the new session. Where the positions could not be fixed in `translate` (the
 * target did not answer), asking goes on until the session is fenced or the participant leaves: a consumer never starts
 * without them.
 */
async function attach(
  participant: Participant,
  session: ClusterSession,
  run: SwitchRun,
  context: PhaseContext & { readonly needs: ReadonlyMap<string, GroupNeed> },
): Promise<void> {
  const need = participant.need();
  if (need === undefined || run.rollBackOf !== undefined) {
    await participant.attach(session, undefined);
    return;
  }
  const { groupId } = need;
  // Alone a process is moved by a person, wherever its groups are.
  if (run.turn.agreedEpoch !== undefined && context.fleet?.isElsewhere(groupId, session.alias)) {
    await participant.attach(session, groupElsewhere(groupId, session));
    return;
  }
  const isStale = !run.turn.planned && (await othersAreDone(groupId, session, run, context));
  const known = isStale ? undefined : run.plans.find((one) => one.groupId === groupId);
  const plan =
    known ??
    (await planLate(participant, context.needs.get(groupId) ?? need, session, run, context));
  if (plan !== undefined) await participant.attach(session, plan);
}

/**
 * Producers do not wait for it; but no record is handled here while another member may still handle it there, and what that one has
 * done is wanted.
 *
 * @returns true where a plan that was made before could be a better one now.
 */
async function othersAreDone(
  groupId: string,
  { signal }: ClusterSession,
  { turn }: SwitchRun,
  context: PhaseContext,
): Promise<boolean> {
  await othersLeft(turn, [groupId], signal, context);
  return context.operations.othersSaid(turn, groupId, signal);
}

/** Undefined where the participant has left: nobody is there to be opened. */
async function planLate(
  participant: Participant,
  need: GroupNeed,
  { signal }: ClusterSession,
  { turn }: SwitchRun,
  { world, operations, participants, onPlan }: PhaseContext,
): Promise<GroupPlan | undefined> {
  const isHere = (): boolean => participants().includes(participant);
  const attempt = async (): Promise<GroupPlan | undefined> => {
    try {
      return isHere() ? await operations.plan(turn, need, signal) : undefined;
    } catch (error) {
      if (isHere()) throw error;
      return undefined;
    }
  };
  const policy = { ...ENDLESS_RETRIES, signal, shouldRetry: mayPass };
  const plan = await retry(world, policy, attempt);
  if (plan !== undefined) onPlan(plan);
  return plan;
}

/** A mistake in what the service asked for stays one. */
function mayPass(error: Error): boolean {
  return !isFailoverError(error) || error.code !== 'ERR_FAILOVER_OPTIONS';
}
