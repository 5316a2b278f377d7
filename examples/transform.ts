/**
 * Consume, transform, produce: prices orders, with a transaction for each, while the service moves from A to B.
 *
 *   npx tsx examples/transform.ts                                        on clusters in memory
 *   A_BROKERS=host:port B_BROKERS=host:port npx tsx examples/transform.ts   on real ones
 *
 * The loop is in `transformer.ts`. On real clusters MirrorMaker must read committed records only
 * (`<alias>.consumer.isolation.level = read_committed`), or results that were aborted on A appear on B.
 */
import { FailoverKafka, logLevel } from 'kafkajs-failover';
import { openClusters } from './clusters.js';
import { startTransformer } from './transformer.js';
import { until } from './until.js';

/** Records of an earlier run are in the topics as well. */
const RUN = Date.now().toString(36);
const ORDER_COUNT = 40;

async function main(): Promise<void> {
  const clusters = await openClusters();
  await clusters.createTopic('baskets');
  await clusters.createTopic('prices');
  const kafka = new FailoverKafka({
    clientId: 'pricing-service',
    logLevel: logLevel.NOTHING,
    ...clusters.config, // clusters: { A: { brokers: [...] }, B: { brokers: [...] } }
  });

  await startTransformer(kafka, {
    groupId: 'pricing-service',
    from: 'baskets',
    to: 'prices',
    transactionalId: 'pricing-service-1',
    resultOf: ({ key, value }) => ({ key, value: `${String(value).length} euros` }),
  });

  // Whoever reads the results takes one for each order.
  const prices = new Map<string, number>();
  const reader = kafka.consumer({ groupId: 'price-reader' });
  await reader.connect();
  await reader.subscribe({ topics: ['prices'], fromBeginning: true });
  await reader.run({
    eachMessage: async ({ message }) => {
      const order = String(message.key);
      if (order.startsWith(RUN)) prices.set(order, (prices.get(order) ?? 0) + 1);
    },
  });

  const producer = kafka.producer();
  await producer.connect();
  const orders = Array.from({ length: ORDER_COUNT }, (_, index) => `${RUN}-${index}`);
  const messages = orders.map((order) => ({ key: order, value: `what is in ${order}` }));
  await producer.send({ topic: 'baskets', messages });
  await until('some are priced', () => prices.size > ORDER_COUNT / 4);
  // The transaction under way comes to its end on A, and the next one begins on B.
  await kafka.switchTo('B', { planned: true, reason: 'maintenance of A' });
  await until('all are priced', () => prices.size === ORDER_COUNT);
  const twice = [...prices.values()].filter((count) => count > 1).length;
  console.log(`${prices.size} orders have a price on ${kafka.status().active}, ${twice} have two`);

  await kafka.close();
  await clusters.close();
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
