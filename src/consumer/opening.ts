import { asError } from '../caught.js';
import type { ClusterSession } from '../cluster/session.js';
import { isFailoverError } from '../errors.js';
import { judge } from '../health/failure.js';
import type { GroupPlan } from '../position/plan.js';
import { unreachable } from '../unreachable.js';
import { ENDLESS_RETRIES, retry, sleep, untilAborted, type RetryPolicy } from '../wait.js';
import { logEnds } from './beginnings.js';
import type { ConsumerCore } from './core.js';
import type { InnerConsumer } from './inner-consumer.js';
import {
  assertAvailable,
  commitPositions,
  furthest,
  positionsOf,
  replanned,
  type ResumePosition,
} from './resume.js';
import { NOWHERE } from './standing.js';
import { enterWith, leaveFor, waitingFor } from './standby-entry.js';
import type { WaitingMember } from './standby-member.js';
import { continued, type ResolvedSubscription } from './subscription.js';

/**
 * Why a consumer begins to consume on a session.
 *
 * - `run`: the user called `run()`. It ends as kafkajs's own `run()` does.
 * - `attach`: a switch. It goes on until the group is joined.
 * - `again`: in the same epoch, because the topics changed or the cluster made kafkajs give up. Until joined, too.
 *
 * @internal
 */
export type Opening =
  | { readonly kind: 'run' }
  | {
      readonly kind: 'attach';
      readonly plan: GroupPlan | undefined;
      /** The member's own progress on this very cluster, where it comes back to it without a plan. */
      readonly own: readonly ResumePosition[];
    }
  | {
      readonly kind: 'again';
      /** The inner consumer that ended, whose work goes on. */
      readonly before: InnerConsumer;
    };

/**
 * How old the list of topics may be with which a consumer begins after a switch, in milliseconds: its plan has just asked for it. What
 * was made since has no position in the plan; the next look at the subscription finds it, and it is read from its beginning.
 */
const PLANNED_TOPICS_MS = 2_000;

/** How soon to look again where no topic of the subscription exists yet, in milliseconds. */
const NO_TOPIC_DELAY_MS = 1_000;

/**
 * Puts the positions in place, finds the topics and joins the group.
 *
 * @param signal - ends it: the session's fence, `hold`, `stop`, a halt.
 * @returns the inner consumer that runs.
 * @internal
 */
export async function openOn(
  core: ConsumerCore,
  session: ClusterSession,
  opening: Opening,
  signal: AbortSignal,
): Promise<InnerConsumer> {
  const policy = {
    ...ENDLESS_RETRIES,
    signal,
    shouldRetry: (error: Error) => shouldRetry(error, opening),
  };
  // Before the positions: where it must leave the group they can be committed for all.
  const waiting =
    opening.kind === 'attach'
      ? await waitingFor(core, session, {
          wanted: wantedOf(opening),
          maxAgeMs: PLANNED_TOPICS_MS,
          signal,
        })
      : undefined;
  try {
    return await openWith(core, session, opening, { waiting, policy });
  } catch (error) {
    // Taken from those that wait, it would be a member for ever that handles nothing.
    if (waiting?.inner.isRetired === false) await leaveFor(core, waiting.inner, asError(error));
    throw error;
  }
}

async function openWith(
  core: ConsumerCore,
  session: ClusterSession,
  opening: Opening,
  {
    waiting,
    policy,
  }: { waiting: WaitingMember | undefined; policy: RetryPolicy & { signal: AbortSignal } },
): Promise<InnerConsumer> {
  const { world } = core.parts;
  const { signal } = policy;
  const unstored = await retry(world, policy, () =>
    untilAborted(signal, putPositions(core, session, opening, { waiting: waiting?.inner, signal })),
  );
  const begin = async (): Promise<InnerConsumer> => {
    if (waiting?.inner.isRetired === false) {
      const onEntered = (): void => applySeeks(core, waiting.inner);
      return enterWith(core, waiting, { onEntered, signal });
    }
    const resolved = await findTopics(core, session, opening, signal);
    await noteEnds(core, session, opening, { resolved, signal });
    return startInner(core, session, opening, { resolved, unstored, signal });
  };
  const inner = await retry(world, policy, begin);
  // It has them all, for good.
  if (!inner.isRetired) core.seeks.length = 0;
  return inner;
}

