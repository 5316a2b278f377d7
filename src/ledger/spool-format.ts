import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';

/*
 * A file of the spool, big-endian:
 *
 *   bytes   "KFLEDGER"
 *   int32   version: 1
 *   frames  the first one: the head, as JSON; then one for each entry of the segment, in its order. An empty frame says: all that was acknowledged until now stands before it.
 *
 * A frame:
 *
 *   int32   length of the body
 *   uint32  CRC-32 (that of zlib) of the length and the body
 *   bytes   body
 */
const MAGIC = Buffer.from('KFLEDGER', 'latin1');
const VERSION = 1;
const START_BYTES = MAGIC.length + 4;
const FRAME_BYTES = 8;

/** @internal What the records of a file have in common. */
export interface SpoolHead {
  /** Name of the generation of the ledger, unique over all lives of the process. */
  readonly generation: string;
  readonly cluster: string;
  readonly switchEpoch: number;
}

/** @internal What is in a file. */
export type SpooledFile =
  | {
      readonly kind: 'segment';
      readonly head: SpoolHead;
      /** Up to the end, or to the first one that is not as it was written. Views of what was read. */
      readonly entries: readonly Buffer[];
      readonly end: SpoolEnd;
    }
  /** It ends before its head does: nothing was written. */
  | { readonly kind: 'empty' }
  /** Nobody knows what it is. */
  | { readonly kind: 'unreadable'; readonly because: string };

/** @internal How a file ends. */
export type SpoolEnd =
  /** All of it was written. */
  | { readonly kind: 'whole' }
  /** What is there is good; the process has ended before it could say that this is all. */
  | { readonly kind: 'open' }
  | { readonly kind: 'damaged'; readonly because: string };

/** @internal How a file begins. */
export function startOfFile(head: SpoolHead): Buffer {
  const start = Buffer.alloc(START_BYTES);
  MAGIC.copy(start);
  start.writeInt32BE(VERSION, MAGIC.length);
  return Buffer.concat([start, framed([Buffer.from(JSON.stringify(head))])]);
}

/** @internal One frame for each. */
export function framed(bodies: readonly Buffer[]): Buffer {
  const length = bodies.reduce((sum, body) => sum + FRAME_BYTES + body.length, 0);
  const frames = Buffer.allocUnsafe(length);
  let at = 0;
  for (const body of bodies) {
    frames.writeInt32BE(body.length, at);
    frames.writeUInt32BE(checkOf(frames.subarray(at, at + 4), body), at + 4);
    body.copy(frames, at + FRAME_BYTES);
    at += FRAME_BYTES + body.length;
  }
  return frames;
}

/** @internal Says that all that was acknowledged stands before it. */
export function endOfFile(): Buffer {
  return framed([Buffer.alloc(0)]);
}

/** @internal Reads a file. Throws nothing: what is damaged ends it. */
export function readSpooled(file: Buffer): SpooledFile {
  if (file.length < START_BYTES) return { kind: 'empty' };
  if (!file.subarray(0, MAGIC.length).equals(MAGIC)) return unreadable('it is no file of a ledger');
  const version = file.readInt32BE(MAGIC.length);
  if (version !== VERSION) return unreadable(`it is of version ${version}, which is not known`);
  let end: SpoolEnd = { kind: 'open' };
  let head: SpoolHead | undefined;
  const entries: Buffer[] = [];
  for (let at = START_BYTES; at < file.length && end.kind !== 'damaged';) {
    const body = bodyAt(file, at);
    if (typeof body === 'string') {
      end = { kind: 'damaged', because: body };
    } else {
      at += FRAME_BYTES + body.length;
      if (head === undefined) {
        head = headIn(body);
        if (head === undefined) return unreadable('its head says nothing');
      } else if (body.length > 0) {
        entries.push(body);
      }
      end = { kind: body.length === 0 ? 'whole' : 'open' };
    }
  }
  if (head !== undefined) return { kind: 'segment', head, entries, end };
  return end.kind === 'damaged' && !end.because.startsWith(CUT_SHORT)
    ? unreadable(end.because)
    : { kind: 'empty' };
}

function unreadable(because: string): SpooledFile {
  return { kind: 'unreadable', because };
}

const CUT_SHORT = 'it is cut short';

/** @returns why it cannot be read, where it cannot. */
function bodyAt(file: Buffer, at: number): Buffer | string {
  const bodyAtByte = at + FRAME_BYTES;
  if (bodyAtByte > file.length) return `${CUT_SHORT} at byte ${at}`;
  const length = file.readInt32BE(at);
  if (length < 0 || bodyAtByte + length > file.length) return `${CUT_SHORT} at byte ${at}`;
  const body = file.subarray(bodyAtByte, bodyAtByte + length);
  const isGood = checkOf(file.subarray(at, at + 4), body) === file.readUInt32BE(at + 4);
  return isGood ? body : `the checksum at byte ${at} is wrong`;
}

/** The length is checked as well: else nobody knows where a record ends. */
function checkOf(length: Buffer, body: Buffer): number {
  return crc32(body, crc32(length));
}

function headIn(body: Buffer): SpoolHead | undefined {
  try {
    const head: Partial<SpoolHead> = JSON.parse(body.toString('utf8'));
    const { generation, cluster, switchEpoch } = head;
    if (typeof generation !== 'string' || typeof cluster !== 'string') return undefined;
    return typeof switchEpoch === 'number' ? { generation, cluster, switchEpoch } : undefined;
  } catch {
    return undefined;
  }
}
