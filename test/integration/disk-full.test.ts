import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startStack, waitFor } from '../../stack/index.js';
import type { Stack } from '../../stack/index.js';
import { SmallDisk } from '../../stack/small-disk.js';
import { goesToB, keepSending, startService, type Service } from './service-support.js';
import { count, read } from './stack-support.js';

const DISK_BYTES = 64 * 1024 * 1024;

/** The broker first: it has files open there. */
async function end(stack: Stack, disk: SmallDisk): Promise<void> {
  await stack.clusters.A.kill();
  await disk.unmount();
  await stack.stop();
}

/** Another directory for the data of the same broker. */
async function formatLike(data: string, second: string): Promise<void> {
  const text = await readFile(join(data, 'meta.properties'), 'utf8');
  const id = randomBytes(16).toString('base64url');
  await writeFile(
    join(second, 'meta.properties'),
    text.replace(/^directory\.id=.*$/m, `directory.id=${id}`),
  );
}

/** A broker puts a new partition into the directory that has the fewest: a service whose topic is in this one. */
async function serviceOn(directory: string, { clusters }: Stack): Promise<Service> {
  for (let attempt = 1; attempt <= 4; attempt += 1) {
    const service = await startService({ clusters });
    if (existsSync(join(directory, `${service.topic}-0`))) return service;
    await service.kafka.close();
  }
  throw new Error(`no topic is in ${directory}`);
}

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
      skip(disk);
      return;
    }
    onTestFinished(() => end(stack, disk));
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

  it('is left where one of two disks is full: the broker lives, and does not serve what lies there', async ({
    skip,
  }) => {
    const brokerOverrides: Record<string, string> = {};
    const stack = await startStack({ name: 'disk-full', flows: [], brokerOverrides });
    const { A } = stack.clusters;
    const data = join(stack.directory, 'A', 'data');
    const second = join(stack.directory, 'A', 'second');
    await A.stop();
    const disk = await SmallDisk.mount(second, DISK_BYTES);
    if (typeof disk === 'string') {
      await stack.stop();
      skip(disk);
      return;
    }
    onTestFinished(() => end(stack, disk));
    await formatLike(data, second);
    brokerOverrides['log.dirs'] = `${data},${second}`;
    brokerOverrides['metadata.log.dir'] = data;
    await A.start();

    const one = await serviceOn(second, stack);
    const sending = keepSending(one, () => one.kafka.status().active === 'A');
    await disk.fill();
    const { reason } = await goesToB(one);
    await sending;
    expect(reason).toMatch(/^A is unhealthy/);
    expect(A.state.kind).toBe('running');
  });
});
