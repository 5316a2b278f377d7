import { describe, expect, it } from 'vitest';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import { kafka as kafkajs } from '../../src/kafkajs.js';
import type { Interception, MemoryWorld } from '../../src/testing/index.js';
import { kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { faultsOf, startObserved, type Attempt } from '../support/observed-transactions.js';

const TOPICS = { topics: { orders: 2, invoices: 2 } };
/** kafkajs does not try again, and would end a consumer whose handler throws it. */
const INVALID_TXN_STATE = 48;
const NAMES = { groupId: 'billing', from: 'orders', to: 'invoices' };

interface Service {
  readonly memory: MemoryWorld;
  readonly kafka: FailoverKafka;
  readonly attempts: readonly Attempt[];
  /** Writes so many, in one go for each partition, and answers all there are now. */
  order(alias: 'A' | 'B', count: number, partitions?: readonly number[]): readonly string[];
  /** Until each order has a committed transaction. */
  untilAllBilled(): Promise<void>;
  /** What a reader of committed records sees in the clusters' own logs. */
  visible(): Promise<readonly string[]>;
  faults(): Promise<readonly string[]>;
}

/** The example's service on two clusters. MirrorMaker copies committed records only, and its offset syncs are few. */
async function withService(
  work: (service: Service) => Promise<void>,
  before = (memory: MemoryWorld, _attempt: number): Promise<void> => memory.clock.sleep(1),
): Promise<void> {
  const memory = ordersWorld({
    clusters: { A: TOPICS, B: TOPICS },
    mirror: { isolationLevel: 'read_committed', offsetLagMax: 100 },
  });
  await memory.run(async () => {
    const kafka = kafkaIn(memory);
    const orders: string[] = [];
    const attempts = await startObserved(kafka, NAMES, (attempt) => before(memory, attempt));
    const visible = async () => [
      ...(await committedOn(memory, 'A')),
      ...(await committedOn(memory, 'B')),
    ];
    await work({
      memory,
      kafka,
      attempts,
      order: (alias, count, partitions = [0, 1]) => {
        const fresh = Array.from({ length: count }, (_, index) => `o${orders.length + index}`);
        for (const [turn, partition] of partitions.entries()) {
          const share = fresh.filter((_, index) => index % partitions.length === turn);
          const records = share.map((value) => ({ value }));
          memory.cluster(alias).append('orders', partition, records);
        }
        orders.push(...fresh);
        return orders;
      },
      untilAllBilled: () =>
        until(memory, 'all are billed', () => {
          const billed = new Set(committedOf(attempts).map(({ order }) => order));
          return orders.every((order) => billed.has(order));
        }),
      visible,
      faults: async () => faultsOf(orders, attempts, await visible()),
    });
    await kafka.close();
  });
}

const committedOf = (attempts: readonly Attempt[]): readonly Attempt[] =>
  attempts.filter(({ outcome }) => outcome === 'committed');

/** The service's own results on a cluster that works, with kafkajs's default: committed records only. */
async function committedOn(memory: MemoryWorld, alias: 'A' | 'B'): Promise<readonly string[]> {
  // Longer than a transaction lives that nobody ends.
  await memory.clock.sleep(70_000);
  const client = memory.createKafka(alias, {
    clientId: 'reader',
    logLevel: kafkajs.logLevel.NOTHING,
  });
  const consumer = client.consumer({ groupId: `reader-${memory.clock.nowMs()}` });
  const values: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topics: ['invoices'], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => void values.push(String(message.value)),
  });
  await memory.clock.sleep(10_000);
  await consumer.disconnect();
  return values;
}

