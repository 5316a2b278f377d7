import type { ClusterAccess, Commit } from '../cluster/access.js';
import { PositionUnavailableError } from '../errors.js';
import { judge } from '../health/failure.js';
import { commitMetadata } from '../position/commit-metadata.js';
import { type OffsetSpan, partBelow } from '../position/offset-span.js';
import type { GroupPlan } from '../position/plan.js';
import { retry } from '../wait.js';
import type { World } from '../world.js';
import type { PartitionProgress } from './progress.js';

/**
 * Throws where a plan says that a group must not start.
 *
 * @throws PositionUnavailableError ERR_FAILOVER_POSITION_UNAVAILABLE
 * @internal
 */
export function assertAvailable(plan: GroupPlan, switchEpoch: number): void {
  const unavailable = plan.partitions.filter((one) => one.kind === 'unavailable');
  const [first] = unavailable;
  if (first === undefined) return;
  throw new PositionUnavailableError(
    `Group ${plan.groupId} does not start on cluster ${plan.cluster}: no position is known for ${unavailable.length} ` +
      `partition(s), the first is ${first.physicalTopic}[${first.partition}]: ${first.because} ` +
      `(consumer.onMissingPosition is 'fail')`,
    { cluster: plan.cluster, switchEpoch, topic: first.topic, partition: first.partition },
  );
}

/** @internal Where a group resumes in one partition. */
export interface ResumePosition extends Commit {
  /** Commits of the group from `first` to `last` count as none: see {@link PartitionPlan}. */
  readonly voided?: { readonly first: bigint; readonly last: bigint } | undefined;
  /** True where any commit of the group outranks it, also a lower one: see {@link LogEnds}. */
  readonly ifNone?: true;
  /**
   * The group's commit when another member was seen to have the partition. Where it is another one by now that member has put a position in place, and
   * whatever has come since counts, also what is lower: a seek back, a reset, a topic made anew.
   */
  readonly seen?: { readonly offset: bigint | undefined } | undefined;
  /** Records below it that were not handled: see {@link PartitionPlan}. */
  readonly removed?: OffsetSpan | undefined;
}

/** @internal The positions of a plan. */
export function positionsOf(plan: GroupPlan): readonly ResumePosition[] {
  return plan.partitions.flatMap((one): ResumePosition[] => {
    if (one.kind !== 'resume') return [];
    const { physicalTopic: topic, partition, offset, voidCommit, removed } = one;
    const voided = voidCommit === undefined ? undefined : { first: voidCommit, last: voidCommit };
    return [{ topic, partition, offset, metadata: '', voided, removed }];
  });
}

/**
 * What is still to be committed: positions that are ahead of the group's own commit, or where it has none that counts. A
 * commit that is further on was made by this group on this cluster, and everything below it was handled. Pure.
 *
 * @internal
 */
export function aheadOf(
  wanted: readonly ResumePosition[],
  existing: readonly Commit[],
): readonly ResumePosition[] {
  const known = new Map(existing.map((one) => [`${one.partition} ${one.topic}`, one.offset]));
  return wanted.filter(({ topic, partition, offset, voided, ifNone = false, seen }) => {
    const own = known.get(`${partition} ${topic}`);
    if (seen !== undefined && seen.offset !== own) return false;
    if (own === undefined) return true;
    if (own < offset) return !ifNone;
    return voided !== undefined && own >= voided.first && own <= voided.last && own !== offset;
  });
}

/**
 * Of several consumers of a process, each position once: the furthest, for each is sound. Pure.
 *
 * @internal
 */
export function furthest(positions: readonly ResumePosition[]): readonly ResumePosition[] {
  const found = new Map<string, ResumePosition>();
  for (const one of positions) {
    const log = `${one.partition} ${one.topic}`;
    const known = found.get(log);
    if (known === undefined || known.offset < one.offset) found.set(log, one);
  }
  return [...found.values()];
}

/** What is to be committed of these positions: see {@link aheadOf}. */
async function missingPositions(
  access: ClusterAccess,
  groupId: string,
  wanted: readonly ResumePosition[],
): Promise<readonly ResumePosition[]> {
  if (wanted.length === 0) return [];
  const topics = [...new Set(wanted.map(({ topic }) => topic))];
  return aheadOf(wanted, await access.committed(groupId, topics));
}

