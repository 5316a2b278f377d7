import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Admin } from 'kafkajs';
import { withAdmin } from './admin.js';
import { StackError, explainDisk } from './errors.js';
import type { FaultProxy } from './fault-proxy.js';
import { classpathEnv, jvmFlags } from './jvm.js';
import type { Archive } from './jvm.js';
import type { KafkaInstall } from './jars.js';
import { isFree, loopback } from './ports.js';
import { afterKillProperties, brokerProperties, formatProperties } from './properties.js';
import type { NodeAddress, Properties } from './properties.js';
import type { Java } from './preflight.js';
import { ManagedProcess, readLog } from './process.js';
import type { ProcessState, StopOptions } from './process.js';
import { explainEnd } from './server-log.js';
import { noteChild, removeDirectory } from './runs.js';
import type { Run } from './runs.js';
import { waitFor } from './wait.js';

/** @internal What all servers of one stack share. */
export interface ServerContext {
  run: Run;
  install: KafkaInstall;
  java: Java;
  env: NodeJS.ProcessEnv;
}

/** @internal Where a node listens, and the proxy in front of its second listener. */
export interface NodePlace extends NodeAddress {
  proxy: FaultProxy | undefined;
}

/** @internal Options of one node. */
export interface BrokerOptions {
  /** `A`, and `A.2` in a cluster of several. */
  name: string;
  clusterId: string;
  nodeId: number;
  /** Where all nodes of the cluster listen, by node id; empty before its first start. They keep it through every stop. */
  places: () => ReadonlyMap<number, NodePlace>;
  overrides: Properties;
  archive: Archive;
}

/** @internal Options of every start. */
export interface StartOptions {
  /** Longest time until the server answers, in milliseconds. Default 90000. */
  timeoutMs?: number;
  signal?: AbortSignal | undefined;
}

/** @internal At its first start a node could not have a port: its cluster tries others. */
export class PortTakenError extends StackError {
  override readonly name: string = 'PortTakenError';
}

/** How a broker is, and for one that is not running, how that came: a killed one has a registration to outwait. */
type Life =
  | { kind: 'never' }
  | { kind: 'up'; process: ManagedProcess }
  | { kind: 'stopped' }
  | { kind: 'killed' };

/**
 * One node of a cluster: a KRaft broker and controller on loopback. It keeps its ports and its data through every stop,
 * kill and restart.
 *
 * @internal
 */
export class Broker {
  readonly name: string;
  /** As kafkajs's admin reports it. */
  readonly nodeId: number;
  readonly #options: BrokerOptions;
  readonly #context: ServerContext;
  readonly #directory: string;
  #life: Life = { kind: 'never' };

  constructor(context: ServerContext, options: BrokerOptions) {
    this.name = options.name;
    this.nodeId = options.nodeId;
    this.#options = options;
    this.#context = context;
    this.#directory = join(context.run.directory, options.name);
  }

  /** Its own address, `host:port`, as a bootstrap list. Empty before the first start. */
  get brokers(): string[] {
    return this.#place === undefined ? [] : [`${loopback}:${this.#place.port}`];
  }

  /**
   * The proxy in front of this node.
   *
   * @throws StackError - the stack was started without.
   */
  get proxy(): FaultProxy {
    const proxy = this.#place?.proxy;
    if (proxy !== undefined) return proxy;
    throw new StackError(
      `Broker ${this.name} has no proxy: start the stack with \`proxied: true\`, or name its cluster there.`,
    );
  }

  get state(): ProcessState | { kind: 'not started' } {
    const life = this.#life;
    if (life.kind === 'up') return life.process.state;
    if (life.kind === 'never') return { kind: 'not started' };
    return { kind: 'ended', exitCode: 0, how: life.kind };
  }

  /** The JVM's process id while it runs. */
  get pid(): number | undefined {
    return this.#life.kind === 'up' && this.#life.process.state.kind !== 'ended'
      ? this.#life.process.pid
      : undefined;
  }

