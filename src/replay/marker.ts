import { Buffer } from 'node:buffer';
import type { IHeaders } from 'kafkajs';
import { contentHash, type RecordContent } from '../position/fingerprint.js';

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
 * Where a record was acknowledged first that was replayed by a FailoverKafka (`producer.onUnmirrored`). By its header, so as trustworthy as whoever may write to the topic.
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
  if (!isOrigin(origin)) return undefined;
  const { cluster, topic, partition, offset, switchEpoch } = origin;
  return { cluster, topic, partition, offset, switchEpoch };
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

/** @internal A replay, as its header tells. */
export interface Replay {
  readonly origin: ReplayOrigin;
  /** Its log was not known to have been cut or made anew since: an offset of its origin is one of the log that was left. */
  readonly isOfLastLog: boolean;
}

/** @internal As {@link replayOrigin}, and what consumers of this library have to know beside. */
export function replayOf(message: RecordContent): Replay | undefined {
  const origin = replayOrigin(message);
  if (origin === undefined) return undefined;
  const { isOfLastLog = false } = JSON.parse(String(message.headers?.[REPLAY_HEADER])) as {
    isOfLastLog?: unknown;
  };
  return { origin, isOfLastLog: isOfLastLog === true };
}

/** @internal The headers of a record that is replayed. */
export function markedHeaders(
  headers: RecordContent['headers'],
  { origin, isOfLastLog }: Replay,
): IHeaders {
  return { ...(headers as IHeaders), [REPLAY_HEADER]: JSON.stringify({ ...origin, isOfLastLog }) };
}

/** @internal Names the record that was acknowledged, by its place and what it is: after an unclean election, or in a topic that was made anew, the place has another one. */
export function originKey(
  { cluster, topic, partition, offset, switchEpoch }: ReplayOrigin,
  { timestamp, hash }: { readonly timestamp: string; readonly hash: string },
): string {
  return `${partition} ${offset} ${switchEpoch} ${timestamp} ${hash} ${cluster} ${topic}`;
}

/** @internal The hash of the record that was acknowledged, of its replay. */
export function replayedHash({ headers, ...record }: RecordContent): string {
  const { [REPLAY_HEADER]: _marker, ...own } = headers ?? {};
  return contentHash({ ...record, headers: own });
}
