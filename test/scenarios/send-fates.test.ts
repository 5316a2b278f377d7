import { getEventListeners } from 'node:events';
import type { ProducerConfig } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import type { ProducerFailoverOptions } from '../../src/options-producer.js';
import type { FailoverKafkaProducer } from '../../src/producer/failover-producer.js';
import { sendOutcome } from '../../src/send-outcome.js';
import type { MemoryCluster, MemoryWorld } from '../../src/testing/index.js';
import { hang, kafkaIn, ordersWorld, until } from '../support/memory-service.js';

interface Service {
  readonly memory: MemoryWorld;
  readonly kafka: FailoverKafka;
  readonly producer: FailoverKafkaProducer;
  readonly a: MemoryCluster;
  readonly b: MemoryCluster;
}

/** A service with one connected producer, in simulated time. */
async function withService(
  work: (service: Service) => Promise<void>,
  options: ProducerFailoverOptions = {},
  config: ProducerConfig = {},
): Promise<void> {
  const cluster = {
    topics: {
      orders: 1,
      tight: { partitions: 1, config: { 'max.message.bytes': '100' } },
    },
  };
  const memory = ordersWorld({ clusters: { A: cluster, B: cluster }, isMirrored: false });
  await memory.run(async () => {
    const kafka = kafkaIn(memory, { producer: options });
    const producer = kafka.producer({ retry: { retries: 2, initialRetryTime: 50 }, ...config });
    await producer.connect();
    await work({ memory, kafka, producer, a: memory.cluster('A'), b: memory.cluster('B') });
    await kafka.close();
  });
}

const order = (...values: string[]) => ({
  topic: 'orders',
  messages: values.map((value) => ({ value })),
});

const valuesOf = (cluster: MemoryCluster, topic = 'orders'): string[] =>
  cluster.records(topic, 0).map(({ value }) => String(value));

/** An unplanned switch to B that stands still once A is fenced, until `goOn` is called. */
async function stuckSwitch({ memory, kafka, b }: Pick<Service, 'memory' | 'kafka' | 'b'>) {
  let goOn = (): void => {};
  let isFenced = false;
  kafka.on('cluster.fenced', () => {
    goOn = hang(b, 'ApiVersions', 'Metadata', 'Produce');
    isFenced = true;
  });
  const switching = kafka.switchTo('B', { planned: false });
  switching.catch(() => {});
  await until(memory, 'the fence', () => isFenced);
  return { switching, goOn };
}

/** What it was rejected with, once it was. */
function failureOf(work: Promise<unknown>): { error: unknown } {
  const seen: { error: unknown } = { error: undefined };
  work.catch((error: unknown) => {
    seen.error = error;
  });
  return seen;
}

const isSettled = (seen: { error: unknown }) => () => seen.error !== undefined;

/** `2 acknowledged, 1 unknown`: the parts of what a send was rejected with. */
const partsOf = (error: unknown): string[] | undefined =>
  sendOutcome(error)?.parts.map(
    ({ kind, messages }) => `${messages.map(({ value }) => String(value)).join('+')} ${kind}`,
  );

const written = (memory: MemoryWorld, cluster: MemoryCluster, count: number): Promise<void> => {
  let seen = 0;
  cluster.onWrite(({ apiName }) => {
    if (apiName === 'Produce') seen += 1;
  });
  return until(memory, `${count} Produce requests`, () => seen >= count);
};

describe('what a send is told of', () => {
  it('is the cluster and the activation that have its records', async () => {
    await withService(async ({ kafka, producer }) => {
      const [onA] = await producer.send(order('1'));
      expect(onA).toMatchObject({ cluster: 'A', switchEpoch: 1, baseOffset: '0' });
      await kafka.switchTo('B', { planned: false });
      const [onB] = await producer.sendBatch({ topicMessages: [order('2')] });
      expect(onB).toMatchObject({ cluster: 'B', switchEpoch: 2, baseOffset: '0' });
    });
  });

  it('is which parts of a batch were acknowledged, where kafkajs has one error for all', async () => {
    await withService(async ({ producer, a }) => {
      const large = { topic: 'tight', messages: [{ value: 'x'.repeat(200) }] };
      const error: unknown = await producer
        .sendBatch({ topicMessages: [order('1', '2'), large] })
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({ type: 'MESSAGE_TOO_LARGE' });
      expect(sendOutcome(error)).toMatchObject({
        kind: 'partial',
        parts: [
          { kind: 'acknowledged', metadata: { cluster: 'A', baseOffset: '0' } },
          { kind: 'not-sent', topic: 'tight', messages: large.messages },
        ],
      });
      expect(valuesOf(a)).toEqual(['1', '2']);
    });
  });

  it('is nothing, for an error that is not of a send', async () => {
    await withService(async ({ kafka }) => {
      const error: unknown = await kafka.switchTo('nowhere').catch((reason: unknown) => reason);
      expect([sendOutcome(error), sendOutcome(undefined), sendOutcome('text')]).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
    });
  });
});

