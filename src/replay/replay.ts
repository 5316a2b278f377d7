import { messageOf } from '../caught.js';
import { soughtIn } from '../ledger/look.js';
import type { MissingRecords } from '../ledger/switch-search.js';
import { contentHash } from '../position/fingerprint.js';
import { sleep, untilAborted } from '../wait.js';
import { originKey, replayOrigin } from './marker.js';
import type { ReplayIdentity } from './replay-record.js';
import { replayReport, type ReplayedLog, type ReplayReport } from './report.js';
import {
  placeOf,
  sendAnnounced,
  type Announced,
  type ReplayJob,
  type ReplayParts,
  type ReplaySend,
} from './resend.js';

/**
 * Time between the announcement and the sends, in milliseconds: from then on each consumer notes which of the announced records it has handled. They follow the log by
 * waiting for it, so this is for those whose connection was just renewed.
 */
const ANNOUNCED_MS = 5_000;

const NOT_AGAIN = 'they were replayed before';
const BROKERS_TIME =
  'the time of the topic is that of the broker (LogAppendTime): nobody could tell what the mirror brings of them from other records';

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
  let announced: readonly Announced[];
  try {
    announced = await announce(job, parts, signal);
  } catch (error) {
    return nothingReplayed(job, messageOf(error));
  }
  const logs: ReplayedLog[] = [];
  for (const one of announced) logs.push(await sendAnnounced(one, { ...parts, job, send, signal }));
  return replayReport(job, logs);
}

/** @internal What is told where nothing was sent. */
export function nothingReplayed(job: Omit<ReplayJob, 'reader'>, because: string): ReplayReport {
  const logs = job.missing.map(({ log, offsets }): ReplayedLog => {
    const { topic, partition, switchEpoch } = log;
    const place = { topic, partition, switchEpoch };
    return { ...place, replayed: [], mirrored: [], notReplayed: [{ offsets, because }] };
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
      replays.tell(job.to, {
        ...{ kind: 'announced', log: placeOf(log), identities },
        copiedAt: parts.ledger.copiedNow(log).copiedAt,
      }),
    );
  }
  if (toSend.length > 0) await sleep(world, ANNOUNCED_MS, { signal });
  return announced;
}

async function identified(
  { log, offsets }: MissingRecords,
  { reader, to }: ReplayJob,
  { world, replays }: ReplayParts,
  signal: AbortSignal,
): Promise<Announced> {
  const { topic, partition } = log;
  const wanted = new Set(offsets);
  const { records, isAppendTime } = await soughtIn(reader.batches(log), log, { world, signal });
  // Nobody could tell their mirrored copies from others of the same content.
  if (isAppendTime) return { log, byOffset: new Map(), not: { offsets, because: BROKERS_TIME } };
  const byOffset = new Map<number, ReplayIdentity>();
  const notAgain: number[] = [];
  for (const record of records.filter(({ offset }) => wanted.has(offset))) {
    const { offset, timestamp } = record;
    const identity = { offset, timestamp, hash: contentHash(record) };
    const origin = originKey({ ...placeOf(log), offset: String(offset) }, identity);
    const isReplayed = replays.index
      .find(topic, partition, record)
      .some((one) => one.origin === origin && one.replayed?.cluster === to);
    if (isReplayed || replayOrigin(record) !== undefined) notAgain.push(offset);
    else byOffset.set(offset, identity);
  }
  const not = notAgain.length > 0 ? { offsets: notAgain, because: NOT_AGAIN } : undefined;
  return { log, byOffset, not };
}
