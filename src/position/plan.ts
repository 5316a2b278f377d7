import type { LogicalTopic } from '../replication/topic-names.js';
import { unreachable } from '../unreachable.js';
import type { Bound } from './bounds.js';
import type { HandledRecord } from './fingerprint.js';
import { highest } from './highest.js';
import { removedBelow } from './removed-here.js';
import type { CommittableRange } from './log-ranges.js';
import { missingBoundInWords, type MissingBound } from './missing.js';
import type { OffsetSpan } from './offset-span.js';
import type { UpstreamLog } from './upstream.js';

/**
 * How a resume position was found. The first five are sound lower bounds: everything below them was handled by the
 * group.
 *
 * - `exact`: the first record that the group has not handled: the last handled one was recognised on the target, or the offset
 *   syncs name the place.
 * - `fingerprint`: behind a record that was handled and recognised on the target; later ones were handled as well and not found, or may have
 *   been: what a checkpoint's commit names is as old as that commit.
 * - `own-commit`: the group's own commit on the target.
 * - `checkpoint`: MirrorMaker's checkpoint for the group.
 * - `offset-sync`: the group's position on the source, translated through MirrorMaker's offset syncs.
 * - `unverified-checkpoint`: a checkpoint without offset syncs to hold it against. Sound, except where MirrorMaker had been
 *   restarted shortly before the source was lost: then records may be skipped.
 * - `earliest`, `latest`: nothing is known, and the option `consumer.onMissingPosition` says where to start.
 *
 * @public
 */
export type PositionMethod =
  | 'exact'
  | 'fingerprint'
  | 'own-commit'
  | 'checkpoint'
  | 'offset-sync'
  | 'unverified-checkpoint'
  | 'earliest'
  | 'latest';

/**
 * Where one group resumes in one physical partition of the target, and why.
 *
 * @public
 */
export type PartitionPlan =
  | {
      readonly kind: 'resume';
      /** The original topic. */
      readonly topic: string;
      /** The topic on the target cluster. */
      readonly physicalTopic: string;
      readonly partition: number;
      /** The next record to handle. */
      readonly offset: bigint;
      readonly method: PositionMethod;
      /** Where the log ended when the plan was made: what comes later has this offset or a higher one. Undefined where that is not known. */
      readonly end?: bigint | undefined;
      /**
       * Upper bound of the records that are in the log now, from `offset` on, and that the group may have handled
       * already: where nothing limits it, all that is in the log. Never too low; and no more than what comes, as a rule, where this process
       * had the partition last and its handlers have ended well. Counted in offsets of the target's log. Two kinds come on top, which
       * nobody can see from here: records that the group handled before they were mirrored, and that are mirrored later;
       * and records that a process handled and did not commit before it died, where the one that began in its place has not
       * come as far again.
       */
      readonly maxRereadCount: bigint;
      /**
       * A commit of the group in this log that does not count and is replaced. It lies beyond the log's end (the topic was re-created or truncated), is older than a
       * seek back, is the place of a checkpoint that does not count (MirrorMaker may have made it), or lies behind records that the group goes back for.
       * Undefined, as a rule: there is none.
       */
      readonly voidCommit: bigint | undefined;
      /**
       * Records that were handled on the source and whose copies were not found on the target: not mirrored yet, as a rule. They are
       * recognised when they come, and not handled again.
       */
      readonly awaited: readonly HandledRecord[];
      /** The log on the source that this one is a mirror of; undefined where it was born on the target. */
      readonly upstream?: UpstreamLog | undefined;
      /**
       * Records from `first` to `last` of this log lie before `offset` and were not handled, as far as is known: retention has removed them here. A later
       * switch goes back to their copies, as long as these are there. Undefined where there are none.
       */
      readonly removed?: { readonly first: bigint; readonly last: bigint } | undefined;
      /** Why the position could be no better; empty where nothing is missing. */
      readonly missing: readonly MissingBound[];
      /** What is worth knowing, in words: a clamp, a missing checkpoint. */
      readonly notes: readonly string[];
    }
  | {
      readonly kind: 'unavailable';
      readonly topic: string;
      readonly physicalTopic: string;
      readonly partition: number;
      /** Why no sound position is known; the switch does not start this group (`consumer.onMissingPosition: 'fail'`). */
      readonly because: string;
      /** What is missing for one. */
      readonly missing: readonly MissingBound[];
      /** As above. */
      readonly upstream?: UpstreamLog | undefined;
    };

