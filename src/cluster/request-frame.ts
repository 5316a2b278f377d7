/** Kafka's api keys that the wire's bookkeeping tells apart (kafkajs `src/protocol/requests/apiKeys.js`). */
const PRODUCE = 0;
const FETCH = 1;
const JOIN_GROUP = 11;
const SYNC_GROUP = 14;

/** int32 length, int16 api key, int16 api version, int32 correlation id. */
const HEADER_BYTES = 12;

/** kafkajs's default `rebalanceTimeout`, in milliseconds: the patience with a SyncGroup before any JoinGroup was seen. */
const DEFAULT_REBALANCE_MS = 60_000;

/**
 * What the bookkeeping needs to know of one written chunk.
 *
 * - `bytes`: not one framed request. Some SASL mechanisms write such tokens; nothing more is known of the socket then.
 * - `request`: one request. `patienceMs` is how long the broker may rightly keep it before it answers: a Fetch its
 *   `max_wait`, a JoinGroup or SyncGroup the group's rebalance timeout. `expectsAnswer` is false for acks=0.
 *
 * @internal
 */
export type WrittenChunk =
  | { readonly kind: 'bytes' }
  | {
      readonly kind: 'request';
      readonly produce: boolean;
      readonly expectsAnswer: boolean;
      readonly patienceMs: number;
      /** Set by a JoinGroup: the SyncGroup that follows may wait as long. */
      readonly rebalanceTimeoutMs?: number;
    };

const BYTES: WrittenChunk = { kind: 'bytes' };
const REQUEST = { kind: 'request', produce: false, expectsAnswer: true, patienceMs: 0 } as const;
const PRODUCE_ACKNOWLEDGED: WrittenChunk = { ...REQUEST, produce: true };
const PRODUCE_UNACKNOWLEDGED: WrittenChunk = {
  ...REQUEST,
  produce: true,
  expectsAnswer: false,
};

/**
 * Reads the head of what was written to a socket. kafkajs writes one whole request in one chunk (`Connection.send`).
 * Tolerates anything; reads a few integers and copies nothing, for it runs with every request.
 *
 * @param rebalanceTimeoutMs - that of the last JoinGroup on the same socket, in milliseconds.
 * @internal
 */
export function readWrittenChunk(
  chunk: unknown,
  rebalanceTimeoutMs: number = DEFAULT_REBALANCE_MS,
): WrittenChunk {
  if (!Buffer.isBuffer(chunk) || chunk.length < HEADER_BYTES) {
    return isFramed(chunk) ? REQUEST : BYTES;
  }
  if (!isFramed(chunk)) return BYTES;
  try {
    switch (chunk.readInt16BE(4)) {
      case PRODUCE:
        return acksOf(chunk) === 0 ? PRODUCE_UNACKNOWLEDGED : PRODUCE_ACKNOWLEDGED;
      case FETCH:
        return { ...REQUEST, patienceMs: chunk.readInt32BE(bodyAt(chunk) + 4) };
      case JOIN_GROUP:
        return joinGroup(chunk);
      case SYNC_GROUP:
        return { ...REQUEST, patienceMs: rebalanceTimeoutMs };
      default:
        return REQUEST;
    }
  } catch {
    // Cut short or no Kafka request at all (a SASL token with a length in front reads like one): still one answer.
    return REQUEST;
  }
}

/** @internal Of a chunk that is one framed request: what its answer will be known by. */
export function correlationIdOf(chunk: Buffer): number {
  return chunk.readInt32BE(8);
}

function isFramed(chunk: unknown): boolean {
  return Buffer.isBuffer(chunk) && chunk.length >= 4 && chunk.readInt32BE(0) === chunk.length - 4;
}

/** Where the body begins: behind the header's nullable client id. */
function bodyAt(chunk: Buffer): number {
  return skipString(chunk, HEADER_BYTES);
}

/** Behind a string with an int16 length; a null string has length -1 and no bytes. */
function skipString(chunk: Buffer, at: number): number {
  return at + 2 + Math.max(0, chunk.readInt16BE(at));
}

/** Produce v3 and later begin with a nullable transactional id; before that, acks come first. */
function acksOf(chunk: Buffer): number {
  const body = bodyAt(chunk);
  return chunk.readInt16BE(chunk.readInt16BE(6) >= 3 ? skipString(chunk, body) : body);
}

/** JoinGroup: group id, session timeout, and from v1 on the rebalance timeout. */
function joinGroup(chunk: Buffer): WrittenChunk {
  const timeoutsAt = skipString(chunk, bodyAt(chunk));
  const patienceMs = chunk.readInt32BE(chunk.readInt16BE(6) >= 1 ? timeoutsAt + 4 : timeoutsAt);
  return { ...REQUEST, patienceMs, rebalanceTimeoutMs: patienceMs };
}
