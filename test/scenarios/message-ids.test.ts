import type { Message } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { sendOutcome } from '../../src/index.js';
import type { FailoverKafkaConfig } from '../../src/options.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { consumeOrders, hang, kafkaIn, ordersWorld, until } from '../support/memory-service.js';

const HEADER = 'message-id';

const idsIn = (memory: MemoryWorld, cluster: string): (string | undefined)[] =>
  memory
    .cluster(cluster)
    .records('orders', 0)
    .map(({ headers }) => headers.find(([name]) => name === HEADER)?.[1].toString());

describe('an id for each message', () => {
  it('is in the header, where the message has none; what was passed is as it was', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory, { producer: { messageIdHeader: HEADER } });
      const producer = kafka.producer();
      await producer.connect();
      const own = { value: 'own', headers: { [HEADER]: 'mine', trace: 't' } };
      const bare: Message = { key: 'k', value: 'bare', timestamp: '77' };
      const before = JSON.stringify([own, bare]);
      await producer.send({ topic: 'orders', messages: [own, bare] });
      await producer.sendBatch({ topicMessages: [{ topic: 'orders', messages: [bare] }] });
      expect(JSON.stringify([own, bare])).toBe(before);
      const ids = idsIn(memory, 'A');
      expect(ids[0]).toBe('mine');
      expect(ids[1]).toMatch(/^[0-9a-z]+-[0-9a-z]+-1$/);
      expect(ids[2]).toMatch(/-2$/);
      const [, record] = memory.cluster('A').records('orders', 0);
      expect(record).toMatchObject({ timestampMs: 77 });
      expect([String(record?.key), String(record?.value)]).toEqual(['k', 'bare']);
      // Another producer has other ids.
      const other = kafka.producer();
      await other.connect();
      await other.send({ topic: 'orders', messages: [bare] });
      expect(new Set(idsIn(memory, 'A')).size).toBe(4);
      await kafka.close();
    });
  });

  /** A record is in A's log, its acknowledgement is lost, and the switch sends it again. Answers what was handled. */
  async function handledAfterResend(config: Partial<FailoverKafkaConfig>): Promise<string[]> {
    const memory = ordersWorld();
    let handled: string[] = [];
    await memory.run(async () => {
      const kafka = kafkaIn(memory, config);
      handled = await consumeOrders(kafka);
      const producer = kafka.producer();
      await producer.connect();
      await producer.send({ topic: 'orders', messages: [{ key: 'k', value: 'first' }] });
      memory
        .cluster('A')
        .intercept(({ apiName }) => (apiName === 'Produce' ? { kind: 'lose-answer' } : undefined));
      const sent = producer.send({ topic: 'orders', messages: [{ key: 'k', value: 'twice' }] });
      sent.catch(() => {});
      await until(memory, 'A has it', () => memory.cluster('A').records('orders', 0).length > 1);
      await memory.clock.sleep(3_000);
      await kafka.switchTo('B', { planned: false });
      await sent;
      await memory.clock.sleep(5_000);
      expect(memory.cluster('B').records('orders', 0)).toHaveLength(1);
      await kafka.close();
    });
    return handled;
  }

  it('lets a consumer know a record that a resend has left in both logs', async () => {
    const handled = await handledAfterResend({
      producer: { messageIdHeader: HEADER },
      consumer: { dedup: { messageId: HEADER } },
    });
    expect(handled).toEqual(['first', 'twice']);
    // The case is there: without ids it is handled twice.
    const without = await handledAfterResend({ consumer: { dedup: { messageId: HEADER } } });
    expect(without.filter((value) => value === 'twice').length).toBeGreaterThan(1);
  });

  it('is in what a rejected send says, so that it is the same when the caller sends it again', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory, {
        producer: { messageIdHeader: HEADER, onUnknownOutcome: 'reject' },
      });
      const producer = kafka.producer();
      await producer.connect();
      hang(memory.cluster('A'), 'Produce');
      const sent = producer.send({ topic: 'orders', messages: [{ value: 'lost' }] });
      const failed = sent.then(
        () => undefined,
        (error: unknown) => sendOutcome(error),
      );
      await memory.clock.sleep(100);
      await kafka.switchTo('B', { planned: false });
      const [part] = (await failed)?.parts ?? [];
      const messages = part?.kind === 'unknown' ? part.messages : [];
      const id = String(messages[0]?.headers?.[HEADER]);
      expect(id).toMatch(/-1$/);
      await producer.send({ topic: 'orders', messages: [...messages] });
      expect(idsIn(memory, 'B')).toEqual([id]);
      await kafka.close();
    });
  });
});
