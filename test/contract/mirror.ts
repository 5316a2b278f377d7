import { expect, it } from 'vitest';
import { decodeHeartbeat } from '../../src/replication/records.js';
import {
  type ContractEnv,
  eventually,
  newTopic,
  patiently,
  send,
  startReader,
  uniqueName,
} from './env.js';
import { checkpointsOf, readAll, syncsOf, valuesOf } from './mirror-log.js';

async function isMirrored(env: ContractEnv, topic: string, count: bigint): Promise<boolean> {
  const range = (await env.access('B').ranges(`A.${topic}`))?.get(0);
  return range !== undefined && range.high >= count;
}

/**
 * Resolves when MirrorMaker has looked at every group after the call. It looks at one after the other, and may have passed the
 * others when the first move of the marker is made: whoever wrote down the second one began after the first was written.
 *
 * @param offsets - where the marker's group is moved to, each below the one before: a rewind is always carried.
 */
async function afterCheckpointRound(
  env: ContractEnv,
  { topic, marker }: { topic: string; marker: string },
  offsets: readonly [bigint, bigint],
): Promise<void> {
  for (const offset of offsets) {
    await env.access('A').commitIdle(marker, [{ topic, partition: 0, offset, metadata: '' }]);
    await eventually(env, `the marker's checkpoint of ${offset}`, async () => {
      const found = await checkpointsOf(env, marker);
      return found.at(-1)?.upstreamOffset === offset;
    });
  }
}

/** Where on B the first record lies whose offset on A is not smaller: the truth that a translation must not pass. */
function truePosition(
  upstreamValues: ReadonlyMap<bigint, string>,
  downstreamValues: ReadonlyMap<bigint, string>,
  upstream: bigint,
): bigint | undefined {
  const wanted = new Set([...upstreamValues].filter(([at]) => at >= upstream).map(([, v]) => v));
  return [...downstreamValues].find(([, value]) => wanted.has(value))?.[0];
}

