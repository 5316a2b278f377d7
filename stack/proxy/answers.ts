import { ByteWriter } from '../../src/replication/bytes.js';
import { apiKeys } from './apis.js';
import type { ApiName } from './apis.js';
import { bodyOf } from './frames.js';
import type { RequestHead } from './frames.js';

/** @internal The requests that the proxy can answer in the broker's place. */
export type AnswerableApi = Extract<ApiName, 'Produce' | 'FindCoordinator'>;

/** Later versions have flexible fields; kafkajs sends none of them. */
const maxVersions: Readonly<Record<AnswerableApi, number>> = { Produce: 7, FindCoordinator: 2 };

/**
 * The answer of a broker that refuses this request with the error code, for every partition that it names.
 *
 * @returns undefined for a request that is not one of {@link AnswerableApi}, or in a version that it is not known in.
 * @internal
 */
export function refusalOf(
  request: Buffer,
  head: RequestHead,
  errorCode: number,
): Buffer | undefined {
  try {
    switch (head.apiKey) {
      case apiKeys.Produce:
        if (head.apiVersion > maxVersions.Produce) return undefined;
        return answer(head, (body) => refuseProduce(body, request, head.apiVersion, errorCode));
      case apiKeys.FindCoordinator:
        if (head.apiVersion > maxVersions.FindCoordinator) return undefined;
        return answer(head, (body) => refuseFindCoordinator(body, head.apiVersion, errorCode));
      default:
        return undefined;
    }
  } catch {
    return undefined; // Not laid out as the protocol says.
  }
}

function answer(head: RequestHead, write: (body: ByteWriter) => void): Buffer {
  const body = new ByteWriter();
  write(body);
  const bytes = body.bytes();
  const header = new ByteWriter().int32(bytes.length + 4).int32(head.correlationId);
  return Buffer.concat([header.bytes(), bytes]);
}

/** `ProduceRequest.json` and `ProduceResponse.json` of Kafka 3.9, the last with versions 0 to 2. */
function refuseProduce(
  body: ByteWriter,
  request: Buffer,
  version: number,
  errorCode: number,
): void {
  const cursor = bodyOf(request);
  if (version >= 3) cursor.string(); // Transactional id.
  cursor.int16(); // Acks.
  cursor.int32(); // Timeout.
  const topics = cursor.array(() => ({
    topic: cursor.string(),
    partitions: cursor.array(() => {
      const partition = cursor.int32();
      cursor.skipBytes(); // The records.
      return partition;
    }),
  }));
  body.int32(topics.length);
  for (const { topic, partitions } of topics) {
    body.string(topic).int32(partitions.length);
    for (const partition of partitions) {
      body.int32(partition).int16(errorCode).int64(-1n); // Base offset.
      if (version >= 2) body.int64(-1n); // Log append time.
      if (version >= 5) body.int64(-1n); // Log start offset.
    }
  }
  if (version >= 1) body.int32(0); // Throttle time.
}

/** `FindCoordinatorResponse.json`: no node, an empty host, no port. */
function refuseFindCoordinator(body: ByteWriter, version: number, errorCode: number): void {
  if (version >= 1) body.int32(0); // Throttle time.
  body.int16(errorCode);
  if (version >= 1) body.int16(-1); // No error message.
  body.int32(-1).string('').int32(-1);
}
