import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { identify } from '../../stack/identity.js';
import { startStack, waitFor } from '../../stack/index.js';
import type { Stack } from '../../stack/index.js';
import {
  commit,
  count,
  createTopic,
  hasCheckpoint,
  makeCache,
  produce,
  read,
  root,
} from './stack-support.js';

describe('a stack with the Default policy, mirrored both ways', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack();
  });
  afterAll(() => stack?.stop());

  it('has two clusters with ids of their own', async () => {
    const { A, B } = stack.clusters;
    const ids = await Promise.all(
      [A, B].map((broker) =>
        broker.withAdmin(async (admin) => (await admin.describeCluster()).clusterId),
      ),
    );
    expect(ids).toEqual([A.clusterId, B.clusterId]);
    expect(A.clusterId).not.toBe(B.clusterId);
  });

  it.each([
    ['A', 'B'],
    ['B', 'A'],
  ] as const)('mirrors records from %s to %s, and a commit as a checkpoint', async (from, to) => {
    const [source, target] = [stack.clusters[from], stack.clusters[to]];
    const topic = `orders-of-${from}`;
    await createTopic(source, topic);
    await produce(source, topic, 'one', 'two', 'three');
    expect(await read(target, `${from}.${topic}`, 3)).toEqual(['one', 'two', 'three']);
    await commit(source, `group-of-${from}`, topic, '3');
    await waitFor(
      `a checkpoint of ${from} on ${to}`,
      () => hasCheckpoint(target, `${from}.checkpoints.internal`, `group-of-${from}`),
      { timeoutMs: 60_000 },
    );
  });

  it('keeps data, address and identity through kill -9 and restart, and mirrors on', async () => {
    const { A, B } = stack.clusters;
    const topic = 'survivors';
    await createTopic(A, topic);
    await produce(A, topic, 'before');
    const { brokers } = A;
    const { pid } = A;
    await A.kill();
    expect(A.state.kind).toBe('ended');
    expect(identify(pid ?? 0)).toBeUndefined();
    await expect(A.withAdmin((admin) => admin.listTopics())).rejects.toThrow();
    await A.restart();
    expect(A.brokers).toEqual(brokers);
    await produce(A, topic, 'after');
    expect(await read(A, topic, 2)).toEqual(['before', 'after']);
    expect(await read(B, `A.${topic}`, 2)).toEqual(['before', 'after']);
  });

  it('keeps data through an orderly stop and start', async () => {
    const { B } = stack.clusters;
    await createTopic(B, 'rested');
    await produce(B, 'rested', 'before');
    await B.stop();
    await B.start();
    expect(await read(B, 'rested', 1)).toEqual(['before']);
  });

  it('answers nothing while paused, though the port is open, and goes on when resumed', async () => {
    const { B } = stack.clusters;
    await B.pause();
    expect(B.state.kind).toBe('paused');
    const listing = B.withAdmin((admin) => admin.listTopics());
    await expect(listing).rejects.toThrow(/timed? ?out/i);
    B.resume();
    await waitFor('B to answer again', () => B.withAdmin((admin) => admin.listTopics()));
  });

  it('restarts MM2 of one direction while the other works on', async () => {
    const { A, B } = stack.clusters;
    const [toB, toA] = [stack.mirror.flow('A->B'), stack.mirror.flow('B->A')];
    await createTopic(A, 'to-b');
    await createTopic(B, 'to-a');
    const { pid } = toA;
    await toB.kill();
    await Promise.all([produce(A, 'to-b', 'x'), produce(B, 'to-a', 'y')]);
    expect(await read(A, 'B.to-a', 1)).toEqual(['y']);
    expect(await count(B, 'A.to-b')).toBeLessThanOrEqual(0);
    await toB.restart();
    expect(await read(B, 'A.to-b', 1)).toEqual(['x']);
    expect(toA.pid).toBe(pid);
    await toB.pause();
    await produce(A, 'to-b', 'held');
    expect(await count(B, 'A.to-b')).toBe(1);
    toB.resume();
    expect(await read(B, 'A.to-b', 2)).toEqual(['x', 'held']);
  });

  it('writes a log per process', async () => {
    const logs = [stack.clusters.A, stack.mirror.flow('B->A')].map((server) => server.logs());
    expect(await Promise.all(logs)).toEqual([
      expect.stringContaining('Kafka Server started'),
      expect.stringContaining('MirrorMaker'),
    ]);
  });

  it('ends every process and removes every file', async () => {
    const { A, B } = stack.clusters;
    const pids = [A, B, ...stack.mirror.flows].map(({ pid }) => pid ?? 0);
    expect(pids).not.toContain(0);
    await Promise.all([stack.stop(), stack.stop()]);
    expect(pids.map(identify)).toEqual(pids.map(() => undefined));
    expect(existsSync(stack.directory)).toBe(false);
  });
});

describe('a stack with the Identity policy', () => {
  it('mirrors A to B under the same name once it is started, after the topics, and keeps its data if asked to', async () => {
    const stack = await startStack({ policy: 'identity', startMirror: false });
    onTestFinished(async () => {
      const kept = (await stack.stop({ keepData: true })) ?? '';
      expect(existsSync(join(kept, 'A', 'data', 'orders-0'))).toBe(true);
      await rm(kept, { recursive: true });
    });
    const { A, B } = stack.clusters;
    await createTopic(A, 'orders');
    await produce(A, 'orders', 'one');
    await expect(stack.mirror.flow('A->B').pause()).rejects.toThrow(
      'MM2 A->B is not running, so it cannot be paused.',
    );
    expect(() => stack.mirror.flow('B->A')).toThrow('There is no flow B->A');
    await stack.mirror.start();
    expect(await read(B, 'orders', 1)).toEqual(['one']);
    expect(await count(B, 'A.heartbeats')).toBeGreaterThan(0);
    await commit(A, 'group', 'orders', '1');
    await waitFor('a checkpoint', () => hasCheckpoint(B, 'A.checkpoints.internal', 'group'), {
      timeoutMs: 60_000,
    });
  });
});

describe('an owner that is killed with -9', () => {
  it('takes its servers along, a paused one too, and the next start removes its files', async () => {
    const env = await makeCache();
    const owner = spawn(
      process.execPath,
      ['--import', 'tsx', join(import.meta.dirname, 'stack-owner.ts')],
      { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    onTestFinished(() => void owner.kill('SIGKILL'));
    const [line] = (await once(owner.stdout, 'data')) as [Buffer];
    const { directory, pids } = JSON.parse(line.toString()) as {
      directory: string;
      pids: number[];
    };
    expect(pids).toHaveLength(3);
    expect(pids.map((pid) => identify(pid) !== undefined)).toEqual([true, true, true]);
    owner.kill('SIGKILL');
    await waitFor('every server to be gone', () => pids.map((pid) => identify(pid) === undefined), {
      until: (gone) => gone.every(Boolean),
    });
    expect(existsSync(directory)).toBe(true);
    const steps: string[] = [];
    const next = await startStack({
      env,
      clusters: ['A'],
      onProgress: (step) => steps.push(step),
    });
    expect(existsSync(directory)).toBe(false);
    expect(steps).toContain('removed what crashed runs had left (1)');
    await next.stop();
  });
});