export function mirrorContract(env: () => ContractEnv): void {
  it('copies records to the same partition, byte for byte and with their times', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'mirrored', { partitions: 2 });
      const producer = env().kafka('A').producer();
      await producer.connect();
      const message = {
        partition: 1,
        key: Buffer.from([1, 0, 255]),
        value: 'grüße',
        headers: { one: 'a', many: ['x', 'y'] },
        timestamp: '1700000000123',
      };
      await producer.send({ topic, messages: [message, { partition: 1, key: 'k', value: null }] });
      await producer.disconnect();
      const remote = `A.${topic}`;
      await eventually(env(), 'the remote topic', () => env().access('B').ranges(remote));
      // By kafkajs: the library's own reading passes over headers.
      const reader = await startReader(env(), { groupId: topic, topics: [remote], cluster: 'B' });
      await eventually(env(), 'the copies', () => reader.messages.length === 2);
      await reader.consumer.disconnect();
      const found = reader.messages;
      expect(found[0]).toMatchObject({
        partition: 1,
        offset: '0',
        key: Buffer.from([1, 0, 255]),
        value: Buffer.from('grüße'),
        timestamp: '1700000000123',
        headers: { one: Buffer.from('a'), many: [Buffer.from('x'), Buffer.from('y')] },
      });
      expect(found[1]).toMatchObject({ key: Buffer.from('k'), value: null });
      expect((await env().access('B').topics()).get(remote)).toBe(2);
    }));

  it('makes a checkpoint that never lies beyond the truth, with the metadata of the commit', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'checkpointed');
      const values = Array.from({ length: 20 }, (_each, index) => `v${index}`);
      await send(env(), topic, values);
      await eventually(env(), 'the copies', () => isMirrored(env(), topic, 20n));
      const commit = { topic, partition: 0, offset: 12n, metadata: 'grüße' };
      await env().access('A').commitIdle(topic, [commit]);
      const [checkpoint] = await eventually(env(), 'a checkpoint', async () => {
        const found = await checkpointsOf(env(), topic);
        return found.length > 0 ? found : undefined;
      });
      expect(checkpoint).toMatchObject({ upstreamOffset: 12n, metadata: 'grüße' });
      expect(checkpoint?.downstreamOffset).toBeLessThanOrEqual(12n);
      expect(checkpoint?.downstreamOffset).toBeGreaterThan(0n);
    }));

  it('makes no checkpoint for a group that has committed nothing', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'silent');
      await send(env(), topic, ['0', '1']);
      const reader = await startReader(env(), {
        groupId: topic,
        topics: [topic],
        run: { autoCommit: false },
      });
      await eventually(env(), 'the records', () => reader.messages.length === 2);
      await eventually(env(), 'the copies', () => isMirrored(env(), topic, 2n));
      const marker = uniqueName(env(), 'marker');
      const commit = { topic, partition: 0, offset: 1n, metadata: '' };
      await env().access('A').commitIdle(marker, [commit]);
      await eventually(env(), "another group's checkpoint", async () => {
        return (await checkpointsOf(env(), marker)).length > 0;
      });
      expect(await checkpointsOf(env(), topic)).toEqual([]);
      await reader.consumer.disconnect();
    }));

  it('makes no checkpoint for a partition of which nothing was copied', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'empty');
      const other = await newTopic(env(), 'full');
      await send(env(), other, ['0', '1']);
      await eventually(env(), 'the copies', () => isMirrored(env(), other, 2n));
      await env()
        .access('A')
        .commitIdle(topic, [
          { topic, partition: 0, offset: 0n, metadata: '' },
          { topic: other, partition: 0, offset: 1n, metadata: '' },
        ]);
      await eventually(env(), 'a checkpoint', async () => {
        return (await checkpointsOf(env(), topic)).length > 0;
      });
      // One, of the other topic.
      expect(await checkpointsOf(env(), topic)).toMatchObject([{ upstreamOffset: 1n }]);
    }));

  it('does not carry new metadata of an offset that did not move, but carries a rewind', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'rewound');
      await send(env(), topic, ['0', '1', '2', '3', '4']);
      await eventually(env(), 'the copies', () => isMirrored(env(), topic, 5n));
      const commit = async (offset: bigint, metadata: string) =>
        env()
          .access('A')
          .commitIdle(topic, [{ topic, partition: 0, offset, metadata }]);
      const seen = (metadata: string) =>
        eventually(env(), `the checkpoint of ${metadata}`, async () => {
          return (await checkpointsOf(env(), topic)).some((each) => each.metadata === metadata);
        });
      const marker = uniqueName(env(), 'marker');
      await commit(3n, 'first');
      await afterCheckpointRound(env(), { topic, marker }, [5n, 4n]);
      await seen('first');
      await commit(3n, 'again');
      await afterCheckpointRound(env(), { topic, marker }, [3n, 2n]);
      await commit(1n, 'rewound');
      await seen('rewound');
      const metadata = (await checkpointsOf(env(), topic)).map((each) => each.metadata);
      expect(metadata).not.toContain('again');
    }));

  it('copies aborted records as ordinary ones, and no markers: each gap has a sync behind it', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'gaps');
      const producer = env()
        .kafka('A')
        .producer({ transactionalId: topic, idempotent: true, maxInFlightRequests: 1 });
      await producer.connect();
      for (let round = 0; round < 3; round += 1) {
        const transaction = await producer.transaction();
        const messages = [0, 1, 2].map((each) => ({ value: `${round}-${each}` }));
        await patiently(env(), () => transaction.send({ topic, messages }));
        await (round === 1 ? transaction.abort() : transaction.commit());
      }
      await producer.disconnect();
      await eventually(env(), '9 records and 3 markers', async () => {
        return (await env().access('A').ranges(topic))?.get(0)?.high === 12n;
      });
      // Order is kept, so what was to be copied of the others is there when this one is.
      await send(env(), topic, ['last']);
      const downstream = await eventually(env(), 'the last copy', async () => {
        if (!(await isMirrored(env(), topic, 1n))) return undefined;
        const found = await valuesOf(env(), 'B', `A.${topic}`);
        return [...found.values()].includes('last') ? found : undefined;
      });
      expect(downstream.size).toBe(10);
      expect((await env().access('B').ranges(`A.${topic}`))?.get(0)?.high).toBe(10n);
      expect([...downstream.values()]).toContain('1-0');
      const syncs = await eventually(env(), 'the syncs', async () => {
        const found = await syncsOf(env(), topic);
        return found.some(({ upstreamOffset }) => upstreamOffset >= 8n) ? found : undefined;
      });
      // U is A's offset, markers counted; D is B's. Every sync is true.
      for (const { upstreamOffset, downstreamOffset } of syncs) {
        expect(downstreamOffset).toBe(upstreamOffset - upstreamOffset / 4n);
      }
    }));

  it('translates commits at every place soundly, behind and ahead of the mirror', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'sound');
      const values = Array.from({ length: 200 }, (_each, index) => `${topic}-${index}`);
      for (let at = 0; at < 200; at += 40) await send(env(), topic, values.slice(at, at + 40));
      await eventually(env(), 'the copies', () => isMirrored(env(), topic, 200n));
      const upstream = await valuesOf(env(), 'A', topic);
      const downstream = await valuesOf(env(), 'B', `A.${topic}`);
      const offsets = [1n, 57n, 130n, 199n, 200n];
      const groupAt = (offset: bigint): string => `${topic}-at-${offset}`;
      for (const offset of offsets) {
        await env()
          .access('A')
          .commitIdle(groupAt(offset), [{ topic, partition: 0, offset, metadata: '' }]);
      }
      for (const offset of offsets) {
        const [checkpoint] = await eventually(env(), `the checkpoint of ${offset}`, async () => {
          const found = await checkpointsOf(env(), groupAt(offset));
          return found.length > 0 ? found : undefined;
        });
        const truth = truePosition(upstream, downstream, offset) ?? 200n;
        expect(checkpoint?.downstreamOffset).toBeLessThanOrEqual(truth);
      }
    }));

  it('leaves nothing out and keeps the order when it is killed, and may copy again what it had copied', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'restarted');
      const values = Array.from({ length: 60 }, (_each, index) => String(index));
      await send(env(), topic, values.slice(0, 30));
      await eventually(env(), 'the first copies', () => isMirrored(env(), topic, 30n));
      await env().killMirror();
      await send(env(), topic, values.slice(30));
      // The other direction goes on: two heartbeats later nothing of all that has come over.
      const heartbeatEnd = async (): Promise<bigint> =>
        (await env().access('A').ranges('heartbeats'))?.get(0)?.high ?? 0n;
      const heartbeatsBefore = await heartbeatEnd();
      await eventually(env(), 'two heartbeats', async () => {
        return (await heartbeatEnd()) >= heartbeatsBefore + 2n;
      });
      expect((await env().access('B').ranges(`A.${topic}`))?.get(0)?.high).toBe(30n);
      await env().startMirror();
      const copied = await eventually(
        env(),
        'the last copy',
        async () => {
          const found = [...(await valuesOf(env(), 'B', `A.${topic}`)).values()];
          return found.at(-1) === '59' ? found.map(Number) : undefined;
        },
        { limitMs: 60_000 },
      );
      expect(new Set(copied).size).toBe(60);
      const steps = copied.map((value, index) => value - (copied[index - 1] ?? -1));
      // Forward by one each time; back once at most, to where the source offsets were last written down.
      expect(steps.filter((step) => step > 1)).toEqual([]);
      expect(steps.filter((step) => step < 1).length).toBeLessThanOrEqual(1);
    }));

  it("shows the other cluster's heartbeats", () =>
    env().run(async () => {
      const keys = await eventually(env(), 'heartbeats', async () => {
        const records = await readAll(env(), 'B', 'A.heartbeats');
        const found = records.map((record) => decodeHeartbeat(record));
        return found.length > 0 ? found : undefined;
      });
      expect(keys[0]).toMatchObject({ kind: 'heartbeat', key: { source: 'B', target: 'A' } });
    }));
}
