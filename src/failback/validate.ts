import type { ControlLog } from '../agreement/agreement.js';
import { CANARY_SETTINGS } from '../canary-log.js';
import { messageOf } from '../caught.js';
import type { ClusterAccess, LogRange } from '../cluster/access.js';
import type { ClusterOperations } from '../cluster-operations.js';
import type { FailbackLimits } from '../options-failback.js';
import type { GroupNeed } from '../position/need.js';
import { unmirroredInWords } from '../replication/mirrored.js';
import { topicsBornOn } from '../replication/topic-names.js';
import { sleep, untilAborted, withinDeadline } from '../wait.js';
import type { World } from '../world.js';
import { lagOf } from './look.js';

/**
 * What was looked at after a failback.
 *
 * - `records`: the mirror has brought everything that the cluster that was left holds of the topics that are read here.
 * - `canary`: a record that was written at home was read there, and has come through the mirror to the other cluster.
 *
 * @public
 */
export interface FailbackCheck {
  /** Which one. */
  readonly name: 'records' | 'canary';
  /** `not-done`: nothing to look at, or not asked for. */
  readonly state: 'passed' | 'failed' | 'not-done';
  /** What was seen, in words. */
  readonly detail: string;
}

/**
 * How many offsets a log holds on the cluster that it was born on, and its copy on the other one. They differ where transactions end,
 * where a log is compacted, where records have been deleted, and where MirrorMaker has copied some twice: for people, not for judgement.
 *
 * @public
 */
export interface FailbackCount {
  /** The topic's name on the cluster that was left. */
  readonly topic: string;
  /** Its name on the cluster that was gone to. */
  readonly copy: string;
  /** Offsets of the topic there, all partitions. */
  readonly offsets: number;
  /** Offsets of the copy. */
  readonly copiedOffsets: number;
}

/**
 * Whether the service is well at home. Plain JSON.
 *
 * @public
 */
export interface FailbackValidation {
  /** No check has failed. */
  readonly isSound: boolean;
  /** Each check, also those that were not done. */
  readonly checks: readonly FailbackCheck[];
  /** For the reader, one for each topic that is read here. */
  readonly counts: readonly FailbackCount[];
}

/** @internal What {@link validate} looks at. */
export interface ValidateParts {
  readonly world: World;
  readonly operations: Pick<ClusterOperations, 'access' | 'lag' | 'policy'>;
  readonly aliases: readonly string[];
  /** Alias of the cluster that was left. */
  readonly from: string;
  /** Alias of the one that was gone to. */
  readonly to: string;
  readonly needs: readonly GroupNeed[];
  readonly limits: FailbackLimits;
  openLog(alias: string, topic: string, settings: Readonly<Record<string, string>>): ControlLog;
  readonly signal: AbortSignal;
}

/** Pause between two looks for the copy of the canary, in milliseconds. */
const CANARY_POLL_MS = 200;

/**
 * Looks whether the service is well at home. The switch is over: nothing of it is undone here.
 *
 * @throws only the reason of `signal`.
 * @internal
 */
export async function validate(parts: ValidateParts): Promise<FailbackValidation> {
  const [records, canary, counts] = await Promise.all([
    recordsCheck(parts),
    canaryCheck(parts),
    countsOf(parts),
  ]);
  const checks = [records, canary];
  return { isSound: checks.every(({ state }) => state !== 'failed'), checks, counts };
}

async function recordsCheck(parts: ValidateParts): Promise<FailbackCheck> {
  const { from, to, needs, signal } = parts;
  const name = 'records';
  if (needs.length === 0) {
    return { name, state: 'not-done', detail: 'no consumer of this process reads anything' };
  }
  const outcome = await lagOf(parts, { from, to });
  signal.throwIfAborted();
  const late = unmirroredInWords(outcome, from);
  return late.length === 0
    ? { name, state: 'passed', detail: `${to} has what ${from} holds` }
    : { name, state: 'failed', detail: `not on ${to}: ${late.join(', ')}` };
}

