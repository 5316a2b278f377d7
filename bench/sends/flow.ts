import type { FailoverKafkaProducer } from 'kafkajs-failover';

/** @internal A record that a cluster has acknowledged. */
export interface Acknowledged {
  readonly value: string;
  readonly cluster: string;
  readonly partition: number;
  readonly offset: number;
}

/** @internal A steady flow of sends, each of one record, as many users of one service would make them. */
export interface Flow {
  readonly acknowledged: readonly Acknowledged[];
  readonly errors: readonly unknown[];
  /** The longest time from a call to its acknowledgement, in milliseconds, of those that ended since this was called last. */
  longestMs(): number;
  /** Ends it, and waits for every answer. Answers how many sends were made. */
  stop(): Promise<number>;
}

/** Timers are no finer. */
const TICK_MS = 5;

/** @internal */
export function startFlow(
  producer: FailoverKafkaProducer,
  { topic, name, perSecond }: { topic: string; name: string; perSecond: number },
): Flow {
  const acknowledged: Acknowledged[] = [];
  const errors: unknown[] = [];
  const pending = new Set<Promise<void>>();
  let longestMs = 0;
  let count = 0;
  const startedAtMs = performance.now();
  const send = (): void => {
    count += 1;
    const value = `${name}-${count}`;
    const calledAtMs = performance.now();
    const sending = producer
      .send({ topic, messages: [{ key: `key-${count % 64}`, value }] })
      .then(
        ([one]) => {
          longestMs = Math.max(longestMs, performance.now() - calledAtMs);
          if (one === undefined) throw new Error(`${value} was acknowledged without a place`);
          const { cluster, partition, baseOffset } = one;
          acknowledged.push({ value, cluster, partition, offset: Number(baseOffset) });
        },
        (error: unknown) => void errors.push(error),
      )
      .finally(() => pending.delete(sending));
    pending.add(sending);
  };
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAtMs) / 1_000) * perSecond;
    while (count < due) send();
  }, TICK_MS);
  return {
    acknowledged,
    errors,
    longestMs() {
      const longest = longestMs;
      longestMs = 0;
      return longest;
    },
    async stop() {
      clearInterval(timer);
      while (pending.size > 0) await Promise.all(pending);
      return count;
    },
  };
}
