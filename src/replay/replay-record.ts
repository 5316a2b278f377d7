import type { ReplayOrigin } from './marker.js';

/** @internal A record that is, or may be, replayed: where it was acknowledged, and how its mirrored copy is known. */
export interface ReplayIdentity {
  readonly offset: number;
  /** In milliseconds since 1970. */
  readonly timestamp: string;
  readonly hash: string;
  /** Where its replay stands; undefined as long as it is only announced. */
  readonly replayedAt?: number | undefined;
}

/**
 * What a replayer says in the log of the cluster that it sends to, of records of one partition:
 *
 * - `announced`: they were not found there, and will be sent unless they come first. From now on their mirrored copies are to be recognised.
 * - `replayed`: they were sent, and that was acknowledged.
 *
 * @internal
 */
export interface ReplayRecord {
  readonly kind: 'announced' | 'replayed';
  /** Where they were acknowledged first. */
  readonly log: Omit<ReplayOrigin, 'offset'>;
  /** Its mirrored copies stand behind this offset of the other cluster's log. */
  readonly copiedAt: bigint;
  readonly identities: readonly ReplayIdentity[];
}

/** @internal As text: JSON, with a version. */
export function writeReplayRecord({ kind, log, copiedAt, identities }: ReplayRecord): string {
  const { cluster, topic, partition, switchEpoch } = log;
  const records = identities.map(({ offset, timestamp, hash, replayedAt }) =>
    replayedAt === undefined ? [offset, timestamp, hash] : [offset, timestamp, hash, replayedAt],
  );
  const place = { cluster, topic, partition, switchEpoch, copiedAt: String(copiedAt) };
  return JSON.stringify({ v: 1, kind, ...place, records });
}

/** @internal Undefined for what no replayer of this version has written. */
export function readReplayRecord(text: string | undefined): ReplayRecord | undefined {
  let read: unknown;
  try {
    read = JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
  if (typeof read !== 'object' || read === null) return undefined;
  const { v, kind, cluster, topic, partition, switchEpoch, copiedAt, records } = read as Record<
    string,
    unknown
  >;
  const isWhole =
    v === 1 &&
    (kind === 'announced' || kind === 'replayed') &&
    typeof cluster === 'string' &&
    typeof topic === 'string' &&
    typeof partition === 'number' &&
    typeof switchEpoch === 'number' &&
    typeof copiedAt === 'string' &&
    /^-?\d+$/.test(copiedAt) &&
    Array.isArray(records);
  if (!isWhole) return undefined;
  const identities = records.flatMap((one: unknown): ReplayIdentity[] => {
    const [offset, timestamp, hash, replayedAt] = Array.isArray(one) ? (one as unknown[]) : [];
    const isOne =
      typeof offset === 'number' && typeof timestamp === 'string' && typeof hash === 'string';
    if (!isOne) return [];
    const identity = { offset, timestamp, hash };
    return [typeof replayedAt === 'number' ? { ...identity, replayedAt } : identity];
  });
  const log = { cluster, topic, partition, switchEpoch };
  return { kind, log, copiedAt: BigInt(copiedAt), identities };
}
