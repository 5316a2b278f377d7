import type { Producer } from 'kafkajs';
import { alternate, type Comparison, type Round } from './alternate.js';
import { startMeter } from './meter.js';
import { medianRatio, percentile } from './statistics.js';

/** @internal What a producer comparison found. */
export interface ProducerFigures extends Comparison {
  /** Wrapper's median latency of a send by bare's: median over the pairs. 1 is equal, more is slower. */
  readonly p50Ratio: number;
  /** The same of the 99th percentile. */
  readonly p99Ratio: number;
}

/** @internal */
export interface SendShape {
  /** Messages of one send. */
  readonly messageCount: number;
  /** Sends of one round. */
  readonly sendCount: number;
  /** Sends under way at a time. */
  readonly concurrency: number;
}

const VALUE = Buffer.alloc(200, 'v');

/** @internal Compares sends of one shape; both producers stay connected for all rounds. */
export async function compareProducers(
  topic: string,
  producers: { bare: Producer; wrapped: Producer },
  shape: SendShape,
  pairCount: number,
): Promise<ProducerFigures> {
  const comparison = await alternate(
    pairCount,
    () => sendRound(topic, producers.bare, shape),
    () => sendRound(topic, producers.wrapped, shape),
  );
  const latencyRatio = (share: number): number =>
    medianRatio(comparison.pairs, ({ latenciesMs }) => percentile(latenciesMs, share));
  return { ...comparison, p50Ratio: latencyRatio(0.5), p99Ratio: latencyRatio(0.99) };
}

async function sendRound(topic: string, producer: Producer, shape: SendShape): Promise<Round> {
  const latenciesMs: number[] = [];
  let begun = 0;
  const lane = async (): Promise<void> => {
    while (begun < shape.sendCount) {
      begun += 1;
      const messages = Array.from({ length: shape.messageCount }, (_, index) => ({
        key: `key-${(begun + index) % 64}`,
        value: VALUE,
      }));
      const startedAtMs = performance.now();
      await producer.send({ topic, messages });
      latenciesMs.push(performance.now() - startedAtMs);
    }
  };
  const stop = startMeter();
  await Promise.all(Array.from({ length: shape.concurrency }, lane));
  return { ...stop(), recordCount: shape.sendCount * shape.messageCount, latenciesMs };
}
