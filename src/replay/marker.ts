import { Buffer } from 'node:buffer';
import type { IHeaders } from 'kafkajs';
import type { RecordContent } from '../position/fingerprint.js';

/**
 * The header that a record has which was sent again to the other cluster, because the first one had acknowledged it and it was not mirrored: see {@link replayOrigin}.
 *
 * @public
 */
export const REPLAY_HEADER = 'kafkajs-failover-replay-of';

/**
 * Where a replayed record was acknowledged first.
 *
 * @public
 */
export interface ReplayOrigin {
  /** Alias of the cluster. */
  readonly cluster: string;
  /** The topic, by its name there. */
  readonly topic: string;
  /** The partition; the replayed record is in the one of the same number. */
  readonly partition: number;
  /** Its offset there. */
  readonly offset: string;
  /** The activation in which it was acknowledged, of the process that has sent it. */
  readonly switchEpoch: number;
}

/**
 * Where a record was acknowledged first that was replayed by a FailoverKafka (`producer.onUnmirrored`).
 *
 * @returns undefined for every other record.
 * @public
 */
export function replayOrigin(message: {
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
}): ReplayOrigin | undefined {
  const marker = message.headers?.[REPLAY_HEADER];
  // A name that comes twice is a list: nobody here writes that.
  if (!Buffer.isBuffer(marker) && typeof marker !== 'string') return undefined;
  return readOrigin(marker.toString());
}

function readOrigin(text: string): ReplayOrigin | undefined {
  let origin: unknown;
  try {
    origin = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isOrigin(origin) ? origin : undefined;
}

function isOrigin(origin: unknown): origin is ReplayOrigin {
  if (typeof origin !== 'object' || origin === null) return false;
  const { cluster, topic, partition, offset, switchEpoch } = origin as Partial<
    Record<keyof ReplayOrigin, unknown>
  >;
  return (
    typeof cluster === 'string' &&
    typeof topic === 'string' &&
    Number.isSafeInteger(partition) &&
    typeof offset === 'string' &&
    /^\d{1,19}$/.test(offset) &&
    Number.isSafeInteger(switchEpoch)
  );
}

/** @internal The headers of a record that is replayed. */
export function markedHeaders(
  headers: RecordContent['headers'],
  { cluster, topic, partition, offset, switchEpoch }: ReplayOrigin,
): IHeaders {
  const origin: ReplayOrigin = { cluster, topic, partition, offset, switchEpoch };
  return { ...(headers as IHeaders), [REPLAY_HEADER]: JSON.stringify(origin) };
}

/** @internal Names the record that was acknowledged, and no other one: also where its log was made anew since. */
export function originKey({
  cluster,
  topic,
  partition,
  offset,
  switchEpoch,
}: ReplayOrigin): string {
  return `${partition} ${offset} ${switchEpoch} ${cluster} ${topic}`;
}
