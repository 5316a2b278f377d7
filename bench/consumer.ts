import type { Kafka } from 'kafkajs';
import { alternate, type Comparison, type Round } from './alternate.js';
import { startMeter, type Effort } from './meter.js';
import { within } from './within.js';

/** @internal What makes consumers: kafkajs's class, or this library's. */
export type ConsumerSource = Pick<Kafka, 'consumer'>;

/** @internal */
export type HandlerKind = 'eachMessage' | 'eachBatch';

/** Far beyond any round: what takes longer has stopped. */
const ROUND_LIMIT_MS = 180_000;

/**
 * Compares how fast a topic of `recordCount` records is consumed from its beginning. Each round has a group of its own;
 * time and CPU run from the first record handled to the last, so joining does not count.
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

/** @internal One round, in a group of its own. */
export async function consumeRound(
  source: ConsumerSource,
  topic: string,
  recordCount: number,
  kind: HandlerKind,
  groupId: string,
): Promise<Round> {
  const consumer = source.consumer({ groupId, maxWaitTimeInMs: 100 });
  let handledCount = 0;
  let stop: (() => Effort) | undefined;
  let finish = (_effort: Effort): void => {};
  const finished = new Promise<Effort>((resolve) => {
    finish = resolve;
  });
  const count = (records: number): void => {
    stop ??= startMeter();
    handledCount += records;
    if (handledCount >= recordCount) finish(stop());
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
  const effort = await within(ROUND_LIMIT_MS, `the last record in group ${groupId}`, finished);
  await consumer.disconnect();
  return { ...effort, recordCount, latenciesMs: [] };
}
