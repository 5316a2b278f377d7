import type { Commit } from '../cluster/access.js';
import type { Checkpoint } from '../replication/checkpoint-store.js';
import type { HandledRecord } from './fingerprint.js';
import type { OffsetSpan } from './offset-span.js';

/** @internal Which log a commit is about. */
export interface CommittedLog {
  /** Alias of the cluster that it was made on. */
  readonly cluster: string;
  readonly physicalTopic: string;
  readonly partition: number;
}

/** @internal What a commit carries beside its offset: in which log it was made, when, and which records were handled last. */
export interface CommitMetadata extends CommittedLog {
  /** The commit's own: the next record to handle. */
  readonly offset: bigint;
  /** Wall-clock milliseconds since 1970 of the member. */
  readonly atWallMs: number;
  /** The last few handled records below `offset`, in their order. */
  readonly recent: readonly HandledRecord[];
  /** As in `HandledPosition`: below `offset`, and not handled. */
  readonly removed?: OffsetSpan | undefined;
}

/** @internal What is carried by the commit with which kafkajs leaves a place that is out of range, for the beginning of the log. */
export interface LeavingMetadata extends CommittedLog {
  /** The place that it leaves. */
  readonly leaves: bigint;
  /** What retention was quicker with before, below it. */
  readonly removed?: OffsetSpan | undefined;
}

/** So many records are named, at most: one tells the place, the others where it is not mirrored yet. */
export const NAMED_RECORDS = 4;

/**
 * Characters, at most; an eighth of what brokers take by default (`offset.metadata.max.bytes` 4096, which counts characters). Long names cost
 * named records.
 */
const MAX_LENGTH = 512;

/** The only version that exists. What a newer one says is not guessed. */
const VERSION = 1;

/** What is no metadata of the library is not looked at any further. */
const BEGINNING = '{"failover":';

/**
 * Metadata for a commit, as text: JSON, for people who look at it. Offsets are texts, because JSON's numbers end at 2^53. Undefined where there is
 * nothing to say, or no room for it. Pure.
 *
 * @internal
 */
export function commitMetadata({
  cluster,
  physicalTopic,
  partition,
  offset,
  atWallMs,
  recent,
  removed,
}: CommitMetadata): string | undefined {
  const least = removed === undefined ? 1 : 0;
  for (let count = Math.min(recent.length, NAMED_RECORDS); count >= least; count -= 1) {
    const text = JSON.stringify({
      failover: VERSION,
      log: [cluster, physicalTopic, partition],
      offset: String(offset),
      at: atWallMs,
      recent: recent
        .slice(recent.length - count)
        .map((one) => [String(one.offset), one.timestamp, one.hash]),
      ...(removed && { removed: [removed.first, removed.last].map(String) }),
    });
    if (text.length <= MAX_LENGTH) return text;
  }
  return undefined;
}

/** @internal As {@link commitMetadata}, of a commit that has no offset. */
export function leavingMetadata({
  cluster,
  physicalTopic,
  partition,
  leaves,
  removed,
}: LeavingMetadata): string {
  return JSON.stringify({
    failover: VERSION,
    log: [cluster, physicalTopic, partition],
    leaves: String(leaves),
    ...(removed && { removed: [removed.first, removed.last].map(String) }),
  });
}

/** @internal Reads what {@link leavingMetadata} has written; undefined for anything else. */
export function readLeavingMetadata(text: string): LeavingMetadata | undefined {
  const get = fieldsOf(text);
  const log = readLog(get?.('log'));
  const leaves = readOffset(get?.('leaves'));
  if (log === undefined || leaves === undefined) return undefined;
  return { ...log, leaves, removed: readSpan(get?.('removed')) };
}

/**
 * Reads what {@link commitMetadata} has written; undefined for anything else: a service's own metadata, another tool's, junk, and what
 * contradicts itself. Never throws, and looks at no more than such a text may have. Pure.
 *
 * @internal
 */
