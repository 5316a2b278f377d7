import { isProven, type ClusterHealth } from '../health/health.js';
import { missingPieceInWords, type MissingPiece } from '../missing-pieces.js';
import type { GroupPlan, PartitionPlan } from '../position/plan.js';
import type { CatchUpOutcome } from '../replication/catch-up.js';
import { unmirroredInWords } from '../replication/mirrored.js';

/**
 * What has to be so before a service goes home to its preferred cluster, in the order in which it is looked at:
 *
 * - `dwell`: it was away long enough (`failback.dwellMs`).
 * - `healthy`: the preferred cluster is seen to take records and to serve groups, for as long as the strategy asks. Open where the strategy
 *   watches no health.
 * - `reachable`: it answers now. `identity`: it is the cluster that it should be.
 * - `mirror`: MirrorMaker's records of the way home can be read, and its heartbeats come through.
 * - `topics`: what is read here has its topics there, with the same numbers of partitions.
 * - `lag`: the mirror brings, within `failback.lagMs`, what the standby holds.
 * - `positions`: each partition of this process's groups has a place to go on there that does not read everything again.
 *
 * @public
 */
export type FailbackGateName =
  'dwell' | 'healthy' | 'reachable' | 'identity' | 'mirror' | 'topics' | 'lag' | 'positions';

/**
 * One condition of the way home, as it is known now.
 *
 * @public
 */
export interface FailbackGate {
  /** Which one. */
  readonly name: FailbackGateName;
  /** `not-looked-at`: one before it is closed, or what was seen is too old. */
  readonly state: 'open' | 'closed' | 'not-looked-at';
  /** Why, in words, with names and numbers. */
  readonly detail: string;
}

/**
 * Records of one partition that the other cluster does not have. Plain JSON.
 *
 * @public
 */
export interface StrandedRecords {
  /** The topic's name on the cluster that has them. */
  readonly topic: string;
  /** Its partition. */
  readonly partition: number;
  /** An estimate: offsets, not records, where the log has holes. */
  readonly recordCount: number;
}

/**
 * Whether the way home is open, and if not, why not yet. Plain JSON.
 *
 * @public
 */
export interface FailbackAssessment {
  /** Alias of the active cluster. */
  readonly from: string;
  /** Alias of the preferred one. */
  readonly to: string;
  /** True where every gate is open. */
  readonly isOpen: boolean;
  /** The first gate that is not open, in words; undefined where all are. */
  readonly whyNot: string | undefined;
  /** Every gate, in the order in which they are looked at. */
  readonly gates: readonly FailbackGate[];
  /** How long ago the clusters were asked, in milliseconds; undefined where they were not. */
  readonly lookedAgeMs: number | undefined;
  /**
   * Records of the preferred cluster that the active one does not have: what it took before it was lost and was never mirrored. They are
   * handled once it works again and is mirrored, or at home. Empty also where it was not looked at.
   */
  readonly stranded: readonly StrandedRecords[];
}

/** @internal What asking the clusters has shown. */
export interface FailbackLook {
  /** When it began, in monotonic milliseconds. */
  readonly atMs: number;
  /** When it ended: from then on what was seen counts. */
  readonly endedAtMs: number;
  /** The activation that it is about. */
  readonly switchEpoch: number;
  /** Those that were looked at. */
  readonly gates: readonly FailbackGate[];
  readonly stranded: readonly StrandedRecords[];
}

/** @internal What {@link assess} looks at. */
export interface AssessmentFacts {
  readonly nowMs: number;
  readonly from: string;
  readonly to: string;
  readonly switchEpoch: number;
  /** When the service came to the cluster that it works with; `isExact` false: this process only knows since when it is there itself. */
  readonly away: { readonly sinceMs: number; readonly isExact: boolean };
  readonly dwellMs: number;
  /** Undefined: the strategy does not watch it. */
  readonly health: ClusterHealth | undefined;
  /** For how long it must have been healthy without a break. */
  readonly stableMs: number;
  /** What was seen last. */
  readonly look: FailbackLook | undefined;
  /** What was seen counts for so long, from the end of the look. */
  readonly lookValidMs: number;
}

/** Those that only the clusters can tell, in their order. */
const LOOKED_AT = ['reachable', 'identity', 'mirror', 'topics', 'lag', 'positions'] as const;

/** @internal A gate that is open, or closed, with the reason. */
export function gate(name: FailbackGateName, isOpen: boolean, detail: string): FailbackGate {
  return { name, state: isOpen ? 'open' : 'closed', detail };
}

/** @internal Pure: every gate, as it is known now. */
export function assess(facts: AssessmentFacts): FailbackAssessment {
  const { nowMs, from, to, look } = facts;
  const isValid =
    look !== undefined &&
    look.switchEpoch === facts.switchEpoch &&
    nowMs - look.endedAtMs <= facts.lookValidMs;
  const seen = isValid ? look.gates : [];
  const gates = [
    ...rememberedGates(facts),
    ...LOOKED_AT.map(
      (name): FailbackGate =>
        seen.find((one) => one.name === name) ?? {
          name,
          state: 'not-looked-at',
          detail: isValid ? 'one before it is shut' : look === undefined ? 'not yet' : 'not lately',
        },
    ),
  ];
  const shut = gates.find(({ state }) => state !== 'open');
  return {
    from,
    to,
    isOpen: shut === undefined,
    whyNot: shut === undefined ? undefined : inWords(shut),
    gates,
    lookedAgeMs: isValid ? nowMs - look.atMs : undefined,
    stranded: isValid ? look.stranded : [],
  };
}

