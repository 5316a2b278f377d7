import { randomBytes } from 'node:crypto';
import { cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { StackError, explainDisk, hasCode } from './errors.js';
import { jvmFlags } from './jvm.js';
import { withLock } from './lock.js';
import { explainMaven } from './maven-errors.js';
import { cacheDirectoryFrom, cacheLayout, stackDirectory } from './paths.js';
import { loopback } from './ports.js';
import { defaultKafkaVersion, findJava, findMaven } from './preflight.js';
import { createRun, removeDirectory, sweepRuns } from './runs.js';
import { LocalServer } from './server.js';
import { ToolFailure, mavenArgs, runTool } from './tool.js';

/** Spring Cloud's release train, as in `eureka/pom.xml`. */
const springCloudVersion = '2023.0.3';

const mainClass = 'local.eureka.EurekaMain';

/** @internal A Eureka server on this disk. */
export interface EurekaInstall {
  /** Its class path. */
  classpath: string;
}

/** @internal Options of {@link startEureka} and {@link ensureEureka}. Everything has a default. */
export interface EurekaOptions {
  /** Default: `STACK_CACHE` of the environment, else `.cache` in the repo's root. */
  cacheDirectory?: string;
  /** Default: the environment of this process. Java, Maven and their settings are looked for here. */
  env?: NodeJS.ProcessEnv;
  /** Ends a start. */
  signal?: AbortSignal | undefined;
  /** One line per step, for people. */
  onProgress?: (message: string) => void;
}

/** @internal A running Eureka server. It keeps what it knows in memory: a restart forgets everything. */
export interface Eureka {
  /** With the prefix: `http://127.0.0.1:20123/eureka`. */
  readonly url: string;
  /** Its process: kill, pause, resume, restart. */
  readonly server: LocalServer;
  /** Ends it and removes its directory. May be called again. */
  stop(): Promise<void>;
}

/**
 * The settings of a server that answers with what it was told a moment ago: it is alone, drops expired instances within a
 * second or so, and has no cache that is filled now and then (Eureka's defaults: 30 s, and self-preservation).
 */
const settings: Readonly<Record<string, string>> = {
  'server.address': loopback,
  'spring.main.banner-mode': 'off',
  'eureka.instance.hostname': loopback,
  'eureka.client.register-with-eureka': 'false',
  'eureka.client.fetch-registry': 'false',
  'eureka.server.enable-self-preservation': 'false',
  'eureka.server.use-read-only-response-cache': 'false',
  'eureka.server.response-cache-update-interval-ms': '1000',
  'eureka.server.eviction-interval-timer-in-ms': '1000',
  'eureka.server.wait-time-in-ms-when-sync-empty': '0',
};

/**
 * Starts a Eureka server, which ends with this process, however that ends. About 4 s; the first time on a machine it is
 * fetched and compiled before.
 *
 * @throws StackError - the machine lacks something, said in one sentence; or the server did not come up.
 * @internal
 */
export async function startEureka(options: EurekaOptions = {}): Promise<Eureka> {
  const { env = process.env, signal } = options;
  const layout = cacheLayout(options.cacheDirectory ?? cacheDirectoryFrom(env));
  const java = await findJava(defaultKafkaVersion, env);
  const { classpath } = await ensureEureka(options);
  await sweepRuns(layout.runs);
  const run = await createRun(layout.runs, 'eureka');
  const server = new LocalServer({
    name: 'Eureka',
    run,
    command: async (port) => ({
      command: java.command,
      args: [
        ...jvmFlags(run.directory, { kind: 'none' }),
        mainClass,
        `--server.port=${port}`,
        ...Object.entries(settings).map(([name, value]) => `--${name}=${value}`),
      ],
      env: { ...env, CLASSPATH: classpath },
    }),
    answers: async (port) => (await fetch(`http://${loopback}:${port}/eureka/apps`)).ok,
  });
  const stop = async (): Promise<void> => {
    await server.kill();
    await removeDirectory(run.directory);
  };
  try {
    await server.start({ signal });
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `http://${loopback}:${server.port}/eureka`, server, stop };
}

/**
 * Eureka's server from the cache, else fetched and compiled by Maven into it. Several processes may call this at once: one
 * fetches, the others wait for it.
 *
 * @throws StackError - Maven is missing, its repository cannot be reached, the disk is full.
 * @internal
 */
export async function ensureEureka(options: EurekaOptions = {}): Promise<EurekaInstall> {
  const { env = process.env, signal, onProgress } = options;
  const cacheDirectory = options.cacheDirectory ?? cacheDirectoryFrom(env);
  const cached = await findEureka(cacheDirectory);
  if (cached !== undefined) return cached;
  const maven = await findMaven('Eureka', env);
  try {
    await mkdir(cacheDirectory, { recursive: true });
    return await withLock(
      `${homeOf(cacheDirectory)}.lock`,
      async () => {
        if ((await findEureka(cacheDirectory)) === undefined) {
          onProgress?.('fetching and compiling Eureka with Maven (once, about 60 MB)');
          await make(cacheDirectory, { maven, env, signal });
        }
        const made = await findEureka(cacheDirectory);
        if (made === undefined) {
          throw new StackError('Maven has made no Eureka server: look at stack/eureka/pom.xml.');
        }
        return made;
      },
      {
        signal,
        onWait: ({ pid }) => onProgress?.(`waiting for process ${pid}, which fetches Eureka`),
      },
    );
  } catch (error) {
    throw explainDisk(error, cacheDirectory);
  }
}

/** @internal The cached server, or undefined. Looks at the disk only. */
export async function findEureka(cacheDirectory: string): Promise<EurekaInstall | undefined> {
  const lib = join(homeOf(cacheDirectory), 'lib');
  const names = await readdir(lib).catch((error: unknown): string[] => {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  });
  if (!names.some((name) => name.startsWith('spring-cloud-netflix-eureka-server-'))) {
    return undefined;
  }
  const jars = names.filter((name) => name.endsWith('.jar')).toSorted();
  const classpath = [join(homeOf(cacheDirectory), 'classes'), ...jars.map((jar) => join(lib, jar))];
  return { classpath: classpath.join(delimiter) };
}

function homeOf(cacheDirectory: string): string {
  return join(cacheDirectory, `eureka-${springCloudVersion}`);
}

/** In place by one rename: what exists is complete. */
async function make(
  cacheDirectory: string,
  {
    maven,
    env,
    signal,
  }: { maven: string; env: NodeJS.ProcessEnv; signal: AbortSignal | undefined },
): Promise<void> {
  const draft = join(
    cacheDirectory,
    `.fetch-eureka-${process.pid}-${randomBytes(3).toString('hex')}`,
  );
  const project = join(draft, 'project');
  try {
    await cp(join(stackDirectory, 'eureka'), project, { recursive: true });
    await runTool({
      name: 'Maven',
      command: maven,
      directory: draft,
      env,
      signal,
      args: [
        ...mavenArgs,
        '--file',
        join(project, 'pom.xml'),
        `-DoutputDirectory=${join(draft, 'lib')}`,
        '-DincludeScope=runtime',
        'org.apache.maven.plugins:maven-compiler-plugin:compile',
        'org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies',
      ],
    });
    await rename(join(project, 'target', 'classes'), join(draft, 'classes'));
    await rm(project, { recursive: true });
    await rename(draft, homeOf(cacheDirectory));
  } catch (error) {
    throw error instanceof ToolFailure ? explainMaven(error.log, wanted) : error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

const wanted = {
  name: `Eureka of Spring Cloud ${springCloudVersion}`,
  artifact: 'org.springframework.cloud:spring-cloud-dependencies',
  remedy: 'correct the version in stack/eureka/pom.xml',
};
