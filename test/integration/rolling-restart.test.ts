import { expect, it, onTestFinished } from 'vitest';
import { startStack, waitFor } from '../../stack/index.js';
import { keepSending, kinds, startService } from './service-support.js';

it('a cluster of three brokers that is restarted one by one under load is not left', async () => {
  const stack = await startStack({ name: 'rolling-restart', brokers: { A: 3 }, flows: [] });
  onTestFinished(async () => void (await stack.stop()));
  const { clusters } = stack;
  const one = await startService({ clusters, replicationFactor: 3 });
  const stayed: unknown[] = [];
  one.kafka.on('strategy.stayed', (event) => stayed.push(event));
  let isOver = false;
  const sending = keepSending(one, () => !isOver);
  for (const node of clusters.A.nodes) {
    await node.restart();
    const before = one.handled.length;
    await waitFor('records of now are handled', () => one.handled.length, {
      until: (handledCount) => handledCount > before,
      timeoutMs: 60_000,
    });
  }
  isOver = true;
  const acknowledged = await sending;
  await waitFor('all that was acknowledged is handled', () => one.handled, {
    until: (handled) => acknowledged.every((value) => handled.includes(value)),
    timeoutMs: 60_000,
  });
  expect(one.reports).toEqual([]);
  expect(stayed).toEqual([]);
  expect(one.kafka.status()).toMatchObject({ state: 'steady', active: 'A', switchEpoch: 1 });
  await waitFor('both clusters are healthy', () => kinds(one.kafka), {
    until: (all) => all === 'healthy/healthy healthy/healthy',
    timeoutMs: 60_000,
  });
});
