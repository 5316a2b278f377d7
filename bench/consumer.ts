import type { Kafka } from 'kafkajs';
import { alternate, type Comparison, type Round } from './alternate.js';

/** @internal What makes consumers: kafkajs's class, or this library's. */
export type ConsumerSource = Pick<Kafka, 'consumer'>;

/** @internal */
export type HandlerKind = 'eachMessage' | 'eachBatch';

/**
 * Compares how fast a topic of `recordCount` records is consumed from its beginning. Each round has a group of its own;
 * the time runs from the first record handled to the last, so joining does not count.
 *
 * @internal
 */
export async function compareConsumers(
  topic: string,
  recordCount: number,
  sources: { bare: ConsumerSource; wrapped: ConsumerSource },
  kind: HandlerKind,
  pairCount: number,
): Promise<Comparison> {
  const round =
    (source: ConsumerSource, name: string) =>
    (index: number): Promise<Round> =>
      consumeRound(source, topic, recordCount, kind, `bench-${kind}-${name}-${index}`);
  return alternate(pairCount, round(sources.bare, 'bare'), round(sources.wrapped, 'wrapped'));
}

async function consumeRound(
  source: ConsumerSource,
  topic: string,
  recordCount: number,
  kind: HandlerKind,
  groupId: string,
): Promise<Round> {
  const consumer = source.consumer({ groupId, maxWaitTimeInMs: 100 });
  let handledCount = 0;
  let startedAtMs = 0;
  let finish = (): void => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const count = (records: number): void => {
    if (handledCount === 0) startedAtMs = performance.now();
    handledCount += records;
    if (handledCount >= recordCount) finish();
  };
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run(
    kind === 'eachMessage'
      ? {
          eachMessage: () => {
            count(1);
            return Promise.resolve();
          },
        }
      : {
          eachBatch: ({ batch }) => {
            count(batch.messages.length);
            return Promise.resolve();
          },
        },
  );
  await finished;
  const seconds = (performance.now() - startedAtMs) / 1_000;
  await consumer.disconnect();
  return { throughput: recordCount / seconds, latenciesMs: [] };
}
