import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const script = `
  const { createMemoryWorld } = require(${JSON.stringify(join(import.meta.dirname, '../../src/testing/index.ts'))});
  const memory = createMemoryWorld({ clock: 'real', clusters: { A: { topics: { orders: 1 } }, B: {} }, mirror: {} });
  (async () => {
    const consumer = memory.createKafka('A', { logLevel: 0 }).consumer({ groupId: 'g', maxWaitTimeInMs: 100 });
    await consumer.connect();
    await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
    let handled = () => {};
    const first = new Promise((resolve) => { handled = resolve; });
    await consumer.run({ eachMessage: async () => handled() });
    // From here on nothing but the consumer keeps the process alive.
    setTimeout(() => memory.cluster('A').append('orders', 0, [{ value: 'v' }]), 500).unref();
    await first;
    console.log('handled');
    await consumer.disconnect();
    console.log('disconnected');
  })();
`;

describe('a process with memory clusters on the real clock', () => {
  it('lives as long as its clients are connected, and no longer, mirror or not', async () => {
    const node = [
      process.execPath,
      ['--import', 'tsx', '--eval', script],
      { timeout: 30_000 },
    ] as const;
    const { stdout } = await promisify(execFile)(...node);
    expect(stdout.trim().split('\n')).toEqual(['handled', 'disconnected']);
  });
});
