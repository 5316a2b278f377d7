import { messageOf } from '../caught.js';
import type { ClusterAccess, Commit } from '../cluster/access.js';
import type { Mirror } from '../replication/mirror.js';
import { PartitionMap } from '../replication/partition-map.js';
import type { ReplicationPolicy } from '../replication/policy.js';
import {
  resolveTopics,
  type LogicalTopic,
  type PhysicalTopic,
} from '../replication/topic-names.js';
import { untilAborted, untilDeadline } from '../wait.js';
import type { World } from '../world.js';
import { askEnds, logRanges, type CommittableRange } from './log-ranges.js';
import { gatherBounds, type Bounds } from './bounds.js';
import { evidenceOf } from './evidence.js';
import { highest } from './highest.js';
import { recognise, type Gathered } from './recognise.js';
import type { Recorded } from './progress-record.js';
import type { MissingBound } from './missing.js';
import { goingBack } from './removed.js';
import { upstreamOf } from './upstream.js';
import { notKnown, refreshMirror, type Refreshed } from './mirror-refresh.js';
import { knownHere } from './known-here.js';
import { planGroup, type GroupPlan, type MissingPosition, type PartitionFacts } from './plan.js';
import type { GroupNeed } from './need.js';
import { onTheWayHome } from './way-home.js';