function shouldRetry(error: Error, opening: Opening): boolean {
  if (isFailoverError(error)) return false;
  if (opening.kind !== 'run') return true;
  const { about } = judge(error);
  return about === 'cluster' || about === 'coordinator';
}

function wantedOf({ plan, own }: Extract<Opening, { kind: 'attach' }>): readonly ResumePosition[] {
  return plan === undefined ? own : positionsOf(plan);
}

/**
 * The group's commits on the target carry the resume positions: they are there before anybody joins. Answers those that
 * could not be put there, because the group has members.
 */
async function putPositions(
  core: ConsumerCore,
  session: ClusterSession,
  opening: Opening,
  { waiting, signal }: { waiting: InnerConsumer | undefined; signal: AbortSignal },
): Promise<readonly ResumePosition[]> {
  const access = core.parts.access(session.alias);
  // Nobody waits for it any more once the opening is called off: it must not go on by itself then.
  const store = async (wanted: readonly ResumePosition[]): Promise<readonly ResumePosition[]> => {
    const { world, limits } = core.parts;
    const atWallMs = limits.commitMetadata ? world.wallMs() : undefined;
    const unstored = await commitPositions(access, core.groupId, wanted, { signal, atWallMs });
    signal.throwIfAborted();
    return unstored;
  };
  const late = core.latePositions(session);
  switch (opening.kind) {
    case 'again':
      // Another member may have had the partitions in between.
      core.beginAnew(session.alias);
      return store(replanned(late, opening.before.beginnings()));
    case 'attach': {
      if (opening.plan === undefined && core.firstEpoch === undefined) break;
      const { plan } = opening;
      if (plan !== undefined) assertAvailable(plan, session.switchEpoch);
      if (plan === undefined) core.beginAnew(session.alias);
      else core.follow(plan, session);
      await core.departing.takeOut(session.alias, core.parts.world, signal);
      signal.throwIfAborted();
      const wanted = wantedOf(opening);
      core.resumes(session, wanted);
      // Nobody commits for a group with members but they; and the one that waited reads itself what is missing.
      if (waiting?.isRetired === false) return wanted;
      const unstored = await store(wanted);
      core.resumes(session, unstored);
      return unstored;
    }
    case 'run':
      break;
    default:
      return unreachable(opening);
  }
  core.beginAnew(session.alias);
  return store(await positionsAtStart(core, session, { late, signal }));
}

/** Where nobody has made a plan for it: it makes its own. */
async function positionsAtStart(
  core: ConsumerCore,
  session: ClusterSession,
  { late, signal }: { late: readonly ResumePosition[]; signal: AbortSignal },
): Promise<readonly ResumePosition[]> {
  const { groupId, setup, earlier, parts } = core;
  const need = {
    groupId,
    selectors: setup.selectors,
    ...NOWHERE,
    begunAt: [],
    earlier: earlier.list(),
    deliveredBefore: [],
  };
  // Where it has run before its own commits are there, but for what it could not commit until it was stopped.
  const hasRun = core.firstEpoch === session.switchEpoch;
  const plan = await parts.active.planAtStart(need, hasRun);
  signal.throwIfAborted();
  // Others of this process were planned with what was known of its work on the other cluster.
  const others = furthest(parts.latePositions(groupId, session));
  const known = replanned(late, others);
  if (plan === undefined) return known;
  assertAvailable(plan, session.switchEpoch);
  core.follow(plan, session);
  return replanned(known, positionsOf(plan));
}

