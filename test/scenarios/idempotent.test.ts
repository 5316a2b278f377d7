import type { ProducerConfig } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import type { ProducerFailoverOptions } from '../../src/options-producer.js';
import type { FailoverKafkaProducer } from '../../src/producer/failover-producer.js';
import { sendOutcome } from '../../src/send-outcome.js';
import type { MemoryCluster, MemoryWorld } from '../../src/testing/index.js';
import { kafkaIn, ordersWorld, until } from '../support/memory-service.js';

interface Service {
  readonly memory: MemoryWorld;
  readonly producer: FailoverKafkaProducer;
  readonly a: MemoryCluster;
  send(value: string): Promise<string>;
}

const REQUEST_TIMEOUT_MS = 1_000;

/** A service with an idempotent producer that has sent something. */
async function withService(
  work: (service: Service) => Promise<void>,
  config: ProducerConfig = {},
  options: ProducerFailoverOptions = {},
): Promise<void> {
  const memory = ordersWorld({ isMirrored: false });
  await memory.run(async () => {
    const kafka = kafkaIn(memory, { requestTimeout: REQUEST_TIMEOUT_MS, producer: options });
    const producer = kafka.producer({ idempotent: true, ...config });
    await producer.connect();
    const send = (value: string): Promise<string> =>
      producer.send({ topic: 'orders', messages: [{ value }] }).then(
        ([metadata]) => `acknowledged at ${metadata?.baseOffset}`,
        (error: unknown) => sendOutcome(error)?.kind ?? 'an error without an outcome',
      );
    expect(await send('first')).toBe('acknowledged at 0');
    await work({ memory, producer, a: memory.cluster('A'), send });
    await kafka.close();
  });
}

const valuesOf = (cluster: MemoryCluster): string[] =>
  cluster.records('orders', 0).map(({ value }) => String(value));

/** Acknowledgements are lost until what is returned is called. */
const loseAcknowledgements = (cluster: MemoryCluster): (() => void) =>
  cluster.intercept(({ apiName }) => (apiName === 'Produce' ? { kind: 'lose-answer' } : undefined));

describe('an idempotent producer that has lost an acknowledgement', () => {
  it('writes what comes next once, and says where, although kafkajs would give it the same numbers', async () => {
    await withService(async ({ memory, a, send }) => {
      a.loseNextAcknowledgement();
      const one = send('one');
      await until(memory, 'the record', () => valuesOf(a).length === 2);
      const others = ['two', 'three'].map(send);
      expect(await one).toBe('acknowledged at 1');
      const places = await Promise.all(others);
      expect(valuesOf(a).toSorted()).toEqual(['first', 'one', 'three', 'two']);
      expect(places).toEqual(
        ['two', 'three'].map((value) => `acknowledged at ${valuesOf(a).indexOf(value)}`),
      );
    });
  });

  it('goes on with a new producer id where kafkajs has given up', async () => {
    await withService(
      async ({ a, send }) => {
        const goOn = loseAcknowledgements(a);
        expect(await send('one')).toBe('unknown');
        goOn();
        expect(await send('two')).toBe('acknowledged at 2');
        expect(valuesOf(a)).toEqual(['first', 'one', 'two']);
      },
      { retry: { retries: 1 } },
    );
  });

  it('keeps back what is sent meanwhile, and it goes on in its order', async () => {
    await withService(
      async ({ memory, a, send }) => {
        const goOn = loseAcknowledgements(a);
        const one = send('one');
        await until(memory, 'the record', () => valuesOf(a).length === 2);
        const others = ['two', 'three', 'four'].map(async (value) => {
          await memory.clock.sleep(10);
          return send(value);
        });
        await memory.clock.sleep(REQUEST_TIMEOUT_MS + 100);
        expect(valuesOf(a)).toEqual(['first', 'one']);
        expect(await one).toBe('unknown');
        goOn();
        expect((await Promise.all(others)).toSorted()).toEqual([
          'acknowledged at 2',
          'acknowledged at 3',
          'acknowledged at 4',
        ]);
      },
      { retry: { retries: 1, initialRetryTime: 200 } },
    );
  });

  it('goes on with a new producer id after its deadline, when the late failure is known', async () => {
    await withService(
      async ({ memory, a, send }) => {
        const goOn = loseAcknowledgements(a);
        expect(await send('one')).toBe('unknown');
        await memory.clock.sleep(2 * REQUEST_TIMEOUT_MS);
        goOn();
        expect(await send('two')).toBe('acknowledged at 2');
      },
      {},
      { deliveryTimeoutMs: REQUEST_TIMEOUT_MS / 2 },
    );
  });

  it('goes on after the broker has refused its numbers', async () => {
    await withService(async ({ a, send }) => {
      const outOfOrder = a.intercept(({ apiName }) =>
        apiName === 'Produce' ? { kind: 'refuse', errorCode: 45 } : undefined,
      );
      const refused = send('one');
      expect(await refused).not.toMatch('acknowledged');
      outOfOrder();
      expect(await send('two')).toBe('acknowledged at 1');
    });
  });
});

describe('a transaction in which an acknowledgement was lost', () => {
  it('takes no other record for that one, and the next transaction works', async () => {
    await withService(
      async ({ memory, producer, a }) => {
        const transaction = await producer.transaction();
        const goOn = loseAcknowledgements(a);
        const lost = transaction.send({ topic: 'orders', messages: [{ value: 'one' }] });
        await expect(lost).rejects.toThrow();
        goOn();
        const next = transaction.send({ topic: 'orders', messages: [{ value: 'two' }] });
        await expect(next).rejects.toThrow('abort the transaction');
        await transaction.abort();
        const second = await producer.transaction();
        await second.send({ topic: 'orders', messages: [{ value: 'three' }] });
        await second.commit();
        await until(memory, 'the marker', () =>
          a.records('orders', 0).some(({ marker }) => marker === 'commit'),
        );
        const committed = a
          .records('orders', 0)
          .filter(({ marker, isAborted }) => marker === undefined && !isAborted);
        expect(committed.map(({ value }) => String(value))).toEqual(['first', 'three']);
      },
      { transactionalId: 'invoices', maxInFlightRequests: 1, retry: { retries: 1 } },
    );
  });
});
