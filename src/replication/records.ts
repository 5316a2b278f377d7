import type { Buffer } from 'node:buffer';
import { ByteReader, ByteWriter, type ReadProblem } from './bytes.js';

/** @internal Whose checkpoint it is. `topic` is the name on the *target*, for example `A.orders`. */
export interface CheckpointKey {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
}

/**
 * A pair of positions: the group had committed `upstreamOffset` (next to read) on the source, and everything before
 * `downstreamOffset` on the target was copied from records before it. `metadata` is the commit's, verbatim.
 *
 * @internal
 */
export interface CheckpointValue {
  readonly upstreamOffset: bigint;
  readonly downstreamOffset: bigint;
  readonly metadata: string;
}

/** @internal The partition that an offset sync is about. `topic` is the name on the *source*. */
export interface OffsetSyncKey {
  readonly topic: string;
  readonly partition: number;
}

/** @internal The record at `upstreamOffset` of the source was copied to `downstreamOffset` of the target. */
export interface OffsetSync {
  readonly upstreamOffset: bigint;
  readonly downstreamOffset: bigint;
}

/** @internal The flow whose connector sent the heartbeat. */
export interface HeartbeatKey {
  readonly source: string;
  readonly target: string;
}

/** @internal When it was sent, in wall-clock milliseconds since 1970 of MirrorMaker's machine. */
export interface HeartbeatValue {
  readonly timestampMs: bigint;
}

/**
 * Why a record was not taken.
 *
 * - `no-key`: the key is null.
 * - `short-buffer`, `negative-length`: key or value is not what the format says.
 * - `unknown-version`: the value's version is not 0 (MirrorMaker itself would misread it).
 * - `negative-offset`, `negative-partition`: well-formed, but no offset or partition of a log.
 * - `foreign-topic`: a checkpoint for a topic that the flow does not write (MirrorMaker before 3.3 wrote untranslated
 *   offsets for such, KAFKA-12635).
 *
 * @public
 */
export type SkipReason =
  | 'no-key'
  | 'short-buffer'
  | 'negative-length'
  | 'unknown-version'
  | 'negative-offset'
  | 'negative-partition'
  | 'foreign-topic';

/** @internal What a record of an internal topic says. */
export type Decoded<Kind extends string, Key, Value> =
  | { readonly kind: Kind; readonly key: Key; readonly value: Value }
  /** The value is null: what was known about the key is void. */
  | { readonly kind: 'tombstone'; readonly key: Key }
  | { readonly kind: 'skipped'; readonly because: SkipReason };

