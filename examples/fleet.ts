/**
 * Three services that decide together, as three processes would: what one of them is ordered, all of them do, and each decision
 * has a number.
 *
 *   npx tsx examples/fleet.ts                                        on clusters in memory
 *   A_BROKERS=host:port B_BROKERS=host:port npx tsx examples/fleet.ts   on real ones
 */
import { FailoverKafka, healthStrategy, kafkaAgreement, logLevel } from 'kafkajs-failover';
import { openClusters } from './clusters.js';
import { until } from './until.js';

async function main(): Promise<void> {
  const clusters = await openClusters();
  await clusters.createTopic('orders');

  const fleet = ['one', 'two', 'three'].map((instance) => {
    const kafka = new FailoverKafka({
      clientId: 'order-service',
      logLevel: logLevel.NOTHING,
      ...clusters.config, // clusters: { A: { brokers: [...] }, B: { brokers: [...] } }
      strategy: healthStrategy(),
      agreement: kafkaAgreement({ instance, topicPrefix: 'order-service' }),
    });
    kafka.on('switch.completed', ({ report: { from, to, by, agreedEpoch } }) =>
      console.log(`${instance} went from ${from} to ${to}, by ${by}, decision ${agreedEpoch}`),
    );
    return kafka;
  });
  const isOn = (cluster: string): boolean =>
    fleet.every((kafka) => {
      const { state, active } = kafka.status();
      return state === 'steady' && active === cluster;
    });

  for (const kafka of fleet) await kafka.producer().connect();
  await until('all have heard each other', () =>
    fleet.every((kafka) => kafka.status().agreement?.members.length === fleet.length),
  );

  const [one, two] = fleet;
  await one?.switchTo('B', { reason: 'maintenance of A' });
  await until('all are on B', () => isOn('B'));
  // Two people at once: there is one decision, and both hear that it was carried out.
  await Promise.all([one?.switchTo('A'), two?.switchTo('A', { planned: false })]);
  await until('all are home', () => isOn('A'));

  const epochs = fleet.map((kafka) => kafka.status().agreement?.decision?.epoch);
  console.log(`all are on A, by decision ${[...new Set(epochs)].join(' and ')}`);
  await Promise.all(fleet.map((kafka) => kafka.close()));
  await clusters.close();
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
