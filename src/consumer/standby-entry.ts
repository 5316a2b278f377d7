import { asError } from '../caught.js';
import type { ClusterSession } from '../cluster/session.js';
import { FailoverClosedError } from '../errors.js';
import { untilAborted, untilDeadline } from '../wait.js';
import { CONSUMER_EVENTS } from './consumer-events.js';
import type { ConsumerCore } from './core.js';
import type { InnerConsumer } from './inner-consumer.js';
import type { ResumePosition } from './resume.js';
import { strangersIn, type StandbyPort, type WaitingMember } from './standby-member.js';
import { sameTopics } from './subscription.js';

/** How long the positions of a member that waited may take to be in place, in milliseconds. Then the consumer joins anew. */
const ENTER_MS = 3_000;

/** How long the questions about it may take, in milliseconds. */
const ASK_MS = 2_000;

/** How long the coordinator is waited for by a member that must leave before the consumer joins anew, in milliseconds. */
const LEAVE_MS = 2_000;

/**
 * The member that waited for this session on the standby, where it may go on as it is. Otherwise it has left: the consumer joins as ever.
 *
 * @param wanted - its positions: what the group has of them is asked for meanwhile.
 * @param maxAgeMs - how old the list of topics may be.
 * @internal
 */
export async function waitingFor(
  core: ConsumerCore,
  session: ClusterSession,
  {
    wanted,
    maxAgeMs,
    signal,
  }: { wanted: readonly ResumePosition[]; maxAgeMs: number; signal: AbortSignal },
): Promise<WaitingMember | undefined> {
  const { standby } = core;
  const waiting = standby?.take(session);
  if (standby === undefined || waiting === undefined) return undefined;
  const { inner } = waiting;
  inner.resumeAt(wanted, core.ends);
  const mayEnter = async (): Promise<boolean> => {
    const [resolved, isWhole] = await Promise.all([
      core.resolve(session, { maxAgeMs }),
      holdsItsShare(inner, standby.port),
    ]);
    return isWhole && sameTopics(inner.subscription, resolved) && !inner.isRetired;
  };
  const { world } = core.parts;
  const answer = untilDeadline(world, world.nowMs() + ASK_MS, untilAborted(signal, mayEnter()));
  const verdict = await answer.catch(() => undefined);
  if (verdict?.kind === 'settled' && verdict.value) return waiting;
  await leaveFor(core, inner, new FailoverClosedError('The consumer joins anew'));
  return undefined;
}

/**
 * False where partitions of the group would go without anybody who handles them, or this member goes without partitions that it should have:
 *
 * - Somebody works there already: the one that waits has got nothing ({@link dealtMembers}), and must join to get its share.
 * - Other processes wait there, and nothing says that they begin as well: a join takes their partitions from them.
 */
async function holdsItsShare(inner: InnerConsumer, port: StandbyPort): Promise<boolean> {
  if (!port.isFleet) {
    const ids = new Set([...port.members, inner].map(({ memberId }) => memberId));
    const { members } = await inner.consumer.describeGroup();
    const isMember = members.some(({ memberId }) => memberId === inner.memberId);
    return isMember && members.every(({ memberId }) => ids.has(memberId));
  }
  const isIdle = Object.values(inner.assignment).every((partitions) => partitions.length === 0);
  return !isIdle || (await strangersIn(inner)) === 0;
}

/**
 * Begins with a member that waited: its positions are put in place, and kafkajs goes on where it stands, behind its join.
 *
 * @throws where that did not come to pass in time; the member has left then.
 * @internal
 */
export async function enterWith(
  core: ConsumerCore,
  { inner, join }: WaitingMember,
  { onEntered, signal }: { onEntered: () => void; signal: AbortSignal },
): Promise<InnerConsumer> {
  const { world } = core.parts;
  try {
    signal.throwIfAborted();
    core.begin(inner, { isQuiet: true });
    const flowing = untilAborted(signal, inner.enter());
    onEntered();
    const { kind } = await untilDeadline(world, world.nowMs() + ENTER_MS, flowing);
    if (kind === 'overrun') {
      throw new Error(`the member that waited has no positions within ${ENTER_MS} ms`);
    }
  } catch (error) {
    await leaveFor(core, inner, asError(error));
    throw error;
  }
  // kafkajs said so long ago, when nobody was to hear it.
  core.emit(CONSUMER_EVENTS.GROUP_JOIN, {
    ...join,
    memberAssignment: inner.assignment,
    duration: 0,
  });
  return inner;
}

/** @internal Ends it, and leaves its group, bounded. */
export async function leaveFor(
  core: ConsumerCore,
  inner: InnerConsumer,
  error: Error,
): Promise<void> {
  const { world } = core.parts;
  inner.retire(error);
  await untilDeadline(world, world.nowMs() + LEAVE_MS, inner.leave()).catch(() => {});
}