export function readCommitMetadata(text: string): CommitMetadata | undefined {
  const get = fieldsOf(text);
  if (get === undefined) return undefined;
  const log = readLog(get('log'));
  const offset = readOffset(get('offset'));
  const atWallMs = get('at');
  if (log === undefined || offset === undefined || typeof atWallMs !== 'number') return undefined;
  const hasRange = get('removed') !== undefined;
  const removed = readSpan(get('removed'));
  if (hasRange && (removed === undefined || removed.last >= offset)) return undefined;
  const recent = readRecent(get('recent'), offset);
  if (recent === undefined || (recent.length === 0 && !hasRange)) return undefined;
  return { ...log, offset, atWallMs, recent, ...(removed && { removed }) };
}

/**
 * What a commit's metadata says, where it is of this very commit: it names the offset beside which it stands, and the log. Metadata is copied about: an operator's reset writes another offset beside
 * it, and `sync.group.offsets` copies it beside an offset of the other cluster. Pure.
 *
 * @internal
 */
export function readMetadataOf(
  { offset, metadata }: TextedCommit,
  log: CommittedLog,
): CommitMetadata | undefined {
  const said = readCommitMetadata(metadata);
  return said !== undefined && said.offset === offset && isOfLog(said, log) ? said : undefined;
}

/** @internal */
export function isOfLog(said: CommittedLog, log: CommittedLog): boolean {
  const { cluster, physicalTopic, partition } = said;
  return (
    cluster === log.cluster && physicalTopic === log.physicalTopic && partition === log.partition
  );
}

/** @internal Of a group's commit on the source and the one that its checkpoint was made of, the one that is further. */
export function newestCommit(
  commit: TextedCommit | undefined,
  checkpoint: Pick<Checkpoint, 'upstreamOffset' | 'metadata'> | undefined,
): TextedCommit | undefined {
  if (checkpoint === undefined) return commit;
  const { upstreamOffset, metadata } = checkpoint;
  const isNewer = commit !== undefined && commit.offset >= upstreamOffset;
  return isNewer ? commit : { offset: upstreamOffset, metadata };
}

type TextedCommit = Pick<Commit, 'offset' | 'metadata'>;

/** The fields of a text of this version. */
function fieldsOf(text: string): ((name: string) => unknown) | undefined {
  if (text.length > MAX_LENGTH || !text.startsWith(BEGINNING)) return undefined;
  const value = parsed(text);
  if (typeof value !== 'object' || value === null) return undefined;
  const get = (name: string): unknown => Reflect.get(value, name);
  return get('failover') === VERSION ? get : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readLog(log: unknown): CommittedLog | undefined {
  if (!Array.isArray(log)) return undefined;
  const [cluster, physicalTopic, partition]: readonly unknown[] = log;
  if (typeof cluster !== 'string' || typeof physicalTopic !== 'string') return undefined;
  return typeof partition === 'number' ? { cluster, physicalTopic, partition } : undefined;
}

function readOffset(text: unknown): bigint | undefined {
  return typeof text === 'string' && /^\d{1,19}$/.test(text) ? BigInt(text) : undefined;
}

/** @internal A range of offsets, as two texts. Undefined for anything else. */
export function readSpan(range: unknown): OffsetSpan | undefined {
  if (!Array.isArray(range) || range.length !== 2) return undefined;
  const [first, last] = range.map(readOffset);
  return first === undefined || last === undefined || last < first ? undefined : { first, last };
}

/** Records in their order, and below the position: what says otherwise says nothing. */
function readRecent(list: unknown, position: bigint): readonly HandledRecord[] | undefined {
  if (!Array.isArray(list) || list.length > NAMED_RECORDS) return undefined;
  const recent: HandledRecord[] = [];
  for (const one of list) {
    const [offsetText, timestamp, hash]: readonly unknown[] = Array.isArray(one) ? one : [];
    const offset = readOffset(offsetText);
    const before = recent.at(-1)?.offset ?? -1n;
    if (offset === undefined || offset <= before || offset >= position) return undefined;
    if (typeof timestamp !== 'string' || !/^-?\d{1,19}$/.test(timestamp)) return undefined;
    if (typeof hash !== 'string' || !/^[0-9a-f]{16}$/.test(hash)) return undefined;
    recent.push({ offset, timestamp, hash });
  }
  return recent;
}
