import type { Kafka, KafkaConfig } from 'kafkajs';
import { type Flow, replicationPolicy } from '../replication/policy.js';
import type { HttpRequest, HttpResponse } from '../http.js';
import type { DnsAnswer, DnsRecordType, World } from '../world.js';
import { ClusterFace } from './broker/cluster-face.js';
import { buildCluster, type ClusterParts } from './broker/cluster-parts.js';
import { Network } from './broker/network.js';
import { kafkajsOn, type KafkaJsSurroundings, type MemoryKafka } from './client/memory-kafka.js';
import { type Clock, SimulatedClock } from './clock.js';
import type { MemoryCluster, MemoryClusterOptions } from './memory-cluster.js';
import { memoryFiles } from './memory-files.js';
import { answerRequest } from './memory-http.js';
import type { MemoryMirror, MemoryMirrorOptions } from './memory-mirror.js';
import { memoryDns, readMemoryFile } from './memory-sources.js';
import { flowSettings } from './mirror/flow-context.js';
import { MirrorFlow } from './mirror/mirror-flow.js';
import { checkMemoryWorld } from './options.js';
import { createRandom, type Random } from './random.js';
import { realClock } from './real-clock.js';
import { Mailroom } from './wire.js';

/** @public How a memory world is set up. */
export interface MemoryWorldOptions {
  /** Everything random in the world comes from it. Default 1. */
  readonly seed?: number | string;
  /** The clusters, by alias. Default: A and B, with nothing in them. */
  readonly clusters?: Readonly<Record<string, MemoryClusterOptions>>;
  /** A simulated MirrorMaker 2. Default: none. */
  readonly mirror?: MemoryMirrorOptions;
  /**
   * `'simulated'` (default): time moves only inside {@link MemoryWorld.run}, and an hour passes in the time that its work
   * takes. `'real'`: the process's own time, for ordinary tests and demos.
   */
  readonly clock?: 'simulated' | 'real';
  /** Environment variables that the library sees. Default: none. May be changed at any time. */
  readonly environment?: Map<string, string>;
  /** Files that the library sees, by path. Default: none. May be changed at any time. */
  readonly files?: Map<string, string>;
  /** Files of bytes that the library sees and writes, by path: those of `producer.ledgerSpool`. Default: none, and no folder for them. May be changed at any time. */
  readonly byteFiles?: Map<string, Uint8Array>;
  /**
   * Answers every HTTP request of the library, those to control planes for example: a server of the test's own. The request's
   * limits are kept on the world's clock; its signal is aborted when nobody waits any more. Default: nobody listens.
   */
  readonly http?: (request: HttpRequest) => Promise<HttpResponse>;
  /**
   * Answers the library's questions to name servers. To fail as a name server does, reject with an Error that has Node's
   * `code`, for example ENOTFOUND. Default: no name server can be reached.
   */
  readonly dns?: (name: string, type: DnsRecordType) => Promise<DnsAnswer>;
}

/**
 * Kafka clusters, MirrorMaker and time, in one process.
 *
 * @public
 */
export interface MemoryWorld {
  /** What `FailoverKafka` takes as its world. `world.createKafka` makes ordinary kafkajs clients of these clusters. */
  readonly world: World;
  /** The world's clock. */
  readonly clock: Clock;
  /** A stream of random numbers for the test itself, from the same seed. */
  readonly random: Random;
  /** A cluster by its alias. @throws Error - where there is no such cluster. */
  cluster(alias: string): MemoryCluster;
  /** The mirror of one flow. @throws Error - where no such flow copies records. */
  mirror(flow: `${string}->${string}`): MemoryMirror;
  /** Every cluster. */
  readonly clusters: readonly MemoryCluster[];
  /** Every flow that copies records. */
  readonly mirrors: readonly MemoryMirror[];
  /** A kafkajs client of one cluster, as a service without the library would make it. */
  createKafka(alias: string, config?: Omit<KafkaConfig, 'brokers'>): Kafka;
  /**
   * Runs `main`. On a simulated clock time moves until it settles; see {@link SimulatedClock.run}.
   *
   * @param options.limitMs - simulated milliseconds after which the run is given up. Default one hour.
   */
  run<T>(main: () => Promise<T>, options?: { limitMs?: number }): Promise<T>;
  /** Ends the mirrors, which go on for as long as the process lives otherwise. Idempotent. */
  close(): void;
}

const DEFAULT_COPY_LAG_MS = 10;

/**
 * Makes a world of memory clusters that real kafkajs clients talk to: the installed kafkajs's own code, on the world's
 * clock and network.
 *
 * On a simulated clock the same seed gives the same run, event by event, as long as nothing in it waits for real I/O or
 * real timers.
 *
 * @example
 * ```ts
 * const { world, cluster, mirror, clock, run } = createMemoryWorld({
 *   seed: 7,
 *   clusters: { A: { topics: { orders: 3 } }, B: { topics: { orders: 3 } } },
 *   mirror: {},
 * });
 * await run(async () => {
 *   const producer = world.createKafka({ brokers: [...cluster('A').brokers] }).producer();
 *   await producer.connect();
 *   await producer.send({ topic: 'orders', messages: [{ key: 'k', value: 'v' }] });
 *   await clock.sleep(100);
 *   cluster('A').down();
 *   cluster('B').records('A.orders', 0); // the copy
 * });
 * ```
 * @throws FailoverOptionsError ERR_FAILOVER_OPTIONS - an option is unknown or of another type; the message names it.
 * @public
 */
export function createMemoryWorld(options: MemoryWorldOptions = {}): MemoryWorld {
  return memoryWorldWith(kafkajsOn, options);
}

