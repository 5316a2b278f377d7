import type { Clock } from '../clock.js';
import { errorCodes, READ_UNCOMMITTED } from '../protocol-codes.js';
import type {
  FetchedPartition,
  FetchedRecord,
  Int64,
  ProducedRecord,
  Protocol,
} from '../protocol.js';
import type { BrokerTimers } from './broker-timers.js';
import type { Handlers } from './handlers.js';
import type { BatchOrigin, MemoryLog, StoredRecord } from './memory-log.js';
import type { Partition, Topic, TopicStore } from './topic-store.js';
import type { Transactions } from './transactions.js';

type ProduceRequest = Protocol['Produce']['request'];
type FetchRequest = Protocol['Fetch']['request'];
type FetchAnswer = Protocol['Fetch']['answer'];

interface RecordSurroundings {
  readonly clock: Clock;
  readonly timers: BrokerTimers;
  readonly topics: TopicStore;
  readonly transactions: Transactions;
}

/** ListOffsets: the end of the log, and its beginning. */
const LATEST = -1;
const EARLIEST = -2;

/** Kafka's default for `max.message.bytes`. */
const MAX_MESSAGE_BYTES = '1048588';

/**
 * Records in and out: Produce, Fetch, ListOffsets.
 *
 * @internal
 */
export function recordApi(
  surroundings: RecordSurroundings,
): Handlers<'Produce' | 'Fetch' | 'ListOffsets'> {
  const { topics, timers } = surroundings;
  return {
    Produce(request, reply) {
      reply({
        topics: request.topicData.map(({ topic, partitions }) => ({
          topicName: topic,
          partitions: partitions.map(({ partition, firstSequence, messages }) => {
            const batch = { topic, partition, firstSequence, messages };
            return { partition, ...append(surroundings, request, batch) };
          }),
        })),
      });
    },

    Fetch(request, reply) {
      const answer = readAll(topics, request);
      if (answer.isEnough || request.maxWaitTime <= 0) reply(answer);
      else waitForRecords(topics, timers, request, reply);
    },

    ListOffsets({ isolationLevel, topics: asked }, reply) {
      reply({
        responses: asked.map(({ topic, partitions }) => ({
          topic,
          partitions: partitions.map(({ partition, timestamp }) => ({
            partition,
            ...offsetAt(topics.partition(topic, partition)?.log, timestamp, isolationLevel),
          })),
        })),
      });
    },
  };
}

function append(
  { clock, topics, transactions }: RecordSurroundings,
  request: ProduceRequest,
  batch: {
    topic: string;
    partition: number;
    firstSequence: number;
    messages: readonly ProducedRecord[];
  },
): Omit<Protocol['Produce']['answer']['topics'][number]['partitions'][number], 'partition'> {
  const refused = (errorCode: number) => ({
    errorCode,
    baseOffset: '-1',
    logAppendTime: '-1',
    logStartOffset: '-1',
  });
  const topic = topics.get(batch.topic);
  const partition = topic?.partitions[batch.partition];
  if (topic === undefined || partition === undefined) {
    return refused(errorCodes.UNKNOWN_TOPIC_OR_PARTITION);
  }
  if (![-1, 0, 1].includes(request.acks)) return refused(errorCodes.INVALID_REQUIRED_ACKS);
  if (isTooLarge(batch.messages, topic)) return refused(errorCodes.MESSAGE_TOO_LARGE);
  const { transactionalId, producerId, producerEpoch } = request;
  if (transactionalId !== null) {
    const claim = { transactionalId, producerId, producerEpoch };
    const refusal = transactions.refusalToProduce(claim, batch.topic, batch.partition);
    if (refusal !== errorCodes.NONE) return refused(refusal);
  }
  const origin: BatchOrigin = {
    producerId: Number(producerId),
    producerEpoch,
    firstSequence: batch.firstSequence,
    isTransactional: transactionalId !== null,
  };
  const verdict = partition.producers.judge(origin, batch.messages.length);
  if (verdict.kind === 'refuse') return refused(verdict.errorCode);
  const isServerTime = topic.config.get('message.timestamp.type') === 'LogAppendTime';
  const appendTimeMs = isServerTime ? clock.wallMs() : undefined;
  const baseOffset =
    verdict.kind === 'duplicate'
      ? verdict.baseOffset
      : partition.log.append(stamped(batch.messages, appendTimeMs), origin);
  if (verdict.kind === 'append') {
    partition.producers.appended(origin, batch.messages.length, baseOffset);
  }
  return {
    errorCode: errorCodes.NONE,
    baseOffset: String(baseOffset),
    logAppendTime: String(appendTimeMs ?? -1),
    logStartOffset: String(partition.log.lowOffset),
  };
}

function stamped(
  records: readonly ProducedRecord[],
  appendTimeMs: number | undefined,
): readonly ProducedRecord[] {
  if (appendTimeMs === undefined) return records;
  return records.map((record) => ({ ...record, timestampMs: appendTimeMs }));
}

function isTooLarge(records: readonly ProducedRecord[], topic: Topic): boolean {
  let bytes = 0;
  for (const { key, value } of records) bytes += (key?.length ?? 0) + (value?.length ?? 0);
  return bytes > Number(topic.config.get('max.message.bytes') ?? MAX_MESSAGE_BYTES);
}

