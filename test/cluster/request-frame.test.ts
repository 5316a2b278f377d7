import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readWrittenChunk } from '../../src/cluster/request-frame.js';

const require = createRequire(import.meta.url);
type Versions = Record<string, (request: object) => { request: object }>;
const { requests } = require('kafkajs/src/protocol/requests/index.js') as {
  requests: Record<string, { versions: string[]; protocol: (of: { version: number }) => unknown }>;
};
const createRequest = require('kafkajs/src/protocol/request.js') as (of: {
  correlationId: number;
  clientId: string | null;
  request: object;
}) => Promise<{ buffer: Buffer }>;

/** A request as kafkajs itself puts it on the wire. */
async function frame(
  name: string,
  version: number,
  body: object,
  clientId: string | null = 'ünit',
): Promise<Buffer> {
  const protocol = requests[name]?.protocol({ version }) as Versions[string];
  const { request } = protocol(body);
  return (await createRequest({ correlationId: 7, clientId, request })).buffer;
}

const versionsOf = (name: string): number[] => (requests[name]?.versions ?? []).map(Number);

describe('readWrittenChunk', () => {
  const produce = { timeout: 30_000, topicData: [], transactionalId: 'tx-é' };

  it.each(versionsOf('Produce'))('reads acks of a Produce request, version %d', async (version) => {
    for (const clientId of ['client', '', null]) {
      const acknowledged = await frame('Produce', version, { ...produce, acks: -1 }, clientId);
      const fireAndForget = await frame('Produce', version, { ...produce, acks: 0 }, clientId);
      expect(readWrittenChunk(acknowledged)).toMatchObject({ produce: true, expectsAnswer: true });
      expect(readWrittenChunk(fireAndForget)).toMatchObject({
        produce: true,
        expectsAnswer: false,
      });
    }
  });

  it('reads acks behind an absent transactional id', async () => {
    const chunk = await frame('Produce', 7, { timeout: 1, topicData: [], acks: 0 });
    expect(readWrittenChunk(chunk)).toMatchObject({ produce: true, expectsAnswer: false });
  });

  it.each(versionsOf('Fetch'))('is as patient as the Fetch itself, version %d', async (version) => {
    const body = { replicaId: -1, maxWaitTime: 5000, minBytes: 1, maxBytes: 1, topics: [] };
    expect(readWrittenChunk(await frame('Fetch', version, body))).toMatchObject({
      produce: false,
      expectsAnswer: true,
      patienceMs: 5000,
    });
  });

  it.each(versionsOf('JoinGroup'))(
    'is as patient with a JoinGroup as the group, version %d',
    async (version) => {
      const body = {
        groupId: 'a group',
        sessionTimeout: 30_000,
        rebalanceTimeout: 61_000,
        memberId: '',
        protocolType: 'consumer',
        groupProtocols: [],
      };
      const patienceMs = version === 0 ? 30_000 : 61_000;
      expect(readWrittenChunk(await frame('JoinGroup', version, body))).toMatchObject({
        patienceMs,
        rebalanceTimeoutMs: patienceMs,
      });
    },
  );

  it('waits with a SyncGroup as long as with the JoinGroup before it', async () => {
    const body = { groupId: 'g', generationId: 1, memberId: 'm', groupAssignment: [] };
    const chunk = await frame('SyncGroup', 3, body);
    expect(readWrittenChunk(chunk, 9000)).toMatchObject({ patienceMs: 9000 });
    expect(readWrittenChunk(chunk)).toMatchObject({ patienceMs: 60_000 });
  });

  it('takes any other request as one that is answered at once', async () => {
    const chunk = await frame('Heartbeat', 3, {
      groupId: 'g',
      groupGenerationId: 1,
      memberId: 'm',
    });
    expect(readWrittenChunk(chunk)).toEqual({
      kind: 'request',
      produce: false,
      expectsAnswer: true,
      patienceMs: 0,
    });
  });

  it('takes a SASL token with a length in front as one that is answered', () => {
    const token = Buffer.from('\u0000user\u0000password');
    const length = Buffer.alloc(4);
    length.writeInt32BE(token.length);
    const chunk = Buffer.concat([length, token]);
    expect(readWrittenChunk(chunk)).toMatchObject({ kind: 'request', produce: false });
  });

  it('tolerates anything', () => {
    const anything = fc.oneof(
      fc.anything(),
      fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
      // Framed rubbish for each api key that is looked into.
      fc
        .tuple(fc.constantFrom(0, 1, 11, 14), fc.uint8Array({ maxLength: 40 }))
        .map(([apiKey, bytes]) => {
          const head = Buffer.alloc(6);
          head.writeInt32BE(bytes.length + 2, 0);
          head.writeInt16BE(apiKey, 4);
          return Buffer.concat([head, bytes]);
        }),
    );
    fc.assert(
      fc.property(anything, (chunk) => {
        expect(['bytes', 'request']).toContain(readWrittenChunk(chunk).kind);
      }),
    );
  });
});