/**
 * Puts the resume positions where every member of the group finds them: into the group's own commits, while it has no
 * members.
 *
 * @param options.signal - of the opening: a fence, or a stop, in between ends it before anything is written.
 * @param options.atWallMs - wall-clock milliseconds since 1970, for the commits' metadata; undefined where they must have none.
 * @returns the positions that may not be there. The coordinator refuses all of them where the group has members: instances
 *   of the same service that were quicker, or dead ones of an earlier epoch that have not expired yet. And it refuses single
 *   ones: of a topic that was deleted meanwhile, or that may not be read; the others must not wait for those. Whoever joins
 *   has to seek to what is still missing.
 * @internal
 */
export async function commitPositions(
  access: ClusterAccess,
  groupId: string,
  wanted: readonly ResumePosition[],
  { signal, atWallMs }: { signal: AbortSignal; atWallMs: number | undefined },
): Promise<readonly ResumePosition[]> {
  const commits = await missingPositions(access, groupId, wanted);
  signal.throwIfAborted();
  if (commits.length === 0) return [];
  // The access is not fenced with the session: after that nothing may be committed there.
  const store = async (rows: readonly Commit[]): Promise<readonly ResumePosition[]> =>
    (await access.commitIdle(groupId, rows, { signal })) === 'stored' ? [] : commits;
  try {
    if (atWallMs === undefined) return await store(commits);
    return await store(commits.map((one) => described(one, access.alias, atWallMs)));
  } catch (error) {
    const failure = judge(error);
    if (failure.about === 'request' && failure.kind === 'too-large') return store(commits);
    if (!failure.answered || (failure.about !== 'partition' && failure.about !== 'auth'))
      throw error;
    return commits;
  }
}

/** With metadata that says which records below were not handled: whoever gets the partition next learns it from there. */
function described(one: ResumePosition, cluster: string, atWallMs: number): ResumePosition {
  const { topic: physicalTopic, partition, offset } = one;
  const removed = partBelow(one.removed, offset);
  if (removed === undefined) return one;
  const log = { cluster, physicalTopic, partition };
  const metadata = commitMetadata({ ...log, offset, atWallMs, recent: [], removed });
  return metadata === undefined ? one : { ...one, metadata };
}

/**
 * The positions of a later plan in the same epoch. Where those of an earlier one were not put in place yet they stay: it was
 * made with what the member knew of its work on the other cluster, and which commits are void. Pure.
 *
 * @internal
 */
export function replanned(
  late: readonly ResumePosition[],
  planned: readonly ResumePosition[],
): readonly ResumePosition[] {
  const kept = new Set(late.map((one) => `${one.partition} ${one.topic}`));
  return [...late, ...planned.filter((one) => !kept.has(`${one.partition} ${one.topic}`))];
}

/** @internal The member that {@link commitAsMember} commits as. */
export interface Member {
  readonly isRetired: boolean;
  /** Undefined before it consumes. */
  laneOf(
    topic: string,
    partition: number,
  ): { readonly progress: Pick<PartitionProgress, 'committed' | 'removed'> } | undefined;
  commit(offsets: readonly { topic: string; partition: number; offset: string }[]): Promise<void>;
}

/**
 * Commits positions that were sought at the join, as the member that sought them: without auto-commit kafkajs keeps a
 * seek to itself, and the next rebalance would forget it. Asked again while kafkajs is not in its group yet; given up
 * where user code has committed further, or moved the position since (`isOpen`). Never rejects: it saves a re-read, nothing else hangs on it.
 *
 * @internal
 */
export async function commitAsMember(
  world: World,
  member: Member,
  positions: readonly ResumePosition[],
  isOpen: (topic: string, partition: number) => boolean,
): Promise<void> {
  const policy = { ...COMMIT_DELAYS, shouldRetry: () => !member.isRetired };
  const attempt = async (): Promise<void> => {
    const open = positions.filter(({ topic, partition, offset }) => {
      const committed = member.laneOf(topic, partition)?.progress.committed;
      return isOpen(topic, partition) && (committed === undefined || committed < offset);
    });
    if (open.length === 0) return;
    // Without metadata: the member gives them its own.
    await member.commit(
      open.map(({ topic, partition, offset }) => ({ topic, partition, offset: String(offset) })),
    );
  };
  await retry(world, policy, attempt).catch(() => {});
}

const COMMIT_DELAYS = { firstDelayMs: 20, maxDelayMs: 500, retries: 10 };
