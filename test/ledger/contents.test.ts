import { createRequire } from 'node:module';
import type { Message } from 'kafkajs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { kafka } from '../../src/kafkajs.js';
import { recordsOf, timesOf } from '../../src/ledger/contents.js';
import { Ledger } from '../../src/ledger/ledger.js';
import type { OpenBatch } from '../../src/ledger/ledger-reader.js';
import { acknowledged } from './support.js';

const require = createRequire(import.meta.url);
/** kafkajs's own encoders: what its connections write. */
const { requests } = require('kafkajs/src/protocol/requests') as {
  requests: Record<
    string,
    { protocol(options: { version: number }): (content: object) => { request: object } }
  >;
};
const createRequest = require('kafkajs/src/protocol/request') as (
  parts: object,
) => Promise<{ buffer: Buffer }>;

const { None, GZIP, Snappy } = kafka.CompressionTypes;
const NOW_MS = 1_800_000_000_123;

function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('it is not there');
  return value;
}

interface Content {
  readonly version?: number;
  readonly compression?: number;
  readonly topics: Readonly<Record<string, Readonly<Record<number, readonly Message[]>>>>;
}

/** A Produce request as it is written to a socket. */
async function frameOf({ version = 7, compression = None, topics }: Content): Promise<Buffer> {
  const topicData = Object.entries(topics).map(([topic, partitions]) => ({
    topic,
    partitions: Object.entries(partitions).map(([partition, messages]) => ({
      partition: Number(partition),
      firstSequence: 0,
      messages,
    })),
  }));
  const content = {
    acks: -1,
    timeout: 30_000,
    transactionalId: null,
    producerEpoch: 0,
    compression,
  };
  const { request } = there(requests['Produce']).protocol({ version })({ ...content, topicData });
  const frame = await createRequest({ correlationId: 5, clientId: 'service', request });
  return frame.buffer;
}

/** The ledger's batches of a request whose partitions begin at offset 100, 200, ... */
async function batchesOf(content: Content): Promise<readonly OpenBatch[]> {
  const frame = await frameOf(content);
  const ledger = new Ledger(10_000_000);
  ledger.add(
    'A',
    1,
    {
      frame,
      topics: Object.entries(content.topics).map(([topic, partitions]) => ({
        topic,
        partitions: Object.entries(partitions).map(([partition, messages]) => ({
          partition: Number(partition),
          messages,
        })),
      })),
      answer: {
        topics: Object.entries(content.topics).map(([topicName, partitions]) => ({
          topicName,
          partitions: Object.keys(partitions).map((partition) => ({
            partition: Number(partition),
            errorCode: 0,
            baseOffset: String((Number(partition) + 1) * 100),
            logAppendTime: '-1',
          })),
        })),
      },
    },
    0,
  );
  expect(ledger.bytes).toBeGreaterThanOrEqual(frame.length);
  return ledger.read(async (reader) => ledger.logs().flatMap((log) => reader.batches(log)));
}

const stamped = (messages: readonly Message[]): Message[] =>
  messages.map((message, index) => ({ timestamp: String(NOW_MS + index), ...message }));

const MESSAGES = stamped([
  { key: 'k', value: 'first' },
  { key: null, value: null, headers: { a: 'x', b: [Buffer.from([0, 255]), 'y'] } },
  { key: Buffer.from('k2'), value: '' },
]);

describe('what was written', () => {
  it.each([3, 5, 7])('is read back, record by record, of Produce version %i', async (version) => {
    const [batch, other] = await batchesOf({
      version,
      topics: { orders: { 0: MESSAGES, 3: [there(MESSAGES[0])] } },
    });
    expect(await recordsOf(there(batch))).toEqual([
      {
        offset: 100,
        timestamp: String(NOW_MS),
        key: Buffer.from('k'),
        value: Buffer.from('first'),
        headers: {},
      },
      {
        offset: 101,
        timestamp: String(NOW_MS + 1),
        key: null,
        value: null,
        headers: { a: Buffer.from('x'), b: [Buffer.from([0, 255]), Buffer.from('y')] },
      },
      {
        offset: 102,
        timestamp: String(NOW_MS + 2),
        key: Buffer.from('k2'),
        value: Buffer.from(''),
        headers: {},
      },
    ]);
    expect(timesOf(there(batch))).toEqual({ firstMs: NOW_MS, lastMs: NOW_MS + 2 });
    expect((await recordsOf(there(other))).map(({ offset }) => offset)).toEqual([400]);
  });

  it('is read back where it was compressed, also by a codec of the user', async () => {
    const codecs: Record<number, unknown> = kafka.CompressionCodecs;
    const before = codecs[Snappy];
    onTestFinished(() => void (codecs[Snappy] = before));
    const flip = (bytes: Buffer): Buffer => Buffer.from(bytes.map((byte) => byte ^ 0xff));
    codecs[Snappy] = () => ({
      compress: ({ buffer }: { buffer: Buffer }) => Promise.resolve(flip(buffer)),
      decompress: (bytes: Buffer) => Promise.resolve(flip(bytes)),
    });
    const plain = await batchesOf({ topics: { orders: { 0: MESSAGES } } });
    for (const compression of [GZIP, Snappy]) {
      const [batch] = await batchesOf({ compression, topics: { orders: { 0: MESSAGES } } });
      expect(await recordsOf(there(batch))).toEqual(await recordsOf(there(plain[0])));
      expect(timesOf(there(batch))).toEqual(timesOf(there(plain[0])));
    }
  });

  it('rejects where there is no codec any more', async () => {
    const codecs: Record<number, unknown> = kafka.CompressionCodecs;
    const before = codecs[GZIP];
    onTestFinished(() => void (codecs[GZIP] = before));
    const [batch] = await batchesOf({ compression: GZIP, topics: { orders: { 0: MESSAGES } } });
    delete codecs[GZIP];
    await expect(recordsOf(there(batch))).rejects.toThrow('there is no codec for compression 1');
  });

  it('has the time that the broker gave it, where the topic says so', async () => {
    const ledger = new Ledger(1_000);
    ledger.add(
      'A',
      1,
      acknowledged(7, [{ value: 'x' }], { logAppendTime: '99', timestampMs: 5 }),
      0,
    );
    const [batch] = await ledger.read(async (reader) => reader.batches(there(ledger.logs()[0])));
    expect(await recordsOf(there(batch))).toMatchObject([{ offset: 7, timestamp: '99' }]);
    expect(timesOf(there(batch))).toEqual({ firstMs: 99, lastMs: 99 });
  });
});
