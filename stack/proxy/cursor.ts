/**
 * Reads Kafka's primitive types one behind the other, big-endian.
 *
 * @throws RangeError - from every method, where the bytes end before the value does.
 * @internal
 */
export class Cursor {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#move(2));
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#move(4));
  }

  /** NULLABLE_STRING: an INT16 length, -1 for null, then UTF-8. Null reads as "". */
  string(): string {
    const length = Math.max(0, this.int16());
    const at = this.#move(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  /** Passes BYTES or RECORDS: an INT32 length, -1 for null, and so many bytes. */
  skipBytes(): void {
    this.#move(Math.max(0, this.int32()));
  }

  /** ARRAY: an INT32 count, -1 for null, then each element. */
  array<T>(read: () => T): T[] {
    const items: T[] = [];
    for (let left = this.int32(); left > 0; left -= 1) items.push(read());
    return items;
  }

  #move(byteCount: number): number {
    const at = this.#at;
    if (at + byteCount > this.#bytes.length) {
      throw new RangeError(`${byteCount} bytes at ${at} go beyond the end, ${this.#bytes.length}`);
    }
    this.#at = at + byteCount;
    return at;
  }
}
