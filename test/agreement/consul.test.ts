import { realWorld } from '../../src/world.js';
import { FakeConsul } from '../signals/fake-consul.js';
import { FakeServer } from '../signals/fake-server.js';
import { type ConsulFleets, consulHarness } from './consul-harness.js';
import { storeContract } from './store-contract.js';

async function fakeFleets(): Promise<ConsulFleets> {
  const fake = new FakeConsul(realWorld());
  const server = new FakeServer((request) => fake.handle(request));
  await server.start();
  return {
    address: server.address,
    put: async (key, value) => fake.put(key, value),
    break: () => server.stop(),
    repair: () => server.start(),
    stop: () => server.stop(),
  };
}

storeContract('a fake Consul', async () => consulHarness(await fakeFleets()));
