import { expect, it } from 'vitest';
import { type ContractEnv, eventually, newTopic, rejection, send, startReader } from './env.js';

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
      const error = await rejection(producer.send({ topic, messages: [{ value: 'during' }] }));
      expect(error.name).toBe('KafkaJSNumberOfRetriesExceeded');
      expect(error.cause).toMatchObject({ name: 'KafkaJSRequestTimeoutError' });
      await env().thaw('A');
      await eventually(env(), 'the record of the rejected send', async () => {
        return (await env().access('A').ranges(topic))?.get(0)?.high === 2n;
      });
      await producer.disconnect();
    }));

  it('refuses connections when it was killed, and has everything when it is back', () =>
    env().run(async () => {
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
      const lost = await rejection(producer.send({ topic, messages: [{ value: 'lost' }] }));
      expect(lost.name).toMatch(/^KafkaJS(NonRetriableError|NumberOfRetriesExceeded)$/);
      expect(lost.cause).toMatchObject({
        name: expect.stringMatching(/^KafkaJSConnection(Closed)?Error$/) as string,
      });
      const late = env()
        .kafka('A')
        .admin({ retry: { retries: 0 } });
      const refused = await rejection(late.connect());
      expect(refused.name).toBe('KafkaJSNumberOfRetriesExceeded');
      expect(refused.cause).toMatchObject({ name: 'KafkaJSConnectionError', code: 'ECONNREFUSED' });
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
      await reader.consumer.disconnect();
      await producer.disconnect();
    }));

  it('has its consumers back after a kill, without a record lost', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'survived');
      const reader = await startReader(env(), { groupId: topic, topics: [topic] });
      await send(env(), topic, ['0']);
      await eventually(env(), 'the first record', () => reader.messages.length === 1);
      await env().kill('A');
      await eventually(env(), 'the crash', () => reader.events.includes('consumer.crash'));
      await env().restart('A');
      await send(env(), topic, ['1']);
      await eventually(env(), 'the second record', () => reader.values().includes('1'), {
        limitMs: 60_000,
      });
      await reader.consumer.disconnect();
    }));
}
