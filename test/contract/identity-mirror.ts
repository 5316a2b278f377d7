import { expect, it } from 'vitest';
import { type ContractEnv, eventually, newTopic, send } from './env.js';
import { checkpointsOf, syncsOf, valuesOf } from './mirror-log.js';

/** Waits for a record in a topic of B, and answers all that the topic holds, by offset. */
function untilOnB(
  env: ContractEnv,
  topic: string,
  value: string,
): Promise<ReadonlyMap<bigint, string>> {
  return eventually(env, `${value} on B`, async () => {
    if ((await env.access('B').ranges(topic)) === undefined) return undefined;
    const values = await valuesOf(env, 'B', topic);
    return [...values.values()].includes(value) ? values : undefined;
  });
}

/** MirrorMaker under the Identity policy, one direction: topics keep their names, so copies and local records share logs. */
export function identityMirrorContract(env: () => ContractEnv): void {
  it('copies a topic to the topic of the same name, which it makes, and to no other', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'same-name', { partitions: 2 });
      await send(env(), topic, ['0', '1']);
      expect([...(await untilOnB(env(), topic, '1'))]).toEqual([
        [0n, '0'],
        [1n, '1'],
      ]);
      const topics = await env().access('B').topics();
      expect(topics.get(topic)).toBe(2);
      expect(topics.has(`A.${topic}`)).toBe(false);
      // MirrorMaker's own topic is named after its flow all the same.
      expect(topics.has('A.checkpoints.internal')).toBe(true);
    }));

  it('appends to what was produced on B, and its offset syncs say where', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'shared', { clusters: ['B', 'A'] });
      await send(env(), topic, ['local-0', 'local-1'], { cluster: 'B' });
      await send(env(), topic, ['0']);
      await untilOnB(env(), topic, '0');
      await send(env(), topic, ['local-2'], { cluster: 'B' });
      await send(env(), topic, ['1']);
      const values = await untilOnB(env(), topic, '1');
      expect([...values.values()]).toEqual(['local-0', 'local-1', '0', 'local-2', '1']);
      const syncs = await eventually(env(), 'the last sync', async () => {
        const found = await syncsOf(env(), topic);
        return found.some(({ upstreamOffset }) => upstreamOffset === 1n) ? found : undefined;
      });
      for (const { upstreamOffset, downstreamOffset } of syncs) {
        expect(values.get(downstreamOffset)).toBe(String(upstreamOffset));
      }
    }));

  it('brings nothing that was produced on B to A', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'one-way');
      await send(env(), topic, ['0']);
      await untilOnB(env(), topic, '0');
      await send(env(), topic, ['local'], { cluster: 'B' });
      // What is sent to A afterwards has come to B: MirrorMaker has been at work since.
      await send(env(), topic, ['1']);
      await untilOnB(env(), topic, '1');
      expect([...(await valuesOf(env(), 'A', topic)).values()]).toEqual(['0', '1']);
    }));

  it('makes checkpoints under the same name, no farther than the copies', () =>
    env().run(async () => {
      const topic = await newTopic(env(), 'same-checkpoint');
      const values = Array.from({ length: 20 }, (_each, index) => `v${index}`);
      await send(env(), topic, values);
      await untilOnB(env(), topic, 'v19');
      const commit = { topic, partition: 0, offset: 12n, metadata: 'm' };
      await env().access('A').commitIdle(topic, [commit]);
      const [checkpoint] = await eventually(env(), 'a checkpoint', async () => {
        const found = await checkpointsOf(env(), topic);
        return found.length > 0 ? found : undefined;
      });
      expect(checkpoint).toMatchObject({ topic, upstreamOffset: 12n, metadata: 'm' });
      expect(checkpoint?.downstreamOffset).toBeLessThanOrEqual(12n);
      expect(checkpoint?.downstreamOffset).toBeGreaterThan(0n);
    }));
}
