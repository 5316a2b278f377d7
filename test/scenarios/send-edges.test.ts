import type { Kafka, Producer, ProducerConfig, ProducerRecord } from 'kafkajs';
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

type Send = Producer['send'];

interface ServiceOptions {
  readonly options?: ProducerFailoverOptions;
  readonly config?: ProducerConfig;
  /** What instrumentation puts in the place of the inner producers' `send`. */
  readonly around?: (send: Send) => Send;
}

async function withService(
  work: (service: Service) => Promise<void>,
  { options = {}, config = {}, around = (send) => send }: ServiceOptions = {},
): Promise<void> {
  const cluster = {
    topics: { orders: 1, tight: { partitions: 1, config: { 'max.message.bytes': '100' } } },
  };
  const memory = ordersWorld({ clusters: { A: cluster, B: cluster }, isMirrored: false });
  const createKafka = (...args: Parameters<typeof memory.world.createKafka>): Kafka => {
    const kafka = memory.world.createKafka(...args);
    const make = kafka.producer.bind(kafka);
    kafka.producer = (given) => {
      const producer = make(given);
      return Object.assign(producer, { send: around(producer.send) });
    };
    return kafka;
  };
  const world = { ...memory.world, createKafka };
  await memory.run(async () => {
    const kafka = kafkaIn(memory, { producer: options, world, requestTimeout: 3_000 });
    const producer = kafka.producer({ retry: { retries: 2, initialRetryTime: 50 }, ...config });
    await producer.connect();
    await producer.send(order('0'));
    await work({ memory, kafka, producer, a: memory.cluster('A'), b: memory.cluster('B') });
    await kafka.close();
  });
}

const order = (value: string): ProducerRecord => ({ topic: 'orders', messages: [{ value }] });

const valuesOf = (cluster: MemoryCluster): string[] =>
  cluster.records('orders', 0).map(({ value }) => String(value));

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

/** Answers of A are lost from here on. */
const loseAnswers = (cluster: MemoryCluster): (() => void) =>
  cluster.intercept(({ apiName }) => (apiName === 'Produce' ? { kind: 'lose-answer' } : undefined));

/** As dd-trace does. */
const copying =
  (send: Send): Send =>
  ({ messages, ...record }) =>
    send({ ...record, messages: messages.map((message) => ({ ...message })) });

/** Somebody hands on what he knows of. */
const forgetting =
  (send: Send): Send =>
  ({ topic, messages }) =>
    send({ topic, messages });

describe('where tracing sends copies of the messages', () => {
  it('a written send without an answer is unknown at its deadline', async () => {
    await withService(
      async ({ producer, a }) => {
        hang(a, 'Produce');
        const error = await failureOf(producer.send(order('1')));
        expect(error).toMatchObject({ code: 'ERR_FAILOVER_OUTCOME_UNKNOWN' });
        expect(sendOutcome(error)?.kind).toBe('unknown');
      },
      { options: { deliveryTimeoutMs: 2_000 }, around: copying },
    );
  });

  it('it is not resent where that is forbidden', async () => {
    await withService(
      async ({ memory, kafka, producer, a, b }) => {
        loseAnswers(a);
        const sent = failureOf(producer.send(order('1')));
        await until(memory, 'the record', () => valuesOf(a).length === 2);
        await kafka.switchTo('B', { planned: false });
        expect(await sent).toMatchObject({ code: 'ERR_FAILOVER_OUTCOME_UNKNOWN' });
        expect(valuesOf(b)).toEqual([]);
      },
      { options: { onUnknownOutcome: 'reject' }, around: copying },
    );
  });

  it('an acknowledged send is sent once', async () => {
    await withService(
      async ({ producer, a }) => {
        await producer.send(order('1'));
        expect(valuesOf(a)).toEqual(['0', '1']);
      },
      { around: copying },
    );
  });
});

