import { expect, it } from 'vitest';
import { rejectionOf } from '../support/failures.js';
import { type ContractEnv, eventually, newTopic, send, startReader, uniqueName } from './env.js';

export function groupContract(env: () => ContractEnv): void {
  it('goes on where the group has stopped', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'goes-on');
      await send(env(), topic, ['0', '1']);
      const first = await startReader(env(), { groupId: topic, topics: [topic] });
      await eventually(env(), 'two records', () => first.messages.length === 2);
      await first.consumer.disconnect();
      await send(env(), topic, ['2']);
      const second = await startReader(env(), { groupId: topic, topics: [topic] });
      await eventually(env(), 'the third', () => second.messages.length > 0);
      await second.consumer.disconnect();
      expect(second.values()).toEqual(['2']);
    }));

  it('reads only what comes, where it is not told to begin at the beginning', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'from-now');
      await send(env(), topic, ['old']);
      const options = { groupId: topic, topics: [topic], fromBeginning: false };
      const reader = await startReader(env(), options);
      await eventually(env(), 'a fetch', () => reader.events.includes('consumer.fetch'));
      await send(env(), topic, ['new']);
      await eventually(env(), 'a record', () => reader.messages.length > 0);
      await reader.consumer.disconnect();
      expect(reader.values()).toEqual(['new']);
    }));

  it('tells what happens in order: connect twice, join, fetch, stop, disconnect', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'events');
      await send(env(), topic, ['0']);
      const reader = await startReader(env(), { groupId: topic, topics: [topic] });
      await eventually(env(), 'a commit', () => reader.events.includes('consumer.commit_offsets'));
      await reader.consumer.disconnect();
      expect(reader.events.slice(0, 8)).toEqual([
        'consumer.connect',
        'consumer.connect',
        'consumer.group_join',
        'consumer.fetch_start',
        'consumer.fetch',
        'consumer.start_batch_process',
        'consumer.end_batch_process',
        'consumer.commit_offsets',
      ]);
      expect(reader.events.slice(-2)).toEqual(['consumer.stop', 'consumer.disconnect']);
    }));

  it('shares partitions between members, and gives them back to who stays', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'shared', { partitions: 4 });
      const first = await startReader(env(), { groupId: topic, topics: [topic] });
      expect(first.joins).toEqual([{ [topic]: [0, 1, 2, 3] }]);
      const second = await startReader(env(), { groupId: topic, topics: [topic] });
      await eventually(env(), 'the second join', () => first.joins.length >= 2);
      const shares = [first, second].map(({ joins }) => joins.at(-1)?.[topic] ?? []);
      expect(shares.map(({ length }) => length)).toEqual([2, 2]);
      expect(new Set(shares.flat())).toEqual(new Set([0, 1, 2, 3]));
      expect(first.events).toContain('consumer.rebalancing');
      await second.consumer.disconnect();
      await eventually(env(), 'everything back', () => first.joins.at(-1)?.[topic]?.length === 4);
      await first.consumer.disconnect();
    }));

  it('describes a group: Dead, Stable with members, Empty', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'described');
      const admin = env().kafka('A').admin();
      await admin.connect();
      const state = async () => (await admin.describeGroups([topic])).groups[0];
      expect(await state()).toMatchObject({ state: 'Dead', members: [], errorCode: 0 });
      const reader = await startReader(env(), { groupId: topic, topics: [topic] });
      const stable = await state();
      expect(stable).toMatchObject({
        state: 'Stable',
        protocol: 'RoundRobinAssigner',
        protocolType: 'consumer',
      });
      expect(stable?.members).toHaveLength(1);
      const running = rejectionOf(admin.deleteGroups([topic]));
      expect((await running).name).toBe('KafkaJSDeleteGroupsError');
      await reader.consumer.disconnect();
      expect(await state()).toMatchObject({ state: 'Empty', members: [] });
      const { groups } = await admin.listGroups();
      expect(groups).toContainEqual({ groupId: topic, protocolType: 'consumer' });
      await admin.deleteGroups([topic]);
      expect(await state()).toMatchObject({ state: 'Dead' });
      await admin.disconnect();
    }));

  it('applies a seek in GROUP_JOIN before the first fetch', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'sought');
      await send(env(), topic, ['0', '1', '2', '3']);
      const reader = await startReader(env(), {
        groupId: topic,
        topics: [topic],
        onJoin: (consumer) => consumer.seek({ topic, partition: 0, offset: '2' }),
      });
      await eventually(env(), 'two records', () => reader.messages.length >= 2);
      await reader.consumer.disconnect();
      expect(reader.values()).toEqual(['2', '3']);
    }));

  it('delivers nothing that was paused in GROUP_JOIN, until it is resumed', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'paused');
      const other = await newTopic(env(), 'not-paused');
      await send(env(), topic, ['0']);
      const reader = await startReader(env(), {
        groupId: topic,
        topics: [topic, other],
        onJoin: (consumer) => consumer.pause([{ topic }]),
      });
      // One fetch asks for both topics: what the paused one holds would have come with the first of these.
      for (const value of ['first', 'second']) {
        await send(env(), other, [value]);
        await eventually(env(), value, () => reader.values().includes(value));
      }
      expect(reader.values()).toEqual(['first', 'second']);
      expect(reader.consumer.paused()).toEqual([{ topic, partitions: [0] }]);
      reader.consumer.resume([{ topic }]);
      await eventually(env(), 'the record', () => reader.messages.length === 3);
      expect(reader.values().at(-1)).toBe('0');
      await reader.consumer.disconnect();
    }));

  it('begins anew, as the subscription says, after a seek beyond the end', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'out-of-range');
      await send(env(), topic, ['0', '1']);
      const reader = await startReader(env(), {
        groupId: topic,
        topics: [topic],
        fromBeginning: true,
        onJoin: (consumer) => consumer.seek({ topic, partition: 0, offset: '100' }),
      });
      await eventually(env(), 'both records', () => reader.messages.length >= 2);
      await reader.consumer.disconnect();
      expect(reader.values()).toEqual(['0', '1']);
    }));

  it('keeps a seek for a partition that is not assigned, and commits it when it is', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'kept-seek', { partitions: 2 });
      await send(env(), topic, ['0', '1', '2'], { partition: 1 });
      const first = await startReader(env(), { groupId: topic, topics: [topic] });
      const second = await startReader(env(), { groupId: topic, topics: [topic] });
      await eventually(env(), 'the second join', () => first.joins.length >= 2);
      const other = [first, second].find(({ joins }) => joins.at(-1)?.[topic]?.includes(0));
      const owner = other === first ? second : first;
      await eventually(env(), 'all', () => [...first.values(), ...second.values()].length >= 3);
      const countBefore = other?.messages.length ?? 0;
      other?.consumer.seek({ topic, partition: 1, offset: '2' });
      // A fetch later nothing has come of it.
      await send(env(), topic, ['marker']);
      await eventually(env(), 'the marker', () => other?.values().includes('marker'));
      expect(other?.messages).toHaveLength(countBefore + 1);
      await owner.consumer.disconnect();
      await eventually(env(), 'a re-read', () => (other?.messages.length ?? 0) > countBefore + 1);
      expect(other?.values().at(-1)).toBe('2');
      await other?.consumer.disconnect();
    }));

  it('gives a message again whose handler threw', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'thrown');
      await send(env(), topic, ['0', '1', '2']);
      let throwsLeft = 2;
      const reader = await startReader(env(), {
        groupId: topic,
        topics: [topic],
        onMessage: ({ value }) => {
          if (String(value) !== '1' || throwsLeft === 0) return;
          throwsLeft -= 1;
          throw new Error('not yet');
        },
      });
      await eventually(env(), 'all three', () => reader.messages.length >= 3);
      await reader.consumer.disconnect();
      expect(throwsLeft).toBe(0);
      expect(reader.values()).toEqual(['0', '1', '2']);
      expect(reader.events).not.toContain('consumer.crash');
    }));

  it('crashes and begins again when the retries of a handler are used up', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'crashed');
      await send(env(), topic, ['0', '1']);
      let throwsLeft = 2;
      const reader = await startReader(env(), {
        groupId: topic,
        topics: [topic],
        config: { retry: { retries: 1, initialRetryTime: 50, maxRetryTime: 100 } },
        onMessage: ({ value }) => {
          if (String(value) !== '1' || throwsLeft === 0) return;
          throwsLeft -= 1;
          throw new Error('not yet');
        },
      });
      await eventually(env(), 'both', () => reader.values().includes('1'));
      await reader.consumer.disconnect();
      expect(reader.events).toContain('consumer.crash');
      // Committed before the crash: not read again.
      expect(reader.values()).toEqual(['0', '1']);
      expect(reader.joins.length).toBeGreaterThanOrEqual(2);
    }));

  it('expels a member that gives no sign of life', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'expelled');
      await send(env(), topic, ['0']);
      let release = (): void => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const config = { sessionTimeout: 6000, rebalanceTimeout: 6000, heartbeatInterval: 500 };
      const slow = await startReader(env(), {
        groupId: topic,
        topics: [topic],
        config,
        onMessage: () => held,
      });
      await eventually(env(), 'an empty group', async () => {
        return (await slow.consumer.describeGroup()).state === 'Empty';
      });
      const other = await startReader(env(), { groupId: topic, topics: [topic], config });
      await eventually(env(), 'the partition', () => other.joins.at(-1)?.[topic]?.length === 1);
      await eventually(env(), 'the record', () => other.values().includes('0'));
      release();
      await slow.consumer.disconnect();
      await other.consumer.disconnect();
    }));

  it('refuses a session that is too short', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'short-session');
      const config = { sessionTimeout: 1000, heartbeatInterval: 300 };
      const reader = await startReader(env(), { groupId: topic, topics: [topic], config });
      // run() resolves all the same.
      expect(reader.events).toContain('consumer.crash');
      expect(reader.joins).toEqual([]);
      await reader.consumer.disconnect();
    }));

  it('finds topics by pattern once, when it subscribes', () =>
    env().run(async () => {
      const prefix = uniqueName(env(), 'pattern');
      const admin = env().kafka('A').admin();
      await admin.connect();
      const create = (topic: string) => admin.createTopics({ topics: [{ topic }] });
      await create(`${prefix}-1`);
      await create(`other-${prefix}`);
      const topics = [new RegExp(`^${prefix}-`)];
      const reader = await startReader(env(), { groupId: prefix, topics });
      await create(`${prefix}-2`);
      await send(env(), `${prefix}-2`, ['unseen']);
      await send(env(), `${prefix}-1`, ['seen']);
      await eventually(env(), 'a record', () => reader.messages.length > 0);
      await reader.consumer.disconnect();
      await admin.disconnect();
      expect(reader.joins).toEqual([{ [`${prefix}-1`]: [0] }]);
      expect(reader.values()).toEqual(['seen']);
    }));

  it('refuses to subscribe to a topic that does not exist', () =>
    env().run(async () => {
      const consumer = env().kafka('A').consumer({ groupId: 'any', allowAutoTopicCreation: false });
      await consumer.connect();
      const subscribed = consumer.subscribe({ topics: [uniqueName(env(), 'absent')] });
      expect(await rejectionOf(subscribed)).toMatchObject({
        name: 'KafkaJSProtocolError',
        type: 'UNKNOWN_TOPIC_OR_PARTITION',
      });
      await consumer.disconnect();
    }));

  it('handles partitions side by side where it may', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'concurrent', { partitions: 3 });
      for (const partition of [0, 1, 2]) await send(env(), topic, ['0', '1'], { partition });
      let runningCount = 0;
      let mostCount = 0;
      const reader = await startReader(env(), {
        groupId: topic,
        topics: [topic],
        run: { partitionsConsumedConcurrently: 3 },
        onMessage: async () => {
          runningCount += 1;
          mostCount = Math.max(mostCount, runningCount);
          await eventually(env(), 'three handlers at a time', () => mostCount === 3);
          runningCount -= 1;
        },
      });
      await eventually(env(), 'all', () => reader.messages.length === 6);
      await reader.consumer.disconnect();
      expect(mostCount).toBe(3);
    }));

  it('takes a member out of its group for somebody else', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'left');
      const reader = await startReader(env(), { groupId: topic, topics: [topic] });
      const description = await reader.consumer.describeGroup();
      await env()
        .access('A')
        .leaveGroup(topic, description.members[0]?.memberId ?? '');
      await eventually(env(), 'another join', () => reader.joins.length >= 2);
      await reader.consumer.disconnect();
    }));
}
