import { randomBytes } from 'node:crypto';
import { mkdir, readdir, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StackError, explainDisk, hasCode } from './errors.js';
import { withLock } from './lock.js';
import { explainMaven } from './maven-errors.js';
import { stackDirectory } from './paths.js';
import { findMaven } from './preflight.js';
import type { Java } from './preflight.js';
import { classpathEnv } from './jvm.js';
import { ToolFailure, runTool } from './tool.js';

/** @internal Kafka on this disk: the jars, and a formatted data directory to copy. */
export interface KafkaInstall {
  version: string;
  /** `<cache>/kafka-<version>`; it appears by one rename, so what exists is complete. */
  home: string;
  /** Absolute paths of all jars, in a fixed order: class data archives depend on it. */
  jars: readonly string[];
  /** What `StorageTool format` makes, cluster and node id to be replaced. */
  formatted: string;
}

/** @internal Options of {@link ensureKafka}. */
export interface EnsureKafkaOptions {
  version: string;
  cacheDirectory: string;
  java: Java;
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
  onProgress?: ((message: string) => void) | undefined;
}

const fetchTimeoutMs = 10 * 60_000;

/**
 * Kafka's jars from the cache, else fetched by Maven into it. With a filled cache neither Maven nor a network is
 * needed. Several processes may call this at once: one fetches, the others wait for it.
 *
 * @throws StackError - Maven is missing, its repository cannot be reached, the version does not exist, the disk is full.
 * @internal
 */
export async function ensureKafka(options: EnsureKafkaOptions): Promise<KafkaInstall> {
  const { version, cacheDirectory, signal, onProgress } = options;
  const cached = await findKafka(version, cacheDirectory);
  if (cached !== undefined) return cached;
  await findMaven(version, options.env); // Before the wait for a lock: a missing Maven is told at once.
  try {
    await mkdir(cacheDirectory, { recursive: true });
    return await withLock(
      join(cacheDirectory, `kafka-${version}.lock`),
      async () => (await findKafka(version, cacheDirectory)) ?? (await fetchKafka(options)),
      {
        signal,
        onWait: ({ pid }) =>
          onProgress?.(`waiting for process ${pid}, which fetches Kafka ${version}`),
      },
    );
  } catch (error) {
    throw explainDisk(error, cacheDirectory);
  }
}

/** @internal The cached Kafka of this version, or undefined. Looks at the disk only. */
export async function findKafka(
  version: string,
  cacheDirectory: string,
): Promise<KafkaInstall | undefined> {
  const link = join(cacheDirectory, `kafka-${version}`);
  // The jars' real paths: a class data archive fits only the paths that it was made with.
  const home = await realpath(link).catch(() => link);
  const lib = join(home, 'lib');
  const names = await readdir(lib).catch((error: unknown): string[] => {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  });
  if (!names.includes(`kafka_2.13-${version}.jar`)) return undefined;
  const jars = names
    .filter((name) => name.endsWith('.jar'))
    .toSorted()
    .map((name) => join(lib, name));
  return { version, home, jars, formatted: join(home, 'formatted') };
}

async function fetchKafka(options: EnsureKafkaOptions): Promise<KafkaInstall> {
  const { version, cacheDirectory, onProgress } = options;
  onProgress?.(`fetching Kafka ${version} with Maven (once, about 60 MB)`);
  await removeAbandoned(version, cacheDirectory);
  const draft = join(
    cacheDirectory,
    `.fetch-${version}-${process.pid}-${randomBytes(3).toString('hex')}`,
  );
  try {
    await mkdir(draft);
    await runMaven(draft, options);
    await format(draft, options);
    const home = join(cacheDirectory, `kafka-${version}`);
    await rm(home, { recursive: true, force: true }); // An older, incomplete one; complete ones were found before.
    await rename(draft, home);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  const install = await findKafka(version, cacheDirectory);
  if (install === undefined) {
    throw new StackError(
      `Maven has fetched no broker for Kafka ${version}: look at stack/pom.xml.`,
    );
  }
  return install;
}

async function runMaven(draft: string, options: EnsureKafkaOptions): Promise<void> {
  const { version, env, signal } = options;
  const args = [
    '--batch-mode',
    '--no-transfer-progress',
    '--file',
    join(stackDirectory, 'pom.xml'),
    `-Dkafka.version=${version}`,
    `-DoutputDirectory=${join(draft, 'lib')}`,
    '-DincludeScope=runtime',
    // A repository that swallows packets: Maven 3.8's and 3.9's ways of setting a limit.
    '-Dmaven.wagon.rto=60000',
    '-Dmaven.wagon.http.connectionTimeout=15000',
    '-Daether.connector.connectTimeout=15000',
    '-Daether.connector.requestTimeout=60000',
    // In full: the short prefix would be looked up in the repository each time.
    'org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies',
  ];
  await runTool({
    name: 'Maven',
    command: await findMaven(version, env),
    args,
    directory: draft,
    env,
    signal,
    timeoutMs: fetchTimeoutMs,
  }).catch((error: unknown) => {
    throw error instanceof ToolFailure ? explainMaven(error.log, version) : error;
  });
}

/** Formats one data directory to copy at every start: `StorageTool` takes a second that no start then waits for. */
async function format(
  draft: string,
  { version, java, env, signal }: EnsureKafkaOptions,
): Promise<void> {
  const lib = join(draft, 'lib');
  const jars = (await readdir(lib)).map((name) => join(lib, name));
  const properties = join(draft, 'format.properties');
  await writeFile(
    properties,
    [
      'process.roles=broker,controller',
      'node.id=1',
      'controller.quorum.voters=1@127.0.0.1:9093',
      'listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093',
      'controller.listener.names=CONTROLLER',
      `log.dirs=${join(draft, 'formatted')}`,
    ].join('\n'),
  );
  await runTool({
    name: 'StorageTool',
    command: java.command,
    args: [
      'kafka.tools.StorageTool',
      'format',
      '--cluster-id',
      'AAAAAAAAAAAAAAAAAAAAAA',
      '--config',
      properties,
    ],
    directory: draft,
    env: { ...env, ...classpathEnv(jars) },
    signal,
    timeoutMs: fetchTimeoutMs,
  }).catch((error: unknown) => {
    if (!(error instanceof ToolFailure)) throw error;
    throw new StackError(`Kafka ${version} could not format a data directory: ${error.lastLine}`);
  });
  await rm(properties);
}

/** Only the holder of the lock makes such directories: others of this version belong to fetches that were killed. */
async function removeAbandoned(version: string, cacheDirectory: string): Promise<void> {
  for (const name of await readdir(cacheDirectory)) {
    if (name.startsWith(`.fetch-${version}-`)) {
      await rm(join(cacheDirectory, name), { recursive: true, force: true });
    }
  }
}
