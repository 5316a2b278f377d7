import { unreachable } from '../unreachable.js';

/**
 * The frames that travel between client and broker. They are Kafka's own up to the end of the header, and for some requests
 * a little further (see {@link RequestHead}), so that whatever watches a socket sees what it would see outside. What
 * follows is no encoding of the request, only a number under which the request itself waits in the {@link Mailroom}:
 * encoding and decoding it would cost more than all the rest of a simulation.
 *
 * request: length int32, api key int16, api version int16, correlation id int32, client id string, head, ticket int64
 * answer:  length int32, correlation id int32, ticket int64
 */

const TICKET_BYTES = 8;
const LENGTH_BYTES = 4;

/** @internal Where requests and answers wait while their frames travel. One per world. */
export class Mailroom {
  readonly #letters = new Map<number, unknown>();
  #nextTicket = 1;

  post(letter: unknown): number {
    const ticket = this.#nextTicket;
    this.#nextTicket += 1;
    this.#letters.set(ticket, letter);
    return ticket;
  }

  take(ticket: number): unknown {
    const letter = this.#letters.get(ticket);
    this.#letters.delete(ticket);
    return letter;
  }
}

/** @internal The header of a request. */
export interface RequestHeader {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string;
}

/**
 * How the bodies begin of those requests that a watcher of sockets reads: who is asked to acknowledge, and how long the
 * broker may take.
 *
 * @internal
 */
export type RequestHead =
  /** Since version 3. */
  | {
      readonly kind: 'produce';
      readonly transactionalId: string | null;
      readonly acks: number;
      readonly timeoutMs: number;
    }
  | { readonly kind: 'fetch'; readonly maxWaitMs: number; readonly minBytes: number }
  /** Since version 1. */
  | {
      readonly kind: 'join-group';
      readonly groupId: string;
      readonly sessionTimeoutMs: number;
      readonly rebalanceTimeoutMs: number;
    }
  | { readonly kind: 'none' };

const NO_BYTES = Buffer.alloc(0);

/** kafkajs's `replica_id` of a consumer. */
const REPLICA_ID = -1;

/** @internal One request, whole. */
export function requestFrame(
  header: RequestHeader,
  requestHead: RequestHead,
  ticket: number,
): Buffer {
  const clientIdBytes = Buffer.byteLength(header.clientId);
  const head = encodeHead(requestHead);
  const size = 10 + clientIdBytes + head.length + TICKET_BYTES;
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + size);
  let at = frame.writeInt32BE(size, 0);
  at = frame.writeInt16BE(header.apiKey, at);
  at = frame.writeInt16BE(header.apiVersion, at);
  at = frame.writeInt32BE(header.correlationId, at);
  at = frame.writeInt16BE(clientIdBytes, at);
  at += frame.write(header.clientId, at);
  if (head.length > 0) at += head.copy(frame, at);
  writeTicket(frame, ticket, at);
  return frame;
}

function encodeHead(head: RequestHead): Buffer {
  switch (head.kind) {
    case 'produce': {
      const id = Buffer.from(head.transactionalId ?? '');
      const bytes = Buffer.allocUnsafe(2 + id.length + 6);
      let at = bytes.writeInt16BE(head.transactionalId === null ? -1 : id.length, 0);
      at += id.copy(bytes, at);
      at = bytes.writeInt16BE(head.acks, at);
      bytes.writeInt32BE(head.timeoutMs, at);
      return bytes;
    }
    case 'fetch': {
      const bytes = Buffer.allocUnsafe(12);
      bytes.writeInt32BE(REPLICA_ID, 0);
      bytes.writeInt32BE(head.maxWaitMs, 4);
      bytes.writeInt32BE(head.minBytes, 8);
      return bytes;
    }
    case 'join-group': {
      const id = Buffer.from(head.groupId);
      const bytes = Buffer.allocUnsafe(2 + id.length + 8);
      let at = bytes.writeInt16BE(id.length, 0);
      at += id.copy(bytes, at);
      at = bytes.writeInt32BE(head.sessionTimeoutMs, at);
      bytes.writeInt32BE(head.rebalanceTimeoutMs, at);
      return bytes;
    }
    case 'none':
      return NO_BYTES;
    default:
      return unreachable(head);
  }
}

/** @internal Reads what {@link requestFrame} wrote. */
export function readRequest(frame: Buffer): RequestHeader & { readonly ticket: number } {
  const clientIdBytes = frame.readInt16BE(12);
  return {
    apiKey: frame.readInt16BE(4),
    apiVersion: frame.readInt16BE(6),
    correlationId: frame.readInt32BE(8),
    clientId: frame.toString('utf8', 14, 14 + clientIdBytes),
    ticket: readTicket(frame, frame.length - TICKET_BYTES),
  };
}

/** @internal One answer, whole. */
export function answerFrame(correlationId: number, ticket: number): Buffer {
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + 4 + TICKET_BYTES);
  frame.writeInt32BE(4 + TICKET_BYTES, 0);
  frame.writeInt32BE(correlationId, 4);
  writeTicket(frame, ticket, 8);
  return frame;
}

/** @internal Reads the ticket at `at`; in the payload of an answer (what kafkajs leaves of it) that is 0. */
export function readTicket(buffer: Buffer, at = 0): number {
  return buffer.readUInt32BE(at) * 0x1_0000_0000 + buffer.readUInt32BE(at + 4);
}

function writeTicket(buffer: Buffer, ticket: number, at: number): void {
  buffer.writeUInt32BE(Math.floor(ticket / 0x1_0000_0000), at);
  buffer.writeUInt32BE(ticket % 0x1_0000_0000, at + 4);
}

/** @internal Cuts a stream of bytes into frames, wherever the pieces were cut before. */
export class FrameReader {
  #rest: Buffer = NO_BYTES;

  /** The frames that are complete with this piece. */
  push(piece: Buffer): Buffer[] {
    let bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    const frames: Buffer[] = [];
    while (bytes.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + bytes.readInt32BE(0);
      if (bytes.length < end) break;
      // Mostly a piece is one frame.
      const isLast = bytes.length === end;
      frames.push(isLast ? bytes : bytes.subarray(0, end));
      bytes = isLast ? NO_BYTES : bytes.subarray(end);
    }
    this.#rest = bytes;
    return frames;
  }
}