async function canaryCheck(parts: ValidateParts): Promise<FailbackCheck> {
  const { world, limits, signal } = parts;
  const name = 'canary';
  const { canary } = limits;
  if (canary === undefined)
    return { name, state: 'not-done', detail: 'failback.canary is not set' };
  const { topic, timeoutMs } = canary;
  let step = `${parts.to} did not take a record of ${topic}`;
  try {
    const followed = await withinDeadline(
      world,
      world.nowMs() + timeoutMs,
      (limit) =>
        followCanary(parts, topic, limit, (next) => {
          step = next;
        }),
      { signal },
    );
    if (followed.kind === 'settled') return { name, state: 'passed', detail: followed.value };
    return { name, state: 'failed', detail: `${step} within ${timeoutMs} ms` };
  } catch (error) {
    signal.throwIfAborted();
    return { name, state: 'failed', detail: `${step}: ${messageOf(error)}` };
  }
}

/** Written at home, read at home, and waited for on the other side. */
async function followCanary(
  { from, to, world, operations, openLog }: ValidateParts,
  topic: string,
  signal: AbortSignal,
  onStep: (whatFailedElse: string) => void,
): Promise<string> {
  const key = `failback-${Math.floor(world.random() * 36 ** 8).toString(36)}`;
  const log = openLog(to, topic, CANARY_SETTINGS);
  try {
    await untilAborted(signal, log.append(key, 'does it come through?'));
  } finally {
    void log.close();
  }
  onStep(`the record of ${topic} was not read on ${to}`);
  await arrival(operations.access(to), topic, key, { world, signal });
  const copy = operations.policy.formatRemoteTopic(to, topic);
  onStep(`the record of ${topic} did not come to ${from} (as ${copy})`);
  await arrival(operations.access(from), copy, key, { world, signal });
  return `a record of ${topic} was read on ${to} and came to ${from}`;
}

/** Resolves when a record with this key is in partition 0. It was written a moment ago: the end of the log is looked at. */
async function arrival(
  access: ClusterAccess,
  topic: string,
  key: string,
  { world, signal }: { world: World; signal: AbortSignal },
): Promise<void> {
  let next: bigint | undefined;
  for (;;) {
    const range = (await untilAborted(signal, access.ranges(topic)))?.get(0);
    if (range !== undefined) {
      next ??= startOf(range);
      const fetched = await untilAborted(signal, access.fetch(topic, 0, next, { maxWaitMs: 0 }));
      if (fetched.records.some((record) => record.key?.toString() === key)) return;
      next = fetched.nextOffset;
    }
    await sleep(world, CANARY_POLL_MS, { signal });
  }
}

/** Others may write canaries at the same time. */
const CANARIES_BACK = 100n;

function startOf({ low, high }: LogRange): bigint {
  const back = high - CANARIES_BACK;
  return back > low ? back : low;
}

/** What could not be counted is left out: it is for people. */
async function countsOf(parts: ValidateParts): Promise<readonly FailbackCount[]> {
  const { from, to, needs, operations, aliases, world, limits, signal } = parts;
  const { policy } = operations;
  const [left, home] = [operations.access(from), operations.access(to)];
  const counted = await withinDeadline(
    world,
    world.nowMs() + limits.lagMs,
    async (limit) => {
      const topics = await untilAborted(limit, left.topics());
      const selectors = needs.flatMap((need) => need.selectors);
      const born = topicsBornOn(selectors, { alias: from, aliases, topics, policy });
      return Promise.all(
        born.map(async (topic): Promise<FailbackCount> => {
          const copy = policy.formatRemoteTopic(from, topic);
          const [here, there] = await untilAborted(
            limit,
            Promise.all([left.ranges(topic), home.ranges(copy)]),
          );
          return { topic, copy, offsets: offsetsIn(here), copiedOffsets: offsetsIn(there) };
        }),
      );
    },
    { signal },
  ).catch(() => undefined);
  signal.throwIfAborted();
  return counted?.kind === 'settled' ? counted.value : [];
}

function offsetsIn(ranges: ReadonlyMap<number, LogRange> | undefined): number {
  return [...(ranges?.values() ?? [])].reduce((sum, { low, high }) => sum + Number(high - low), 0);
}
