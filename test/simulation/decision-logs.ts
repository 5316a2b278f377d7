import type { AgreedDecision } from '../../src/agreement/agreement.js';
import type { MemoryWorld } from '../../src/testing/index.js';

/** Where `kafkaAgreement` keeps decisions. */
export const DECISIONS_TOPIC = '__kafkajs-failover.decisions';

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
    const look = (): void => {
      if (cluster.partitionCount(DECISIONS_TOPIC) === 0) return;
      const records = cluster.records(DECISIONS_TOPIC, 0);
      for (const { value } of records.slice(readCount)) {
        const decision = decisionOf(value?.toString() ?? '');
        const isOdd = cluster.alias === 'A';
        if (decision?.cluster !== cluster.alias || (decision.epoch % 2 === 1) !== isOdd) continue;
        if (decision.epoch <= newestEpoch) continue;
        newestEpoch = decision.epoch;
        onDecision(decision);
      }
      readCount = records.length;
    };
    cluster.onRequest(({ apiName, topics }) => {
      // The request is observed before it is processed.
      if (apiName === 'Produce' && topics.includes(DECISIONS_TOPIC)) memory.clock.after(1, look);
    });
  }
}
