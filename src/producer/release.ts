/** @internal What {@link release} works on. */
export interface ReleaseWork<T> {
  /** The next item in order; undefined where there is none, or where a newer switch took over. */
  take(): T | undefined;
  /** Hands an item over, synchronously; resolves when it was answered, or taken back. Never rejects. */
  start(item: T): Promise<void>;
  /** Most items that are under way at the same time. */
  readonly windowCount: number;
}

/**
 * Hands over what waited, in order: the first item alone, because it makes kafkajs connect to the broker and learn the
 * topic, and whatever overtook it meanwhile could be written before it; then as many at a time as the window holds.
 *
 * @internal
 */
export async function release<T>(work: ReleaseWork<T>): Promise<void> {
  const first = work.take();
  if (first === undefined) return;
  await work.start(first);
  // Taking and starting are one synchronous step, so the lanes start the items in their order.
  const lane = async (): Promise<void> => {
    for (let item = work.take(); item !== undefined; item = work.take()) await work.start(item);
  };
  await Promise.all(Array.from({ length: work.windowCount }, lane));
}
