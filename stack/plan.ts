import type { BrokerCount } from './cluster.js';
import { StackError } from './errors.js';
import { cacheDirectoryFrom, cacheLayout } from './paths.js';
import type { CacheLayout } from './paths.js';
import { kafkaVersionFrom } from './preflight.js';
import type { PolicyName, Properties } from './properties.js';

/** @internal A direction of mirroring between two aliases. */
export type FlowName<Alias extends string> = `${Alias}->${Alias}`;

/** @internal Options of `startStack`. Everything has a default. */
export interface StackOptions<Alias extends string = 'A' | 'B'> {
  /** One cluster each. Default `['A', 'B']`. */
  clusters?: readonly Alias[];
  /** Brokers of every cluster, or of those that are named; 1 for the others. Three are three JVMs. Default 1. */
  brokers?: BrokerCount | Partial<Record<NoInfer<Alias>, BrokerCount>>;
  /** Puts a fault proxy in front of each broker of every cluster, or of those that are named. Default: of none. */
  proxied?: boolean | readonly NoInfer<Alias>[];
  /** MM2's replication policy. Default `default`. */
  policy?: PolicyName;
  /** Default: every direction; with Identity only the first cluster's into the second (both would mirror in a circle). */
  flows?: readonly FlowName<NoInfer<Alias>>[];
  /** `replication.policy.separator`. Default: MM2's own, a dot. */
  separator?: string;
  /** False leaves MM2 to `stack.mirror.start()`: topics made before it starts cost it no task restart. Default true. */
  startMirror?: boolean;
  /** Default: `KAFKA_VERSION` of the environment, else 4.3.1. */
  kafkaVersion?: string;
  /** More or other lines for `server.properties`, read anew at each start of a broker. */
  brokerOverrides?: Properties;
  /** More or other lines for MM2's file; an alias or a flow in front narrows them, as in Kafka. */
  mirrorOverrides?: Properties;
  /** Fixed ports of clusters with a single broker. Default: free ones. */
  ports?: Partial<Record<NoInfer<Alias>, number>>;
  /** Default: `STACK_CACHE` of the environment, else `.cache` in the repo's root. */
  cacheDirectory?: string;
  /** Default: the environment of this process. Java, Maven and their settings are looked for here. */
  env?: NodeJS.ProcessEnv;
  /** What it is for, as the run directory's note says. Default `stack`. */
  name?: string;
  /** Ends a start: everything is torn down and the promise rejects with the reason. No effect after the start. */
  signal?: AbortSignal | undefined;
  /** One line per step, for people. */
  onProgress?: (message: string) => void;
}

/** @internal The options with defaults in place, checked. */
export interface StackPlan {
  clusters: readonly string[];
  policy: PolicyName;
  flows: readonly { source: string; target: string }[];
  separator: string | undefined;
  startMirror: boolean;
  kafkaVersion: string;
  brokerOverrides: Properties;
  mirrorOverrides: Properties;
  /** By alias. */
  brokerCounts: Readonly<Record<string, BrokerCount>>;
  /** Aliases. */
  proxied: readonly string[];
  ports: Readonly<Record<string, number | undefined>>;
  layout: CacheLayout;
  env: NodeJS.ProcessEnv;
  name: string;
  signal: AbortSignal | undefined;
  onProgress: (message: string) => void;
}

/**
 * Fills in defaults and refuses what no servers could do.
 *
 * @throws StackError - says which option is wrong and why.
 * @internal
 */
