import { Buffer } from 'node:buffer';

/**
 * Pieces of memory of one size that are used again and again: each new one would make the garbage collector look at the whole heap, because memory outside of it grows.
 *
 * @internal
 */
export class MemoryPool {
  readonly #pieceBytes: number;
  #free: Buffer[] = [];
  #readerCount = 0;

  constructor(pieceBytes: number) {
    this.#pieceBytes = pieceBytes;
  }

  /** How large the piece is that has room for so many bytes. */
  sizeOf(byteCount: number): number {
    return Math.max(byteCount, this.#pieceBytes);
  }

  /** Memory of at least so many bytes; there may be anything in it. */
  take(byteCount: number): Buffer {
    const free = byteCount <= this.#pieceBytes ? this.#free.pop() : undefined;
    return free ?? Buffer.allocUnsafeSlow(this.sizeOf(byteCount));
  }

  /** It is not needed any more, but for views of readers. */
  give(memory: Buffer): void {
    // What somebody may be reading is left to the garbage collector.
    if (memory.length === this.#pieceBytes && this.#readerCount === 0) this.#free.push(memory);
  }

  /** From now on somebody has views, until what is returned is called. */
  read(): () => void {
    this.#readerCount += 1;
    return () => {
      this.#readerCount -= 1;
    };
  }

  /** Lets go a half of what nobody has needed, or all of it. */
  shrink(isAll = false): void {
    this.#free.length = isAll ? 0 : Math.floor(this.#free.length / 2);
  }
}
