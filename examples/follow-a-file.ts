/**
 * Nobody calls `switchTo`: a file says which cluster should be active, and health decides where it says nothing new.
 *
 *   npx tsx examples/follow-a-file.ts                                        on clusters in memory
 *   A_BROKERS=host:port B_BROKERS=host:port npx tsx examples/follow-a-file.ts   on real ones
 */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { combine, FailoverKafka, fileStrategy, healthStrategy, logLevel } from 'kafkajs-failover';
import { openClusters } from './clusters.js';
import { until } from './until.js';

async function main(): Promise<void> {
  const clusters = await openClusters();
  await clusters.createTopic('letters');
  const folder = await mkdtemp(join(tmpdir(), 'follow-a-file-'));
  const path = join(folder, 'active');
  // What an operator, a ConfigMap or consul-template does: write another file, then rename it.
  const say = async (cluster: string, epoch: number, reason: string): Promise<void> => {
    await writeFile(`${path}.new`, JSON.stringify({ cluster, epoch, reason }));
    await rename(`${path}.new`, path);
  };
  await say('A', 1, 'as ever');

  const kafka = new FailoverKafka({
    clientId: 'letter-service',
    logLevel: logLevel.ERROR,
    ...clusters.config, // clusters: { A: { brokers: [...] }, B: { brokers: [...] } }
    strategy: combine({ follow: fileStrategy({ path, pollMs: 200 }), orElse: healthStrategy() }),
    stateFile: join(folder, 'state.json'),
  });
  kafka.on('signal.changed', ({ signal, to }) => console.log(`${signal}: ${to.kind}`));
  kafka.on('signal.refused', ({ signal, because }) => console.log(`${signal} refused: ${because}`));
  kafka.on('switch.completed', ({ report: { from, to, reason } }) =>
    console.log(`switched from ${from} to ${to}: ${reason}`),
  );

  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic: 'letters', messages: [{ value: 'one' }] });

  await say('B', 2, 'maintenance of A');
  await until('the service is on B', () => kafka.status().active === 'B');
  await producer.send({ topic: 'letters', messages: [{ value: 'two' }] });

  // A restored backup: refused, because its epoch is older.
  await say('A', 1, 'as ever');
  await until('the old value is refused', () => {
    const [signal] = kafka.status().signals;
    return (signal?.refusedCount ?? 0) > 0;
  });
  console.log(`still on ${kafka.status().active}`);

  await kafka.close();
  await clusters.close();
  await rm(folder, { recursive: true });
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
