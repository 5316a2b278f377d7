/** A process with members of one group: settings come as an argument, orders and facts through Node's IPC channel. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer } from 'kafkajs';
import { FailoverKafka } from '../../src/index.js';
import type { Alias, GroupFact, GroupOrder, GroupProcessSettings } from './group-messages.js';
import { nowMs } from './fleet-messages.js';

const settings = JSON.parse(process.argv[2] ?? '{}') as GroupProcessSettings;
const { name, topic, brokers } = settings;
const kafka = new FailoverKafka({
  clientId: name,
  logLevel: 0,
  clusters: { A: { brokers: [...brokers.A] }, B: { brokers: [...brokers.B] } },
});
const members: Pick<Consumer, 'disconnect'>[] = [];

// The parent has gone, however it ended: nothing may be left running.
process.on('disconnect', () => process.exit());
process.on('message', (order: GroupOrder) => void obey(order).catch(fail));

/** What is said over the channel is in the kernel's hands before the handler ends: a killed process has told it. */
function tell(fact: GroupFact): void {
  process.send?.(fact);
}

async function obey(order: GroupOrder): Promise<void> {
  switch (order.kind) {
    case 'join':
      return join();
    case 'leave':
      await members.shift()?.disconnect();
      tell({ kind: 'left' });
      return;
    case 'switch':
      return switchTo(order.to, order.planned);
  }
}

async function join(): Promise<void> {
  const consumer = kafka.consumer({
    groupId: topic,
    heartbeatInterval: 300,
    maxWaitTimeInMs: 100,
  });
  members.push(consumer);
  consumer.on(consumer.events.REBALANCING, () => tell({ kind: 'rebalancing', atMs: nowMs() }));
  consumer.on(consumer.events.GROUP_JOIN, ({ payload: { memberAssignment } }) => {
    const partitionCount = Object.values(memberAssignment).flat().length;
    tell({ kind: 'joined', partitionCount });
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommitInterval: 200,
    partitionsConsumedConcurrently: 3,
    eachMessage: async ({ message, partition, cluster, physicalTopic }) => {
      await sleep(settings.handleMs);
      tell({
        kind: 'handled',
        id: String(message.value),
        on: cluster,
        log: `${physicalTopic}-${partition}`,
        atMs: nowMs(),
      });
    },
  });
}

async function switchTo(to: Alias, planned: boolean): Promise<void> {
  const outcome = await kafka.switchTo(to, { planned });
  if (outcome.kind !== 'switched') throw new Error(`not switched: ${JSON.stringify(outcome)}`);
  const positions = outcome.report.plans
    .flatMap(({ partitions }) => partitions)
    .flatMap((one) => {
      if (one.kind !== 'resume') return [];
      const { physicalTopic, partition, method, maxRereadCount } = one;
      const mostAgain = Number(maxRereadCount);
      return [
        { log: `${physicalTopic}-${partition}`, offset: Number(one.offset), method, mostAgain },
      ];
    });
  tell({ kind: 'switched', to, positions });
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}
