import type { KafkaMessage } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { identifyBy } from '../../src/consumer/record-identity.js';
import { harness, start } from './support.js';

const log = { cluster: 'B', topic: 'orders', physicalTopic: 'A.orders', partition: 3 };

function message(more: Partial<KafkaMessage> = {}): KafkaMessage {
  return {
    offset: '7',
    timestamp: '1000',
    key: null,
    value: Buffer.from('paid'),
    attributes: 0,
    headers: {},
    ...more,
  } as KafkaMessage;
}

describe('a record with a message id', () => {
  const byHeader = identifyBy('id');
  const withId = (id: Buffer | string | (Buffer | string)[] | undefined) =>
    byHeader(message({ headers: { id } }), log);

  it('is the same one wherever it is read, as text or as bytes', () => {
    const elsewhere = { ...log, cluster: 'A', physicalTopic: 'orders' };
    const other = message({ offset: '900', value: Buffer.from('x'), headers: { id: 'é-1' } });
    expect(byHeader(other, elsewhere)).toBe(withId(Buffer.from('é-1')));
    expect(withId('é-2')).not.toBe(withId('é-1'));
  });

  it('is another one in another partition, and in another topic', () => {
    const one = message({ headers: { id: '1' } });
    const ids = [log, { ...log, partition: 31 }, { ...log, topic: 'orders 3' }].map((at) =>
      byHeader(one, at),
    );
    expect(new Set(ids).size).toBe(3);
  });

  it.each([
    ['none', undefined],
    ['an empty one', ''],
    ['an empty one in bytes', Buffer.alloc(0)],
    ['several', ['1', '2']],
    ['half a character', '\ud83d'],
    ['one that is too long', 'x'.repeat(1_025)],
    ['one that is too long in bytes', 'é'.repeat(600)],
  ])('has none where the header holds %s', (_what, id) => {
    expect(withId(id)).toBeUndefined();
  });

  it('has none where it has no headers', () => {
    const { headers: _none, ...bare } = message();
    expect(byHeader(bare as KafkaMessage, log)).toBeUndefined();
  });

  it('may be told by a function, which learns the original topic', () => {
    const byFunction = identifyBy((one, topic) => `${topic}/${String(one.value)}`);
    expect(byFunction(message(), log)).toBe('3 orders orders/paid');
  });
});

describe('a record without one', () => {
  const byPlace = identifyBy(undefined);

  it('is known by its place and its content: at the place of another record it is another one', () => {
    const one = byPlace(message(), log);
    expect(byPlace(message(), log)).toBe(one);
    for (const other of [
      byPlace(message({ offset: '8' }), log),
      byPlace(message({ value: Buffer.from('open') }), log),
      byPlace(message({ timestamp: '1001' }), log),
      byPlace(message(), { ...log, cluster: 'A' }),
      byPlace(message(), { ...log, physicalTopic: 'orders' }),
      byPlace(message(), { ...log, partition: 4 }),
    ]) {
      expect(other).not.toBe(one);
    }
  });
});

describe('a function that cannot tell the id', () => {
  it.each([
    ['throws', () => JSON.parse('{') as string, 'JSON'],
    ['answers what is none', (() => 5) as never, 'a string, a Buffer or undefined, got number'],
  ])(
    'and %s does not keep a record from its handler, and is told once',
    async (_how, messageId, words) => {
      const limits = {
        onMissingPosition: 'earliest',
        topicRefreshMs: 30_000,
        commitMetadata: true,
        dedup: { messageId, maxEntries: 10 },
      } as const;
      const h = harness({}, { limits });
      const handled: string[] = [];
      await start(h, {
        eachMessage: async ({ message }: { message: KafkaMessage }) => {
          handled.push(message.offset);
        },
      });
      for (const offset of [1, 2, 2, 3]) await h.a.inner.deliver('orders', 0, offset);
      expect(handled).toEqual(['1', '2', '2', '3']);
      const failed = h.facts.filter(({ name }) => name === 'consumer.dedup-failed');
      expect(failed).toHaveLength(1);
      expect(String(failed[0]?.event['error'])).toContain(words);
    },
  );
});
