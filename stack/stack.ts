import { cp, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureArchives } from './archive.js';
import type { Archives } from './archive.js';
import type { ServerContext } from './broker.js';
import { Cluster } from './cluster.js';
import { StackError } from './errors.js';
import { ensureKafka } from './jars.js';
import { Mirror, MirrorFlow } from './mirror.js';
import type { CacheLayout } from './paths.js';
import { planStack } from './plan.js';
import type { StackOptions, StackPlan } from './plan.js';
import { checkDisk, findJava, neededDiskBytes } from './preflight.js';
import { createRun, removeDirectory, sweepRuns } from './runs.js';
import { settleAll, startAll } from './settle.js';

/** @internal Running servers. */
export interface Stack<Alias extends string = 'A' | 'B'> {
  readonly kafkaVersion: string;
  /** The run directory: data, configuration, logs. */
  readonly directory: string;
  /** One log per process. */
  readonly logs: string;
  readonly clusters: Readonly<Record<Alias, Cluster>>;
  readonly mirror: Mirror;
  /**
   * Ends every process and removes the run directory. With `keepData` the processes are stopped in order, and the
   * directory is moved to the one returned. May be called again.
   */
  stop(options?: { keepData?: boolean }): Promise<string | undefined>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts Kafka clusters and MM2 between them from nothing: fetches Kafka where the cache has none, removes what crashed
 * runs left, and resolves when every broker answers and every mirror is at work. Everything listens on loopback, on
 * free ports, and ends with this process, however it ends.
 *
 * @throws StackError - the machine lacks something, said in one sentence; or a server did not come up.
 * @example
 * const stack = await startStack({ policy: 'identity', flows: ['A->B'] });
 * try { await work(stack.clusters.A.brokers) } finally { await stack.stop() }
 * @internal
 */
export async function startStack<const Alias extends string = 'A' | 'B'>(
  options: StackOptions<Alias> = {},
): Promise<Stack<Alias>> {
  const plan = planStack(options);
  const { context, archives } = await prepare(plan);
  const { clusters, mirror } = build(plan, context, archives);
  const stop = stopper(plan.layout, context, clusters, mirror);
  try {
    await start(plan, clusters, mirror);
  } catch (error) {
    const wasTold = plan.signal?.aborted === true;
    if (!wasTold) await keepLogs(context, plan.layout);
    await stop();
    if (wasTold) plan.signal?.throwIfAborted();
    if (!(error instanceof StackError)) throw error;
    throw new StackError(`${error.message.replace(/\.?$/, '.')} Logs: ${plan.layout.lastFailure}`, {
      cause: error,
    });
  }
  return {
    kafkaVersion: plan.kafkaVersion,
    directory: context.run.directory,
    logs: context.run.logs,
    // Proven: `build` makes one cluster for each alias.
    clusters: Object.fromEntries(clusters.map((cluster) => [cluster.alias, cluster])) as Record<
      Alias,
      Cluster
    >,
    mirror,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
    },
  };
}

/** Everything that must be there before the first server: Java, room, Kafka, a run directory. */
async function prepare(plan: StackPlan): Promise<{ context: ServerContext; archives: Archives }> {
  const { layout, env, kafkaVersion, signal, onProgress } = plan;
  signal?.throwIfAborted();
  const [java] = await Promise.all([
    findJava(kafkaVersion, env),
    checkDisk(layout.root, neededDiskBytes),
  ]);
  const swept = await sweepRuns(layout.runs);
  if (swept.length > 0) onProgress(`removed what crashed runs had left (${swept.length})`);
  const install = await ensureKafka({
    version: kafkaVersion,
    cacheDirectory: layout.root,
    java,
    env,
    signal,
    onProgress,
  });
  const archives = await ensureArchives({
    install,
    java,
    runs: layout.runs,
    env,
    signal,
    onProgress,
  });
  const run = await createRun(layout.runs, plan.name);
  return { context: { run, install, java, env }, archives };
}

function build(
  plan: StackPlan,
  context: ServerContext,
  archives: Archives,
): { clusters: Cluster[]; mirror: Mirror } {
  const clusters = plan.clusters.map(
    (alias, index) =>
      new Cluster(context, {
        alias,
        index,
        brokerCount: plan.brokerCounts[alias] ?? 1,
        port: plan.ports[alias],
        isProxied: plan.proxied.includes(alias),
        overrides: plan.brokerOverrides,
        archive: archives.broker,
      }),
  );
  const clusterOf = new Map(clusters.map((cluster) => [cluster.alias, cluster]));
  const mirror: Mirror = new Mirror(plan.flows, (ends) => {
    const source = clusterOf.get(ends.source);
    const target = clusterOf.get(ends.target);
    if (source === undefined || target === undefined)
      throw new StackError('A flow names no cluster of the stack.');
    return new MirrorFlow(context, {
      source,
      target,
      policy: plan.policy,
      separator: plan.separator,
      overrides: plan.mirrorOverrides,
      archive: archives.mirror,
      opposite: () =>
        mirror.flows.find((flow) => flow.source === ends.target && flow.target === ends.source),
    });
  });
  return { clusters, mirror };
}

async function start(plan: StackPlan, clusters: readonly Cluster[], mirror: Mirror): Promise<void> {
  const { signal, onProgress } = plan;
  onProgress(`starting Kafka ${plan.kafkaVersion}: ${plan.clusters.join(', ')}`);
  await startAll(
    clusters.map((cluster) => (cut) => cluster.start({ signal: cut })),
    signal,
  );
  if (!plan.startMirror || mirror.flows.length === 0) return;
  onProgress(`starting MM2: ${mirror.flows.map((flow) => flow.name).join(', ')}`);
  await mirror.start({ signal });
}

/** Stopping twice is one stop: the second caller waits for the first. */
function stopper(
  layout: CacheLayout,
  context: ServerContext,
  clusters: readonly Cluster[],
  mirror: Mirror,
): Stack['stop'] {
  let stopping: Promise<string | undefined> | undefined;
  const stopOnce = async (keepData: boolean): Promise<string | undefined> => {
    const { directory, id } = context.run;
    await settleAll(clusters.map((cluster) => cluster.closeProxies()));
    if (keepData) {
      await mirror.stop();
      await settleAll(clusters.map((cluster) => cluster.stop()));
      await mkdir(layout.kept, { recursive: true });
      await rename(directory, join(layout.kept, id));
      return join(layout.kept, id);
    }
    // Nobody reads the data again, so nothing is closed in order: kill -9 is the fastest end.
    await settleAll([mirror.kill(), ...clusters.map((cluster) => cluster.kill())]);
    await removeDirectory(directory);
    return undefined;
  };
  return ({ keepData = false } = {}) => (stopping ??= stopOnce(keepData));
}

/** The run directory goes, but whoever looks for the cause of a failed start needs its logs. */
async function keepLogs(context: ServerContext, layout: CacheLayout): Promise<void> {
  try {
    await removeDirectory(layout.lastFailure);
    await cp(context.run.logs, layout.lastFailure, { recursive: true });
  } catch {
    // A full disk, perhaps: the reason of the failure itself must come through.
  }
}
