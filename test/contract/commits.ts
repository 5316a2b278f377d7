import { expect, it } from 'vitest';
import { rejectionOf } from '../support/failures.js';
import { type ContractEnv, eventually, newTopic, remake, send, startReader } from './env.js';

/** What the group has committed for partition 0, as kafkajs's admin shows it. */
async function committed(env: ContractEnv, groupId: string, topic: string) {
  const admin = env.kafka('A').admin();
  await admin.connect();
  const [found] = await admin.fetchOffsets({ groupId, topics: [topic] });
  await admin.disconnect();
  return found?.partitions[0];
}

export function commitContract(env: () => ContractEnv): void {
  it('shows -1 where nothing is committed', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'uncommitted');
      expect(await committed(env(), topic, topic)).toEqual({
        partition: 0,
        offset: '-1',
        metadata: null,
      });
      expect(await env().access('A').committed(topic, [topic])).toEqual([]);
    }));

  it('commits at the end of a batch by itself, and writes no metadata', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'auto');
      await send(env(), topic, ['0', '1']);
      const reader = await startReader(env(), { groupId: topic, topics: [topic] });
      const found = await eventually(env(), 'the commit', async () => {
        const commit = await committed(env(), topic, topic);
        return commit?.offset === '2' ? commit : undefined;
      });
      expect(found?.metadata).toBeNull();
      await reader.consumer.disconnect();
    }));

  it('commits nothing by itself where it is told not to', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'manual');
      await send(env(), topic, ['0', '1']);
      const reader = await startReader(env(), {
        groupId: topic,
        topics: [topic],
        run: { autoCommit: false },
      });
      await eventually(env(), 'both', () => reader.messages.length === 2);
      await reader.consumer.disconnect();
      expect((await committed(env(), topic, topic))?.offset).toBe('-1');
    }));

  it('keeps metadata of up to 4096 characters verbatim, whatever their bytes, and refuses one more', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'metadata', { partitions: 2 });
      await send(env(), topic, ['0', '1']);
      const reader = await startReader(env(), {
        groupId: topic,
        topics: [topic],
        run: { autoCommit: false },
      });
      const metadata = 'é'.repeat(4096);
      const { consumer } = reader;
      await consumer.commitOffsets([{ topic, partition: 0, offset: '1', metadata }]);
      expect(await committed(env(), topic, topic)).toMatchObject({ offset: '1', metadata });
      const tooLong = consumer.commitOffsets([
        { topic, partition: 0, offset: '2', metadata: `${metadata}x` },
        { topic, partition: 1, offset: '7', metadata: 'fine' },
      ]);
      const error = await rejectionOf(tooLong);
      expect(error).toMatchObject({ name: 'KafkaJSNonRetriableError' });
      expect(error.message).toMatch(/metadata/);
      // The refused row is as it was, the good one is stored.
      expect(await env().access('A').committed(topic, [topic])).toEqual([
        { topic, partition: 0, offset: 1n, metadata },
        { topic, partition: 1, offset: 7n, metadata: 'fine' },
      ]);
      await consumer.disconnect();
    }));

  it('drops a manual commit silently while the consumer stops', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'dropped');
      await send(env(), topic, ['0']);
      const reader = await startReader(env(), {
        groupId: topic,
        topics: [topic],
        run: { autoCommit: false },
      });
      await eventually(env(), 'the record', () => reader.messages.length === 1);
      const stopped = reader.consumer.stop();
      await reader.consumer.commitOffsets([{ topic, partition: 0, offset: '1' }]);
      await stopped;
      const after = reader.consumer.commitOffsets([{ topic, partition: 0, offset: '1' }]);
      expect((await rejectionOf(after)).message).toMatch(/consumer#run must be called first/);
      await reader.consumer.disconnect();
      expect((await committed(env(), topic, topic))?.offset).toBe('-1');
    }));

  it('lets an outsider commit for a group without members, also beyond the end of the log', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'idle');
      const commit = { topic, partition: 0, offset: 1000n, metadata: 'by hand' };
      expect(await env().access('A').commitIdle(topic, [commit])).toBe('stored');
      expect(await env().access('A').committed(topic, [topic])).toEqual([commit]);
    }));

  it('refuses an outsider while the group has members, and leaves them alone', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'live');
      await send(env(), topic, ['0']);
      const reader = await startReader(env(), { groupId: topic, topics: [topic] });
      await eventually(env(), 'the commit', async () => {
        return (await committed(env(), topic, topic))?.offset === '1';
      });
      const commit = { topic, partition: 0, offset: 0n, metadata: '' };
      expect(await env().access('A').commitIdle(topic, [commit])).toBe('refused');
      expect((await committed(env(), topic, topic))?.offset).toBe('1');
      expect(reader.joins).toHaveLength(1);
      await reader.consumer.disconnect();
      expect(await env().access('A').commitIdle(topic, [commit])).toBe('stored');
    }));

  it("sets a group's offsets only while it does not run", () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'set');
      await send(env(), topic, ['0', '1', '2']);
      const admin = env().kafka('A').admin();
      await admin.connect();
      const partitions = [{ partition: 0, offset: '1' }];
      await admin.setOffsets({ groupId: topic, topic, partitions });
      expect((await committed(env(), topic, topic))?.offset).toBe('1');
      const reader = await startReader(env(), { groupId: topic, topics: [topic] });
      await eventually(env(), 'two records', () => reader.messages.length === 2);
      const refused = await rejectionOf(admin.setOffsets({ groupId: topic, topic, partitions }));
      expect(refused.message).toMatch(/must have no running instances, current state: Stable/);
      await reader.consumer.disconnect();
      await admin.resetOffsets({ groupId: topic, topic, earliest: true });
      // Kafka has no such commit; kafkajs stores its own mark for "the beginning".
      expect((await committed(env(), topic, topic))?.offset).toBe('-2');
      await admin.disconnect();
      expect(reader.values()).toEqual(['1', '2']);
    }));

  it('forgets commits with their topic', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'forgotten');
      await send(env(), topic, ['0', '1']);
      const commit = { topic, partition: 0, offset: 2n, metadata: '' };
      await env().access('A').commitIdle(topic, [commit]);
      await remake(env(), topic);
      expect((await env().access('A').ranges(topic))?.get(0)).toEqual({ low: 0n, high: 0n });
      await eventually(env(), 'nothing committed', async () => {
        return (await env().access('A').committed(topic, [topic])).length === 0;
      });
    }));
}
