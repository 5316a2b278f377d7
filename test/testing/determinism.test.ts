import { describe, expect, it } from 'vitest';
import { kafka } from '../../src/kafkajs.js';
import { createMemoryWorld } from '../../src/testing/index.js';

/** A service under faults, written down as what the clusters saw and when. */
async function trace(seed: number): Promise<readonly string[]> {
  const memory = createMemoryWorld({
    seed,
    clusters: { A: { topics: { orders: 3 } }, B: { topics: { orders: 3 } } },
    mirror: {},
  });
  const { clock, random } = memory;
  const lines: string[] = [];
  for (const cluster of memory.clusters) {
    cluster.onRequest(({ atMs, apiName, groupId, topics }) =>
      lines.push([atMs, cluster.alias, apiName, groupId, ...topics].join(' ')),
    );
  }
  await memory.run(async () => {
    const client = memory.createKafka('A', {
      logLevel: kafka.logLevel.NOTHING,
      retry: { retries: 3, initialRetryTime: 100 },
    });
    const producer = client.producer();
    await producer.connect();
    for (let member = 0; member < 2; member += 1) {
      const consumer = client.consumer({ groupId: 'g' });
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) =>
        lines.push(`${payload.memberId} ${JSON.stringify(payload.memberAssignment)}`),
      );
      await consumer.connect();
      await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
      await consumer.run({
        eachMessage: ({ message }) => Promise.resolve(void lines.push(`got ${message.offset}`)),
      });
    }
    memory.cluster('A').loseAcknowledgements(0.05);
    for (let count = 0; count < 50; count += 1) {
      const sent = producer.send({ topic: 'orders', messages: [{ value: `v${count}` }] });
      await sent.catch((error: Error) => lines.push(error.message));
      await clock.sleep(random.below(100));
      if (count === 20) memory.cluster('A').down();
      if (count === 25) memory.cluster('A').up();
    }
    await clock.sleep(10_000);
  });
  for (const partition of [0, 1, 2]) {
    const copies = memory.cluster('B').records('A.orders', partition);
    lines.push(copies.map(({ value, timestampMs }) => `${String(value)}@${timestampMs}`).join());
  }
  memory.close();
  return lines;
}

describe('a simulation', () => {
  it('is the same, event by event, for the same seed, and another for another', async () => {
    const first = await trace(1);
    expect(first.length).toBeGreaterThan(150);
    expect(await trace(1)).toEqual(first);
    expect(await trace(2)).not.toEqual(first);
  });
});
