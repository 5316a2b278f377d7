import { cp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startStack, waitFor } from '../../stack/index.js';
import type { Stack } from '../../stack/index.js';
import { SmallDisk } from '../../stack/small-disk.js';
import { goesToB, keepSending, startService, type Service } from './service-support.js';
import { count, read } from './stack-support.js';

const DISK_BYTES = 64 * 1024 * 1024;

/** Everything that B holds for the service. */
async function heldByB({ clusters }: Stack, { topic }: Service): Promise<readonly string[]> {
  const { B } = clusters;
  const names = [topic, `A.${topic}`];
  const logs = names.map(async (name) => {
    const held = await count(B, name);
    return held > 0 ? read(B, name, held) : [];
  });
  return (await Promise.all(logs)).flat();
}

describe('a cluster whose disk is full, on real brokers', () => {
  it('is left where its broker ends itself for it, and nothing that B holds is skipped', async ({
    skip,
  }) => {
    const stack = await startStack({ name: 'disk-full', flows: ['A->B'] });
    const { A } = stack.clusters;
    // A broker that has data moves to a small disk.
    await A.stop();
    const data = join(stack.directory, 'A', 'data');
    const aside = `${data}-aside`;
    await rename(data, aside);
    const disk = await SmallDisk.mount(data, DISK_BYTES);
    if (typeof disk === 'string') {
      await stack.stop();
      return skip(disk);
    }
    onTestFinished(async () => {
      // It has files open there.
      await A.kill();
      await disk.unmount();
      await stack.stop();
    });
    await cp(aside, data, { recursive: true });
    await rm(aside, { recursive: true });
    await A.start();

    const one = await startService({ clusters: stack.clusters });
    const sending = keepSending(one, () => one.kafka.status().active === 'A');
    await disk.fill();
    const { reason } = await goesToB(one);
    expect(reason).toMatch(/^A is unhealthy/);
    const acknowledged = await sending;
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(A.state.kind).toBe('ended');
    const held = await heldByB(stack, one);
    await waitFor('all that B holds is handled', () => one.handled, {
      until: (handled) => held.every((value) => handled.includes(value)),
    });
  });
});