/** @internal What {@link planGroups} needs. */
export interface PlannerParts {
  readonly needs: readonly GroupNeed[];
  /** The cluster to resume on. It has to answer. */
  readonly target: ClusterAccess;
  /** The cluster that was worked with, for the groups' commits; undefined where it is given up. */
  readonly source: ClusterAccess | undefined;
  /** True where this process has just begun, and may have read no offset sync yet: those on the source are waited for then, also where it is given up. */
  readonly isStart?: boolean | undefined;
  /** The flow from the source to the target. */
  readonly mirror: Mirror;
  /** The flow from the target to the source. */
  readonly mirrorBack: Pick<Mirror, 'translate' | 'syncsAround' | 'refresh' | 'restartedAtWallMs'>;
  readonly policy: ReplicationPolicy;
  /** Aliases of both clusters. */
  readonly aliases: readonly string[];
  readonly world: World;
  readonly onMissing: MissingPosition;
  /**
   * Until then (the world's monotonic milliseconds) the newest knowledge of the mirror is waited for. After it the plan is
   * made from what is known, and says so.
   */
  readonly deadlineAtMs: number;
  /** What members of a group have written down of their work: of late on the source, and before on the target. */
  recorded(groupId: string): Promise<Recorded>;
  /** Ends the planning with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Longest wait for the source's commits, in milliseconds, within the deadline. */
const SOURCE_MAX_WAIT_MS = 500;

/**
 * Finds where groups resume on the target: asks both clusters and the mirror, in parallel, and leaves the thinking to
 * `gatherBounds` and `planGroup`. Writes nothing.
 *
 * Where each log of a topic gets its bounds from, under the default policy, with target B:
 * - `A.orders`, born on the source: all of them;
 * - `orders`, born on the target: the group's own commit there, what was handled of it before, and what was handled of its copies
 *   on the source, `B.orders`.
 *
 * Under the identity policy there is one log, and all bounds apply to it.
 *
 * @throws whatever the target's access rejects with: without the target nothing can be planned. The source's and the
 *   mirror's failures only cost bounds.
 * @internal
 */
export function planGroups(parts: PlannerParts): Promise<readonly GroupPlan[]> {
  const { signal } = parts;
  const planning = plan(parts);
  return signal === undefined ? planning : untilAborted(signal, planning);
}

interface Group {
  readonly need: GroupNeed;
  readonly topics: readonly LogicalTopic[];
  /** The logs that exist on the target. */
  readonly logs: readonly Log[];
}

interface Log extends PhysicalTopic {
  /** The original topic. */
  readonly topic: string;
  /** The topic on the source that it is a mirror of; undefined where it was born on the target. */
  readonly upstreamTopic: string | undefined;
  readonly partitionCount: number;
}

/** By topic and partition. */
type Commits = PartitionMap<Commit>;

/** What was found out about one group, before its bounds are taken. */
interface Findings {
  readonly group: Group;
  readonly ownCommits: Commits;
  readonly sourceCommits: Commits;
  readonly recorded: Recorded;
  readonly unknown: readonly MissingBound[];
}

async function plan(parts: PlannerParts): Promise<readonly GroupPlan[]> {
  const { needs, target, world, onMissing } = parts;
  const untilMs = Math.min(parts.deadlineAtMs, world.nowMs() + SOURCE_MAX_WAIT_MS);
  const asksForSyncs = parts.source !== undefined || parts.isStart === true;
  const sourceUntilMs = asksForSyncs ? untilMs : undefined;
  const [existing, refreshed, answers] = await Promise.all([
    target.topics(),
    refreshMirror({ ...parts, sourceUntilMs }),
    Promise.all(needs.map((need) => ask(need, parts, untilMs))),
  ]);
  const findings = answers.map((answer) => ({
    ...answer,
    group: resolveGroup(answer.need, existing, parts),
  }));
  const groups = findings.map(({ group }) => group);
  // The bounds are taken first and the ends asked afterwards: the mirror goes on meanwhile, and a bound that is newer
  // than the end would look like one of another log.
  const bounds = findings.map((one) => boundsOf(one, parts, refreshed));
  const logs = groups.flatMap((group) => group.logs);
  const names = new Set(logs.map(({ name }) => name));
  const upstreamTopics = new Set(logs.flatMap(({ upstreamTopic }) => upstreamTopic ?? []));
  const [ranges, ends] = await Promise.all([
    logRanges([...names], target, world, (topic, partition) =>
      highest(...findings.map(({ ownCommits }) => ownCommits.get(topic, partition)?.offset)),
    ),
    askEnds([...upstreamTopics], parts.source, { world, untilMs }),
  ]);
  const completed = await Promise.all(
    bounds.map((found) => recognise(goingBackIn(found, ranges), ranges, parts)),
  );
  return groups.map((group, index) => {
    const found = completed[index];
    const facts =
      found === undefined ? [] : factsOf(group, found, ranges, { ends, unread: refreshed.unread });
    const { groupId } = group.need;
    return planGroup({ groupId, cluster: target.alias, topics: group.topics }, facts, {
      onMissing,
    });
  });
}

function goingBackIn(
  found: PartitionMap<Gathered>,
  ranges: ReadonlyMap<string, ReadonlyMap<number, CommittableRange>>,
): PartitionMap<Gathered> {
  const all = new PartitionMap<Gathered>();
  for (const one of found.values()) {
    const { physicalTopic, partition } = one;
    all.set(physicalTopic, partition, goingBack(one, ranges.get(physicalTopic)?.get(partition)));
  }
  return all;
}

function resolveGroup(
  need: GroupNeed,
  existing: ReadonlyMap<string, number>,
  { target, mirror, aliases, policy }: PlannerParts,
): Group {
  const cluster = { alias: target.alias, aliases, topics: existing, policy };
  const topics = resolveTopics(need.selectors, cluster);
  const logs = topics.flatMap(({ topic, logs: physical }) =>
    physical.flatMap((log) => {
      const partitionCount = existing.get(log.name);
      if (partitionCount === undefined) return [];
      const isMirrored = log.origin === undefined || log.origin === mirror.source;
      const upstreamTopic = isMirrored ? policy.upstreamTopic(log.name) : undefined;
      return [{ ...log, topic, upstreamTopic, partitionCount }];
    }),
  );
  return { need, topics, logs };
}

async function ask(
  need: GroupNeed,
  parts: PlannerParts,
  untilMs: number,
): Promise<Omit<Findings, 'group'> & { readonly need: GroupNeed }> {
  const { groupId } = need;
  const [ownCommits, fromSource, recorded] = await Promise.all([
    commitsOn(parts.target, groupId),
    askSource(groupId, parts, untilMs),
    parts.recorded(groupId),
  ]);
  return { need, ownCommits, recorded, ...fromSource };
}

/** The group's commits on the source. A source that does not answer costs these bounds, and no more time than allowed. */
async function askSource(
  groupId: string,
  { source, world }: PlannerParts,
  untilMs: number,
): Promise<Pick<Findings, 'sourceCommits' | 'unknown'>> {
  const nothing: Commits = new PartitionMap();
  if (source === undefined) return { sourceCommits: nothing, unknown: [] };
  const unknown = `the group's commits on ${source.alias} are not known`;
  try {
    const commits = commitsOn(source, groupId);
    const answer = await untilDeadline(world, untilMs, commits);
    if (answer.kind === 'settled') return { sourceCommits: answer.value, unknown: [] };
    return { sourceCommits: nothing, unknown: notKnown(`${unknown}: it did not answer in time`) };
  } catch (error) {
    return { sourceCommits: nothing, unknown: notKnown(`${unknown}: ${messageOf(error)}`) };
  }
}

async function commitsOn(access: ClusterAccess, groupId: string): Promise<Commits> {
  const commits: Commits = new PartitionMap();
  for (const one of await access.committed(groupId)) commits.set(one.topic, one.partition, one);
  return commits;
}

/** The bounds of each partition, as the mirror stands now. Synchronous: one consistent moment. */
function boundsOf(
  findings: Findings,
  parts: PlannerParts,
  { unread, hasAllSyncs }: Refreshed,
): PartitionMap<Gathered> {
  const { group, ownCommits, sourceCommits, recorded, unknown } = findings;
  const { groupId } = group.need;
  const { mirror, mirrorBack, policy, target } = parts;
  const known = knownHere(group.need, recorded, mirror.target);
  const all = new PartitionMap<Gathered>();
  for (const log of group.logs) {
    for (let partition = 0; partition < log.partitionCount; partition += 1) {
      const ownCommit = ownCommits.get(log.name, partition)?.offset;
      const asked = { log, partition, groupId, sourceCommits, ownCommit, known };
      const mirrored = evidenceOf({ ...asked, mirror, hasAllSyncs });
      const bounds = gatherBounds({ ownCommit, mirrored });
      const missing =
        log.upstreamTopic === undefined
          ? bounds.missing
          : [...bounds.missing, ...unread, ...unknown];
      const { name: physicalTopic } = log;
      const copiesTopic = policy.formatRemoteTopic(target.alias, log.name);
      all.set(log.name, partition, {
        ...{ physicalTopic, partition, mirrored },
        ...onTheWayHome({
          ...{ log, partition, copiesTopic, known, mirrorBack },
          ...{ target: target.alias, source: mirror.source },
          ownCommit: ownCommits.get(log.name, partition),
          commitInCopies: sourceCommits.get(copiesTopic, partition),
        }),
        bounds: { ...bounds, missing },
      });
    }
  }
  return all;
}

const NOT_ASKED: Bounds = {
  bounds: [],
  awaited: [],
  handledBelow: undefined,
  voidCommit: undefined,
  notes: [],
  missing: [{ kind: 'too-new' }],
};

function factsOf(
  { logs }: Group,
  all: PartitionMap<Gathered>,
  ranges: ReadonlyMap<string, ReadonlyMap<number, CommittableRange>>,
  { ends, unread }: { ends: PartitionMap<bigint>; unread: readonly MissingBound[] },
): readonly PartitionFacts[] {
  return logs.flatMap(({ topic, name, partitionCount }) => {
    const known = ranges.get(name);
    // Deleted while the plan was made.
    if (known === undefined) return [];
    for (let partition = 0; partition < partitionCount; partition += 1) {
      // Leaving it out of the plan would leave it to chance where it is read from.
      if (!known.has(partition)) throw new Error(`${name}-${partition} has no leader`);
    }
    return [...known].map(([partition, range]) => {
      const { bounds = NOT_ASKED, mirrored, left } = all.get(name, partition) ?? {};
      const sourceEnd = mirrored && ends.get(mirrored.upstreamTopic, partition);
      const upstream = mirrored && upstreamOf(mirrored, range, sourceEnd, unread);
      return { topic, physicalTopic: name, partition, range, upstream, ...left, ...bounds };
    });
  });
}
