import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StartOptions } from './broker.js';
import { StackError, explainDisk } from './errors.js';
import { loopback } from './ports.js';
import { ManagedProcess, readLog } from './process.js';
import type { ProcessState, StopOptions } from './process.js';
import { noteChild } from './runs.js';
import type { Run } from './runs.js';
import { explainEnd } from './server-log.js';
import { waitFor } from './wait.js';

/** @internal Three ports of loopback for one agent. */
export interface ConsulPorts {
  http: number;
  /** Gossip between servers. */
  serf: number;
  /** Raft and forwarded requests. */
  server: number;
}

/** @internal What one agent is started with. */
export interface ConsulAgentOptions {
  name: string;
  run: Run;
  env: NodeJS.ProcessEnv;
  /** Consul's executable. */
  command: string;
  ports: ConsulPorts;
  /** Everything but names, ports and directories, which the agent adds itself. */
  config: Readonly<Record<string, unknown>>;
  /** True: Consul's development mode, which keeps everything in memory. */
  isDev: boolean;
  /** The token of the readiness check, where ACLs are on. */
  token: string | undefined;
}

/**
 * One Consul server on loopback. It keeps its ports through every stop, kill and start, and its data unless it is a
 * development agent.
 *
 * @internal
 */
export class ConsulAgent {
  readonly name: string;
  readonly #options: ConsulAgentOptions;
  readonly #directory: string;
  #process: ManagedProcess | undefined;

  constructor(options: ConsulAgentOptions) {
    this.name = options.name;
    this.#options = options;
    this.#directory = join(options.run.directory, options.name);
  }

  /** As `consulSignal` takes it: `http://127.0.0.1:20000`. */
  get address(): string {
    return `http://${loopback}:${this.#options.ports.http}`;
  }

  get state(): ProcessState | { kind: 'not started' } {
    return this.#process?.state ?? { kind: 'not started' };
  }

  /** The process id while it runs. */
  get pid(): number | undefined {
    return this.#process?.state.kind === 'ended' ? undefined : this.#process?.pid;
  }

  /** Where everything that it has said since its first start is kept. */
  get logFile(): string {
    return join(this.#options.run.logs, `${this.name}.log`);
  }

  logs(): Promise<string> {
    return readLog(this.logFile);
  }

  /**
   * Starts the agent and resolves when the leader answers through it: where a majority of servers is missing, that is when
   * they have been started, too. Does nothing to one that runs.
   *
   * @throws StackError - it ended, or did not answer in time.
   */
  async start({ timeoutMs = 60_000, signal }: StartOptions = {}): Promise<void> {
    if (this.pid !== undefined) return;
    const logged = (await this.logs()).length;
    await this.#write();
    signal?.throwIfAborted();
    const process = await this.#launch();
    const settled = new AbortController();
    const cut = AbortSignal.any([settled.signal, ...(signal === undefined ? [] : [signal])]);
    const ready = waitFor(`${this.name} to answer`, () => this.#answers(), {
      timeoutMs,
      signal: cut,
    });
    const ended = process.ended.then(async ({ how }): Promise<never> => {
      const said = (await this.logs()).slice(logged);
      throw new StackError(explainEnd(this.name, how, said).sentence);
    });
    try {
      await Promise.race([ready, ended]);
    } catch (error) {
      await process.kill();
      signal?.throwIfAborted();
      if (error instanceof StackError) throw error;
      throw new StackError(
        `${this.name} did not answer within ${Math.round(timeoutMs / 1000)} s: is there a majority of servers? Its log has more.`,
        { cause: error },
      );
    } finally {
      settled.abort();
      ready.catch(() => {});
      ended.catch(() => {});
    }
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  /** An orderly stop by SIGTERM; kill -9 where that has not ended it after `graceMs` (default 20000). */
  async stop(options: StopOptions = {}): Promise<void> {
    await this.#process?.stop(options);
  }

  /** SIGSTOP: connections stay open and nothing is answered. */
  async pause(): Promise<void> {
    await this.#running('paused').pause();
  }

  /** SIGCONT. */
  resume(): void {
    this.#running('resumed').resume();
  }

  async #launch(): Promise<ManagedProcess> {
    const { command, env, isDev, run } = this.#options;
    this.#process = await ManagedProcess.start({
      name: this.name,
      command,
      args: ['agent', ...(isDev ? ['-dev'] : []), `-config-file=${this.#configFile}`],
      env: withoutConsul(env),
      cwd: this.#directory,
      logFile: this.logFile,
    });
    await noteChild(run, this.name, this.#process.pid);
    return this.#process;
  }

  /** A read that the leader answers, and confirms; of a key that nobody has. */
  async #answers(): Promise<boolean> {
    const { token } = this.#options;
    const { status } = await fetch(`${this.address}/v1/kv/no/such/key?consistent`, {
      headers: token === undefined ? {} : { 'X-Consul-Token': token },
      signal: AbortSignal.timeout(10_000),
    });
    return status === 404;
  }

  get #configFile(): string {
    return join(this.#directory, 'agent.json');
  }

  async #write(): Promise<void> {
    const { config, isDev, ports } = this.#options;
    const data = isDev ? {} : { data_dir: join(this.#directory, 'data') };
    const unused = { dns: -1, grpc: -1, grpc_tls: -1, serf_wan: -1 };
    const all = {
      node_name: this.name,
      bind_addr: loopback,
      client_addr: loopback,
      ports: { ...unused, http: ports.http, serf_lan: ports.serf, server: ports.server },
      ...data,
      ...config,
    };
    try {
      await mkdir(this.#directory, { recursive: true });
      await writeFile(this.#configFile, JSON.stringify(all, undefined, 2));
    } catch (error) {
      throw explainDisk(error, this.#directory);
    }
  }

  #running(done: string): ManagedProcess {
    if (this.#process !== undefined && this.#process.state.kind !== 'ended') return this.#process;
    throw new StackError(`${this.name} is not running, so it cannot be ${done}.`);
  }
}

/** Variables that are meant for a client of some other Consul would configure this one. */
function withoutConsul(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('CONSUL_')));
}
