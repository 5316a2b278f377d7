/**
 * A planned switch: cluster A goes into maintenance, the service moves to B without losing a record.
 *
 *   npx tsx examples/planned-switch.ts                                        on clusters in memory
 *   A_BROKERS=host:port B_BROKERS=host:port npx tsx examples/planned-switch.ts   on real ones
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { FailoverKafka, logLevel } from 'kafkajs-failover';
import { openClusters } from './clusters.js';

/** Records of an earlier run are in the topics as well. */
const RUN = Date.now().toString(36);
const RECORDS_BEFORE = 100;
const RECORDS_AFTER = 50;

async function main(): Promise<void> {
  const clusters = await openClusters();
  await clusters.createTopic('parcels');
  const kafka = new FailoverKafka({
    clientId: 'parcel-service',
    logLevel: logLevel.ERROR,
    ...clusters.config, // clusters: { A: { brokers: [...] }, B: { brokers: [...] } }
  });
  kafka.on('switch.phase-started', ({ phase }) => console.log(`phase ${phase}`));

  // The service, as ever.
  const handled = new Map<string, number>();
  const producer = kafka.producer();
  const consumer = kafka.consumer({ groupId: 'parcel-service' });
  await producer.connect();
  await consumer.connect();
  await consumer.subscribe({ topics: ['parcels'], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      const id = String(message.value);
      if (!id.startsWith(`parcel-${RUN}-`)) return;
      handled.set(id, (handled.get(id) ?? 0) + 1);
    },
  });
  const send = async (first: number, count: number): Promise<void> => {
    const ids = Array.from({ length: count }, (_, index) => `parcel-${RUN}-${first + index}`);
    await producer.send({
      topic: 'parcels',
      messages: ids.map((id) => ({ key: id, value: id })),
    });
  };
  await send(0, RECORDS_BEFORE);
  await until(() => handled.size === RECORDS_BEFORE);
  console.log(`handled ${handled.size} on ${kafka.status().active}`);

  // First ask what would happen: nothing is written, nothing is moved.
  const plan = await kafka.plan({ to: 'B' });
  for (const obstacle of plan.obstacles) console.log(`obstacle: ${obstacle}`);
  for (const { groupId, partitions } of plan.groups) {
    console.log(`group ${groupId} would resume in ${partitions.length} partitions of B`);
  }

  // Then do it. Sends wait for the new cluster meanwhile; this one is made in the middle of the switch.
  const switched = kafka.switchTo('B', { planned: true, reason: 'maintenance of A' });
  await send(RECORDS_BEFORE, RECORDS_AFTER);
  const outcome = await switched;
  if (outcome.kind === 'switched') {
    const { from, to, durationMs, warnings } = outcome.report;
    console.log(`switched from ${from} to ${to} in ${Math.round(durationMs)} ms`);
    for (const warning of warnings) console.log(`warning: ${warning}`);
  }

  await until(() => handled.size === RECORDS_BEFORE + RECORDS_AFTER);
  const twice = [...handled.values()].filter((count) => count > 1).length;
  console.log(`handled ${handled.size} on ${kafka.status().active}, ${twice} of them twice`);
  await kafka.close();
  await clusters.close();
}

/** Waits for a condition, half a minute at most. */
async function until(condition: () => boolean): Promise<void> {
  const deadlineAtMs = performance.now() + 30_000;
  while (!condition()) {
    if (performance.now() > deadlineAtMs) throw new Error('waited half a minute in vain');
    await sleep(20);
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
