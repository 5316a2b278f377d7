/**
 * The recommended set-up with Consul: a key says which cluster is active, people write it, health decides where it says nothing
 * new, and no process moves alone. Needs two real clusters and a Consul:
 *
 *   A_BROKERS=host:port B_BROKERS=host:port CONSUL_HTTP_ADDR=host:port npx tsx examples/consul.ts
 *
 * Then, in another terminal: consul kv put kafka/active '{"cluster":"B","epoch":1,"reason":"maintenance of A"}'
 */
import { consulAgreement, FailoverKafka, healthStrategy, logLevel } from 'kafkajs-failover';
import { openClusters } from './clusters.js';
import { untilToldToStop } from './service.js';

async function main(): Promise<void> {
  const clusters = await openClusters();
  await clusters.createTopic('parcels');

  const kafka = new FailoverKafka({
    clientId: 'parcel-service',
    logLevel: logLevel.NOTHING,
    ...clusters.config, // clusters: { A: { brokers: [...] }, B: { brokers: [...] } }
    strategy: healthStrategy(),
    // Where Consul is, and its token: CONSUL_HTTP_ADDR, CONSUL_HTTP_TOKEN and the others of Consul's own command line.
    agreement: consulAgreement({ key: 'kafka/active' }),
  });
  kafka.on('agreement.decided', ({ decision: { cluster, epoch, by, reason } }) =>
    console.log(`decision ${epoch}, by ${by}: ${cluster} (${reason})`),
  );
  kafka.on('agreement.refused', ({ because }) => console.log(`refused: ${because}`));
  kafka.on('agreement.failed', ({ because }) => console.log(`Consul is not reached: ${because}`));
  kafka.on('switch.completed', ({ report: { from, to } }) =>
    console.log(`switched from ${from} to ${to}`),
  );

  const producer = kafka.producer();
  let timer: NodeJS.Timeout | undefined;
  await untilToldToStop({
    start: async () => {
      await producer.connect();
      timer = setInterval(() => {
        const messages = [{ value: new Date().toISOString() }];
        producer.send({ topic: 'parcels', messages }).catch(console.error);
      }, 200);
    },
    stop: async () => {
      clearInterval(timer);
      await kafka.close();
      await clusters.close();
    },
  });
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