describe('the deadline of a send', () => {
  it('ends one that was written and is not answered, as unknown', async () => {
    await withService(
      async ({ memory, producer, a }) => {
        hang(a, 'Produce');
        const sent = failureOf(producer.send(order('1')));
        const calledAtMs = memory.world.nowMs();
        await until(memory, 'its end', isSettled(sent));
        expect(memory.world.nowMs() - calledAtMs).toBe(5_000);
        expect(sent.error).toMatchObject({
          code: 'ERR_FAILOVER_OUTCOME_UNKNOWN',
          cluster: 'A',
          cause: { code: 'ERR_FAILOVER_DELIVERY_TIMEOUT' },
        });
        expect(partsOf(sent.error)).toEqual(['1 unknown']);
      },
      { deliveryTimeoutMs: 5_000 },
    );
  });

  it('ends one that never left as certainly not sent, and it never leaves', async () => {
    await withService(
      async ({ memory, producer, a }) => {
        a.down();
        const sent = failureOf(producer.send(order('1')));
        await until(memory, 'its end', isSettled(sent));
        expect(sent.error).toMatchObject({
          code: 'ERR_FAILOVER_DELIVERY_TIMEOUT',
          topic: 'orders',
        });
        expect(sendOutcome(sent.error)).toMatchObject({ kind: 'not-sent' });
        a.up();
        await producer.send(order('2'));
        await memory.clock.sleep(10_000);
        expect(valuesOf(a)).toEqual(['2']);
      },
      { deliveryTimeoutMs: 5_000 },
      { retry: { retries: 100, initialRetryTime: 1_000, maxRetryTime: 1_000 } },
    );
  });

  it('counts from the call, through a switch', async () => {
    await withService(
      async (service) => {
        const { memory, producer, a } = service;
        hang(a, 'Produce');
        const left = written(memory, a, 1);
        const calledAtMs = memory.world.nowMs();
        const sent = failureOf(producer.send(order('1')));
        await left;
        await memory.clock.sleep(2_000);
        await stuckSwitch(service);
        await memory.clock.sleep(calledAtMs + 2_500 - memory.world.nowMs());
        const held = failureOf(producer.send(order('2')));
        await until(memory, 'the end of both', () => isSettled(sent)() && isSettled(held)());
        expect(memory.world.nowMs() - calledAtMs).toBe(7_500);
        expect(sent.error).toMatchObject({ code: 'ERR_FAILOVER_OUTCOME_UNKNOWN' });
        expect(held.error).toMatchObject({ code: 'ERR_FAILOVER_DELIVERY_TIMEOUT' });
        expect([partsOf(sent.error), partsOf(held.error)]).toEqual([['1 unknown'], ['2 not-sent']]);
      },
      {
        deliveryTimeoutMs: 5_000,
        onUnknownOutcome: 'resend',
      },
    );
  });
});

describe('the signal of a send', () => {
  it('gives up one that waits for a switch: it is not sent', async () => {
    await withService(async (service) => {
      const { memory, producer, b } = service;
      const { switching, goOn } = await stuckSwitch(service);
      const controller = new AbortController();
      const sent = failureOf(producer.send(order('1'), { signal: controller.signal }));
      const other = producer.send(order('2'));
      await memory.clock.sleep(100);
      controller.abort(new Error('the caller has gone'));
      await until(memory, 'its end', isSettled(sent));
      expect(sent.error).toMatchObject({
        code: 'ERR_FAILOVER_SEND_ABORTED',
        cause: controller.signal.reason,
      });
      goOn();
      await Promise.all([switching, other]);
      expect(valuesOf(b)).toEqual(['2']);
    });
  });

  it('gives up one in flight: its outcome is unknown', async () => {
    await withService(async ({ memory, producer, a }) => {
      hang(a, 'Produce');
      const left = written(memory, a, 1);
      const controller = new AbortController();
      const sent = failureOf(producer.send(order('1'), { signal: controller.signal }));
      await left;
      controller.abort();
      await until(memory, 'its end', isSettled(sent));
      expect(sent.error).toMatchObject({
        code: 'ERR_FAILOVER_OUTCOME_UNKNOWN',
        cause: { code: 'ERR_FAILOVER_SEND_ABORTED', cause: controller.signal.reason },
      });
    });
  });

  it('keeps it from being handed over where it is aborted already', async () => {
    await withService(async ({ producer, a }) => {
      const signal = AbortSignal.abort();
      await expect(producer.send(order('1'), { signal })).rejects.toMatchObject({
        code: 'ERR_FAILOVER_SEND_ABORTED',
      });
      expect(valuesOf(a)).toEqual([]);
    });
  });

  it('is not listened to after the answer', async () => {
    await withService(async ({ producer }) => {
      const controller = new AbortController();
      const [metadata] = await producer.send(order('1'), { signal: controller.signal });
      expect(metadata).toMatchObject({ cluster: 'A' });
      expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    });
  });

  it.each([
    ['an unknown option', { timeout: 5 }, 'timeout'],
    ['no signal', { signal: 'stop' }, 'signal'],
  ])('is refused where it is wrong: %s', async (_what, options, word) => {
    await withService(async ({ producer, a }) => {
      const send = producer.send as (record: object, options: unknown) => Promise<unknown>;
      await expect(send(order('1'), options)).rejects.toMatchObject({
        code: 'ERR_FAILOVER_OPTIONS',
        message: expect.stringContaining(word) as string,
      });
      expect(valuesOf(a)).toEqual([]);
    });
  });
});

