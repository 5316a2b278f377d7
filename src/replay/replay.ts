import type { Message } from 'kafkajs';
import { messageOf } from '../caught.js';
import type { LedgerRecord } from '../ledger/contents.js';
import type { Ledger } from '../ledger/ledger.js';
import type { LedgerLog, LedgerReader } from '../ledger/ledger-reader.js';
import { search, soughtIn } from '../ledger/look.js';
import type { MissingRecords } from '../ledger/switch-search.js';
import { bounded, copyOf, type BothClusters } from '../ledger/topics.js';
import { contentHash } from '../position/fingerprint.js';
import { sendOutcome, type SendMetadata } from '../send-outcome.js';
import { sleep, untilAborted } from '../wait.js';
import { markedHeaders, originKey, replayOrigin } from './marker.js';
import type { ReplayIdentity } from './replay-record.js';
import type { Replays } from './replays.js';
import { replayReport, type ReplayedLog, type ReplayReport } from './report.js';

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

/**
 * Time between the announcement and the sends, in milliseconds: from then on each consumer notes which of the announced records it has handled. They follow the log by
 * waiting for it, so this is for those whose connection was just renewed.
 */
const ANNOUNCED_MS = 5_000;

/** Records, and bytes of them, in one request. */
const RECORDS_AT_ONCE = 500;
const BYTES_AT_ONCE = 524_288;

/**
 * Sends what was acknowledged and is not mirrored to the cluster that was switched to: into the topic of the same name, and the same partition, in the order of the log.
 *
 * ```
 *   announce ─► wait ─► search again: has it come meanwhile? ─► send, with the header ─► tell
 * ```
 *
 * What is mirrored before the search is not sent. What is mirrored behind it meets consumers that know of the announcement: they handle one of the two. No record is sent
 * twice: not what was replayed before, nor what has the header already.
 *
 * @param signal - ends it; what was not sent by then is told so.
 * @internal
 */
export async function replay(
  job: ReplayJob,
  parts: ReplayParts,
  send: ReplaySend,
  signal: AbortSignal,
): Promise<ReplayReport> {
  const logs: ReplayedLog[] = [];
  try {
    const announced = await announce(job, parts, signal);
    for (const one of announced) logs.push(await replayLog(one, job, parts, send, signal));
  } catch (error) {
    return nothingReplayed(job, messageOf(error));
  }
  return replayReport(job, logs);
}

/** @internal What is told where nothing was sent. */
export function nothingReplayed(job: Omit<ReplayJob, 'reader'>, because: string): ReplayReport {
  const logs = job.missing.map(({ log, offsets }): ReplayedLog => {
    const { topic, partition, switchEpoch } = log;
    const place = { topic, partition, switchEpoch };
    return { ...place, replayed: [], mirrored: [], notReplayed: offsets, because };
  });
  return replayReport(job, logs);
}

/** @throws the reason of `signal`, and why the log of replays did not take it. */
async function announce(
  job: ReplayJob,
  parts: ReplayParts,
  signal: AbortSignal,
): Promise<readonly Announced[]> {
  const { world, replays } = parts;
  // What an earlier life of the process has sent is not sent again.
  await untilAborted(signal, replays.readToEnd(job.to, signal));
  const announced: Announced[] = [];
  for (const one of job.missing) announced.push(await identified(one, job, parts, signal));
  const toSend = announced.filter(({ byOffset }) => byOffset.size > 0);
  for (const { log, byOffset } of toSend) {
    const identities = [...byOffset.values()];
    await untilAborted(
      signal,
      replays.tell(job.to, { kind: 'announced', log: placeOf(log), identities }),
    );
  }
  if (toSend.length > 0) await sleep(world, ANNOUNCED_MS, { signal });
  return announced;
}

/** Records of one log that are to be sent. */
interface Announced {
  readonly log: LedgerLog;
  readonly byOffset: ReadonlyMap<number, ReplayIdentity>;
  /** Not to be sent: it was replayed before, or is itself the replay of another one. */
  readonly notAgain: readonly number[];
}

async function identified(
  { log, offsets }: MissingRecords,
  { reader, to }: ReplayJob,
  { world, replays }: ReplayParts,
  signal: AbortSignal,
): Promise<Announced> {
  const { cluster, topic, partition, switchEpoch } = log;
  const wanted = new Set(offsets);
  const { records, isAppendTime } = await soughtIn(reader.batches(log), log, { world, signal });
  const byOffset = new Map<number, ReplayIdentity>();
  const notAgain: number[] = [];
  for (const record of records.filter(({ offset }) => wanted.has(offset))) {
    const { offset } = record;
    const timestamp = isAppendTime ? '' : record.timestamp;
    const origin = originKey({ cluster, topic, partition, switchEpoch, offset: String(offset) });
    const isReplayed = replays.index
      .find(topic, partition, { ...record, timestamp })
      .some((one) => one.origin === origin && one.replayedTo === to);
    if (isReplayed || replayOrigin(record) !== undefined) notAgain.push(offset);
    else byOffset.set(offset, { offset, timestamp, hash: contentHash(record) });
  }
  return { log, byOffset, notAgain };
}

