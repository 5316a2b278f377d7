import type { AgreedDecision } from '../../src/agreement/agreement.js';
import type { MemoryWorld } from '../../src/testing/index.js';

/** Where `kafkaAgreement` keeps decisions. */
export const DECISIONS_TOPIC = '__kafkajs-failover.decisions';

/** How often it is looked whether a record has arrived, and for how long, in milliseconds. */
const LOOK_MS = 1;
const SLOWEST_MS = 1_000;

/** What a text says, if it is a decision. Told apart by the simulation itself: it is the judge of the library's own reading. */
export function decisionOf(text: string): AgreedDecision | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { epoch, cluster, mode, reason, by } = (value ?? {}) as Partial<AgreedDecision>;
  const isWhole = typeof epoch === 'number' && epoch > 0 && (cluster === 'A' || cluster === 'B');
  return isWhole ? { epoch, cluster, mode, reason: reason ?? '', by: by ?? 'operator' } : undefined;
}

/**
 * Tells each decision that comes into force in the clusters' logs, by the rule: odd epochs belong to A, even ones to B, and the first
 * record with an epoch above all before it decides that epoch.
 */
export function watchDecisionLogs(
  memory: MemoryWorld,
  onDecision: (decision: AgreedDecision) => void,
): void {
  for (const cluster of memory.clusters) {
    let readCount = 0;
    let newestEpoch = 0;
    const look = (untilMs: number): void => {
      const isThere = cluster.partitionCount(DECISIONS_TOPIC) > 0;
      if (!isThere || cluster.records(DECISIONS_TOPIC, 0).length === readCount) {
        // A slow broker has not come to it yet.
        if (memory.clock.nowMs() < untilMs) memory.clock.after(LOOK_MS, () => look(untilMs));
        return;
      }
      const records = cluster.records(DECISIONS_TOPIC, 0);
      for (const { value } of records.slice(readCount)) {
        const decision = decisionOf(value?.toString() ?? '');
        const ownsOdd = cluster.alias === 'A';
        if (decision?.cluster !== cluster.alias || (decision.epoch % 2 === 1) !== ownsOdd) continue;
        if (decision.epoch <= newestEpoch) continue;
        newestEpoch = decision.epoch;
        onDecision(decision);
      }
      readCount = records.length;
    };
    cluster.onRequest(({ apiName, topics }) => {
      // The request is observed before it is processed.
      if (apiName !== 'Produce' || !topics.includes(DECISIONS_TOPIC)) return;
      const untilMs = memory.clock.nowMs() + SLOWEST_MS;
      memory.clock.after(LOOK_MS, () => look(untilMs));
    });
  }
}
