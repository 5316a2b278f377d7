import { expect, it, onTestFinished } from 'vitest';
import { consulSignal } from '../../src/signals/consul.js';
import type { Reading } from '../../src/signals/signal.js';
import { realWorld } from '../../src/world.js';
import { waitFor } from '../../stack/index.js';
import { consulContract, leaderContract, type LeaderHarness } from './consul-contract.js';
import { FakeConsul } from './fake-consul.js';
import { FakeServer } from './fake-server.js';
import { key } from './support.js';

async function fakeHarness(): Promise<LeaderHarness> {
  const fake = new FakeConsul(realWorld());
  const server = new FakeServer((request) => fake.handle(request));
  const tokens = new Set<string>();
  fake.tokens = tokens;
  await server.start();
  return {
    address: server.address,
    put: async (each, value) => fake.put(each, value),
    delete: async (each) => fake.delete(each),
    async makeToken() {
      const text = `token-${tokens.size}-${Math.random()}`;
      tokens.add(text);
      return {
        text,
        revoke: async () => {
          tokens.delete(text);
        },
      };
    },
    async save() {
      const saved = fake.snapshot();
      return async () => fake.restore(saved);
    },
    hang: async () => fake.hang(),
    wake: async () => fake.wake(),
    kill: () => server.stop(),
    start: () => server.start(),
    loseLeader: async () => fake.loseLeader(),
    regainLeader: async () => fake.electLeader(),
    stop: () => server.stop(),
  };
}

consulContract('a fake Consul', fakeHarness);
leaderContract('a fake Consul', fakeHarness);

it('a closed Consul watch leaves no connection behind', async () => {
  const fake = new FakeConsul(realWorld());
  const server = new FakeServer((request) => fake.handle(request));
  await server.start();
  onTestFinished(() => server.stop());
  fake.put(key, 'A');
  const readings: Reading[] = [];
  const watch = consulSignal({ key, address: server.address }).watch(realWorld(), (reading) =>
    readings.push(reading),
  );
  await waitFor('the long question', () => fake.waitingCount === 1);
  expect(server.connectionCount).toBe(1);
  watch.close();
  await waitFor('the connection to be gone', () => server.connectionCount, {
    until: (count) => count === 0,
  });
  fake.put(key, 'B');
  expect(fake.waitingCount).toBe(0);
  expect(readings).toEqual([{ kind: 'value', text: 'A' }]);
});