/**
 * As {@link createMemoryWorld}, for whoever makes thousands of worlds.
 *
 * @param loadKafkaJs - where kafkajs comes from; see `client/memory-kafka.ts:kafkajsInTurn`.
 * @internal
 */
export function memoryWorldWith(
  loadKafkaJs: (surroundings: KafkaJsSurroundings) => MemoryKafka,
  options: MemoryWorldOptions,
): MemoryWorld {
  checkMemoryWorld(options);
  const { seed = 1, clusters: clusterOptions = { A: {}, B: {} } } = options;
  const simulated = options.clock === 'real' ? undefined : new SimulatedClock();
  const clock: Clock = simulated ?? realClock();
  const random = createRandom(seed);
  const mailroom = new Mailroom();
  const network = new Network();

  const parts = new Map<string, ClusterParts>();
  const clusters = new Map<string, MemoryCluster>();
  for (const [alias, each] of Object.entries(clusterOptions)) {
    const built = buildCluster(alias, each, { clock, random: random.fork(alias), mailroom });
    for (const address of built.addresses) network.listen(address, built.broker);
    const face = new ClusterFace(built);
    for (const [topic, topicOptions] of Object.entries(each.topics ?? {})) {
      face.createTopic(topic, topicOptions);
    }
    parts.set(alias, built);
    clusters.set(alias, face);
  }
  const flows = options.mirror === undefined ? [] : mirrorFlows(options.mirror, parts, clock);
  for (const { flow } of flows) flow.start();

  const { openSocket } = network;
  const inside = { clock, random: random.fork('kafkajs'), mailroom, openSocket };
  const world = worldOf(options, { ...inside, random, MemoryKafka: loadKafkaJs(inside) });
  const find = <T>(found: T | undefined, what: string): T => {
    if (found === undefined) throw new Error(`there is no ${what} in this memory world`);
    return found;
  };
  const mirrors = flows.filter(({ copiesRecords }) => copiesRecords).map(({ flow }) => flow);
  return {
    world,
    clock,
    random: random.fork('test'),
    clusters: [...clusters.values()],
    mirrors,
    cluster: (alias) => find(clusters.get(alias), `cluster ${alias}`),
    mirror: (name) =>
      find(
        mirrors.find(({ source, target }) => `${source}->${target}` === name),
        `flow ${name}`,
      ),
    createKafka: (alias, config = {}) => {
      const { brokers } = find(clusters.get(alias), `cluster ${alias}`);
      return world.createKafka({ ...config, brokers: [...brokers] });
    },
    run: (main, runOptions) => (simulated === undefined ? main() : simulated.run(main, runOptions)),
    close: () => {
      for (const { flow } of flows) flow.kill();
    },
  };
}

function worldOf(
  options: MemoryWorldOptions,
  {
    clock,
    random,
    openSocket,
    MemoryKafka,
  }: {
    clock: Clock;
    random: Random;
    openSocket: Network['openSocket'];
    MemoryKafka: MemoryKafka;
  },
): World {
  const chance = random.fork('world');
  const world: World = {
    nowMs: () => clock.nowMs(),
    wallMs: () => clock.wallMs(),
    after: (delayMs, callback) => clock.after(delayMs, callback, { keepAlive: true }),
    random: () => chance.next(),
    createKafka: (config) => new MemoryKafka(config),
    openSocket,
    environment: (name) => options.environment?.get(name),
    readText: (path, limits) => readMemoryFile(options.files, path, limits),
    request: (request) => answerRequest(world, request, options.http),
    dnsResolver: () => memoryDns(options.dns),
    writeText: (path, text) =>
      options.files === undefined
        ? Promise.reject(new Error(`there are no files in this world (${path})`))
        : Promise.resolve(void options.files.set(path, text)),
    ...memoryFiles(options.byteFiles),
  };
  return world;
}

/** The flows that copy, and those whose only work is to emit heartbeats (MirrorMaker runs one for each direction). */
function mirrorFlows(
  options: MemoryMirrorOptions,
  parts: ReadonlyMap<string, ClusterParts>,
  clock: Clock,
): { flow: MirrorFlow; copiesRecords: boolean }[] {
  const [first = '', second = ''] = [...parts.keys()];
  const enabled = options.flows ?? [`${first}->${second}`, `${second}->${first}`];
  const reversed = enabled.map((name) => name.split('->').toReversed().join('->'));
  return [...new Set([...enabled, ...reversed])].map((name) => {
    const [source = '', target = ''] = name.split('->');
    const copiesRecords = enabled.some((each) => each === name);
    return mirrorFlow({ source, target }, options, parts, { clock, copiesRecords });
  });
}

function mirrorFlow(
  flow: Flow,
  options: MemoryMirrorOptions,
  parts: ReadonlyMap<string, ClusterParts>,
  { clock, copiesRecords }: { clock: Clock; copiesRecords: boolean },
): { flow: MirrorFlow; copiesRecords: boolean } {
  const source = parts.get(flow.source);
  const target = parts.get(flow.target);
  if (source === undefined || target === undefined) {
    throw new Error(
      `mirror.flows: ${flow.source}->${flow.target} needs two clusters of this world`,
    );
  }
  const { policy = 'default', separator, copyLagMs = DEFAULT_COPY_LAG_MS } = options;
  const named = {
    policy,
    sourceAlias: flow.source,
    ...(separator === undefined ? {} : { separator }),
  };
  const context = {
    flow,
    policy: replicationPolicy(named),
    settings: flowSettings(options),
    clock,
    source,
    target,
  };
  return { flow: new MirrorFlow(context, { copyLagMs, copiesRecords }), copiesRecords };
}
