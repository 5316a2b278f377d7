import { describe, expect, it } from 'vitest';
import { CONSUMER_EVENTS, underOriginalNames } from '../../src/consumer/consumer-events.js';
import { TopicNames } from '../../src/consumer/subscription.js';
import { kafka } from '../../src/kafkajs.js';

const names = new TopicNames([
  {
    topic: 'orders',
    logs: [
      { name: 'orders', origin: 'B' },
      { name: 'A.orders', origin: 'A' },
    ],
  },
]);

const map = (type: string, payload: unknown): unknown =>
  underOriginalNames({ id: '1', type, timestamp: 1, payload }, names).payload;

describe('the events of a consumer', () => {
  it('have the names that kafkajs gives them', () => {
    const { events } = new kafka.Kafka({ brokers: [] }).consumer({ groupId: 'g' });
    expect(CONSUMER_EVENTS).toEqual(events);
  });

  it('are the very same objects where no name has to be translated', () => {
    const local = new TopicNames([{ topic: 'orders', logs: [{ name: 'orders', origin: 'A' }] }]);
    const event = { id: '1', type: CONSUMER_EVENTS.GROUP_JOIN, timestamp: 1, payload: {} };
    expect(underOriginalNames(event, local)).toBe(event);
  });

  it('name logical partitions in GROUP_JOIN', () => {
    expect(
      map(CONSUMER_EVENTS.GROUP_JOIN, {
        memberId: 'm',
        memberAssignment: { 'A.orders': [2, 0], orders: [0], bills: [1] },
      }),
    ).toEqual({ memberId: 'm', memberAssignment: { orders: [0, 2], bills: [1] } });
  });

  it('carry both names in COMMIT_OFFSETS and in the events of batches', () => {
    expect(
      map(CONSUMER_EVENTS.COMMIT_OFFSETS, { topics: [{ topic: 'A.orders', partitions: [] }] }),
    ).toEqual({ topics: [{ topic: 'orders', physicalTopic: 'A.orders', partitions: [] }] });
    expect(map(CONSUMER_EVENTS.END_BATCH_PROCESS, { topic: 'A.orders', partition: 1 })).toEqual({
      topic: 'orders',
      physicalTopic: 'A.orders',
      partition: 1,
    });
  });

  it('list each topic once in RECEIVED_UNSUBSCRIBED_TOPICS', () => {
    expect(
      map(CONSUMER_EVENTS.RECEIVED_UNSUBSCRIBED_TOPICS, {
        groupId: 'g',
        topicsSubscribed: ['orders', 'A.orders'],
      }),
    ).toEqual({ groupId: 'g', topicsSubscribed: ['orders'] });
  });
});