/**
 * Where a group resumes on the target cluster: one entry per physical partition.
 *
 * @public
 */
export interface GroupPlan {
  /** The consumer group. */
  readonly groupId: string;
  /** Alias of the cluster that the plan is for. */
  readonly cluster: string;
  /** What the group subscribes to, as found on the target. */
  readonly topics: readonly LogicalTopic[];
  /** One entry per physical partition of the target. */
  readonly partitions: readonly PartitionPlan[];
}

/**
 * What an option says where no bound is known: `earliest` reads the partition from its beginning, `latest` may skip
 * records, `fail` does not start the group.
 *
 * @public
 */
export type MissingPosition = 'earliest' | 'latest' | 'fail';

/** @internal Facts of one target partition, gathered before the pure planning. */
export interface PartitionFacts {
  readonly topic: string;
  readonly physicalTopic: string;
  readonly partition: number;
  /** Taken after the bounds: no sound one lies beyond `high`. */
  readonly range: CommittableRange;
  readonly bounds: readonly Bound[];
  /** The group handled no record of this log at or above this offset, as far as is known; undefined where it is not. */
  readonly handledBelow: bigint | undefined;
  /** The group's own commit in this log, where it is void; see {@link PartitionPlan}. */
  readonly voidCommit: bigint | undefined;
  /** See {@link PartitionPlan}. */
  readonly awaited: readonly HandledRecord[];
  /** What the plan should say in any case. */
  readonly notes: readonly string[];
  /** Why bounds are missing; said where there is none at all. */
  readonly missing: readonly MissingBound[];
  /** See {@link PartitionPlan}. */
  readonly upstream?: UpstreamLog | undefined;
  /** See {@link removedEarlier}; of a log that has no `upstream` it counts for all bounds, else for the group's commit. */
  readonly removed?: OffsetSpan | undefined;
  /** True where the group has handled the copies of all records up to this one, on the cluster that it comes from; undefined where that is not known. */
  readonly isHandledAsCopies?: ((offset: bigint) => boolean) | undefined;
}

/**
 * Plans one group. Pure.
 *
 * @internal
 */
export function planGroup(
  group: Pick<GroupPlan, 'groupId' | 'cluster' | 'topics'>,
  facts: readonly PartitionFacts[],
  { onMissing }: { onMissing: MissingPosition },
): GroupPlan {
  return { ...group, partitions: facts.map((one) => planPartition(one, onMissing)) };
}

/**
 * The best position that is sound in one partition: the maximum of its bounds.
 *
 * Sound because each bound says "everything below me was handled", so the highest one says it too. Two corrections keep
 * it so when the log is not the one that a bound speaks of:
 * - a bound above `high` is of a log that is gone (the topic was deleted and created again, with new records below the old
 *   numbers): it says nothing about this log and is dropped. Moving it down to `high` would skip the new records.
 * - a bound below `low` is moved up to it: what lay between is gone, by retention, and cannot be read by anybody.
 *
 * @internal
 */