/** What to read. Where nothing of it exists after a switch, waits for it: nothing is created on a standby. */
async function findTopics(
  core: ConsumerCore,
  session: ClusterSession,
  opening: Opening,
  signal: AbortSignal,
): Promise<ResolvedSubscription> {
  const { world, limits } = core.parts;
  const current = opening.kind === 'again' ? opening.before.subscription : undefined;
  let maxAgeMs = opening.kind === 'attach' ? PLANNED_TOPICS_MS : 0;
  for (;;) {
    const next = await untilAborted(signal, core.resolve(session, { maxAgeMs }));
    maxAgeMs = 0;
    const resolved = current === undefined ? next : continued(current, next);
    if (resolved.fromBeginning.size > 0 || core.isFirstEpoch(session)) return resolved;
    if (core.setup.subscriptions.length === 0) return resolved;
    await sleep(world, Math.min(NO_TOPIC_DELAY_MS, limits.topicRefreshMs), { signal });
  }
}

/** Before the join: a log that is read from its end may grow while kafkajs joins. */
async function noteEnds(
  core: ConsumerCore,
  session: ClusterSession,
  opening: Opening,
  { resolved, signal }: { resolved: ResolvedSubscription; signal: AbortSignal },
): Promise<void> {
  // What goes on in the same epoch began where it did.
  if (opening.kind === 'again') return;
  const names = [...resolved.fromBeginning].flatMap(([name, own]) => (own ? [] : [name]));
  if (names.length > 0) {
    core.ends = await untilAborted(signal, logEnds(core.parts.access(session.alias), names));
  } else if (core.ends?.alias !== session.alias) {
    core.ends = undefined;
  }
}

async function startInner(
  core: ConsumerCore,
  session: ClusterSession,
  opening: Opening,
  {
    resolved,
    unstored,
    signal,
  }: { resolved: ResolvedSubscription; unstored: readonly ResumePosition[]; signal: AbortSignal },
): Promise<InnerConsumer> {
  const { run } = core.setup;
  if (run === undefined) throw new Error('the consumer was stopped');
  // The one that `connect()` made is used once; later ones are made new, and become visible when they start.
  const connected = unusedInner(core, session);
  const inner =
    connected ?? core.makeInner(session, opening.kind === 'again' ? opening.before.carry() : []);
  try {
    if (connected === undefined) await untilAborted(signal, inner.consumer.connect());
    await untilAborted(signal, inner.subscribe(resolved));
    signal.throwIfAborted();
    core.begin(inner, { isQuiet: opening.kind !== 'run' });
    inner.resumeAt(unstored, core.ends);
    const running = inner.start(run);
    running.catch(() => {});
    applySeeks(core, inner);
    // kafkajs's run() also resolves where the join failed and it goes on trying; only the user's own call wants that.
    await untilAborted(signal, opening.kind === 'run' ? running : inner.joined);
    return inner;
  } catch (error) {
    inner.retire(asError(error));
    throw error;
  }
}

function unusedInner(core: ConsumerCore, session: ClusterSession): InnerConsumer | undefined {
  const { inner } = core;
  return inner?.session === session && !inner.isRetired && !inner.hasStarted ? inner : undefined;
}

/** Seeks that user code made between the call of `run()` and now. They are kept: where the join fails, the next consumer has to be told as well. */
function applySeeks(core: ConsumerCore, inner: InnerConsumer): void {
  for (const entry of core.seeks.splice(0)) {
    try {
      const topics = inner.place(entry) ?? [entry.topic];
      core.dedup?.forget(inner.session.alias, inner.names.originalOf(entry.topic), entry.partition);
      for (const topic of topics) {
        inner.seek({ topic, partition: entry.partition, offset: entry.offset });
      }
      core.seeks.push(entry);
    } catch (error) {
      // Nobody is there to catch it any more, and the consumer must not fail for it.
      core.reportRefused(asError(error));
    }
  }
}
