import { randomUUID } from 'node:crypto';
import { cp } from 'node:fs/promises';
import { ConsulAgent } from './consul-agent.js';
import type { ConsulPorts } from './consul-agent.js';
import { ensureConsul } from './consul-binary.js';
import { StackError } from './errors.js';
import { cacheDirectoryFrom, cacheLayout } from './paths.js';
import type { CacheLayout } from './paths.js';
import { freePorts, loopback } from './ports.js';
import { checkDisk } from './preflight.js';
import { createRun, removeDirectory, sweepRuns } from './runs.js';
import type { Run } from './runs.js';
import { settleAll, startAll } from './settle.js';

/** @internal Options of {@link startConsul}. */
export interface ConsulOptions {
  /** 1: a development agent, all in memory. 3: servers with a leader among them and data on disk. Default 1. */
  servers?: 1 | 3;
  /** True: nothing may be done without a token, and {@link Consul.token} may do everything. Default false. */
  acl?: boolean;
  /** Names the run directory's owner. Default `consul`. */
  name?: string;
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
  /** Called with one line for each thing that takes its time. */
  onProgress?: ((message: string) => void) | undefined;
}

/** @internal A token, as Consul knows it. */
export interface ConsulToken {
  /** What a client sends. */
  secret: string;
  /** What it is deleted by, and named by in Consul's own messages. */
  accessor: string;
}

/** Where the disk has less than a build, three servers and their snapshots take. */
const neededBytes = 512 * 1024 ** 2;

/**
 * Starts Consul on loopback: builds it where the cache has none, removes what crashed runs left, and resolves when a
 * leader answers through every agent. It ends with this process, however that ends.
 *
 * @throws StackError - the machine lacks something, said in one sentence; or an agent did not come up.
 * @example
 * const consul = await startConsul();
 * try { await consul.put('kafka/active', 'B') } finally { await consul.stop() }
 * @internal
 */
export async function startConsul(options: ConsulOptions = {}): Promise<Consul> {
  const { servers = 1, acl = false, name = 'consul', env = process.env, signal } = options;
  const { onProgress } = options;
  const layout = cacheLayout(cacheDirectoryFrom(env));
  signal?.throwIfAborted();
  await checkDisk(layout.root, neededBytes);
  await sweepRuns(layout.runs);
  const command = await ensureConsul({ cacheDirectory: layout.root, env, signal, onProgress });
  const run = await createRun(layout.runs, name);
  const token = acl ? randomUUID() : undefined;
  const agents = await makeAgents(servers, { run, env, command, token });
  const consul = new Consul({ agents, run, token });
  try {
    await startAll(
      agents.map((agent) => (cut) => agent.start({ signal: cut })),
      signal,
    );
    return consul;
  } catch (error) {
    if (signal?.aborted !== true) await keepLogs(run, layout);
    await consul.stop();
    signal?.throwIfAborted();
    if (!(error instanceof StackError)) throw error;
    throw new StackError(`${error.message.replace(/\.?$/, '.')} Logs: ${layout.lastFailure}`, {
      cause: error,
    });
  }
}

interface AgentParts {
  run: Run;
  env: NodeJS.ProcessEnv;
  command: string;
  token: string | undefined;
}

async function makeAgents(count: 1 | 3, parts: AgentParts): Promise<ConsulAgent[]> {
  const numbers = await freePorts(3 * count);
  const ports = Array.from({ length: count }, (_, index): ConsulPorts => {
    const [http = 0, serf = 0, server = 0] = numbers.slice(3 * index);
    return { http, serf, server };
  });
  const isDev = count === 1;
  const config = {
    ...(isDev ? {} : clusterConfig(ports)),
    ...(parts.token === undefined ? {} : aclConfig(parts.token)),
    disable_update_check: true,
    // Leaders are elected within a second or two, as Consul recommends for production.
    performance: { raft_multiplier: 1 },
  };
  return ports.map(
    (each, index) =>
      new ConsulAgent({ ...parts, name: `consul-${index + 1}`, ports: each, config, isDev }),
  );
}