  /** Where everything the broker has said since its first start is kept. */
  get logFile(): string {
    return join(this.#context.run.logs, `${this.name}.log`);
  }

  /**
   * Starts the broker and resolves when it answers and every partition has a leader. About 1 s; about 4 s after
   * {@link kill}, see {@link afterKillProperties}. Does nothing to one that runs.
   *
   * @throws PortTakenError - at the first start, another process had one of its ports.
   * @throws StackError - it ended, or did not answer in time.
   */
  async start({ timeoutMs = 90_000, signal }: StartOptions = {}): Promise<void> {
    if (this.pid !== undefined) return;
    const wasKilled = this.#life.kind === 'killed' || this.#life.kind === 'up';
    const isFirst = this.#life.kind === 'never';
    const deadlineAtMs = performance.now() + timeoutMs;
    for (;;) {
      if (!isFirst) await this.#awaitPorts(deadlineAtMs);
      await this.#write({ isFirst, wasKilled });
      const outcome = await this.#launch(deadlineAtMs - performance.now(), signal);
      if (outcome.kind === 'up') return;
      if (outcome.kind === 'failed') throw new StackError(outcome.sentence);
      if (isFirst) throw new PortTakenError(outcome.sentence);
      // Somebody took a port between the look and the bind, and it must be kept: the same ones again.
      if (performance.now() >= deadlineAtMs) throw new StackError(outcome.sentence);
    }
  }

  /** Ends it and removes its data: the next start is its first. */
  async forget(): Promise<void> {
    await this.kill();
    await removeDirectory(this.#directory);
    this.#life = { kind: 'never' };
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.#end((process) => process.kill(), 'killed');
  }

  /** An orderly stop by SIGTERM; kill -9 where that has not ended it after `graceMs` (default 20000). */
  async stop(options: StopOptions = {}): Promise<void> {
    await this.#end((process) => process.stop(options), 'stopped');
  }

  /** SIGSTOP: connections stay open and nothing is answered. */
  async pause(): Promise<void> {
    await this.#running('paused').pause();
  }

  /** SIGCONT. */
  resume(): void {
    this.#running('resumed').resume();
  }

  /** Stops what still runs, and starts again on the same port with the same data. */
  async restart(options: StartOptions = {}): Promise<void> {
    await this.stop();
    await this.start(options);
  }

  logs(): Promise<string> {
    return readLog(this.logFile);
  }

  /** Runs `work` with a connected kafkajs admin client, which is disconnected afterwards. */
  withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    return withAdmin(this.brokers, work);
  }

  async #launch(timeoutMs: number, signal: AbortSignal | undefined): Promise<Launch> {
    const { run, install, java, env } = this.#context;
    const logged = (await this.logs()).length;
    signal?.throwIfAborted();
    const process = await ManagedProcess.start({
      name: `Broker ${this.name}`,
      command: java.command,
      args: [...jvmFlags(run.directory, this.#options.archive), 'kafka.Kafka', this.#configFile],
      env: { ...env, ...classpathEnv(install.jars) },
      cwd: this.#directory,
      logFile: this.logFile,
    });
    await noteChild(run, this.name, process.pid);
    this.#life = { kind: 'up', process };
    const settled = new AbortController();
    const cut = AbortSignal.any([settled.signal, ...(signal === undefined ? [] : [signal])]);
    const ready = waitFor(`broker ${this.name} to answer`, () => this.#answers(), {
      timeoutMs,
      signal: cut,
    });
    const said = async (): Promise<string> => (await this.logs()).slice(logged);
    try {
      return await Promise.race([
        ready.then((): Launch => ({ kind: 'up' })),
        process.ended.then(async ({ how }) => toFailedLaunch(this.name, how, await said())),
      ]);
    } catch (error) {
      await process.kill();
      signal?.throwIfAborted();
      throw new StackError(
        `Broker ${this.name} did not answer within ${Math.round(timeoutMs / 1000)} s: the machine or its disk may be too busy, or its settings wrong; its log has more.`,
        { cause: error },
      );
    } finally {
      settled.abort();
      ready.catch(() => {});
    }
  }

  /** True once requests are served and no partition waits for a leader, which right after a restart all do. */
  #answers(): Promise<boolean> {
    return this.withAdmin(async (admin) => {
      const { topics } = await admin.fetchTopicMetadata();
      return topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0));
    });
  }

  get #place(): NodePlace | undefined {
    return this.#options.places().get(this.nodeId);
  }

  /** Waits until its ports can be had back. */
  async #awaitPorts(deadlineAtMs: number): Promise<void> {
    const place = this.#place;
    if (place === undefined) return;
    const { port, controllerPort, proxied } = place;
    const ports = [port, controllerPort, ...(proxied === undefined ? [] : [proxied.port])];
    await waitFor(
      `ports ${ports.join(', ')} of broker ${this.name} to be free again`,
      async () => (await Promise.all(ports.map(isFree))).every(Boolean),
      { timeoutMs: Math.min(20_000, deadlineAtMs - performance.now()) },
    ).catch((error: unknown) => {
      throw new StackError(
        `Broker ${this.name} cannot have its ports back (${ports.join(', ')}): another process listens there now.`,
        { cause: error },
      );
    });
  }

  get #configFile(): string {
    return join(this.#directory, 'server.properties');
  }

  async #write({ isFirst, wasKilled }: { isFirst: boolean; wasKilled: boolean }): Promise<void> {
    const node = this.#place;
    if (node === undefined) throw new StackError(`Broker ${this.name} has been given no ports.`);
    const nodes = [...this.#options.places().values()];
    const dataDirectory = join(this.#directory, 'data');
    const properties = brokerProperties(
      { node, nodes, dataDirectory },
      { ...(wasKilled ? afterKillProperties : {}), ...this.#options.overrides },
    );
    try {
      if (isFirst) await this.#format(dataDirectory);
      await writeFile(this.#configFile, formatProperties(properties));
    } catch (error) {
      throw explainDisk(error, this.#directory);
    }
  }

  /** What `StorageTool format` would do, without its second of JVM: its files with this cluster's ids put in. */
  async #format(dataDirectory: string): Promise<void> {
    const meta = join(dataDirectory, 'meta.properties');
    await mkdir(this.#directory, { recursive: true });
    await cp(this.#context.install.formatted, dataDirectory, { recursive: true });
    const text = (await readFile(meta, 'utf8'))
      .replace(/^cluster\.id=.*$/m, `cluster.id=${this.#options.clusterId}`)
      .replace(/^node\.id=.*$/m, `node.id=${this.nodeId}`)
      .replace(/^directory\.id=.*$/m, `directory.id=${randomBytes(16).toString('base64url')}`);
    await writeFile(meta, text);
  }

  #running(done: string): ManagedProcess {
    const life = this.#life;
    if (life.kind === 'up' && life.process.state.kind !== 'ended') return life.process;
    throw new StackError(`Broker ${this.name} is not running, so it cannot be ${done}.`);
  }

  async #end(
    end: (process: ManagedProcess) => Promise<void>,
    kind: 'stopped' | 'killed',
  ): Promise<void> {
    const life = this.#life;
    if (life.kind !== 'up') return;
    // A process that has ended by itself has not taken its leave from the controller either.
    const crashed = life.process.state.kind === 'ended';
    await end(life.process);
    this.#life = { kind: crashed ? 'killed' : kind };
  }
}

type Launch =
  { kind: 'up' } | { kind: 'port taken'; sentence: string } | { kind: 'failed'; sentence: string };

function toFailedLaunch(name: string, how: string, log: string): Launch {
  const { sentence, isPortTaken } = explainEnd(`Broker ${name}`, how, log);
  return { kind: isPortTaken ? 'port taken' : 'failed', sentence };
}
