import { randomBytes } from 'node:crypto';
import type { Admin } from 'kafkajs';
import { withAdmin } from './admin.js';
import { Broker, PortTakenError } from './broker.js';
import type { NodePlace, ServerContext, StartOptions } from './broker.js';
import { StackError } from './errors.js';
import { FaultProxy } from './fault-proxy.js';
import type { Archive } from './jvm.js';
import { freePorts, isFree, loopback } from './ports.js';
import type { ProcessState, StopOptions } from './process.js';
import type { Properties } from './properties.js';
import { settleAll, startAll } from './settle.js';

/** @internal How many brokers a cluster may have: two would stand still when one is gone. */
export type BrokerCount = 1 | 3;

/** @internal Options of one cluster. */
export interface ClusterOptions {
  alias: string;
  /** Its place among the clusters of a stack, from 0: their node ids differ. */
  index: number;
  brokerCount: BrokerCount;
  /** Of its only broker. Undefined: a free one is chosen. */
  port: number | undefined;
  /** A fault proxy in front of each broker. */
  isProxied: boolean;
  overrides: Properties;
  archive: Archive;
}

/**
 * One Kafka cluster on loopback: a single KRaft node, or three, each broker and controller at once. It keeps its ports
 * and its data through every stop, kill and restart.
 *
 * With a fault proxy in front of a broker, clients that begin at {@link proxiedBrokers} are led back to the proxies by the
 * cluster's metadata, and those that begin at {@link brokers} never see one: MM2 and everything here that asks a cluster.
 *
 * @internal
 */
export class Cluster {
  readonly alias: string;
  /** As kafkajs's admin reports it. */
  readonly clusterId: string = randomBytes(16).toString('base64url');
  /** One, or three, each to be killed or paused by itself. */
  readonly nodes: readonly Broker[];
  readonly #options: ClusterOptions;
  #places: ReadonlyMap<number, NodePlace> = new Map();
  #wasUp = false;

  constructor(context: ServerContext, options: ClusterOptions) {
    this.alias = options.alias;
    this.#options = options;
    const { alias, index, brokerCount, overrides, archive } = options;
    this.nodes = Array.from(
      { length: brokerCount },
      (_, node) =>
        new Broker(context, {
          // An alias has no dot, so this is the name of nothing else.
          name: brokerCount === 1 ? alias : `${alias}.${node + 1}`,
          clusterId: this.clusterId,
          nodeId: brokerCount === 1 ? index + 1 : 10 * (index + 1) + node + 1,
          places: () => this.#places,
          overrides,
          archive,
        }),
    );
  }

  /** Bootstrap addresses, `host:port`, of all brokers. Empty before the first start. */
  get brokers(): string[] {
    return this.nodes.flatMap((node) => node.brokers);
  }