describe('a service that consumes, transforms and produces in transactions', () => {
  it('writes each result once over planned switches there and back', async () => {
    await withService(
      async ({ memory, kafka, attempts, order, untilAllBilled, visible, faults }) => {
        order('A', 40);
        await until(memory, 'some are billed', () => committedOf(attempts).length >= 10);
        await kafka.switchTo('B');
        order('B', 40);
        await until(memory, 'more are billed', () => committedOf(attempts).length >= 50);
        await kafka.switchTo('A');
        const orders = order('A', 20);
        await untilAllBilled();
        expect(await faults()).toEqual([]);
        expect((await visible()).length).toBe(orders.length);
      },
    );
  });

  it('loses no order where A dies, and no committed transaction has two results or none', async () => {
    await withService(async ({ memory, kafka, attempts, order, untilAllBilled, faults }) => {
      order('A', 40);
      await until(memory, 'some are billed', () => committedOf(attempts).length >= 10);
      memory.cluster('A').down();
      await kafka.switchTo('B', { planned: false });
      order('B', 40);
      await untilAllBilled();
      memory.cluster('A').up();
      expect(await faults()).toEqual([]);
      // The process itself knew what A had committed.
      const again = attempts.length - new Set(attempts.map(({ order: one }) => one)).size;
      expect(again).toBeLessThanOrEqual(1);
    });
  });

  describe.each<[end: string, how: Interception]>([
    ['reaches nobody', { kind: 'hang' }],
    ['is carried out and not answered', { kind: 'lose-answer' }],
  ])('in whose transaction a request %s when the switch fences it', (_end, how) => {
    it.each([
      ['AddPartitionsToTxn', 'aborted'],
      ['Produce', 'aborted'],
      ['AddOffsetsToTxn', 'aborted'],
      ['TxnOffsetCommit', 'aborted'],
      ['EndTxn', 'unknown'],
    ] as const)('%s: it is %s, and its order is billed on B', async (apiName, outcome) => {
      await withService(async ({ memory, kafka, attempts, order, untilAllBilled, faults }) => {
        order('A', 10);
        await until(memory, 'some are billed', () => committedOf(attempts).length >= 3);
        const a = memory.cluster('A');
        let isCaught = false;
        const release = a.intercept((request) => {
          if (request.apiName !== apiName) return undefined;
          isCaught = true;
          return how;
        });
        await until(memory, 'a transaction is in the middle', () => isCaught);
        const interrupted = attempts.at(-1);
        await memory.clock.sleep(100);
        await kafka.switchTo('B', { planned: false });
        release();
        order('B', 10);
        await untilAllBilled();
        expect(interrupted).toMatchObject({
          outcome,
          code:
            outcome === 'unknown'
              ? 'ERR_FAILOVER_OUTCOME_UNKNOWN'
              : 'ERR_FAILOVER_TRANSACTION_FENCED',
        });
        expect(await faults()).toEqual([]);
      });
    });
  });

  it('goes on where a commit is refused, and no switch comes', async () => {
    await withService(async ({ memory, attempts, order, untilAllBilled, faults }) => {
      let isRefused = false;
      const release = memory.cluster('A').intercept(({ apiName }) => {
        if (apiName !== 'EndTxn' || committedOf(attempts).length < 3) return undefined;
        isRefused = true;
        return { kind: 'refuse', errorCode: INVALID_TXN_STATE };
      });
      order('A', 10);
      await until(memory, 'a commit is refused', () => isRefused);
      release();
      await untilAllBilled();
      expect(attempts.filter(({ outcome }) => outcome === 'unknown').length).toBe(1);
      expect(await faults()).toEqual([]);
    });
  });

  it('is refused the offsets of an older epoch, and bills that order anew', async () => {
    const stuck = { isReached: false, release: () => {} };
    const released = new Promise<void>((resolve) => (stuck.release = resolve));
    await withService(
      async ({ memory, kafka, attempts, order, untilAllBilled, faults }) => {
        const mirror = memory.mirror('A->B');
        await until(memory, 'A.orders', () =>
          memory.cluster('B').topicNames().includes('A.orders'),
        );
        // Its partition would wait for the handler that is stuck; the other one does not.
        mirror.pause();
        order('A', 3, [0]);
        await until(memory, 'the third handler is stuck', () => stuck.isReached);
        // The switch waits for it, and goes on without it.
        await kafka.switchTo('B', { planned: false });
        order('B', 20, [1]);
        await until(memory, 'another one is in the middle of its transaction', () =>
          attempts.some(({ outcome }) => outcome === 'aborted'),
        );
        stuck.release();
        mirror.resume();
        await untilAllBilled();
        const refused = attempts.filter(({ outcome }) => outcome !== 'committed');
        expect(refused).toMatchObject([{ result: 'o2#3', code: 'ERR_FAILOVER_STALE_OFFSET' }]);
        expect(await faults()).toEqual([]);
      },
      async (memory, attempt) => {
        stuck.isReached ||= attempt === 3;
        await (attempt === 3 ? released : memory.clock.sleep(1));
      },
    );
  });
});
