/**
 * Values by topic and partition, without a string made for each look-up. Partitions are array indexes: 8 bytes each
 * (V8 turns an array with far-off indexes into a table by itself).
 *
 * @internal
 */
export class PartitionMap<Value extends object | bigint> {
  readonly #topics = new Map<string, (Value | undefined)[]>();
  #size = 0;

  /** Values that are held. */
  get size(): number {
    return this.#size;
  }

  get(topic: string, partition: number): Value | undefined {
    return this.#topics.get(topic)?.[partition];
  }

  set(topic: string, partition: number, value: Value): void {
    let partitions = this.#topics.get(topic);
    if (partitions === undefined) {
      partitions = [];
      this.#topics.set(topic, partitions);
    }
    if (partitions[partition] === undefined) this.#size += 1;
    partitions[partition] = value;
  }

  *values(): Generator<Value> {
    for (const partitions of this.#topics.values()) {
      // Lists are sparse.
      for (const value of partitions) if (value !== undefined) yield value;
    }
  }

  delete(topic: string, partition: number): void {
    const partitions = this.#topics.get(topic);
    if (partitions?.[partition] === undefined) return;
    partitions[partition] = undefined;
    this.#size -= 1;
  }

  clear(): void {
    this.#topics.clear();
    this.#size = 0;
  }
}
