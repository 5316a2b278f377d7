import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createMirroredTopic } from '../../examples/topics.js';
import { kafka as kafkajs } from '../../src/kafkajs.js';
import { startConsul, startStack, waitFor, type Stack } from '../../stack/index.js';
import { startChildOfTest, type Child } from '../examples/child.js';
import { standaloneExamples } from '../examples/standalone.js';

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ name: 'examples' });
});

afterAll(async () => {
  await stack.stop();
});

function example(name: string, env: Readonly<Record<string, string>> = {}): Child {
  return startChildOfTest(['node', '--import', 'tsx', `examples/${name}.ts`], {
    A_BROKERS: stack.clusters.A.brokers.join(','),
    B_BROKERS: stack.clusters.B.brokers.join(','),
    ...env,
  });
}

function plainKafka(alias: 'A' | 'B') {
  const { brokers } = stack.clusters[alias];
  return new kafkajs.Kafka({ clientId: 'test', brokers, logLevel: kafkajs.logLevel.NOTHING });
}

describe('the examples on real clusters', () => {
  standaloneExamples(example);

  it('a service with an agreement in Consul goes where a person writes', async () => {
    const consul = await startConsul({ name: 'examples-consul' });
    onTestFinished(() => consul.stop());
    const service = example('consul', { CONSUL_HTTP_ADDR: consul.address });
    await service.says('started');
    await consul.put('kafka/active', '{"cluster":"C","epoch":1}');
    await service.says('refused: it names "C"');
    await consul.put('kafka/active', '{"cluster":"B","epoch":1,"reason":"maintenance of A"}');
    await service.says('decision 1, by operator: B (maintenance of A)');
    await service.says('switched from A to B');
    service.signal('SIGTERM');
    expect(await service.ended, service.stderr()).toBe(0);
  });

  it('an existing service goes on where it was once its import and `clusters` are changed', async () => {
    const kafka = { A: plainKafka('A'), B: plainKafka('B') };
    for (const topic of ['orders', 'invoices']) {
      await createMirroredTopic(kafka, { topic, partitionCount: 3, policy: 'default' });
    }
    const producer = kafka.A.producer();
    await producer.connect();
    const order = (id: string): Promise<unknown> =>
      producer.send({ topic: 'orders', messages: [{ key: id, value: id }] });

    const before = example('before');
    await before.says('started');
    await order('order-1');
    await waitFor('an invoice', () => invoiceCount(kafka.A), { until: (count) => count === 1 });
    before.signal('SIGTERM');
    expect(await before.ended, before.stderr()).toBe(0);

    const after = example('after');
    await after.says('started');
    await order('order-2');
    await order('order-3');
    await waitFor('two more', () => invoiceCount(kafka.A), { until: (count) => count === 3 });
    after.signal('SIGTERM');
    expect(await after.ended, after.stderr()).toBe(0);
    await producer.disconnect();
    // The group's position was taken over: no order was billed again.
    expect(await invoiceCount(kafka.A)).toBe(3);
  });

  // The last one: it kills A.
  it('a service leaves a cluster that is killed, by itself', async () => {
    const service = example('health');
    await service.says('kill A now');
    await stack.clusters.A.kill();
    expect(await service.ended, service.stderr()).toBe(0);
    expect(service.stdout()).toMatch(/switched from A to B: A is unhealthy: /);
    expect(service.stdout()).toContain('goes on with B');
  });
});

async function invoiceCount(kafka: ReturnType<typeof plainKafka>): Promise<number> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const partitions = await admin.fetchTopicOffsets('invoices');
    return partitions.reduce((sum, { low, high }) => sum + Number(high) - Number(low), 0);
  } finally {
    await admin.disconnect();
  }
}
