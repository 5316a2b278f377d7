import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { consulSignal } from '../../src/signals/consul.js';
import type { Reading } from '../../src/signals/signal.js';
import { realWorld } from '../../src/world.js';
import { waitFor } from '../../stack/index.js';
import { certificate, certificateKey } from '../support/certificate.js';
import { consulContract, leaderContract, type LeaderHarness } from './consul-contract.js';
import { FakeConsul } from './fake-consul.js';
import { FakeServer, type FakeServerOptions } from './fake-server.js';
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

/** Where and how a server listens, and what a watch with these environment variables hears of it first. */
async function firstReading(
  options: (directory: string) => FakeServerOptions,
  environment: (directory: string) => Record<string, string>,
): Promise<Reading> {
  const directory = await mkdtemp(join(tmpdir(), 'consul-test-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, 'ca.pem'), certificate);
  const fake = new FakeConsul(realWorld());
  fake.put(key, 'A');
  const server = new FakeServer((request) => fake.handle(request), options(directory));
  await server.start();
  onTestFinished(() => server.stop());
  const variables: Record<string, string | undefined> = {
    CONSUL_HTTP_ADDR: server.address,
    ...environment(directory),
  };
  const world = { ...realWorld(), environment: (name: string) => variables[name] };
  const readings: Reading[] = [];
  const watch = consulSignal({ key }).watch(world, (reading) => readings.push(reading));
  onTestFinished(() => watch.close());
  return waitFor('a reading', () => readings[0]).then((reading) => reading ?? { kind: 'absent' });
}

it('a Consul signal speaks TLS with the CA that it is given, and with no other server', async () => {
  const tls = () => ({ tls: { cert: certificate, key: certificateKey } });
  const trusting = (directory: string) => ({ CONSUL_CACERT: join(directory, 'ca.pem') });
  expect(await firstReading(tls, trusting)).toEqual({ kind: 'value', text: 'A' });
  expect(await firstReading(tls, () => ({ CONSUL_HTTP_SSL_VERIFY: 'false' }))).toEqual({
    kind: 'value',
    text: 'A',
  });
  expect(await firstReading(tls, () => ({}))).toMatchObject({
    because: expect.stringContaining('self-signed certificate'),
  });
  expect(
    await firstReading(tls, (directory) => ({
      ...trusting(directory),
      CONSUL_TLS_SERVER_NAME: 'server.dc1.consul',
    })),
  ).toMatchObject({ because: expect.stringContaining('server.dc1.consul') });
  expect(await firstReading(tls, () => ({ CONSUL_CACERT: '/no/such/ca.pem' }))).toMatchObject({
    because: 'CONSUL_CACERT (/no/such/ca.pem) does not exist',
  });
});

it('a Consul signal reaches an agent behind a Unix socket', async () => {
  const socket = (directory: string) => ({ socketPath: join(directory, 'agent.sock') });
  expect(await firstReading(socket, () => ({}))).toEqual({ kind: 'value', text: 'A' });
});