/** @internal Bytes of a record, as kafkajs hands them out. */
export interface RecordBytes {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/** The only version that exists, of checkpoints and of heartbeats. Offset syncs carry none. */
const VERSION = 0;

/**
 * Reads a record of a checkpoints topic. Never throws.
 *
 * Format: key `group` STRING, `topic` STRING, `partition` INT32 (no version); value `version` INT16, `upstreamOffset`
 * INT64, `offset` INT64, `metadata` STRING. Big-endian; trailing bytes are ignored, as Java does.
 *
 * @see Checkpoint.java
 * @internal
 */
export function decodeCheckpoint(
  record: RecordBytes,
): Decoded<'checkpoint', CheckpointKey, CheckpointValue> {
  return decode('checkpoint', record, readCheckpointKey, readCheckpointValue);
}

/** @internal Writes a record of a checkpoints topic. @throws RangeError - a string is longer than 32767 bytes. */
export function encodeCheckpoint(
  key: CheckpointKey,
  value: CheckpointValue,
): { key: Buffer; value: Buffer } {
  return {
    key: new ByteWriter().string(key.group).string(key.topic).int32(key.partition).bytes(),
    value: new ByteWriter()
      .int16(VERSION)
      .int64(value.upstreamOffset)
      .int64(value.downstreamOffset)
      .string(value.metadata)
      .bytes(),
  };
}

/**
 * Reads a record of an offset-syncs topic. Never throws.
 *
 * Format: key `topic` STRING, `partition` INT32; value `upstreamOffset` INT64, `offset` INT64. No version anywhere.
 *
 * @see OffsetSync.java
 * @internal
 */
export function decodeOffsetSync(
  record: RecordBytes,
): Decoded<'offset-sync', OffsetSyncKey, OffsetSync> {
  return decode('offset-sync', record, readOffsetSyncKey, readOffsetSyncValue);
}

/** @internal Writes a record of an offset-syncs topic. @throws RangeError - a string is longer than 32767 bytes. */
export function encodeOffsetSync(
  key: OffsetSyncKey,
  value: OffsetSync,
): { key: Buffer; value: Buffer } {
  return {
    key: new ByteWriter().string(key.topic).int32(key.partition).bytes(),
    value: new ByteWriter().int64(value.upstreamOffset).int64(value.downstreamOffset).bytes(),
  };
}

/**
 * Reads a record of a heartbeats topic. Never throws.
 *
 * Format: key `sourceClusterAlias` STRING, `targetClusterAlias` STRING; value `version` INT16, `timestamp` INT64.
 *
 * @see Heartbeat.java
 * @internal
 */
export function decodeHeartbeat(
  record: RecordBytes,
): Decoded<'heartbeat', HeartbeatKey, HeartbeatValue> {
  return decode('heartbeat', record, readHeartbeatKey, readHeartbeatValue);
}

/** @internal Writes a record of a heartbeats topic. @throws RangeError - a string is longer than 32767 bytes. */
export function encodeHeartbeat(
  key: HeartbeatKey,
  value: HeartbeatValue,
): { key: Buffer; value: Buffer } {
  return {
    key: new ByteWriter().string(key.source).string(key.target).bytes(),
    value: new ByteWriter().int16(VERSION).int64(value.timestampMs).bytes(),
  };
}

type Problem = { readonly problem: SkipReason };

function decode<Kind extends string, Key extends object, Value extends object>(
  kind: Kind,
  { key: keyBytes, value: valueBytes }: RecordBytes,
  readKey: (reader: ByteReader) => Key | Problem,
  readValue: (reader: ByteReader) => Value | Problem,
): Decoded<Kind, Key, Value> {
  if (keyBytes === null) return { kind: 'skipped', because: 'no-key' };
  const key = checked(new ByteReader(keyBytes), readKey);
  if ('problem' in key) return { kind: 'skipped', because: key.problem };
  if (valueBytes === null) return { kind: 'tombstone', key };
  const value = checked(new ByteReader(valueBytes), readValue);
  if ('problem' in value) return { kind: 'skipped', because: value.problem };
  return { kind, key, value };
}

/** What could not be read outranks what was made of it: the reader goes on with zeros after its first problem. */
function checked<T extends object>(
  reader: ByteReader,
  read: (reader: ByteReader) => T | Problem,
): T | { readonly problem: SkipReason | ReadProblem } {
  const result = read(reader);
  return reader.problem === undefined ? result : { problem: reader.problem };
}

function readCheckpointKey(reader: ByteReader): CheckpointKey | Problem {
  const group = reader.string();
  const topic = reader.string();
  const partition = reader.int32();
  return partition < 0 ? { problem: 'negative-partition' } : { group, topic, partition };
}

function readCheckpointValue(reader: ByteReader): CheckpointValue | Problem {
  if (reader.int16() !== VERSION) return { problem: 'unknown-version' };
  const upstreamOffset = reader.int64();
  const downstreamOffset = reader.int64();
  const metadata = reader.string();
  if (upstreamOffset < 0n || downstreamOffset < 0n) return { problem: 'negative-offset' };
  return { upstreamOffset, downstreamOffset, metadata };
}

function readOffsetSyncKey(reader: ByteReader): OffsetSyncKey | Problem {
  const topic = reader.string();
  const partition = reader.int32();
  return partition < 0 ? { problem: 'negative-partition' } : { topic, partition };
}

function readOffsetSyncValue(reader: ByteReader): OffsetSync | Problem {
  const upstreamOffset = reader.int64();
  const downstreamOffset = reader.int64();
  if (upstreamOffset < 0n || downstreamOffset < 0n) return { problem: 'negative-offset' };
  return { upstreamOffset, downstreamOffset };
}

function readHeartbeatKey(reader: ByteReader): HeartbeatKey {
  return { source: reader.string(), target: reader.string() };
}

function readHeartbeatValue(reader: ByteReader): HeartbeatValue | Problem {
  if (reader.int16() !== VERSION) return { problem: 'unknown-version' };
  return { timestampMs: reader.int64() };
}
