import type { ReplayOrigin } from './marker.js';

/** @internal A record that is, or may be, replayed: where it was acknowledged, and how its mirrored copy is known. */
export interface ReplayIdentity {
  readonly offset: number;
  /** In milliseconds since 1970; empty where each cluster gives it a time of its own. */
  readonly timestamp: string;
  readonly hash: string;
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
  readonly identities: readonly ReplayIdentity[];
}

/** @internal As text: JSON, with a version. */
export function writeReplayRecord({ kind, log, identities }: ReplayRecord): string {
  const { cluster, topic, partition, switchEpoch } = log;
  const records = identities.map(({ offset, timestamp, hash }) => [offset, timestamp, hash]);
  return JSON.stringify({ v: 1, kind, cluster, topic, partition, switchEpoch, records });
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
  const { v, kind, cluster, topic, partition, switchEpoch, records } = read as Record<
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
    Array.isArray(records);
  if (!isWhole) return undefined;
  const identities = records.flatMap((one: unknown): ReplayIdentity[] => {
    const [offset, timestamp, hash] = Array.isArray(one) ? (one as unknown[]) : [];
    const isOne =
      typeof offset === 'number' && typeof timestamp === 'string' && typeof hash === 'string';
    return isOne ? [{ offset, timestamp, hash }] : [];
  });
  return { kind, log: { cluster, topic, partition, switchEpoch }, identities };
}
