/** @internal Partitions that are scanned at the same time; each takes the memory of an answer. */
export const PARALLEL_SCANS = 8;

/**
 * Works on several at a time, in their order.
 *
 * @internal
 */
export async function inParallel<T>(
  width: number,
  all: readonly T[],
  work: (one: T, index: number) => Promise<void>,
): Promise<void> {
  const queue = [...all.entries()];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, one] = next;
      await work(one, index);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
}
