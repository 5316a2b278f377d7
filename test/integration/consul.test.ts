import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identify } from '../../stack/identity.js';
import { startConsul, waitFor } from '../../stack/index.js';
import type { Consul, ConsulToken } from '../../stack/index.js';
import {
  consulContract,
  leaderContract,
  type ConsulHarness,
  type LeaderHarness,
} from '../signals/consul-contract.js';
import { root } from './stack-support.js';

function harnessOf(consul: Consul): ConsulHarness {
  const watched = consul.agent(0);
  const tokens = new Set<ConsulToken>();
  return {
    address: consul.address,
    put: (key, value) => consul.put(key, value),
    delete: (key) => consul.delete(key),
    async makeToken() {
      const token = await consul.createToken();
      tokens.add(token);
      return {
        text: token.secret,
        async revoke() {
          tokens.delete(token);
          await consul.deleteToken(token);
        },
      };
    },
    async save() {
      const snapshot = await consul.saveSnapshot();
      return () => consul.restoreSnapshot(snapshot);
    },
    hang: () => watched.pause(),
    wake: async () => watched.resume(),
    kill: () => watched.kill(),
    async start() {
      await watched.start();
      // A development agent has forgotten everything.
      for (const { secret } of tokens) await consul.createToken(secret);
    },
    stop: () => consul.stop(),
  };
}

consulContract('a real development agent', async () => harnessOf(await startConsul({ acl: true })));

leaderContract('three real servers', async (): Promise<LeaderHarness> => {
  const consul = await startConsul({ acl: true, servers: 3 });
  const others = [consul.agent(1), consul.agent(2)];
  return {
    ...harnessOf(consul),
    async loseLeader() {
      for (const other of others) await other.kill();
    },
    async regainLeader() {
      await Promise.all(others.map((other) => other.start()));
    },
  };
});

describe('three Consul servers', () => {
  let consul: Consul;
  beforeAll(async () => {
    consul = await startConsul({ servers: 3 });
  });
  afterAll(() => consul?.stop());

  const read = async (index: number, key: string): Promise<string> => {
    const response = await fetch(`${consul.agent(index).address}/v1/kv/${key}?raw&consistent`);
    return response.ok ? response.text() : `status ${response.status}`;
  };

  it('hold the same, keep it through kill -9, and go on with two of them', async () => {
    await consul.put('kept', 'A');
    expect(await Promise.all([0, 1, 2].map((index) => read(index, 'kept')))).toEqual([
      'A',
      'A',
      'A',
    ]);
    await consul.agent(2).kill();
    await waitFor('two to agree', async () => {
      await consul.put('kept', 'B');
      return read(0, 'kept');
    });
    await consul.agent(2).start();
    expect(await read(2, 'kept')).toBe('B');
  });

  it('go back to a snapshot', async () => {
    await consul.put('kept', 'before');
    const snapshot = await consul.saveSnapshot();
    await consul.put('kept', 'after');
    await consul.restoreSnapshot(snapshot);
    expect(await read(1, 'kept')).toBe('before');
  });

  it('say so where they are asked to end', async () => {
    const agent = consul.agent(1);
    await agent.stop();
    expect(agent.state).toMatchObject({ kind: 'ended' });
    expect(await agent.logs()).toMatch(/shutting down|Requesting shutdown/i);
    await expect(agent.pause()).rejects.toThrow('consul-2 is not running, so it cannot be paused.');
    await agent.start();
    expect(agent.state).toEqual({ kind: 'running' });
  });
});

it('a Consul agent ends with its owner, also where both are killed by force and it is paused', async () => {
  const owner = spawn(
    process.execPath,
    ['--import', 'tsx', join(root, 'test/integration/consul-owner.ts')],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = (await once(owner.stdout, 'data')) as [Buffer];
  const { pid } = JSON.parse(line.toString('utf8')) as { pid: number };
  expect(identify(pid)).toBeDefined();
  owner.kill('SIGKILL');
  await waitFor('the agent to be gone', () => identify(pid) === undefined);
});
