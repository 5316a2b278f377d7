import { mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerContext } from './broker.js';
import { Cluster } from './cluster.js';
import { messageOf } from './errors.js';
import type { KafkaInstall } from './jars.js';
import type { Archive } from './jvm.js';
import { withLock } from './lock.js';
import { MirrorFlow } from './mirror.js';
import type { Java } from './preflight.js';
import { createRun, removeDirectory } from './runs.js';

/** @internal Class data archives of the two kinds of server, or none where Java cannot make them. */
export interface Archives {
  broker: Archive;
  mirror: Archive;
}

/** A JVM writes its archive in its last seconds, and on a busy machine those are many. */
const dumpGraceMs = 120_000;

/** @internal */
export const noArchives: Archives = { broker: { kind: 'none' }, mirror: { kind: 'none' } };

/** @internal Options of {@link ensureArchives}. */
export interface EnsureArchivesOptions {
  install: KafkaInstall;
  java: Java;
  /** Where run directories go. */
  runs: string;
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
  onProgress: (message: string) => void;
}

/**
 * Archives of the servers' loaded classes, made once per Kafka and Java by a training run of about 10 s. Every later
 * start loads classes from them: half the time to a broker's first answer, 70 MB less memory for each JVM.
 *
 * They are a gain and no more: where the training fails, servers start without.
 *
 * @internal
 */
export async function ensureArchives(options: EnsureArchivesOptions): Promise<Archives> {
  const { install, java, signal, onProgress } = options;
  if (java.major < 13) return noArchives; // Archives made at exit came with JDK 13.
  const directory = join(install.home, `classes-${java.version}`);
  if (await exists(directory)) return usable(directory);
  try {
    return await withLock(
      `${directory}.lock`,
      async () => {
        if (!(await exists(directory))) await train(directory, options);
        return usable(directory);
      },
      {
        signal,
        onWait: ({ pid }) =>
          onProgress(`waiting for process ${pid}, which trains the class archives`),
      },
    );
  } catch (error) {
    signal?.throwIfAborted();
    onProgress(`starting without class archives, which are an option only (${messageOf(error)})`);
    return noArchives;
  }
}

/** Runs a small stack whose servers write down their classes when they end in order. */
async function train(directory: string, options: EnsureArchivesOptions): Promise<void> {
  const { install, java, env, signal, onProgress } = options;
  onProgress('making class archives for faster starts (once, about 10 s)');
  const run = await createRun(options.runs, 'training');
  const draft = join(run.directory, 'archives');
  const context: ServerContext = { run, install, java, env };
  const make = (name: string): Archive => ({ kind: 'make', file: join(draft, `${name}.jsa`) });
  const cluster = (alias: string, index: number, archive: Archive): Cluster =>
    new Cluster(context, {
      alias,
      index,
      brokerCount: 1,
      port: undefined,
      isProxied: false,
      overrides: {},
      archive,
    });
  const source = cluster('A', 0, make('broker'));
  const target = cluster('B', 1, noArchives.broker);
  const flow = new MirrorFlow(context, {
    source,
    target,
    policy: 'default',
    separator: undefined,
    overrides: {},
    archive: make('mirror'),
    opposite: () => undefined,
  });
  try {
    await mkdir(draft);
    await Promise.all([source.start({ signal }), target.start({ signal })]);
    // Its leaders are not waited for: a broker does not know at once what its controller has made, and kafkajs would reject.
    const request = { topics: [{ topic: 'training' }], waitForLeaders: false };
    await source.withAdmin((admin) => admin.createTopics(request));
    await flow.start({ signal });
    // One after the other: an MM2 whose cluster goes away while it stops takes 15 s more.
    await flow.stop({ graceMs: dumpGraceMs });
    await source.stop({ graceMs: dumpGraceMs });
    await rename(draft, directory);
  } finally {
    await Promise.all([flow.kill(), source.kill(), target.kill()]);
    await removeDirectory(run.directory);
  }
}

/** What the training has made: a server whose archive could not be written starts without. */
async function usable(directory: string): Promise<Archives> {
  const use = async (name: string): Promise<Archive> => {
    const file = join(directory, `${name}.jsa`);
    return (await exists(file)) ? { kind: 'use', file } : { kind: 'none' };
  };
  return { broker: await use('broker'), mirror: await use('mirror') };
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