describe('a switch judges each send by its own requests', () => {
  it('where kafkajs had written one and kept the others back', async () => {
    await withService(
      async ({ memory, kafka, producer, a, b }) => {
        await producer.send(order('0'));
        a.freeze();
        const left = written(memory, a, 1);
        const first = failureOf(producer.send(order('1')));
        const others = ['2', '3', '4'].map((value) => producer.send(order(value)));
        await left;
        await memory.clock.sleep(100);
        await kafka.switchTo('B', { planned: false });
        await Promise.all(others);
        expect(first.error).toMatchObject({ code: 'ERR_FAILOVER_OUTCOME_UNKNOWN' });
        expect(valuesOf(b)).toEqual(['2', '3', '4']);
        a.thaw();
        await memory.clock.sleep(1_000);
        expect(valuesOf(a)).toEqual(['0', '1']);
      },
      { onUnknownOutcome: 'reject' },
      { maxInFlightRequests: 1 },
    );
  });

  it('gives what is resent the time at which it left first', async () => {
    await withService(async ({ memory, kafka, producer, a, b }) => {
      const gone = (cluster: MemoryCluster) =>
        cluster.intercept(({ apiName }) =>
          apiName === 'Produce' ? { kind: 'lose-answer' } : undefined,
        );
      gone(a);
      const left = written(memory, a, 1);
      const sent = producer.send(order('1'));
      await left;
      await memory.clock.sleep(3_000);
      await kafka.switchTo('B', { planned: false });
      await sent;
      const [onA] = a.records('orders', 0);
      const [onB] = b.records('orders', 0);
      expect(onB?.timestampMs).toBe(onA?.timestampMs);
    });
  });
});

describe('a hold buffer that fills', () => {
  interface Holding extends Service {
    /** Events about the buffer. */
    readonly names: string[];
    readonly switching: Promise<unknown>;
    /** The switch may end. */
    goOn(): void;
  }

  const holding = (
    work: (holding: Holding) => Promise<void>,
    options: ProducerFailoverOptions,
  ): Promise<void> =>
    withService(async (service) => {
      const { kafka } = service;
      const names: string[] = [];
      for (const name of ['producer.hold-filling', 'producer.hold-full'] as const) {
        kafka.on(name, () => names.push(name));
      }
      await work({ ...service, names, ...(await stuckSwitch(service)) });
    }, options);

  it('is bounded in records, warns before, and refuses what does not fit', async () => {
    await holding(
      async ({ kafka, producer, b, names, goOn, switching }) => {
        const fits = [producer.send(order('1', '2')), producer.send(order('3', '4'))];
        expect(names).toEqual([]);
        await expect(producer.send(order('x', 'y'))).rejects.toMatchObject({
          code: 'ERR_FAILOVER_HOLD_FULL',
          message: expect.stringContaining('producer.holdMaxRecords 5') as string,
        });
        fits.push(producer.send(order('5')));
        expect(kafka.status().producers[0]).toMatchObject({
          heldCount: 3,
          heldRecordCount: 5,
          refusedCount: 1,
        });
        expect(names).toEqual(['producer.hold-full', 'producer.hold-filling']);
        goOn();
        await Promise.all([switching, ...fits]);
        expect(valuesOf(b)).toEqual(['1', '2', '3', '4', '5']);
        expect(kafka.status().producers[0]).toMatchObject({ heldRecordCount: 0, heldBytes: 0 });
      },
      { holdMaxRecords: 5 },
    );
  });

  it('is bounded while a switch never ends: what waits too long goes', async () => {
    await holding(
      async ({ memory, kafka, producer }) => {
        const codes: unknown[] = [];
        for (let value = 0; value < 100; value += 1) {
          producer
            .send(order(String(value)))
            .catch((error: { code: unknown }) => codes.push(error.code));
          await memory.clock.sleep(100);
          expect(kafka.status().producers[0]?.heldRecordCount).toBeLessThanOrEqual(10);
        }
        expect(new Set(codes)).toEqual(new Set(['ERR_FAILOVER_HOLD_TIMEOUT']));
        expect(codes.length).toBeGreaterThan(80);
      },
      { holdMaxRecords: 10, holdMaxWaitMs: 1_000 },
    );
  });
});
