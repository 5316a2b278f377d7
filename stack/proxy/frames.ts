import { apiKeys } from './apis.js';
import { Cursor } from './cursor.js';

/** Every request and every answer begins with its length as int32. */
const lengthBytes = 4;
/** Length, int16 api key, int16 api version, int32 correlation id. */
const requestHeaderBytes = 12;
/** Kafka's `socket.request.max.bytes`, for requests; answers are as long as what a client asks for. */
const maxFrameBytes = 100 * 1024 * 1024;

/**
 * A part of the byte stream: a whole frame with its length in front, or bytes that are none, because the stream has lost
 * its framing (no Kafka is spoken there) or has ended within a frame.
 *
 * @internal
 */
export interface Piece {
  kind: 'frame' | 'bytes';
  bytes: Buffer;
}

/**
 * Cuts a stream into frames, whatever the chunks that carry it. Every byte comes out once and in its place; once the
 * framing is lost everything passes as bytes.
 *
 * @internal
 */
export class FrameReader {
  #chunks: Buffer[] = [];
  #byteCount = 0;
  #neededBytes = lengthBytes;
  #isFramed = true;

  read(chunk: Buffer): Piece[] {
    this.#keep(chunk);
    const pieces: Piece[] = [];
    while (this.#isFramed && this.#byteCount >= this.#neededBytes) {
      const bytes = this.#join();
      const frameBytes = lengthBytes + bytes.readInt32BE(0);
      this.#isFramed = frameBytes >= lengthBytes && frameBytes <= maxFrameBytes;
      this.#neededBytes = frameBytes;
      if (!this.#isFramed || bytes.length < frameBytes) continue;
      pieces.push({ kind: 'frame', bytes: bytes.subarray(0, frameBytes) });
      this.#clear();
      this.#keep(bytes.subarray(frameBytes));
    }
    if (!this.#isFramed) pieces.push(...this.end());
    return pieces;
  }

  /** The bytes of a frame that has begun, for a stream that ends there; none where it ends between two frames. */
  end(): Piece[] {
    const bytes = this.#join();
    this.#clear();
    return bytes.length === 0 ? [] : [{ kind: 'bytes', bytes }];
  }

  #keep(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#byteCount += chunk.length;
  }

  /** What has gathered, as one buffer. It is asked for twice in a frame at most: a long one is not copied over and over. */
  #join(): Buffer {
    const [first, second] = this.#chunks;
    if (first !== undefined && second === undefined) return first;
    const bytes = Buffer.concat(this.#chunks);
    this.#chunks = bytes.length === 0 ? [] : [bytes];
    return bytes;
  }

  #clear(): void {
    this.#chunks = [];
    this.#byteCount = 0;
    this.#neededBytes = lengthBytes;
  }
}

/** @internal What the head of a request says. */
export interface RequestHead {
  apiKey: number;
  apiVersion: number;
  /** The answer carries the same. */
  correlationId: number;
  /** False for a Produce with acks=0 (versions 0 to 8, those without flexible fields): Kafka sends no answer to it. */
  expectsAnswer: boolean;
}

/** @internal Reads the head of a request's frame; undefined for a frame that is too short to have one. */
export function readRequest(frame: Buffer): RequestHead | undefined {
  if (frame.length < requestHeaderBytes) return undefined;
  const apiKey = frame.readInt16BE(4);
  const apiVersion = frame.readInt16BE(6);
  return {
    apiKey,
    apiVersion,
    correlationId: frame.readInt32BE(8),
    expectsAnswer: apiKey !== apiKeys.Produce || readAcks(frame, apiVersion) !== 0,
  };
}

/** @internal Where the body of a request begins, behind the header's nullable client id. Header version 1. */
export function bodyOf(frame: Buffer): Cursor {
  const cursor = new Cursor(frame, requestHeaderBytes);
  cursor.string();
  return cursor;
}

/** Undefined where this request is not laid out as in versions 0 to 8. */
function readAcks(frame: Buffer, apiVersion: number): number | undefined {
  if (apiVersion > 8) return undefined;
  try {
    const body = bodyOf(frame);
    if (apiVersion >= 3) body.string(); // The transactional id.
    return body.int16();
  } catch {
    return undefined;
  }
}

/** @internal The correlation id of an answer's frame; undefined for a frame that is too short to have one. */
export function readCorrelationId(frame: Buffer): number | undefined {
  return frame.length < lengthBytes + 4 ? undefined : frame.readInt32BE(lengthBytes);
}

/** A request on its way: the broker is going to answer it, or the proxy already has. */
interface Pending {
  head: RequestHead;
  answer: Buffer | undefined;
}

/** @internal An answer, and the request that it belongs to. */
export interface Answered {
  head: RequestHead | undefined;
  answer: Buffer;
}

/**
 * The requests of one connection that have had no answer, in their order.
 *
 * Kafka answers the requests of one connection in their order (it mutes the connection while it works on one). So an
 * answer that the proxy makes up waits for those of earlier requests; and a request is forgotten when a later one is
 * answered: it expects none.
 *
 * @internal
 */
export class PendingRequests {
  #pending: Pending[] = [];

  /** Notes a request that goes to the broker. */
  sent(head: RequestHead): void {
    if (head.expectsAnswer) this.#pending.push({ head, answer: undefined });
  }

  /** Notes a request that the proxy answers itself. @returns what may go to the client now, in this order. */
  madeUp(head: RequestHead, answer: Buffer): Answered[] {
    this.#pending.push({ head, answer });
    return this.#takeMadeUp();
  }

  /** Takes an answer of the broker's. @returns what may go to the client now, in this order. */
  answered(answer: Buffer): Answered[] {
    const correlationId = readCorrelationId(answer);
    const index = this.#pending.findIndex(
      ({ head, answer: own }) => own === undefined && head.correlationId === correlationId,
    );
    const passed = this.#pending.splice(0, index + 1);
    const head = passed.pop()?.head;
    return [...passed.flatMap(toAnswered), { head, answer }, ...this.#takeMadeUp()];
  }

  /** The made-up answers that nothing stands before. */
  #takeMadeUp(): Answered[] {
    const end = this.#pending.findIndex(({ answer }) => answer === undefined);
    const count = end === -1 ? this.#pending.length : end;
    return this.#pending.splice(0, count).flatMap(toAnswered);
  }
}

function toAnswered({ head, answer }: Pending): Answered[] {
  return answer === undefined ? [] : [{ head, answer }];
}
