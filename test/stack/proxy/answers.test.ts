import { describe, expect, it } from 'vitest';
import { refusalOf } from '../../../stack/proxy/answers.js';
import { readRequest } from '../../../stack/proxy/frames.js';
import { produceBytes, requestBytes } from './tiny-kafka.js';

interface Response {
  decode(data: Buffer): Promise<unknown>;
}

/** kafkajs's own reading of an answer. */
async function decode(kind: string, version: number, answer: Buffer): Promise<unknown> {
  const path = `kafkajs/src/protocol/requests/${kind}/v${version}/response.js`;
  const { default: response } = (await import(path)) as { default: Response };
  return response.decode(answer.subarray(8));
}

function refuse(request: Buffer, errorCode: number): Buffer | undefined {
  const head = readRequest(request);
  return head && refusalOf(request, head, errorCode);
}

describe('refusalOf', () => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7])(
    'refuses every partition of a Produce, as kafkajs reads version %i',
    async (version) => {
      const topics = { orders: [0, 3], bills: [1] };
      const answer = refuse(produceBytes(42, { version, topics }), 19) ?? Buffer.alloc(8);
      expect(answer.readInt32BE(0)).toBe(answer.length - 4);
      expect(answer.readInt32BE(4)).toBe(42);
      expect(await decode('produce', version, answer)).toMatchObject({
        topics: [
          {
            topicName: 'orders',
            partitions: [
              { partition: 0, errorCode: 19 },
              { partition: 3, errorCode: 19 },
            ],
          },
          { topicName: 'bills', partitions: [{ partition: 1, errorCode: 19 }] },
        ],
      });
    },
  );

  it.each([0, 1, 2])('refuses a FindCoordinator, as kafkajs reads version %i', async (version) => {
    const answer = refuse(requestBytes('FindCoordinator', 7, { version }), 15) ?? Buffer.alloc(8);
    expect(answer.readInt32BE(0)).toBe(answer.length - 4);
    expect(answer.readInt32BE(4)).toBe(7);
    expect(await decode('findCoordinator', version, answer)).toMatchObject({ errorCode: 15 });
  });

  it('does not know requests and versions that it would have to guess at', () => {
    expect(refuse(produceBytes(1, { version: 8, topics: {} }), 19)).toBeUndefined();
    expect(refuse(requestBytes('FindCoordinator', 1, { version: 3 }), 15)).toBeUndefined();
    expect(refuse(requestBytes('Metadata', 1), 15)).toBeUndefined();
    const cutShort = produceBytes(1, { topics: { orders: [0] } }).subarray(0, -2);
    expect(refuse(cutShort, 19)).toBeUndefined();
  });
});
