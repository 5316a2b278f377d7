import { Buffer } from 'node:buffer';

/** @internal Why bytes could not be read. */
export type ReadProblem = 'short-buffer' | 'negative-length';

/**
 * Reads Kafka's primitive types (`Type.java`), big-endian. Never throws: after the first problem every read answers zero
 * or "", and {@link ByteReader.problem} says what it was.
 *
 * @internal
 */
export class ByteReader {
  readonly #bytes: Buffer;
  #position = 0;
  #problem: ReadProblem | undefined;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get problem(): ReadProblem | undefined {
    return this.#problem;
  }

  int16(): number {
    const at = this.#take(2);
    return at === undefined ? 0 : this.#bytes.readInt16BE(at);
  }

  int32(): number {
    const at = this.#take(4);
    return at === undefined ? 0 : this.#bytes.readInt32BE(at);
  }

  int64(): bigint {
    const at = this.#take(8);
    return at === undefined ? 0n : this.#bytes.readBigInt64BE(at);
  }

  /** STRING: an INT16 length in bytes, then UTF-8. Bytes that are no UTF-8 become U+FFFD, as in Java. */
  string(): string {
    const length = this.int16();
    if (length < 0) this.#problem ??= 'negative-length';
    const at = this.#take(length);
    return at === undefined ? '' : this.#bytes.toString('utf8', at, at + length);
  }

  /** Where the next `count` bytes begin; undefined where there are fewer, or reading failed before. */
  #take(count: number): number | undefined {
    if (this.#problem !== undefined) return undefined;
    const at = this.#position;
    if (at + count > this.#bytes.length) {
      this.#problem = 'short-buffer';
      return undefined;
    }
    this.#position = at + count;
    return at;
  }
}

/** Longest STRING in bytes. */
const MAX_STRING_BYTES = 32_767;

/** @internal Writes Kafka's primitive types, big-endian. */
export class ByteWriter {
  readonly #parts: Buffer[] = [];

  int16(value: number): this {
    const part = Buffer.alloc(2);
    part.writeInt16BE(value);
    return this.#add(part);
  }

  int32(value: number): this {
    const part = Buffer.alloc(4);
    part.writeInt32BE(value);
    return this.#add(part);
  }

  int64(value: bigint): this {
    const part = Buffer.alloc(8);
    part.writeBigInt64BE(value);
    return this.#add(part);
  }

  /** @throws RangeError - the text is longer than 32767 bytes. */
  string(text: string): this {
    const part = Buffer.from(text, 'utf8');
    if (part.length > MAX_STRING_BYTES) {
      throw new RangeError(`a STRING holds at most ${MAX_STRING_BYTES} bytes, got ${part.length}`);
    }
    return this.int16(part.length).#add(part);
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  #add(part: Buffer): this {
    this.#parts.push(part);
    return this;
  }
}