async function replayLog(
  { log, byOffset, notAgain }: Announced,
  { reader, to }: ReplayJob,
  parts: ReplayParts,
  send: ReplaySend,
  signal: AbortSignal,
): Promise<ReplayedLog> {
  const { ledger, world, replays } = parts;
  const { topic, partition, switchEpoch } = log;
  const left = new Set(byOffset.keys());
  const replayed: number[] = [];
  const mirrored: number[] = [];
  let because = notAgain.length === 0 ? undefined : 'they were replayed before';
  try {
    if (left.size > 0) {
      await assertPartition({ topic, partition, to }, parts, signal);
      const last = ledger.copiedNow(log);
      const sought = await soughtIn(reader.batches(log), last, { world, signal });
      const found = await bounded(copyOf(log, parts), parts, signal, (on) =>
        search(log, sought, on),
      );
      const open = new Set([...found.unmirrored, ...found.unknown].map(({ offset }) => offset));
      for (const offset of left) if (!open.has(offset)) mirrored.push(offset);
      for (const offset of mirrored) left.delete(offset);
      const records = found.unmirrored.filter(({ offset }) => left.has(offset));
      for (const some of inRequests(records)) {
        signal.throwIfAborted();
        const sent = await sendSome(some, log, send);
        for (const { offset } of sent.acknowledged) left.delete(offset);
        const identities = sent.acknowledged.flatMap(({ offset }) => byOffset.get(offset) ?? []);
        replayed.push(...identities.map(({ offset }) => offset));
        await replays.tell(to, { kind: 'replayed', log: placeOf(log), identities });
        if (sent.error !== undefined) throw sent.error;
      }
      if (left.size > 0)
        because = 'a record behind them is mirrored: MirrorMaker may leave them out';
    }
  } catch (error) {
    because = messageOf(error);
  }
  const rest = [...left, ...notAgain].toSorted((a, b) => a - b);
  return { topic, partition, switchEpoch, replayed, mirrored, notReplayed: rest, because };
}

function placeOf({ cluster, topic, partition, switchEpoch }: LedgerLog) {
  return { cluster, topic, partition, switchEpoch };
}

/** @throws Error - the cluster has no such partition: there it would be another record. */
async function assertPartition(
  {
    topic,
    partition,
    to,
  }: { readonly topic: string; readonly partition: number; readonly to: string },
  parts: ReplayParts,
  signal: AbortSignal,
): Promise<void> {
  const ranges = await bounded({ cluster: to, topic }, parts, signal, ({ access }) =>
    access.ranges(topic, { isolation: 'read_uncommitted' }),
  );
  if (ranges?.has(partition) !== true) {
    throw new Error(`cluster ${to} has no partition ${partition} of ${topic}`);
  }
}

/** Lists that fit into one request each. */
function inRequests(records: readonly LedgerRecord[]): readonly (readonly LedgerRecord[])[] {
  const requests: LedgerRecord[][] = [];
  let bytes = 0;
  for (const record of records) {
    const more = (record.key?.length ?? 0) + (record.value?.length ?? 0);
    const open = requests.at(-1);
    const hasRoom =
      open !== undefined && open.length < RECORDS_AT_ONCE && bytes + more <= BYTES_AT_ONCE;
    if (hasRoom) open.push(record);
    else requests.push([record]);
    bytes = hasRoom ? bytes + more : more;
  }
  return requests;
}

/** One attempt. */
async function sendSome(
  records: readonly LedgerRecord[],
  log: LedgerLog,
  send: ReplaySend,
): Promise<{ readonly acknowledged: readonly LedgerRecord[]; readonly error?: unknown }> {
  const { topic, partition } = log;
  const messages = records.map(({ key, value, headers, timestamp, offset }): Message => ({
    partition,
    key,
    value,
    timestamp,
    headers: markedHeaders(headers, { ...placeOf(log), offset: String(offset) }),
  }));
  try {
    await send({ topic, messages });
    return { acknowledged: records };
  } catch (error) {
    // One partition: it has one fate.
    const isThere = sendOutcome(error)?.parts.every(({ kind }) => kind === 'acknowledged') === true;
    return { acknowledged: isThere ? records : [], error };
  }
}
