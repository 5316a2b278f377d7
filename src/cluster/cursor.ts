import type { Buffer } from 'node:buffer';

/**
 * Reads Kafka's types in their order, as fast as it goes. Throws a RangeError where the bytes end before that (`replication/bytes.ts` never throws: it reads what others have written).
 *
 * @internal
 */
export class Cursor {
  position = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  skip(count: number): void {
    this.position += count;
  }

  int8(): number {
    this.position += 1;
    return this.#bytes.readInt8(this.position - 1);
  }

  int16(): number {
    this.position += 2;
    return this.#bytes.readInt16BE(this.position - 2);
  }

  int32(): number {
    this.position += 4;
    return this.#bytes.readInt32BE(this.position - 4);
  }

  int64(): bigint {
    this.position += 8;
    return this.#bytes.readBigInt64BE(this.position - 8);
  }

  string(): string {
    return this.view(this.int16()).toString('utf8');
  }

  /** A NULLABLE_STRING, which is not looked at: null has length -1 and no bytes. */
  skipNullableString(): void {
    this.skip(Math.max(0, this.int16()));
  }

  /** So many bytes, not copied. */
  view(length: number): Buffer {
    const start = this.position;
    this.position += length;
    if (length < 0 || this.position > this.#bytes.length)
      throw new RangeError('bytes are cut short');
    return this.#bytes.subarray(start, this.position);
  }

  /** A nullable ARRAY: null has length -1 and reads as empty. */
  array<T>(read: () => T): T[] {
    const list: T[] = [];
    for (let left = this.int32(); left > 0; left -= 1) list.push(read());
    return list;
  }

  /** VARINT and VARLONG: zigzag, seven bits a byte. Exact up to 2 ** 53, which no length or timestamp exceeds. */
  varint(): number {
    const bytes = this.#bytes;
    let at = this.position;
    let byte = bytes[at];
    let value = 0;
    let factor = 1;
    while (byte !== undefined && byte >= 0x80) {
      value += (byte & 0x7f) * factor;
      factor *= 0x80;
      at += 1;
      byte = bytes[at];
    }
    if (byte === undefined) throw new RangeError('a varint is cut short');
    value += byte * factor;
    this.position = at + 1;
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** VARINT length and bytes; null has length -1. */
  bytes(): Buffer | null {
    const length = this.varint();
    return length < 0 ? null : this.view(length);
  }
}
