import type { Message } from 'kafkajs';
import { messageOf } from '../caught.js';
import type { LedgerRecord } from '../ledger/contents.js';
import type { Ledger } from '../ledger/ledger.js';
import { isNewest } from '../ledger/generation.js';
import type { LedgerLog, LedgerReader } from '../ledger/ledger-reader.js';
import { search, soughtIn, type SearchedLog } from '../ledger/look.js';
import { SEARCH_MAX_MS, type MissingRecords } from '../ledger/switch-search.js';
import { bounded, copyOf, type BothClusters } from '../ledger/topics.js';
import { messageBytes } from '../message-bytes.js';
import { sendOutcome, type SendMetadata } from '../send-outcome.js';
import { ENDLESS_RETRIES, retry, untilAborted } from '../wait.js';
import { markedHeaders, type ReplayOrigin } from './marker.js';
import type { ReplayIdentity } from './replay-record.js';
import type { Replays } from './replays.js';
import type { ReplayedLog } from './report.js';

/** @internal Sends as a producer does, to the cluster that a switch has led to and nowhere else. Rejects at once where another one leads away. */
export type ReplaySend = (record: {
  readonly topic: string;
  readonly messages: Message[];
}) => Promise<readonly SendMetadata[]>;

/** @internal What {@link replay} needs. */
export interface ReplayParts extends BothClusters {
  readonly ledger: Ledger;
  readonly replays: Replays;
}

/** @internal What is to be sent again. */
export interface ReplayJob {
  readonly from: string;
  readonly to: string;
  readonly missing: readonly MissingRecords[];
  readonly reader: LedgerReader;
}

/** @internal Records of one log that are to be sent. */
export interface Announced {
  readonly log: LedgerLog;
  readonly byOffset: ReadonlyMap<number, ReplayIdentity>;
  /** Not to be sent, and why. */
  readonly not: ReplayedLog['notReplayed'][number] | undefined;
}

/** @internal What {@link sendAnnounced} needs. */
export interface Sending extends ReplayParts {
  readonly job: ReplayJob;
  readonly send: ReplaySend;
  readonly signal: AbortSignal;
}

/** Records, and bytes of them, in one request. */
const RECORDS_AT_ONCE = 500;
const BYTES_AT_ONCE = 524_288;

const NOT_CERTAIN =
  'nobody can say that they are not there: a record behind them is, or the copies have a time of their own';

/**
 * Sends what of one log has not come meanwhile, in its order, and tells it. What goes wrong ends it, and is told.
 *
 * @internal
 */
export async function sendAnnounced(
  { log, byOffset, not }: Announced,
  sending: Sending,
): Promise<ReplayedLog> {
  const { topic, partition, switchEpoch } = log;
  const open = new Set(byOffset.keys());
  const replayed: number[] = [];
  const mirrored: number[] = [];
  const notReplayed = not === undefined ? [] : [not];
  try {
    if (open.size > 0) {
      await assertPlace(log, sending);
      const { unmirrored, unknown } = await searchAgain(log, sending);
      const missing = new Set([...unmirrored, ...unknown].map(({ offset }) => offset));
      for (const offset of open) if (!missing.has(offset)) mirrored.push(offset);
      for (const offset of mirrored) open.delete(offset);
      const records = unmirrored.filter(({ offset }) => open.has(offset));
      for await (const offsets of sendAll(records, log, byOffset, sending)) {
        replayed.push(...offsets);
        for (const offset of offsets) open.delete(offset);
      }
    }
    if (open.size > 0) notReplayed.push({ offsets: [...open], because: NOT_CERTAIN });
  } catch (error) {
    if (open.size > 0) notReplayed.push({ offsets: [...open], because: messageOf(error) });
  }
  return { topic, partition, switchEpoch, replayed, mirrored, notReplayed };
}

/** @internal The log that a record was acknowledged in first. */
export function placeOf(log: LedgerLog): Omit<ReplayOrigin, 'offset'> {
  const { cluster, topic, partition, switchEpoch } = log;
  return { cluster, topic, partition, switchEpoch };
}

/**
 * @throws Error - the cluster has no such partition: in another one it would be another record. Or the topic is compacted: there the replay of an older value would
 *   take the place of a newer one.
 */
