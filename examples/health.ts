/**
 * Nobody calls `switchTo`: the service notices by itself that its cluster is dead, and goes on with the other one.
 *
 *   npx tsx examples/health.ts                                        on clusters in memory, of which it kills one
 *   A_BROKERS=host:port B_BROKERS=host:port npx tsx examples/health.ts   on real ones: kill A when it says so
 */
import { FailoverKafka, healthStrategy, logLevel } from 'kafkajs-failover';
import { openClusters } from './clusters.js';
import { until } from './until.js';

async function main(): Promise<void> {
  const clusters = await openClusters();
  await clusters.createTopic('readings');

  const kafka = new FailoverKafka({
    clientId: 'reading-service',
    logLevel: logLevel.NOTHING,
    ...clusters.config, // clusters: { A: { brokers: [...] }, B: { brokers: [...] } }
    strategy: healthStrategy(),
  });
  kafka.on('health.changed', ({ cluster, of, to }) => {
    const why = to.kind === 'healthy' ? '' : `: ${to.because}`;
    console.log(`${cluster} is ${to.kind} (${of})${why}`);
  });
  kafka.on('strategy.stayed', ({ because, detail }) => console.log(`stays, ${because}: ${detail}`));
  kafka.on('switch.completed', ({ report: { from, to, reason } }) =>
    console.log(`switched from ${from} to ${to}: ${reason}`),
  );

  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic: 'readings', messages: [{ value: 'one' }] });
  await until('both clusters are seen to work', () =>
    kafka.status().clusters.every(({ health }) => health.produce.kind === 'healthy'),
  );

  console.log('kill A now');
  clusters.lose('A');
  await until('the service is on B', () => kafka.status().active === 'B');
  await producer.send({ topic: 'readings', messages: [{ value: 'two' }] });
  console.log(`goes on with ${kafka.status().active}`);

  await kafka.close();
  await clusters.close();
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
