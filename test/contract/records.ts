import { expect, it } from 'vitest';
import { rejectionOf } from '../support/failures.js';
import { type ContractEnv, eventually, newTopic, send, startReader, uniqueName } from './env.js';

export function recordContract(env: () => ContractEnv): void {
  it('gives back what was sent, byte for byte', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'bytes');
      const producer = env().kafka('A').producer();
      await producer.connect();
      const beforeMs = env().wallMs();
      await producer.send({
        topic,
        messages: [
          {
            key: Buffer.from([0, 255, 1]),
            value: 'grüße',
            headers: { one: 'a', many: ['x', Buffer.from([9])] },
            timestamp: '1700000000123',
          },
          { key: null, value: null },
        ],
      });
      const afterMs = env().wallMs();
      await producer.disconnect();
      const reader = await startReader(env(), { groupId: topic, topics: [topic] });
      await eventually(env(), 'both records', () => reader.messages.length === 2);
      await reader.consumer.disconnect();
      const [first, second] = reader.messages;
      expect(first?.key).toEqual(Buffer.from([0, 255, 1]));
      expect(first?.value).toEqual(Buffer.from('grüße'));
      expect(first?.headers).toEqual({
        one: Buffer.from('a'),
        many: [Buffer.from('x'), Buffer.from([9])],
      });
      expect(first).toMatchObject({ offset: '0', timestamp: '1700000000123', attributes: 0 });
      expect(second).toMatchObject({ offset: '1', key: null, value: null, headers: {} });
      expect(Number(second?.timestamp)).toBeGreaterThanOrEqual(beforeMs);
      expect(Number(second?.timestamp)).toBeLessThanOrEqual(afterMs);
    }));

  it('tells the producer where its records lie, and sends a key where Java would', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'placed', { partitions: 3 });
      const producer = env().kafka('A').producer();
      await producer.connect();
      const first = await producer.send({ topic, messages: [{ key: 'a', value: '1' }] });
      const again = await producer.send({
        topic,
        messages: [
          { key: 'a', value: '2' },
          { key: 'a', value: '3' },
        ],
      });
      await producer.disconnect();
      expect(first).toEqual([
        {
          topicName: topic,
          partition: 1,
          errorCode: 0,
          baseOffset: '0',
          logAppendTime: '-1',
          logStartOffset: '0',
        },
      ]);
      expect(again[0]).toMatchObject({ partition: 1, baseOffset: '1' });
    }));

  it('takes records without acknowledgement', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'acks0');
      const producer = env().kafka('A').producer();
      await producer.connect();
      expect(await producer.send({ topic, acks: 0, messages: [{ value: 'v' }] })).toEqual([]);
      const range = await eventually(env(), 'the record', async () => {
        const found = (await env().access('A').ranges(topic))?.get(0);
        return found?.high === 1n ? found : undefined;
      });
      expect(range).toEqual({ low: 0n, high: 1n });
      await producer.disconnect();
    }));

  it('refuses to send to a topic that does not exist', () =>
    env().run(async () => {
      const producer = env().kafka('A').producer();
      await producer.connect();
      const sent = producer.send({
        topic: uniqueName(env(), 'absent'),
        messages: [{ value: 'v' }],
      });
      const error = await rejectionOf(sent);
      expect(error.name).toBe('KafkaJSNumberOfRetriesExceeded');
      expect(error.cause).toMatchObject({ type: 'UNKNOWN_TOPIC_OR_PARTITION', code: 3 });
      await producer.disconnect();
    }));

  it('refuses a batch that is too large', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'large');
      const producer = env().kafka('A').producer();
      await producer.connect();
      const sent = producer.send({ topic, messages: [{ value: 'x'.repeat(1_100_000) }] });
      expect(await rejectionOf(sent)).toMatchObject({
        name: 'KafkaJSProtocolError',
        type: 'MESSAGE_TOO_LARGE',
      });
      await producer.disconnect();
    }));

  it('finds offsets by time', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'times');
      const producer = env().kafka('A').producer();
      await producer.connect();
      for (const timestamp of [1000, 3000, 2000, 4000]) {
        await producer.send({ topic, messages: [{ value: 'v', timestamp: String(timestamp) }] });
      }
      await producer.disconnect();
      const admin = env().kafka('A').admin();
      await admin.connect();
      const at = async (timestamp: number): Promise<string | undefined> =>
        (await admin.fetchTopicOffsetsByTimestamp(topic, timestamp))[0]?.offset;
      expect(await at(500)).toBe('0');
      expect(await at(1001)).toBe('1');
      expect(await at(3001)).toBe('3');
      // Nothing that late: kafkajs answers with the end.
      expect(await at(5000)).toBe('4');
      await admin.disconnect();
    }));

  it('forgets what was deleted, and keeps the numbers', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'trimmed');
      await send(env(), topic, ['0', '1', '2', '3']);
      const admin = env().kafka('A').admin();
      await admin.connect();
      await admin.fetchTopicMetadata({ topics: [topic] });
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] });
      expect(await admin.fetchTopicOffsets(topic)).toEqual([
        { partition: 0, offset: '4', low: '2', high: '4' },
      ]);
      await admin.disconnect();
      const reader = await startReader(env(), { groupId: topic, topics: [topic] });
      await eventually(env(), 'what is left', () => reader.messages.length === 2);
      await reader.consumer.disconnect();
      expect(reader.values()).toEqual(['2', '3']);
    }));

  it('is read without a group', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'groupless');
      await send(env(), topic, ['0', '1', '2']);
      const fetched = await env().access('A').fetch(topic, 0, 1n, { maxWaitMs: 500 });
      expect(fetched.records.map(({ offset, value }) => [offset, String(value)])).toEqual([
        ['1', '1'],
        ['2', '2'],
      ]);
      expect(fetched).toMatchObject({ nextOffset: 3n, range: { low: 0n, high: 3n } });
      const atEnd = await env().access('A').fetch(topic, 0, 3n, { maxWaitMs: 100 });
      expect(atEnd).toMatchObject({ records: [], nextOffset: 3n });
      const beyond = await rejectionOf(env().access('A').fetch(topic, 0, 4n, { maxWaitMs: 100 }));
      expect(beyond).toMatchObject({
        name: 'KafkaJSOffsetOutOfRange',
        type: 'OFFSET_OUT_OF_RANGE',
      });
    }));
}
