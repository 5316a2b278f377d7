import type { Quorum } from '../../src/agreement/agreement.js';
import { createRandom } from '../../src/testing/index.js';

/** How a fleet decides together, where it does. */
export interface FleetAgreement {
  /** In a control plane outside of the clusters, or in the clusters themselves (`kafkaAgreement`). */
  readonly store: 'plane' | 'kafka';
  readonly quorum: Quorum;
  readonly heartbeatMs: number;
  /** Undefined: no process stops by itself. */
  readonly leaseMs: number | undefined;
  /** Processes are named after their machine, so that a restarted one has the name of the one before. */
  readonly isNamed: boolean;
  readonly onUnknownAtStart: 'last-applied' | 'fail';
  readonly processCount: number;
  /** Longest way of a question to the control plane, in milliseconds. */
  readonly latencyMaxMs: number;
}

/** Share of the seeds in which all processes have one agreement. */
const SHARE = 0.3;

/** So many heartbeats without a word, and a member is silent. */
const SILENT_HEARTBEATS = 3;

/**
 * Draws it from a stream of its own: the other seeds stay what they were. Pure.
 *
 * @param countOf - what becomes of the number of processes that is drawn.
 */
export function drawAgreement(
  seed: string,
  countOf: (drawn: number) => number,
): FleetAgreement | undefined {
  const random = createRandom(seed).fork('agreement');
  if (!random.chance(SHARE)) return undefined;
  const heartbeatMs = random.pick([400, 700, 1_000]);
  const store = random.pick(['plane', 'plane', 'kafka'] as const);
  const drawn = {
    store,
    quorum: random.pick([
      { share: 0.5 },
      { share: 0.5 },
      { share: 0.7 },
      { voices: 1 },
      { voices: 2 },
    ]),
    heartbeatMs,
    leaseMs: random.chance(0.4)
      ? SILENT_HEARTBEATS * heartbeatMs + random.pick([0, 500, 2_000])
      : undefined,
    isNamed: random.chance(0.5),
    onUnknownAtStart: random.chance(0.2) ? 'fail' : 'last-applied',
    processCount: countOf(random.pick([2, 3, 3, 4])),
    latencyMaxMs: random.pick([5, 5, 60, 300]),
  } as const;
  // There is no lease with the clusters' own logs.
  return store === 'kafka' ? { ...drawn, leaseMs: undefined } : drawn;
}

/** A member that was silent for so long is not counted any more, in milliseconds. */
export function silentMsOf({ heartbeatMs }: FleetAgreement): number {
  return SILENT_HEARTBEATS * heartbeatMs;
}

/** A member that was silent for so long is not waited for any more, in milliseconds. */
export function absentMsOf(agreement: FleetAgreement): number {
  return agreement.leaseMs ?? silentMsOf(agreement);
}