async function assertPlace({ topic, partition }: LedgerLog, sending: Sending): Promise<void> {
  const { job, signal } = sending;
  const on = { cluster: job.to, topic };
  await bounded(on, sending, signal, async ({ access, signal: inTime }) => {
    const ranges = await untilAborted(
      inTime,
      access.ranges(topic, { isolation: 'read_uncommitted' }),
    );
    if (ranges?.has(partition) !== true) {
      throw new Error(`cluster ${job.to} has no partition ${partition} of ${topic}`);
    }
    if (await untilAborted(inTime, access.isCompacted(topic))) {
      throw new Error(
        `${topic} is compacted on cluster ${job.to}, or does not say so: behind a newer value of its key an older one would take its place`,
      );
    }
  });
}

async function searchAgain(log: LedgerLog, sending: Sending): Promise<SearchedLog> {
  const { ledger, world, signal, job } = sending;
  const last = ledger.copiedNow(log);
  const sought = await soughtIn(job.reader.batches(log), last, { world, signal });
  const deadlineAtMs = world.nowMs() + SEARCH_MAX_MS;
  return bounded(
    copyOf(log, sending),
    sending,
    signal,
    (on) => {
      const policy = { ...ENDLESS_RETRIES, signal: on.signal };
      return retry(world, policy, () => search(log, sought, on));
    },
    deadlineAtMs,
  );
}

/**
 * One request after the other; what was acknowledged is told to everybody before the next one.
 *
 * @returns the offsets of what was acknowledged, request by request.
 * @throws what a send rejects with; of its records nothing more is known.
 */
async function* sendAll(
  records: readonly LedgerRecord[],
  log: LedgerLog,
  byOffset: Announced['byOffset'],
  { job, send, ledger, replays, signal }: Sending,
): AsyncGenerator<readonly number[]> {
  const { topic } = log;
  const { copiedAt } = ledger.copiedNow(log);
  const isOfLastLog = isNewest(log, ledger.generations());
  for (const some of inRequests(records, log, isOfLastLog)) {
    signal.throwIfAborted();
    const { baseOffset, failure } = await sendSome({ topic, some }, send);
    const offsets = some.map(({ offset }) => offset);
    yield offsets;
    const identities = offsets.flatMap((offset, index) => {
      const identity = byOffset.get(offset);
      return identity === undefined ? [] : [{ ...identity, replayedAt: baseOffset + index }];
    });
    await replays.tell(job.to, { kind: 'replayed', log: placeOf(log), copiedAt, identities });
    if (failure !== undefined) throw failure;
  }
}

/** @throws what the send rejects with, unless all was acknowledged. */
async function sendSome(
  { topic, some }: { readonly topic: string; readonly some: readonly Sent[] },
  send: ReplaySend,
): Promise<{ readonly baseOffset: number; readonly failure?: unknown }> {
  const messages = some.map(({ message }) => message);
  try {
    const [metadata] = await send({ topic, messages });
    return { baseOffset: baseOffsetOf(metadata) };
  } catch (error) {
    // One partition: it has one fate.
    const [part] = sendOutcome(error)?.parts ?? [];
    if (part?.kind !== 'acknowledged') throw error;
    return { baseOffset: baseOffsetOf(part.metadata), failure: error };
  }
}

/** @throws Error - the broker knows the records, and not where they are (an idempotent producer's batch that it has seen long ago). */
function baseOffsetOf(metadata: SendMetadata | undefined): number {
  const offset = Number(metadata?.baseOffset ?? -1);
  if (offset < 0) throw new Error('they were sent, and the broker does not say where they are');
  return offset;
}

interface Sent {
  readonly offset: number;
  readonly message: Message;
}

/** Lists that fit into one request each. */
function inRequests(
  records: readonly LedgerRecord[],
  log: LedgerLog,
  isOfLastLog: boolean,
): readonly (readonly Sent[])[] {
  const requests: Sent[][] = [];
  let bytes = 0;
  for (const record of records) {
    const { offset } = record;
    const message = replayOf(record, log, isOfLastLog);
    const more = messageBytes(message);
    const open = requests.at(-1);
    const hasRoom =
      open !== undefined && open.length < RECORDS_AT_ONCE && bytes + more <= BYTES_AT_ONCE;
    if (hasRoom) open.push({ offset, message });
    else requests.push([{ offset, message }]);
    bytes = hasRoom ? bytes + more : more;
  }
  return requests;
}

function replayOf(
  { key, value, headers, timestamp, offset }: LedgerRecord,
  log: LedgerLog,
  isOfLastLog: boolean,
): Message {
  const origin = { ...placeOf(log), offset: String(offset) };
  const { partition } = log;
  const marked = markedHeaders(headers, { origin, isOfLastLog });
  return { partition, key, value, timestamp, headers: marked };
}
