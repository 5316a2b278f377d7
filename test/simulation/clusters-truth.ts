import type { Automation } from './automation.js';
import type { Fault } from './conditions.js';
import type { HistoryEvent } from './history.js';

/** A cluster with one of these cannot be seen to work. (Who takes no records shows it only to those who send some.) */
const PREVENT_PROOF: ReadonlySet<Fault> = new Set(['down', 'frozen', 'cut', 'coordinator-hangs']);

/** Timers, and the way of a question. */
const SLACK_MS = 500;

/** How long ago a fault may have ended that somebody leaves a cluster for: it is healthy again only after a clean time. */
export function blameMs({ health }: Automation): number {
  // Whether it takes records is seen when the next one is acknowledged, and kafkajs may be pausing between two attempts.
  const kafkajsPauseMs = 7_000;
  return health.recoveryMs + 2 * health.intervalMs + 4 * health.timeoutMs + kafkajsPauseMs;
}

/** How old the newest proof may be that a cluster works: the last question before its death was answered. */
export function proofMs({ health }: Automation): number {
  return 1.1 * health.intervalMs + 4 * health.timeoutMs + SLACK_MS;
}

/** How each cluster really is, while a history is read from its beginning. */
export class Truth {
  /** Of a cluster, or of the way of one process to it. */
  readonly #faults = new Map<
    string,
    { readonly faults: readonly Fault[]; readonly atMs: number }
  >();
  readonly #lastFaultyAtMs = new Map<string, number>();
  readonly #lastProvableAtMs = new Map<string, number>();

  take(event: HistoryEvent): void {
    if (event.kind !== 'condition') return;
    const { cluster, process, faults, atMs } = event;
    const key = process === undefined ? cluster : `${cluster} of ${process}`;
    const before = this.#faults.get(key)?.faults ?? [];
    if (before.length > 0) this.#lastFaultyAtMs.set(key, atMs);
    if (!before.some((fault) => PREVENT_PROOF.has(fault))) this.#lastProvableAtMs.set(key, atMs);
    this.#faults.set(key, { faults, atMs });
  }

  /** What is wrong with a cluster for one process now. */
  faults(cluster: string, process: number): readonly Fault[] {
    return keysOf(cluster, process).flatMap((key) => this.#faults.get(key)?.faults ?? []);
  }

  /** When something was last wrong with it. */
  faultyAtMs(cluster: string, process: number, nowMs: number): number {
    if (this.faults(cluster, process).length > 0) return nowMs;
    const ends = keysOf(cluster, process).map((key) => this.#lastFaultyAtMs.get(key));
    return Math.max(...ends.map((atMs) => atMs ?? Number.NEGATIVE_INFINITY));
  }

  /** When it could last be seen to work. */
  provableAtMs(cluster: string, process: number, nowMs: number): number {
    const times = keysOf(cluster, process).map((key) => {
      const { faults = [] } = this.#faults.get(key) ?? {};
      if (!faults.some((fault) => PREVENT_PROOF.has(fault))) return nowMs;
      return this.#lastProvableAtMs.get(key) ?? Number.NEGATIVE_INFINITY;
    });
    return Math.min(...times);
  }
}

function keysOf(cluster: string, process: number): readonly [string, string] {
  return [cluster, `${cluster} of ${process}`];
}