export function planPartition(facts: PartitionFacts, onMissing: MissingPosition): PartitionPlan {
  const { range } = facts;
  const notes = [...facts.notes];
  let best: Bound | undefined;
  let { voidCommit } = facts;
  // Beside what was recognised, nothing counts that was not verified.
  const isRecognised = facts.bounds.some(
    ({ method, isOfLast = false }) => method === 'exact' || isOfLast,
  );
  for (const bound of facts.bounds) {
    if (isRecognised && bound.method === 'unverified-checkpoint') continue;
    const end = bound.method === 'own-commit' ? range.end : range.high;
    const offset = bound.named ?? bound.offset;
    if (offset > end) {
      if (bound.method === 'own-commit') voidCommit = bound.offset;
      notes.push(
        `${bound.method} ${offset} lies beyond the log's end ${end}: the topic was re-created or truncated, so it is not used`,
      );
    } else if (best === undefined || isBetter(bound, best)) {
      best = bound;
    }
  }
  const isInLog = best !== undefined && best.offset >= range.low;
  // A sound position in the log says that everything below was handled; not so 0, with nothing below it. And a commit may be of a member that had to begin where the log begins
  // now.
  const isCommit = best?.method === 'own-commit';
  const isRefuted = isInLog && best !== undefined && best.offset > 0n && !isCommit;
  const upstream =
    isRefuted && facts.upstream ? { ...facts.upstream, gone: undefined } : facts.upstream;
  const known = { ...facts, voidCommit, upstream };
  if (upstream?.gone !== undefined) {
    const { topic, gone } = upstream;
    notes.push(
      `${topic} ${gone.first} to ${gone.last} were not handled, as far as is known, and their copies are not in this log any more (retention, or it was made anew)`,
    );
  }
  if (best === undefined) return planMissing(known, notes, onMissing);
  const { method } = best;
  const removed = removedBelow(best, known);
  if (isInLog) return { ...resumeAt(known, best.offset, method, notes), removed };
  notes.push(
    `${method} ${best.offset} lies before the log's start ${range.low}: retention has removed what lay between`,
  );
  return { ...resumeAt(known, range.low, method, notes), removed };
}

/** Of two that say the same, what says that it is the very next record; but a group's own commit is its own. */
function isBetter(bound: Bound, best: Bound): boolean {
  if (bound.offset !== best.offset) return bound.offset > best.offset;
  return bound.method === 'exact' && best.method !== 'own-commit';
}

function resumeAt(
  facts: PartitionFacts,
  offset: bigint,
  method: PositionMethod,
  notes: readonly string[],
): Extract<PartitionPlan, { kind: 'resume' }> {
  const { topic, physicalTopic, partition, range, handledBelow } = facts;
  const { voidCommit, awaited, upstream, missing } = facts;
  // A limit below a sound bound is refuted by it: somebody else has handled further.
  const isLimited = handledBelow !== undefined && handledBelow >= offset;
  const end = isLimited && handledBelow < range.high ? handledBelow : range.high;
  const maxRereadCount = end > offset ? end - offset : 0n;
  const log = { topic, physicalTopic, partition };
  return {
    kind: 'resume',
    ...log,
    offset,
    method,
    end: range.high,
    maxRereadCount,
    voidCommit,
    awaited,
    upstream,
    missing: method === 'exact' ? [] : missing,
    notes,
  };
}

function planMissing(
  facts: PartitionFacts,
  notes: readonly string[],
  onMissing: MissingPosition,
): PartitionPlan {
  const { topic, physicalTopic, partition, range, missing, upstream } = facts;
  const because = ['no position is known', ...facts.missing.map(missingBoundInWords)].join('; ');
  const removed = removedBelow({ method: 'earliest', offset: 0n }, facts);
  // An empty log has one position, and resuming there neither skips nor repeats anything that is in it.
  if (range.low >= range.high) {
    return { ...resumeAt(facts, range.low, 'earliest', notes), removed };
  }
  switch (onMissing) {
    case 'earliest': {
      // Nothing was handled that is in the log: no bound refutes that.
      const { handledBelow } = facts;
      const limit = handledBelow === undefined ? undefined : highest(handledBelow, range.low);
      const limited = { ...facts, handledBelow: limit };
      return {
        ...resumeAt(limited, range.low, 'earliest', [...notes, `${because}; read from the start`]),
        removed,
      };
    }
    case 'latest':
      return resumeAt(facts, range.high, 'latest', [
        ...notes,
        `${because}; read from the end: ${range.high - range.low} offsets are skipped`,
      ]);
    case 'fail':
      return {
        kind: 'unavailable',
        topic,
        physicalTopic,
        partition,
        because: [because, ...notes].join('; '),
        missing,
        upstream,
      };
    default:
      return unreachable(onMissing);
  }
}