function clusterConfig(ports: readonly ConsulPorts[]): Record<string, unknown> {
  return {
    server: true,
    bootstrap_expect: ports.length,
    retry_join: ports.map(({ serf }) => `${loopback}:${serf}`),
    retry_interval: '250ms',
  };
}

function aclConfig(token: string): Record<string, unknown> {
  return {
    acl: {
      enabled: true,
      default_policy: 'deny',
      tokens: { initial_management: token, agent: token },
    },
  };
}

/**
 * Consul as a test sees it. Its requests go to the first agent that runs.
 *
 * @internal
 */
export class Consul {
  readonly agents: readonly ConsulAgent[];
  /** May do everything; undefined without ACLs, where everybody may. */
  readonly token: string | undefined;
  readonly #run: Run;
  #stopping: Promise<void> | undefined;

  constructor({
    agents,
    run,
    token,
  }: {
    agents: ConsulAgent[];
    run: Run;
    token: string | undefined;
  }) {
    this.agents = agents;
    this.token = token;
    this.#run = run;
  }

  /** Of the first agent. */
  get address(): string {
    return this.agent(0).address;
  }

  /** @throws StackError - there is no such agent. */
  agent(index: number): ConsulAgent {
    const agent = this.agents[index];
    if (agent === undefined) throw new StackError(`There is no Consul agent ${index}.`);
    return agent;
  }

  async put(key: string, value: string | Uint8Array): Promise<void> {
    await this.#ask('PUT', keyPath(key), value);
  }

  async delete(key: string): Promise<void> {
    await this.#ask('DELETE', keyPath(key));
  }

  /**
   * Makes a token. Only with ACLs.
   *
   * @param secret - default: a new one.
   * @param rules - what it may do. Default: read every key.
   */
  async createToken(
    secret: string = randomUUID(),
    rules = 'key_prefix "" { policy = "read" }',
  ): Promise<ConsulToken> {
    const name = `rules-${randomUUID()}`;
    await this.#ask('PUT', '/v1/acl/policy', JSON.stringify({ Name: name, Rules: rules }));
    const accessor = randomUUID();
    const token = { AccessorID: accessor, SecretID: secret, Policies: [{ Name: name }] };
    await this.#ask('PUT', '/v1/acl/token', JSON.stringify(token));
    return { secret, accessor };
  }

  async deleteToken({ accessor }: ConsulToken): Promise<void> {
    await this.#ask('DELETE', `/v1/acl/token/${accessor}`);
  }

  /** All of Consul's state: keys, tokens, sessions. */
  async saveSnapshot(): Promise<Uint8Array> {
    return new Uint8Array(await (await this.#ask('GET', '/v1/snapshot')).arrayBuffer());
  }

  async restoreSnapshot(snapshot: Uint8Array): Promise<void> {
    await this.#ask('PUT', '/v1/snapshot', snapshot);
  }

  /** kill -9 of every agent; the run directory goes. May be called again. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  async #stop(): Promise<void> {
    await settleAll(this.agents.map((agent) => agent.kill()));
    await removeDirectory(this.#run.directory);
  }

  async #ask(method: string, path: string, body?: string | Uint8Array): Promise<Response> {
    const agent = this.agents.find(({ state }) => state.kind === 'running');
    if (agent === undefined) throw new StackError(`No Consul agent runs: ${method} ${path}`);
    const response = await fetch(`${agent.address}${path}`, {
      method,
      headers: this.token === undefined ? {} : { 'X-Consul-Token': this.token },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(30_000),
    });
    if (response.ok) return response;
    throw new StackError(
      `Consul answered ${response.status} to ${method} ${path}: ${(await response.text()).trim()}`,
    );
  }
}

function keyPath(key: string): string {
  return `/v1/kv/${key.split('/').map(encodeURIComponent).join('/')}`;
}

/** The run directory goes, but whoever looks for the cause of a failed start needs its logs. */
async function keepLogs(run: Run, layout: CacheLayout): Promise<void> {
  try {
    await removeDirectory(layout.lastFailure);
    await cp(run.logs, layout.lastFailure, { recursive: true });
  } catch {
    // A full disk, perhaps: the reason of the failure itself must come through.
  }
}