/** @internal Those that need no question. */
export function rememberedGates({
  nowMs,
  to,
  away,
  dwellMs,
  health,
  stableMs,
}: Omit<AssessmentFacts, 'look' | 'lookValidMs'>): readonly FailbackGate[] {
  const awayMs = Math.max(0, nowMs - away.sinceMs);
  const since = away.isExact ? 'away' : 'away, as far as this process knows,';
  const dwell = `${since} for ${Math.floor(awayMs)} ms, ${dwellMs} are asked for`;
  return [gate('dwell', awayMs >= dwellMs, dwell), healthGate(to, health, { nowMs, stableMs })];
}

function healthGate(
  to: string,
  health: ClusterHealth | undefined,
  { nowMs, stableMs }: { nowMs: number; stableMs: number },
): FailbackGate {
  if (health === undefined)
    return gate('healthy', true, 'the strategy does not watch the health of the clusters');
  const { produce, consume, refusedBecause } = health;
  if (refusedBecause !== undefined)
    return gate('healthy', false, `${to} does not let us in: ${refusedBecause}`);
  for (const [facet, one] of [
    ['records', produce],
    ['groups', consume],
  ] as const) {
    if (isProven(one)) continue;
    const because = one.kind === 'healthy' ? 'it fails at the moment' : one.because;
    return gate('healthy', false, `${to} is not seen to serve ${facet}: ${because}`);
  }
  const healthyMs = Math.max(0, nowMs - Math.max(produce.sinceMs, consume.sinceMs));
  const detail = `${to} is healthy for ${Math.floor(healthyMs)} ms, ${stableMs} are asked for`;
  return gate('healthy', healthyMs >= stableMs, detail);
}

/** What is said where nothing is looked at. */
const NOBODY = 'no consumer of this process needs it';

/** @internal The gates `mirror` and `topics`, out of what is missing. */
export function mirrorGates(
  {
    missing,
    topicsSeen,
  }: { readonly missing: readonly MissingPiece[]; readonly topicsSeen: boolean },
  groupCount: number,
): readonly [mirror: FailbackGate, topics: FailbackGate] {
  if (groupCount === 0) {
    return [gate('mirror', true, NOBODY), gate('topics', true, NOBODY)];
  }
  const isOfTopics = ({ kind }: MissingPiece): boolean =>
    kind === 'no-topic' || kind === 'partition-count';
  const topics = missing.filter(isOfTopics);
  // What MirrorMaker copies beside what was committed is no obstacle: the plan warns of it.
  const mirror = missing.filter(
    (piece) => !isOfTopics(piece) && piece.kind !== 'uncommitted-copies',
  );
  return [
    gate('mirror', mirror.length === 0, inList(mirror) ?? 'its records are read, and it is alive'),
    topicsSeen
      ? gate('topics', topics.length === 0, inList(topics) ?? 'all are there')
      : gate('topics', false, 'the clusters did not tell their topics soon enough'),
  ];
}

function inList(missing: readonly MissingPiece[]): string | undefined {
  return missing.length === 0 ? undefined : missing.map(missingPieceInWords).join('; ');
}

/** How many partitions a gate names: the plan has all of them. */
const NAMED = 5;

/** @internal The gate `positions`. */
export function positionsGate(plans: readonly GroupPlan[]): FailbackGate {
  if (plans.length === 0) return gate('positions', true, NOBODY);
  const without = plans.flatMap(({ groupId, partitions }) =>
    partitions
      .filter((one) => !hasPlace(one))
      .map((one) => `${one.physicalTopic}-${one.partition} of ${groupId}`),
  );
  const count = plans.flatMap(({ partitions }) => partitions).length;
  if (without.length === 0) return gate('positions', true, `${count} partitions have a place`);
  const more = without.length > NAMED ? ` and ${without.length - NAMED} more` : '';
  const named = without.slice(0, NAMED).join(', ');
  return gate('positions', false, `no place to go on is known in ${named}${more}`);
}

/** An empty log is read from its beginning, and nothing is read again. */
function hasPlace(plan: PartitionPlan): boolean {
  if (plan.kind === 'unavailable') return false;
  const isGuess = plan.method === 'earliest' || plan.method === 'latest';
  return !isGuess || plan.maxRereadCount === 0n;
}

/** @internal The gate `lag`, for the flow that comes from `source`. */
export function lagGate(
  outcome: CatchUpOutcome,
  source: string,
  { lagMs, groupCount }: { readonly lagMs: number; readonly groupCount: number },
): FailbackGate {
  if (groupCount === 0) return gate('lag', true, NOBODY);
  const behind = unmirroredInWords(outcome, source);
  return behind.length === 0
    ? gate('lag', true, `nothing was left to mirror within ${lagMs} ms`)
    : gate('lag', false, `not mirrored within ${lagMs} ms: ${behind.join(', ')}`);
}

function inWords({ name, detail }: FailbackGate): string {
  return `${name}: ${detail}`;
}
