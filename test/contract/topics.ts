import { expect, it } from 'vitest';
import { rejectionOf } from '../support/failures.js';
import { type ContractEnv, eventually, newTopic, remake, uniqueName } from './env.js';

const TOPIC_RESOURCE = 2;

export function topicContract(env: () => ContractEnv): void {
  it('has an id of its own', () =>
    env().run(async () => {
      const [a, b] = [await env().access('A').clusterId(), await env().access('B').clusterId()];
      expect(a).not.toBe(b);
      const admin = env().kafka('A').admin();
      await admin.connect();
      const { clusterId, brokers, controller } = await admin.describeCluster();
      await admin.disconnect();
      expect(clusterId).toBe(a);
      expect(brokers).toHaveLength(1);
      expect(controller).toBe(brokers[0]?.nodeId);
    }));

  it('creates a topic once, and grows it', () =>
    env().run(async () => {
      const topic = uniqueName(env(), 'created');
      const admin = env().kafka('A').admin();
      await admin.connect();
      const create = () => admin.createTopics({ topics: [{ topic, numPartitions: 2 }] });
      expect(await create()).toBe(true);
      expect(await create()).toBe(false);
      expect(await admin.listTopics()).toContain(topic);
      const grow = (count: number) =>
        admin.createPartitions({ topicPartitions: [{ topic, count }] });
      await grow(3);
      expect(await rejectionOf(grow(3))).toMatchObject({ type: 'INVALID_PARTITIONS' });
      await eventually(env(), 'three partitions', async () => {
        return (await env().access('A').topics()).get(topic) === 3;
      });
      await admin.disconnect();
    }));

  it('refuses names and counts that cannot be', () =>
    env().run(async () => {
      const admin = env().kafka('A').admin();
      await admin.connect();
      const badName = await rejectionOf(admin.createTopics({ topics: [{ topic: 'no spaces' }] }));
      expect(badName.name).toBe('KafkaJSAggregateError');
      expect(badName).toMatchObject({ errors: [{ type: 'INVALID_TOPIC_EXCEPTION' }] });
      const none = { topic: uniqueName(env(), 'none'), numPartitions: 0 };
      expect(await rejectionOf(admin.createTopics({ topics: [none] }))).toMatchObject({
        errors: [{ type: 'INVALID_PARTITIONS' }],
      });
      await admin.disconnect();
    }));

  it('says what it does not know', () =>
    env().run(async () => {
      const absent = uniqueName(env(), 'absent');
      const admin = env().kafka('A').admin();
      await admin.connect();
      expect(await rejectionOf(admin.fetchTopicMetadata({ topics: [absent] }))).toMatchObject({
        type: 'UNKNOWN_TOPIC_OR_PARTITION',
      });
      await admin.disconnect();
      expect(await env().access('A').ranges(absent)).toBeUndefined();
    }));

  it("shows a topic's settings, its own and the defaults", () =>
    env().run(async () => {
      const topic = uniqueName(env(), 'settings');
      const admin = env().kafka('A').admin();
      await admin.connect();
      const configEntries = [{ name: 'retention.ms', value: '60000' }];
      await admin.createTopics({ topics: [{ topic, configEntries }] });
      const configNames = ['retention.ms', 'cleanup.policy'];
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: TOPIC_RESOURCE, name: topic, configNames }],
      });
      const entries = resources[0]?.configEntries.map(({ configName, configValue, isDefault }) => [
        configName,
        configValue,
        isDefault,
      ]);
      expect(entries?.toSorted()).toEqual([
        ['cleanup.policy', 'delete', true],
        ['retention.ms', '60000', false],
      ]);
      await admin.disconnect();
    }));

  it('begins at 0 again when it was deleted and made anew', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'again');
      const producer = env().kafka('A').producer();
      await producer.connect();
      await producer.send({ topic, messages: [{ value: 'first life' }] });
      await remake(env(), topic);
      const [sent] = await producer.send({ topic, messages: [{ value: 'second life' }] });
      expect(sent?.baseOffset).toBe('0');
      await producer.disconnect();
    }));
}
