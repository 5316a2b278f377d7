import { FailoverKafka, logLevel } from 'kafkajs-failover';
import type { Stack } from '../../stack/index.js';
import { compareProducers, type SendShape } from '../producer.js';
import type { OverheadFigures } from './figures.js';

const BATCH: SendShape = { messageCount: 100, sendCount: 600, concurrency: 4 };
const SINGLE: SendShape = { messageCount: 1, sendCount: 6_000, concurrency: 16 };

/** @internal With the ledger by without, and with the ledger and ids by without both. Nothing mirrors the topic: the ledger is full all the time, and lets the oldest go. */
export async function measureOverhead(
  { clusters: { A, B } }: Stack,
  topic: string,
  pairs: number,
): Promise<OverheadFigures> {
  const common = {
    clientId: 'bench',
    logLevel: logLevel.NOTHING,
    clusters: { A: { brokers: A.brokers }, B: { brokers: B.brokers } },
  };
  const without = new FailoverKafka({ ...common, producer: { ledgerMaxBytes: 0 } });
  const kept = new FailoverKafka(common);
  const producers = { bare: without.producer(), wrapped: kept.producer() };
  await producers.bare.connect();
  await producers.wrapped.connect();
  const batch = await compareProducers(topic, producers, BATCH, pairs);
  const single = await compareProducers(topic, producers, SINGLE, pairs);
  const withIds = new FailoverKafka({ ...common, producer: { messageIdHeader: 'id' } });
  const identified = { bare: producers.bare, wrapped: withIds.producer() };
  await identified.wrapped.connect();
  const identity = await compareProducers(topic, identified, BATCH, pairs);
  await Promise.all([without.close(), kept.close(), withIds.close()]);
  return {
    ledgerRatio: batch.ratio,
    singleLedgerRatio: single.ratio,
    identityRatio: identity.ratio,
  };
}
