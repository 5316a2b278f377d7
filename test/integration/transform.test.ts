import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { FailoverKafka } from '../../src/failover-kafka.js';
import { startStack, waitFor, type Stack } from '../../stack/index.js';
import { faultsOf, startObserved, type Attempt } from '../support/observed-transactions.js';
import { Logs, numbered } from './group-support.js';
import { createTopic } from './stack-support.js';

const PATIENCE = { timeoutMs: 60_000, everyMs: 20 };

let stack: Stack;
let logs: Logs;

beforeAll(async () => {
  // As the guide says: what was aborted is not copied.
  const mirrorOverrides = {
    'A.consumer.isolation.level': 'read_committed',
    'B.consumer.isolation.level': 'read_committed',
  };
  stack = await startStack({ name: 'transform', mirrorOverrides });
  logs = new Logs(stack);
});

afterAll(async () => {
  await logs?.close();
  await stack?.stop();
});

const committedOf = (attempts: readonly Attempt[]): readonly Attempt[] =>
  attempts.filter(({ outcome }) => outcome === 'committed');

describe('a service that consumes, transforms and produces in transactions', () => {
  it('loses no order and writes each result once per committed transaction, over a planned switch, a switch home and a kill', async () => {
    const { A, B } = stack.clusters;
    const names = { groupId: 'billing', from: 'orders', to: 'invoices' };
    for (const cluster of [A, B]) {
      for (const topic of [names.from, names.to]) {
        await createTopic(cluster, topic, { numPartitions: 2 });
      }
    }
    for (const topic of ['A.orders', 'A.invoices']) await logs.untilHeld('B', topic, 0);
    const kafka = new FailoverKafka({
      clientId: 'service',
      logLevel: 0,
      clusters: { A: { brokers: [...A.brokers] }, B: { brokers: [...B.brokers] } },
    });
    onTestFinished(() => kafka.close());
    const attempts = await startObserved(kafka, names);
    const untilCommitted = (count: number) =>
      waitFor(`${count} committed transactions`, () => committedOf(attempts).length, {
        until: (committed) => committed >= count,
        ...PATIENCE,
      });
    const untilBilled = (orders: readonly string[]) =>
      waitFor(
        'each order to have a result',
        () => {
          const billed = new Set(committedOf(attempts).map(({ order }) => order));
          return orders.filter((order) => !billed.has(order));
        },
        { until: ({ length }) => length === 0, ...PATIENCE },
      );
    /** The results that readers of committed records see. A commit is acknowledged before its markers are written. */
    const visible = () =>
      waitFor(
        'the results of all committed transactions',
        async () => [...(await logs.ids('A', 'invoices')), ...(await logs.ids('B', 'invoices'))],
        {
          until: (results) => {
            const seen = new Set(results);
            return committedOf(attempts).every(({ result }) => seen.has(result));
          },
          ...PATIENCE,
        },
      );

    // Each lot is sent at once: MirrorMaker's offset syncs tell no place between its records.
    const orders = [...numbered('first', 30)];
    await logs.send('A', 'orders', orders, { partitions: 2 });
    await untilCommitted(8);
    await kafka.switchTo('B');
    await untilCommitted(20);
    orders.push(...numbered('second', 30));
    await logs.send('B', 'orders', numbered('second', 30), { partitions: 2 });
    await untilCommitted(40);
    await kafka.switchTo('A');
    await untilBilled(orders);
    expect(faultsOf(orders, attempts, await visible())).toEqual([]);
    expect((await visible()).length).toBe(orders.length);

    orders.push(...numbered('third', 30));
    const before = committedOf(attempts).length;
    await logs.send('A', 'orders', numbered('third', 30), { partitions: 2 });
    await logs.untilHeld('B', 'A.orders', 60);
    await untilCommitted(before + 8);
    await A.kill();
    await kafka.switchTo('B', { planned: false, reason: 'A is dead' });
    await untilBilled(orders);
    await A.start();
    // There the service's producer ends what it has left open: until then readers of committed records see nothing behind it.
    await kafka.switchTo('A', { planned: false, reason: 'A is back' });
    await untilBilled(orders);
    expect(faultsOf(orders, attempts, await visible())).toEqual([]);
  });
});