/** Reads what is there now; `isEnough` tells whether the answer may go out at once. */
function readAll(topics: TopicStore, request: FetchRequest): FetchAnswer & { isEnough: boolean } {
  let leftBytes = request.maxBytes;
  let foundBytes = 0;
  let hasError = false;
  const responses = request.topics.map(({ topic, partitions }) => ({
    topicName: topic,
    partitions: partitions.map(({ partition, fetchOffset, maxBytes }) => {
      const log = topics.partition(topic, partition)?.log;
      const offset = Number(String(fetchOffset));
      if (log === undefined || offset < log.lowOffset || offset > log.nextOffset) {
        hasError = true;
        return unreadable(partition, log);
      }
      const end = request.isolationLevel === READ_UNCOMMITTED ? log.nextOffset : log.stableOffset;
      // The first partition with records gives at least one, however large; the others keep to the limit.
      const records =
        leftBytes > 0 || foundBytes === 0
          ? log.read(offset, end, Math.min(maxBytes, leftBytes))
          : [];
      const bytes = records.length === 0 ? 0 : log.bytesFrom(offset, end, maxBytes);
      foundBytes += bytes;
      leftBytes -= bytes;
      return fetched(partition, log, records, request.isolationLevel);
    }),
  }));
  const isEnough = hasError || foundBytes >= request.minBytes;
  return { errorCode: errorCodes.NONE, sessionId: 0, responses, isEnough };
}

/** Answers as soon as enough records have come, and after the client's limit in any case. */
function waitForRecords(
  topics: TopicStore,
  timers: BrokerTimers,
  request: FetchRequest,
  reply: (answer: FetchAnswer) => void,
): void {
  const stops: (() => void)[] = [];
  const finish = (answer: FetchAnswer): void => {
    for (const stop of stops.splice(0)) stop();
    reply(answer);
  };
  const look = (): void => {
    const answer = readAll(topics, request);
    if (answer.isEnough) finish(answer);
  };
  for (const { topic, partitions } of request.topics) {
    for (const { partition } of partitions) {
      const log = topics.partition(topic, partition)?.log;
      if (log !== undefined) stops.push(log.watch(look));
    }
  }
  stops.push(timers.after(request.maxWaitTime, () => finish(readAll(topics, request))));
}

function unreadable(partition: number, log: MemoryLog | undefined): FetchedPartition {
  const errorCode =
    log === undefined ? errorCodes.UNKNOWN_TOPIC_OR_PARTITION : errorCodes.OFFSET_OUT_OF_RANGE;
  return {
    partition,
    errorCode,
    highWatermark: '-1',
    lastStableOffset: '-1',
    lastStartOffset: '-1',
    abortedTransactions: [],
    preferredReadReplica: -1,
    messages: [],
  };
}

function fetched(
  partition: number,
  log: MemoryLog,
  records: readonly StoredRecord[],
  isolationLevel: number | undefined,
): FetchedPartition {
  const first = records[0]?.offset ?? 0;
  const last = records.at(-1)?.offset ?? -1;
  const isCommittedOnly = isolationLevel !== READ_UNCOMMITTED;
  return {
    partition,
    errorCode: errorCodes.NONE,
    highWatermark: String(log.nextOffset),
    lastStableOffset: String(log.stableOffset),
    lastStartOffset: String(log.lowOffset),
    abortedTransactions: isCommittedOnly
      ? log.aborted
          .filter(({ firstOffset, markerOffset }) => firstOffset <= last && markerOffset >= first)
          .map(({ producerId, firstOffset }) => ({
            producerId: String(producerId),
            firstOffset: String(firstOffset),
          }))
      : [],
    preferredReadReplica: -1,
    messages: records.map(fetchedRecord),
  };
}

function fetchedRecord(record: StoredRecord): FetchedRecord {
  const { offset, origin } = record;
  return {
    magicByte: 2,
    attributes: 0,
    timestamp: String(record.timestampMs),
    offset: String(offset),
    key: record.key,
    value: record.value,
    headers: headersOf(record),
    isControlRecord: record.marker !== undefined,
    batchContext: {
      firstOffset: String(offset),
      firstTimestamp: String(record.timestampMs),
      partitionLeaderEpoch: 0,
      inTransaction: origin.isTransactional,
      isControlBatch: record.marker !== undefined,
      lastOffsetDelta: 0,
      producerId: String(origin.producerId),
      producerEpoch: origin.producerEpoch,
      firstSequence: origin.firstSequence,
      maxTimestamp: String(record.timestampMs),
      timestampType: 0,
      magicByte: 2,
    },
  };
}

function headersOf({ headers }: StoredRecord): Record<string, Buffer | Buffer[]> {
  const byName: Record<string, Buffer | Buffer[]> = {};
  for (const [name, value] of headers) {
    const present = byName[name];
    if (present === undefined) byName[name] = value;
    else byName[name] = Array.isArray(present) ? [...present, value] : [present, value];
  }
  return byName;
}

function offsetAt(
  log: Partition['log'] | undefined,
  timestamp: Int64 = LATEST,
  isolationLevel?: number,
): { errorCode: number; timestamp: string; offset: string } {
  if (log === undefined) {
    return { errorCode: errorCodes.UNKNOWN_TOPIC_OR_PARTITION, timestamp: '-1', offset: '-1' };
  }
  const end = isolationLevel === READ_UNCOMMITTED ? log.nextOffset : log.stableOffset;
  const timeMs = Number(String(timestamp));
  const answer = (offset: number, timestampMs: number) => ({
    errorCode: errorCodes.NONE,
    timestamp: String(timestampMs),
    offset: String(offset),
  });
  if (timeMs === LATEST) return answer(end, -1);
  if (timeMs === EARLIEST) return answer(log.lowOffset, -1);
  const found = log.offsetOfTime(timeMs, end);
  return found === undefined ? answer(-1, -1) : answer(found.offset, found.timestampMs);
}
