import type { FetchedRecords } from './access.js';
import type { KafkaJsFetchedPartition, KafkaJsRawMessage } from './kafkajs-cluster.js';

/** Type of a control record: the second int16 of its key. 0 ends a transaction by abort, 1 by commit. */
const ABORT = 0;

/**
 * What a consumer with isolation `read_committed` may see of one fetched partition, and where the next fetch begins.
 *
 * - Records before `offset` are dropped: a broker sends whole batches.
 * - Control records and the records of aborted transactions are dropped, by the list of aborted transactions that came
 *   with them. kafkajs's own filter opens one aborted transaction per record, and takes any record with the key
 *   `00 00 00 00` for the end of one; both let aborted records through, so it is not used.
 * - `nextOffset` passes all of these, and the offsets at a batch's end that compaction has emptied.
 *
 * The range's `high` is the last stable offset: the log's end as `read_committed` sees it.
 *
 * @internal
 */
export function readableRecords(answer: KafkaJsFetchedPartition, offset: bigint): FetchedRecords {
  const records: KafkaJsRawMessage[] = [];
  let nextOffset = offset;
  const isAborted = abortedFilter(answer);
  for (const message of answer.messages) {
    const at = BigInt(message.offset);
    const aborted = isAborted(message, at);
    const end = endOf(message, at);
    if (end > nextOffset) nextOffset = end;
    if (at >= offset && !aborted && message.isControlRecord !== true) records.push(message);
  }
  return {
    records,
    nextOffset,
    range: { low: BigInt(answer.lastStartOffset), high: BigInt(answer.lastStableOffset) },
  };
}

/** The offset behind the batch that the record came in, or behind the record where no batch is known (formats before 0.11). */
function endOf({ batchContext }: KafkaJsRawMessage, at: bigint): bigint {
  if (batchContext?.firstOffset === undefined || batchContext.lastOffsetDelta === undefined) {
    return at + 1n;
  }
  return BigInt(batchContext.firstOffset) + BigInt(batchContext.lastOffsetDelta) + 1n;
}

/** To be asked for every record, in the order of the log. */
function abortedFilter({
  abortedTransactions,
}: KafkaJsFetchedPartition): (message: KafkaJsRawMessage, at: bigint) => boolean {
  if (!abortedTransactions || abortedTransactions.length === 0) return () => false;
  const ahead = abortedTransactions
    .map(({ producerId, firstOffset }) => ({ producerId, firstOffset: BigInt(firstOffset) }))
    .toSorted((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const open = new Set<string>();
  return (message, at) => {
    for (let next = ahead[0]; next !== undefined && next.firstOffset <= at; next = ahead[0]) {
      open.add(next.producerId);
      ahead.shift();
    }
    const producerId = message.batchContext?.producerId;
    if (producerId === undefined || !open.has(producerId)) return false;
    if (message.isControlRecord === true) {
      if (message.key !== null && message.key.length >= 4 && message.key.readInt16BE(2) === ABORT) {
        open.delete(producerId);
      }
      return false;
    }
    return message.batchContext?.inTransaction === true;
  };
}
