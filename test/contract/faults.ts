import type { Admin } from 'kafkajs';
import { expect, it } from 'vitest';
import { rejectionOf } from '../support/failures.js';
import { type ContractEnv, eventually, newTopic, type Reader, send, startReader } from './env.js';

/** An admin whose attempt to connect to A is refused. */
async function refused(env: ContractEnv): Promise<Admin> {
  const late = env.kafka('A').admin({ retry: { retries: 0 } });
  const error = await rejectionOf(late.connect());
  expect(error.name).toBe('KafkaJSNumberOfRetriesExceeded');
  expect(error.cause).toMatchObject({ name: 'KafkaJSConnectionError', code: 'ECONNREFUSED' });
  return late;
}

/** A consumer that has handled a record of a topic of its own. */
async function startSurvivor(env: ContractEnv): Promise<Reader & { readonly topic: string }> {
  const topic = await newTopic(env, 'survived');
  // Its dead member keeps the group from going on until this has passed.
  const config = { sessionTimeout: 6000, rebalanceTimeout: 6000, heartbeatInterval: 500 };
  const reader = await startReader(env, { groupId: topic, topics: [topic], config });
  await send(env, topic, ['0']);
  await eventually(env, 'the first record', () => reader.messages.length === 1);
  return { ...reader, topic };
}

