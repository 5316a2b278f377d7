import { expect, it } from 'vitest';
import { FailoverEmitter } from '../src/emitter.js';
import { Identities } from '../src/identities.js';
import { resolveOptions } from '../src/options.js';
import { clustersOf, ordersWorld, turnableName } from './support/memory-service.js';

function identitiesIn(memory: ReturnType<typeof ordersWorld>) {
  const name = turnableName(memory, 'B');
  const wrong: string[] = [];
  const identities = new Identities({
    options: resolveOptions({
      world: memory.world,
      clusters: clustersOf(memory, { A: { socketFactory: name.socketFactory } }),
    }),
    events: new FailoverEmitter(() => ({ atMs: 0, switchEpoch: 1 })),
    active: () => 'A',
    onWrongCluster: (active) => wrong.push(active),
    sessions: { mismatched: () => {} },
  });
  return { identities, name, wrong };
}

it('what a kept connection shows is no look behind the name', async () => {
  const memory = ordersWorld();
  await memory.run(async () => {
    const { identities } = identitiesIn(memory);
    await identities.identify('A');
    expect(identities.verify('A')).toBeUndefined();
    await memory.clock.sleep(2_000);
    identities.seen('A', memory.cluster('A').clusterId);
    const verifying = identities.verify('A');
    expect(verifying).toBeInstanceOf(Promise);
    await verifying;
  });
});

it('an answer that comes too late to be waited for is judged all the same', async () => {
  const memory = ordersWorld();
  await memory.run(async () => {
    const { identities, name, wrong } = identitiesIn(memory);
    await identities.identify('A');
    name.isTurned = true;
    memory.cluster('B').slow(400);
    const startedAtMs = memory.clock.nowMs();
    await identities.verify('A', { isUrgent: true });
    expect(memory.clock.nowMs() - startedAtMs).toBe(500);
    expect(wrong).toEqual([]);
    await memory.clock.sleep(5_000);
    expect(wrong).toEqual(['A']);
  });
});