  /** The fault proxies, one in front of each broker. Empty before the first start, and where there are none. */
  get proxies(): FaultProxy[] {
    return [...this.#places.values()].flatMap(({ proxy }) => proxy ?? []);
  }

  /** Bootstrap addresses, `host:port`, of the proxies. */
  get proxiedBrokers(): string[] {
    return this.proxies.map(({ address }) => address);
  }

  /**
   * The proxy in front of the only broker.
   *
   * @throws StackError - the stack was started without proxies, or there are several: see `nodes[i].proxy`.
   */
  get proxy(): FaultProxy {
    return this.#only('a proxy for each: take that of `nodes[i]`').proxy;
  }

  /** That of the brokers where all are alike; `running` where one runs and another does not. */
  get state(): ProcessState | { kind: 'not started' } {
    const states = this.nodes.map(({ state }) => state);
    const [first] = states;
    if (first === undefined) return { kind: 'not started' };
    return states.every(({ kind }) => kind === first.kind) ? first : { kind: 'running' };
  }

  /** The JVM's process id while it runs, of a cluster with a single broker. */
  get pid(): number | undefined {
    return this.#only('process ids of their own: take that of `nodes[i]`').pid;
  }

  /**
   * Starts every broker that does not run, and resolves when each answers and every partition has a leader; see
   * {@link Broker.start}.
   *
   * @throws StackError - a broker ended, or did not answer in time.
   */
  async start({ timeoutMs = 90_000, signal }: StartOptions = {}): Promise<void> {
    const deadlineAtMs = performance.now() + timeoutMs;
    for (;;) {
      if (this.#places.size === 0) this.#places = await this.#choosePlaces();
      const leftMs = deadlineAtMs - performance.now();
      try {
        await startAll(
          this.nodes.map((node) => (cut) => node.start({ timeoutMs: leftMs, signal: cut })),
          signal,
        );
        this.#wasUp = true;
        return;
      } catch (error) {
        const isOver = performance.now() >= deadlineAtMs;
        if (!(error instanceof PortTakenError) || this.#wasUp || isOver) throw error;
        // Somebody took a port between the look and the bind. Each node names all, so all begin anew, with others.
        await settleAll(this.nodes.map((node) => node.forget()));
        await this.closeProxies();
        this.#places = new Map();
      }
    }
  }

  /** kill -9 of every broker. Proxies stay: they reset whoever connects to them. */
  async kill(): Promise<void> {
    await settleAll(this.nodes.map((node) => node.kill()));
  }

  /** An orderly stop by SIGTERM; kill -9 where that has not ended a broker after `graceMs` (default 20000). */
  async stop(options: StopOptions = {}): Promise<void> {
    await settleAll(this.nodes.map((node) => node.stop(options)));
  }

  /** SIGSTOP of every broker: connections stay open and nothing is answered. */
  async pause(): Promise<void> {
    await settleAll(this.nodes.map((node) => node.pause()));
  }

  /** SIGCONT. */
  resume(): void {
    for (const node of this.nodes) node.resume();
  }

  /** Stops what still runs, and starts again on the same ports with the same data. */
  async restart(options: StartOptions = {}): Promise<void> {
    await this.stop();
    await this.start(options);
  }

  /** Ends the proxies and every connection through them. */
  async closeProxies(): Promise<void> {
    await settleAll(this.proxies.map((proxy) => proxy.close()));
  }

  /** What the brokers have said since their first start, one behind the other. */
  async logs(): Promise<string> {
    return (await Promise.all(this.nodes.map((node) => node.logs()))).join('');
  }

  /** Runs `work` with a connected kafkajs admin client, which is disconnected afterwards. It begins at a broker that runs. */
  withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const running = this.nodes.filter(({ state }) => state.kind === 'running');
    return withAdmin(running.length === 0 ? this.brokers : running.flatMap(toBrokers), work);
  }

  async #choosePlaces(): Promise<ReadonlyMap<number, NodePlace>> {
    const { port: fixed, isProxied, alias } = this.#options;
    if (fixed !== undefined && !(await isFree(fixed))) {
      throw new StackError(
        `Port ${fixed}, asked for by cluster ${alias}, is taken: choose another, or stop what listens there.`,
      );
    }
    const free = await freePorts(4 * this.nodes.length);
    const places = new Map<number, NodePlace>();
    for (const [index, { nodeId }] of this.nodes.entries()) {
      const [port = 0, controllerPort = 0, behind = 0, inFront = 0] = free.slice(4 * index);
      const proxy = isProxied
        ? await FaultProxy.start({ target: { host: loopback, port: behind }, port: inFront })
        : undefined;
      const proxied = proxy && { port: behind, advertisedPort: proxy.port };
      places.set(nodeId, { nodeId, port: fixed ?? port, controllerPort, proxied, proxy });
    }
    return places;
  }

  #only(instead: string): Broker {
    const [only, ...others] = this.nodes;
    if (only !== undefined && others.length === 0) return only;
    throw new StackError(`Cluster ${this.alias} has ${this.nodes.length} brokers, and ${instead}.`);
  }
}

const toBrokers = ({ brokers }: Broker): string[] => brokers;