describe('where something takes the tag of a send away', () => {
  it('an acknowledged send is sent once', async () => {
    await withService(
      async ({ memory, producer, a }) => {
        await producer.send(order('1'));
        await memory.clock.sleep(1_000);
        expect(valuesOf(a)).toEqual(['0', '1']);
      },
      { around: forgetting },
    );
  });

  it('a written send without an answer is unknown', async () => {
    await withService(
      async ({ producer, a }) => {
        hang(a, 'Produce');
        const error = await failureOf(producer.send(order('1')));
        expect(error).toMatchObject({ code: 'ERR_FAILOVER_OUTCOME_UNKNOWN' });
      },
      { options: { deliveryTimeoutMs: 2_000 }, around: forgetting },
    );
  });
});

describe('what a caller may do with its own objects', () => {
  it('it may use its list anew while the send is in flight', async () => {
    await withService(async ({ memory, kafka, producer, a, b }) => {
      hang(a, 'Produce');
      const record = order('1');
      let writeCount = 0;
      a.onWrite(({ apiName }) => {
        if (apiName === 'Produce') writeCount += 1;
      });
      const sending = producer.send(record);
      await until(memory, 'the request', () => writeCount === 1);
      record.messages.length = 0;
      await kafka.switchTo('B', { planned: false });
      expect(await sending).toMatchObject([{ cluster: 'B' }]);
      expect(valuesOf(b)).toEqual(['1']);
    });
  });

  it('it may use its list anew while the send waits for a switch', async () => {
    await withService(async ({ kafka, producer, b }) => {
      const record = order('1');
      const sends: Promise<unknown>[] = [];
      kafka.on('cluster.fenced', ({ cluster }) => {
        if (cluster !== 'A') return;
        sends.push(producer.send(record));
        record.messages.length = 0;
      });
      await kafka.switchTo('B', { planned: false });
      await Promise.all(sends);
      expect(valuesOf(b)).toEqual(['1']);
    });
  });

  it('it may pass the method around: a second argument that is no object is ignored', async () => {
    await withService(async ({ producer, a }) => {
      await Promise.all(['1', '2'].map(order).map(producer.send));
      expect(valuesOf(a)).toHaveLength(3);
    });
  });

  it.each(['send', 'sendBatch'] as const)(
    '%s refuses what is no record, as kafkajs does',
    async (method) => {
      await withService(async ({ producer }) => {
        const send = producer[method] as (record: unknown) => Promise<unknown>;
        await expect(send(undefined)).rejects.toThrow(TypeError);
      });
    },
  );

  it('a record that throws when it is read leaves nothing in flight', async () => {
    await withService(async ({ kafka, producer }) => {
      const broken = Object.defineProperty(order('1'), 'acks', {
        enumerable: true,
        get() {
          throw new Error('unreadable');
        },
      });
      await expect(producer.send(broken)).rejects.toThrow('unreadable');
      expect(kafka.status().producers[0]?.inFlightCount).toBe(0);
    });
  });
});

describe('an idempotent producer whose send is over before its answer comes', () => {
  const idempotent: ProducerConfig = { idempotent: true, retry: { retries: 5 } };

  it('writes the next record, and says where', async () => {
    await withService(
      async ({ memory, producer, a }) => {
        const goOn = loseAnswers(a);
        const controller = new AbortController();
        const sent = failureOf(producer.send(order('1'), { signal: controller.signal }));
        await until(memory, 'the record', () => valuesOf(a).length === 2);
        controller.abort();
        expect(sendOutcome(await sent)?.kind).toBe('unknown');
        goOn();
        expect(await producer.send(order('2'))).toMatchObject([{ baseOffset: '2' }]);
        expect(valuesOf(a)).toEqual(['0', '1', '2']);
      },
      { config: idempotent },
    );
  });

  it('writes the next record where a batch was refused in part', async () => {
    await withService(
      async ({ producer, a }) => {
        const large = { topic: 'tight', messages: [{ value: 'x'.repeat(200) }] };
        const batch = producer.sendBatch({ topicMessages: [order('1'), large] });
        expect(sendOutcome(await failureOf(batch))?.kind).toBe('partial');
        expect(await producer.send(order('2'))).toMatchObject([{ baseOffset: '2' }]);
        expect(valuesOf(a)).toEqual(['0', '1', '2']);
      },
      { config: idempotent },
    );
  });
});
