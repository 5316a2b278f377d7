import { expect, it } from 'vitest';
import { rejectionOf } from '../support/failures.js';
import { type ContractEnv, eventually, newTopic, patiently, startReader } from './env.js';

export function transactionContract(env: () => ContractEnv): void {
  const transactional = (transactionalId: string) =>
    env().kafka('A').producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 });

  it('shows committed records and hides aborted ones, and markers take offsets', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'ended');
      const producer = transactional(topic);
      await producer.connect();
      const committed = await producer.transaction();
      await committed.send({ topic, messages: [{ value: 'committed' }] });
      await committed.commit();
      const aborted = await producer.transaction();
      await patiently(env(), () => aborted.send({ topic, messages: [{ value: 'aborted' }] }));
      await aborted.abort();
      // The end is acknowledged before its marker is written.
      await eventually(env(), 'the marker', async () => {
        return (await env().access('A').ranges(topic))?.get(0)?.high === 4n;
      });
      await producer.disconnect();
      const plain = env().kafka('A').producer();
      await plain.connect();
      await plain.send({ topic, messages: [{ value: 'plain' }] });
      await plain.disconnect();

      const strict = await startReader(env(), { groupId: `${topic}-strict`, topics: [topic] });
      const loose = await startReader(env(), {
        groupId: `${topic}-loose`,
        topics: [topic],
        config: { readUncommitted: true },
      });
      await eventually(env(), 'everything', () => loose.messages.length === 3);
      await eventually(env(), 'what counts', () => strict.messages.length === 2);
      const place = ({ messages }: typeof strict) =>
        messages.map(({ value, offset }) => [String(value), offset]);
      expect(place(strict)).toEqual([
        ['committed', '0'],
        ['plain', '4'],
      ]);
      expect(place(loose)).toEqual([
        ['committed', '0'],
        ['aborted', '2'],
        ['plain', '4'],
      ]);
      await strict.consumer.disconnect();
      await loose.consumer.disconnect();
    }));

  it('holds back what lies behind an open transaction, from readers and from the end of the log', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'open', { partitions: 2 });
      const producer = transactional(topic);
      await producer.connect();
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ partition: 0, value: 'open' }] });
      const plain = env().kafka('A').producer();
      await plain.connect();
      await plain.send({ topic, messages: [{ partition: 0, value: 'behind' }] });
      expect((await env().access('A').ranges(topic))?.get(0)).toEqual({ low: 0n, high: 0n });
      const reader = await startReader(env(), { groupId: topic, topics: [topic] });
      // One fetch asks for both partitions: what is held back would have come with the first of these.
      for (const value of ['first', 'second']) {
        await plain.send({ topic, messages: [{ partition: 1, value }] });
        await eventually(env(), value, () => reader.values().includes(value));
      }
      await plain.disconnect();
      expect(reader.values()).toEqual(['first', 'second']);
      await transaction.commit();
      await eventually(env(), 'both', () => reader.messages.length === 4);
      expect(reader.values()).toEqual(['first', 'second', 'open', 'behind']);
      await eventually(env(), 'the end beyond the marker', async () => {
        return (await env().access('A').ranges(topic))?.get(0)?.high === 3n;
      });
      await reader.consumer.disconnect();
      await producer.disconnect();
    }));

  it('commits offsets with the transaction, or not at all', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'offsets');
      const producer = transactional(topic);
      await producer.connect();
      const offsets = async () =>
        (await env().access('A').committed(topic, [topic])).map(({ offset }) => offset);
      for (const [how, expected] of [
        ['abort', []],
        ['commit', [5n]],
      ] as const) {
        const transaction = await producer.transaction();
        const offset = { topic, partitions: [{ partition: 0, offset: '5' }] };
        await patiently(env(), () =>
          transaction.sendOffsets({ consumerGroupId: topic, topics: [offset] }),
        );
        expect(await offsets()).toEqual([]);
        await transaction[how]();
        await eventually(env(), how, async () => (await offsets()).length === expected.length);
        expect(await offsets()).toEqual(expected);
      }
      await producer.disconnect();
    }));

  it('fences the producer that had the transactional id before', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'fenced');
      const older = transactional(topic);
      await older.connect();
      const transaction = await older.transaction();
      await transaction.send({ topic, messages: [{ value: 'of the older' }] });
      const newer = transactional(topic);
      await newer.connect();
      const takeOver = await newer.transaction();
      await patiently(env(), () => takeOver.send({ topic, messages: [{ value: 'of the newer' }] }));
      await takeOver.commit();
      expect((await rejectionOf(transaction.commit())).name).toMatch(/^KafkaJS/);
      const reader = await startReader(env(), { groupId: topic, topics: [topic] });
      await eventually(env(), 'a record', () => reader.messages.length > 0);
      expect(reader.values()).toEqual(['of the newer']);
      await reader.consumer.disconnect();
      await older.disconnect();
      await newer.disconnect();
    }));

  it('takes batches of an idempotent producer', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'idempotent');
      const producer = env().kafka('A').producer({ idempotent: true, maxInFlightRequests: 1 });
      await producer.connect();
      for (const value of ['0', '1', '2']) {
        await producer.send({ topic, messages: [{ value }, { value: `${value}'` }] });
      }
      await producer.disconnect();
      expect((await env().access('A').ranges(topic))?.get(0)?.high).toBe(6n);
    }));
}
