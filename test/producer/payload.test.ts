import { Buffer } from 'node:buffer';
import type { IHeaders, ProducerBatch, ProducerRecord } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import {
  payloadBytes,
  topicOf,
  withOwnLists,
  withTimestamps,
  type Payload,
} from '../../src/producer/payload.js';

describe('the size of a payload', () => {
  it('counts keys, values and headers in bytes, strings as UTF-8', () => {
    const record: ProducerRecord = {
      topic: 'orders',
      messages: [
        { key: 'ä', value: Buffer.from('123') },
        { key: null, value: null, headers: { one: 'x', two: Buffer.from('yz'), more: ['a', 'b'] } },
      ],
    };
    expect(payloadBytes(record)).toBe(2 + 3 + (3 + 1) + (3 + 2) + (4 + 2));
    const batch: ProducerBatch = {
      topicMessages: [
        { topic: 'a', messages: record.messages },
        { topic: 'b', messages: [{ value: '1' }] },
      ],
    };
    expect(payloadBytes(batch)).toBe(20 + 1);
  });

  const junk: unknown[] = [
    undefined,
    null,
    7,
    {},
    { messages: 'x' },
    { messages: [null, 3, { value: undefined, headers: 9 }] },
    { topicMessages: [null, {}, { messages: [undefined] }] },
    { topicMessages: 'x' },
  ];
  it('never throws: what is wrong with a payload is for kafkajs to say', () => {
    for (const one of junk) {
      expect(payloadBytes(one as Payload)).toBe(0);
      expect(() => withTimestamps(one as Payload, 1)).not.toThrow();
      expect(topicOf(one as Payload)).toBeUndefined();
    }
  });
});

describe('timestamps for a later cluster', () => {
  it('are whole milliseconds, also where the clock is finer', () => {
    const stamped = withTimestamps({ topic: 'a', messages: [{ value: '1' }] }, 17.9);
    expect(stamped).toEqual({ topic: 'a', messages: [{ value: '1', timestamp: '17' }] });
  });

  it('leave nothing behind of messages and records that are of a class', () => {
    class Order {
      readonly #id: string;
      /** Not kafkajs's, but a partitioner may look at it. */
      readonly tenant = 'acme';
      constructor(id: string) {
        this.#id = id;
      }
      get key(): string {
        return this.#id;
      }
      get value(): string {
        return `order ${this.#id}`;
      }
      get headers(): IHeaders {
        return { trace: this.#id };
      }
      get partition(): number {
        return 3;
      }
    }
    class Orders {
      readonly messages = [new Order('7')];
      get topic(): string {
        return 'orders';
      }
      get acks(): number {
        return 1;
      }
    }
    const message = {
      key: '7',
      value: 'order 7',
      headers: { trace: '7' },
      partition: 3,
      tenant: 'acme',
      timestamp: '17',
    };
    const expected = { topic: 'orders', acks: 1, messages: [message] };
    expect(withTimestamps(new Orders(), 17)).toEqual(expected);
    class Batch {
      get topicMessages(): Orders[] {
        return [new Orders()];
      }
      get timeout(): number {
        return 9;
      }
    }
    const { acks: _acks, ...entry } = expected;
    expect(withTimestamps(new Batch(), 17)).toEqual({ timeout: 9, topicMessages: [entry] });
  });

  it('are not changed by a second resend', () => {
    const once = withTimestamps({ topic: 'a', messages: [{ value: '1' }] }, 17);
    const twice = withTimestamps(once, 99);
    expect(twice).toEqual(once);
    expect(
      'messages' in twice && 'messages' in once && twice.messages[0] === once.messages[0],
    ).toBe(true);
  });
});

describe('a payload with lists of its own', () => {
  it.each<{ name: string; topicMessages: unknown }>([
    { name: 'null', topicMessages: null },
    { name: 'a Set', topicMessages: new Set() },
    { name: 'an object', topicMessages: {} },
  ])(
    'leaves a list of topics that is $name to kafkajs, which says what is wrong',
    ({ topicMessages }) => {
      const given = { topicMessages } as unknown as ProducerBatch;
      expect(withOwnLists(given)).toMatchObject({ topicMessages });
    },
  );

  it('holds the very messages that were passed', () => {
    const messages = [{ value: '1' }];
    const own = withOwnLists({ topicMessages: [{ topic: 'orders', messages }], acks: 1 });
    expect(own).toMatchObject({ topicMessages: [{ topic: 'orders', messages }], acks: 1 });
    const [entry] = 'topicMessages' in own ? (own.topicMessages ?? []) : [];
    expect(entry?.messages).not.toBe(messages);
    expect(entry?.messages[0]).toBe(messages[0]);
  });
});

describe('the topic of a payload', () => {
  it('is named where there is exactly one', () => {
    expect(topicOf({ topic: 'a', messages: [] })).toBe('a');
    expect(topicOf({ topicMessages: [{ topic: 'a', messages: [] }] })).toBe('a');
    const two = ['a', 'b'].map((topic) => ({ topic, messages: [] }));
    expect(topicOf({ topicMessages: two })).toBeUndefined();
  });
});
