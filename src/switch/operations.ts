import type { ClusterSession } from '../cluster/session.js';
import type { SwitchPhase } from '../events.js';
import type { MissingPiece } from '../missing-pieces.js';
import type { GroupPlan } from '../position/plan.js';
import type { GroupNeed } from '../position/need.js';
import type { HeartbeatState } from '../replication/mirror.js';
import { unreachable } from '../unreachable.js';
import type { SwitchTurn } from './participant.js';

/**
 * What the coordinator has done for it: everything about clusters and mirrors that a switch needs. The composition root
 * implements it, so that the coordinator knows no kafkajs and no MirrorMaker.
 *
 * @internal
 */
export interface SwitchOperations {
  /**
   * The cluster to start on, by the strategy's opinion, after a look at its identity; and the activation to begin with.
   * Rejects where the opinion cannot be understood or the wrong cluster answers.
   */
  chooseFirst(): Promise<{ readonly active: string; readonly switchEpoch: number }>;
  /** Begins to watch the clusters, where the strategy wants that. Idempotent. */
  watch(): void;
  /**
   * After a time without clients, or a halt for want of the agreement: resolves when what the fleet has decided meanwhile is known and
   * obeyed, or after three seconds without a word. At once where nothing was missed.
   */
  ready(): Promise<void>;
  /** Closes every connection and timer, and ends the watch; what is asked next opens them anew. */
  release(): void;
  /** Opens a new session. Synchronous: connections are made by those who use it. */
  openSession(alias: string, switchEpoch: number): ClusterSession;
  /**
   * Looks at the target (reachable, the right cluster) and, for a planned switch, at the mirror. `obstacles` refuse the
   * switch; `warnings` go into its report; `missing` is what they speak of. Where `targetAnswers`, no obstacle is one for an unplanned switch.
   */
  checkReadiness(
    turn: SwitchTurn,
    needs: readonly GroupNeed[],
    signal: AbortSignal,
  ): Promise<{
    obstacles: readonly string[];
    warnings: readonly string[];
    missing: readonly MissingPiece[];
    targetAnswers: boolean;
  }>;
  /** The newest heartbeat that came through the flow to this cluster, from memory; undefined where none is known. */
  heartbeatTo(target: string): HeartbeatState | undefined;
  /**
   * Waits until the target has the source's records of the topics that the groups read.
   * Resolves with what is not mirrored yet when `signal` is aborted.
   */
  catchUp(
    turn: SwitchTurn,
    needs: readonly GroupNeed[],
    signal: AbortSignal,
  ): Promise<{ unmirrored: readonly string[] }>;
  /**
   * Writes down on the target how far the groups of this process came, for the members that go on there. Bounded; never rejects.
   */
  lastWords(turn: SwitchTurn, needs: readonly GroupNeed[], signal: AbortSignal): Promise<void>;
  /**
   * Waits, bounded, for what the group's other members say of their work on the source. Never rejects.
   *
   * @returns true where there is news since the last plan.
   */
  othersSaid(turn: SwitchTurn, groupId: string, signal: AbortSignal): Promise<boolean>;
  /** Fixes where a group resumes on the target. */
  plan(turn: SwitchTurn, need: GroupNeed, signal: AbortSignal): Promise<GroupPlan>;
  /** As {@link ActiveCluster.planAtStart}. */
  planAtStart(active: string, need: GroupNeed, signal: AbortSignal): Promise<GroupPlan | undefined>;
}

/**
 * The operations, each followed by a look whether a client is left: what goes on when the last one leaves opens its
 * connections anew. Not the choice of the first cluster, which comes before the first client takes part.
 *
 * @internal
 */
export function releasing(
  operations: SwitchOperations,
  releaseUnused: () => void,
): SwitchOperations {
  return {
    chooseFirst: () => operations.chooseFirst(),
    watch: () => operations.watch(),
    ready: () => operations.ready(),
    heartbeatTo: (target) => operations.heartbeatTo(target),
    release: () => operations.release(),
    openSession: (alias, switchEpoch) => operations.openSession(alias, switchEpoch),
    checkReadiness: (...args) => operations.checkReadiness(...args).finally(releaseUnused),
    catchUp: (...args) => operations.catchUp(...args).finally(releaseUnused),
    lastWords: (...args) => operations.lastWords(...args).finally(releaseUnused),
    othersSaid: (...args) => operations.othersSaid(...args).finally(releaseUnused),
    plan: (...args) => operations.plan(...args).finally(releaseUnused),
    planAtStart: (...args) => operations.planAtStart(...args).finally(releaseUnused),
  };
}

/** @internal How long each phase may take, in milliseconds. */
export interface PhaseDeadlines {
  readonly prepareMs: number;
  readonly agreeMs: number;
  readonly drainMs: number;
  readonly handlersMs: number;
  /** Nobody sets it: a member that is silent is waited for a lease, one that is at work as long as that may take. */
  readonly barrierMs: number;
  readonly catchUpMs: number;
  readonly translateMs: number;
  readonly openMs: number;
}

/** @internal The deadline of a phase; `hold` is synchronous and has none. */
export function phaseDeadlineMs(phase: SwitchPhase, deadlines: PhaseDeadlines): number {
  switch (phase) {
    case 'prepare':
      return deadlines.prepareMs;
    case 'agree':
      return deadlines.agreeMs;
    case 'hold':
      return 0;
    case 'drain':
      return deadlines.drainMs;
    case 'fence':
      return deadlines.handlersMs;
    case 'barrier':
      return deadlines.barrierMs;
    case 'catch-up':
      return deadlines.catchUpMs;
    case 'translate':
      return deadlines.translateMs;
    case 'open':
      return deadlines.openMs;
    default:
      return unreachable(phase);
  }
}