/** What was measured of real clusters under faults. These tests disturb their cluster: they come last. */
export function faultContract(env: () => ContractEnv): void {
  it('processes what was written to a stopped cluster when it goes on, though its send was rejected', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'stopped');
      const producer = env()
        .kafka('A', { requestTimeoutMs: 1000 })
        .producer({
          retry: { retries: 0 },
        });
      await producer.connect();
      await producer.send({ topic, messages: [{ value: 'before' }] });
      await env().freeze('A');
      const error = await rejectionOf(producer.send({ topic, messages: [{ value: 'during' }] }));
      expect(error.name).toBe('KafkaJSNumberOfRetriesExceeded');
      expect(error.cause).toMatchObject({ name: 'KafkaJSRequestTimeoutError' });
      await env().thaw('A');
      await eventually(env(), 'the record of the rejected send', async () => {
        return (await env().access('A').ranges(topic))?.get(0)?.high === 2n;
      });
      await producer.disconnect();
    }));

  it('answers late where it is slow, and once', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'slow');
      const producer = env().kafka('A', { requestTimeoutMs: 30_000 }).producer();
      await producer.connect();
      await producer.send({ topic, messages: [{ value: 'before' }] });
      const startedAtMs = env().nowMs();
      const [sent] = await env().slowly('A', 1500, () =>
        producer.send({ topic, messages: [{ value: 'late' }] }),
      );
      // A timer may fire a little early.
      expect(env().nowMs() - startedAtMs).toBeGreaterThan(1400);
      expect(sent?.baseOffset).toBe('1');
      const [after] = await producer.send({ topic, messages: [{ value: 'after' }] });
      expect(after?.baseOffset).toBe('2');
      await producer.disconnect();
    }));

  it('has a record twice that kafkajs sent again while it was stopped, and once where the producer is idempotent', () =>
    env().run(async () => {
      for (const idempotent of [false, true]) {
        const topic = await newTopic(env(), 'again');
        const producer = env()
          .kafka('A', { requestTimeoutMs: 1000 })
          .producer({ idempotent, maxInFlightRequests: 1 });
        await producer.connect();
        await producer.send({ topic, messages: [{ value: 'before' }] });
        const timeouts: unknown[] = [];
        producer.on(producer.events.REQUEST_TIMEOUT, (event) => timeouts.push(event));
        await env().freeze('A');
        const sending = producer.send({ topic, messages: [{ value: 'during' }] });
        // The second one is that of the record sent again.
        await eventually(env(), 'two timeouts', () => timeouts.length >= 2);
        await env().thaw('A');
        await sending;
        await producer.send({ topic, messages: [{ value: 'after' }] });
        await producer.disconnect();
        const { records } = await env().access('A').fetch(topic, 0, 0n, { maxWaitMs: 500 });
        const values = records.map(({ value }) => String(value));
        expect([values[0], values.at(-1)]).toEqual(['before', 'after']);
        const copies = values.filter((value) => value === 'during');
        if (idempotent) expect(copies).toHaveLength(1);
        else expect(copies.length).toBeGreaterThanOrEqual(2);
      }
    }));

  it('lets clients connect while it is stopped, and tells them nothing', () =>
    env().run(async () => {
      await env().freeze('A');
      // Without retries: the second attempt would find the socket connected, and kafkajs would call that a success.
      const admin = env().kafka('A', { requestTimeoutMs: 1000, retries: 0 }).admin();
      const error = await rejectionOf(admin.connect());
      expect(error.name).toBe('KafkaJSNumberOfRetriesExceeded');
      expect(error.cause).toMatchObject({ name: 'KafkaJSRequestTimeoutError' });
      await admin.disconnect();
      await env().thaw('A');
      await eventually(env(), 'an answer', () =>
        env()
          .access('A')
          .topics()
          .then(
            () => true,
            () => false,
          ),
      );
    }));

  it('goes on with connections that exist while it refuses new ones', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'refusing');
      const producer = env().kafka('A').producer();
      await producer.connect();
      await producer.send({ topic, messages: [{ value: 'before' }] });
      env().refuse('A');
      const late = await refused(env());
      const [sent] = await producer.send({ topic, messages: [{ value: 'during' }] });
      expect(sent?.baseOffset).toBe('1');
      env().accept('A');
      await late.connect();
      expect(await late.listTopics()).toContain(topic);
      await late.disconnect();
      await producer.disconnect();
    }));

  it('refuses connections when it was killed, and has everything when it is back, its consumers included', () =>
    env().run(async () => {
      const survived = await startSurvivor(env());
      const topic = await newTopic(env(), 'killed');
      await send(env(), topic, ['0', '1']);
      await env()
        .access('A')
        .commitIdle(topic, [{ topic, partition: 0, offset: 1n, metadata: 'm' }]);
      const producer = env()
        .kafka('A')
        .producer({ retry: { retries: 1 } });
      await producer.connect();
      await producer.send({ topic, messages: [{ value: '2' }] });
      await env().kill('A');
      const lost = await rejectionOf(producer.send({ topic, messages: [{ value: 'lost' }] }));
      expect(lost.name).toMatch(/^KafkaJS(NonRetriableError|NumberOfRetriesExceeded)$/);
      expect(lost.cause).toMatchObject({
        name: expect.stringMatching(/^KafkaJSConnection(Closed)?Error$/) as string,
      });
      await refused(env());
      await eventually(env(), 'the crash', () => survived.events.includes('consumer.crash'));
      await env().restart('A');
      // Until the coordinator has read its log it says that it is none, or that it is at it.
      const commits = await eventually(env(), 'the coordinator', async () => {
        try {
          return await env().access('A').committed(topic, [topic]);
        } catch (error) {
          expect(error).toMatchObject({
            type: expect.stringMatching(
              /^(NOT_COORDINATOR_FOR_GROUP|GROUP_LOAD_IN_PROGRESS)$/,
            ) as string,
          });
          return undefined;
        }
      });
      expect(commits).toEqual([{ topic, partition: 0, offset: 1n, metadata: 'm' }]);
      const reader = await startReader(env(), { groupId: topic, topics: [topic] });
      await eventually(env(), 'what was not read', () => reader.messages.length >= 2);
      expect(reader.values()).toEqual(['1', '2']);
      await send(env(), survived.topic, ['1']);
      await eventually(env(), 'the next record', () => survived.values().includes('1'), {
        limitMs: 60_000,
      });
      await survived.consumer.disconnect();
      await reader.consumer.disconnect();
      await producer.disconnect();
    }));
}