export function planStack<Alias extends string>(options: StackOptions<Alias>): StackPlan {
  const clusters: readonly string[] = options.clusters ?? ['A', 'B'];
  const policy = options.policy ?? 'default';
  const env = options.env ?? process.env;
  checkAliases(clusters);
  const flows = (options.flows ?? defaultFlows(clusters, policy)).map((name) =>
    parseFlow(name, clusters),
  );
  checkFlows(flows, policy);
  const ports: StackPlan['ports'] = { ...options.ports };
  const brokerCounts = planBrokers(options.brokers ?? 1, clusters, ports);
  const { separator } = options;
  if (separator !== undefined && !/^[A-Za-z0-9._-]+$/.test(separator)) {
    throw new StackError(
      `separator must consist of characters that topic names may have, got "${separator}".`,
    );
  }
  return {
    clusters,
    policy,
    flows,
    separator,
    startMirror: options.startMirror ?? true,
    kafkaVersion: kafkaVersionFrom(options.kafkaVersion, env),
    brokerOverrides: options.brokerOverrides ?? {},
    mirrorOverrides: options.mirrorOverrides ?? {},
    brokerCounts,
    proxied: planProxies(options.proxied ?? false, clusters),
    ports,
    layout: cacheLayout(options.cacheDirectory ?? cacheDirectoryFrom(env)),
    env,
    name: options.name ?? 'stack',
    signal: options.signal,
    onProgress: options.onProgress ?? (() => {}),
  };
}

function checkAliases(clusters: readonly string[]): void {
  // Aliases become directory names and keys of MM2's file; with more than 9 clusters a machine has other worries.
  if (clusters.length === 0 || clusters.length > 9 || new Set(clusters).size !== clusters.length) {
    throw new StackError(
      `clusters must be 1 to 9 different aliases, got ${JSON.stringify(clusters)}.`,
    );
  }
  const wrong = clusters.find((alias) => !/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(alias));
  if (wrong !== undefined) {
    throw new StackError(`A cluster alias consists of letters, digits, _ and -, got "${wrong}".`);
  }
}

function planBrokers(
  asked: number | Readonly<Record<string, number | undefined>>,
  clusters: readonly string[],
  ports: StackPlan['ports'],
): Record<string, BrokerCount> {
  if (typeof asked === 'object') checkKnown('brokers', Object.keys(asked), clusters);
  const counts = clusters.map((alias) => {
    const count = typeof asked === 'object' ? (asked[alias] ?? 1) : asked;
    if (count !== 1 && count !== 3) {
      throw new StackError(`brokers must be 1 or 3 for cluster ${alias}, got ${count}.`);
    }
    if (count > 1 && ports[alias] !== undefined) {
      throw new StackError(
        `ports has one port for cluster ${alias}, which has ${count} brokers: leave it out.`,
      );
    }
    return [alias, count] as const;
  });
  return Object.fromEntries(counts);
}

function planProxies(
  asked: boolean | readonly string[],
  clusters: readonly string[],
): readonly string[] {
  if (typeof asked === 'boolean') return asked ? clusters : [];
  checkKnown('proxied', asked, clusters);
  return asked;
}

function checkKnown(option: string, named: readonly string[], clusters: readonly string[]): void {
  const unknown = named.find((alias) => !clusters.includes(alias));
  if (unknown === undefined) return;
  throw new StackError(
    `${option} names cluster "${unknown}", which is none of ${clusters.join(', ')}.`,
  );
}

function checkFlows(flows: StackPlan['flows'], policy: PolicyName): void {
  const names = flows.map(({ source, target }) => `${source}->${target}`);
  if (new Set(names).size !== names.length) {
    throw new StackError(`flows names a direction twice: ${names.join(', ')}.`);
  }
  const isCircle = flows.some(({ source, target }) => names.includes(`${target}->${source}`));
  if (policy === 'identity' && isCircle) {
    throw new StackError(
      'With the Identity policy both directions between two clusters would mirror every record in a circle: choose one.',
    );
  }
}

function defaultFlows(clusters: readonly string[], policy: PolicyName): string[] {
  const [first, second] = clusters;
  if (policy === 'identity') return second === undefined ? [] : [`${first}->${second}`];
  return clusters.flatMap((source) =>
    clusters.filter((target) => target !== source).map((target) => `${source}->${target}`),
  );
}

function parseFlow(name: string, clusters: readonly string[]): { source: string; target: string } {
  const [source = '', target = '', ...rest] = name.split('->').map((part) => part.trim());
  const isKnown = clusters.includes(source) && clusters.includes(target) && source !== target;
  if (!isKnown || rest.length > 0) {
    throw new StackError(
      `A flow is written SOURCE->TARGET with two of ${clusters.join(', ')}, got "${name}".`,
    );
  }
  return { source, target };
}
