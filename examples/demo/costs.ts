import type { RecoveryTime, SwitchMeasurement } from 'kafkajs-failover';

/** What the last switch of an act has cost, as the services' own reports say. */
export interface Costs {
  /** Null where no producer was at work on both sides of the switch. */
  readonly producerRtoMs: number | null;
  /** Of the member that stood still longest; null where none was at work on both sides. */
  readonly consumerRtoMs: number | null;
  /** Records that the source had acknowledged and the mirror had not brought; null where no service can tell. */
  readonly rpoRecords: number | null;
}

/**
 * Puts together what single services know: a producer knows what was acknowledged, and a consumer how far the mirror has come. Each
 * report alone gives a lower limit.
 */
export function costsOf(measurements: readonly SwitchMeasurement[]): Costs {
  return {
    producerRtoMs: longest(measurements.map(({ rto }) => rto.producers)),
    consumerRtoMs: longest(measurements.map(({ rto }) => rto.consumers)),
    rpoRecords: unmirroredCount(measurements),
  };
}

function longest(times: readonly RecoveryTime[]): number | null {
  const measured = times.flatMap((time) => (time.kind === 'measured' ? time.durationMs : []));
  return measured.length === 0 ? null : Math.round(Math.max(...measured));
}

function unmirroredCount(measurements: readonly SwitchMeasurement[]): number | null {
  const logs = new Map<string, { knownEnd: number; mirroredEnd: number | undefined }>();
  for (const log of measurements.flatMap(({ unmirrored }) => unmirrored)) {
    const key = `${log.topic}-${log.partition}`;
    const known = logs.get(key) ?? { knownEnd: 0, mirroredEnd: undefined };
    // Where the report itself cannot tell how many are missing, its mirror's end is no more than a limit.
    const isKnown = log.mirroredEnd !== undefined && log.records.kind !== 'unknown';
    const mirroredEnd = Math.max(known.mirroredEnd ?? 0, isKnown ? Number(log.mirroredEnd) : 0);
    logs.set(key, {
      knownEnd: Math.max(known.knownEnd, Number(log.knownEnd ?? 0)),
      mirroredEnd: isKnown || known.mirroredEnd !== undefined ? mirroredEnd : undefined,
    });
  }
  let count: number | null = null;
  for (const { knownEnd, mirroredEnd } of logs.values()) {
    if (mirroredEnd === undefined) continue;
    count = (count ?? 0) + Math.max(0, knownEnd - mirroredEnd);
  }
  return count;
}
