import { readdir } from 'node:fs/promises';
import { findDebianServer, type DebianServer } from './debian.js';
import { dnsmasqServer } from './dnsmasq.js';
import { findConsul } from './consul-binary.js';
import { messageOf } from './errors.js';
import { findEureka } from './eureka.js';
import { haproxyServer } from './haproxy.js';
import { isAlive } from './identity.js';
import { findKafka } from './jars.js';
import type { CacheLayout } from './paths.js';
import { freePorts, loopback } from './ports.js';
import {
  checkDisk,
  consulVersion,
  findGo,
  findJava,
  findMaven,
  freeDiskBytes,
  kafkaVersionFrom,
  mebibytes,
  neededDiskBytes,
} from './preflight.js';
import { findRuns } from './runs.js';

/** @internal One thing that the stack needs. */
export interface Finding {
  name: string;
  /** `note`: nothing stands in the way now, but it is worth knowing. */
  verdict: 'ok' | 'note' | 'missing';
  /** What was found; where something lacks, with the remedy. */
  says: string;
}

/** @internal Where to look. */
export interface ExamineOptions {
  env: NodeJS.ProcessEnv;
  layout: CacheLayout;
  /** As `process.version` has it. */
  nodeVersion: string;
  platform: string;
  /** Memory that this process may still take, in bytes. */
  availableMemoryBytes: number;
}

/** Measured at rest: two brokers of 200 MiB and two mirrors of 145 MiB; the rest is for their heaps under load. */
const neededMemoryBytes = 1024 ** 3;

/** @internal Looks at everything that `startStack` needs, and changes nothing but making the cache directory. */
export async function examine(options: ExamineOptions): Promise<Finding[]> {
  const { env, layout } = options;
  const version = await attempt('kafka version', () => kafkaVersionFrom(undefined, env));
  if (version.kind === 'missing') return [version.finding];
  const kafkaVersion = version.value;
  const install = await findKafka(kafkaVersion, layout.root);
  return [
    node(options.nodeVersion),
    platform(options.platform),
    await finding('java', async () => {
      const java = await findJava(kafkaVersion, env);
      return `${java.version} (${java.command})`;
    }),
    await maven(kafkaVersion, env, install !== undefined),
    jars(kafkaVersion, await cachedVersions(layout.root), install !== undefined),
    await go(env, (await findConsul(layout.root)) !== undefined),
    await finding('disk', async () => {
      await checkDisk(layout.root, neededDiskBytes);
      return `${mebibytes(await freeDiskBytes(layout.root))} MiB free`;
    }),
    memory(options.availableMemoryBytes),
    await finding(
      'loopback',
      async () => `ports on ${loopback} can be had (${(await freePorts(2)).length} of 2)`,
    ),
    await crashes(layout),
    ...(await testServers(env, layout)),
  ];
}

function node(version: string): Finding {
  const [major = 0, minor = 0] = version.replace('v', '').split('.').map(Number);
  const isEnough = major > 20 || (major === 20 && minor >= 19);
  return isEnough
    ? { name: 'node', verdict: 'ok', says: version }
    : {
        name: 'node',
        verdict: 'missing',
        says: `${version} is too old: install Node 20.19 or newer.`,
      };
}

function platform(name: string): Finding {
  const isKnown = name === 'linux' || name === 'darwin';
  return isKnown
    ? { name: 'system', verdict: 'ok', says: name }
    : {
        name: 'system',
        verdict: 'missing',
        says: `${name} has no POSIX signals: use Linux, macOS or WSL.`,
      };
}

async function maven(
  kafkaVersion: string,
  env: NodeJS.ProcessEnv,
  isCached: boolean,
): Promise<Finding> {
  const found = await finding('maven', () => findMaven(`Kafka ${kafkaVersion}`, env));
  if (found.verdict === 'ok' || !isCached) return found;
  return {
    ...found,
    verdict: 'note',
    says: `not on the PATH, and not needed: Kafka ${kafkaVersion} is cached.`,
  };
}

/** Never missing: clusters and mirrors start without it. */
async function go(env: NodeJS.ProcessEnv, isCached: boolean): Promise<Finding> {
  if (isCached) return { name: 'consul', verdict: 'ok', says: `cached: ${consulVersion}` };
  const found = await finding('consul', () => findGo(env));
  const says =
    found.verdict === 'ok'
      ? `nothing cached; its first start builds ${consulVersion} with Go (some minutes).`
      : `${found.says} Needed by the tests on a real Consul only.`;
  return { name: 'consul', verdict: 'note', says };
}

function jars(kafkaVersion: string, cached: readonly string[], isCached: boolean): Finding {
  const list = cached.length === 0 ? 'nothing cached' : `cached: ${cached.join(', ')}`;
  return isCached
    ? { name: 'kafka', verdict: 'ok', says: list }
    : {
        name: 'kafka',
        verdict: 'note',
        says: `${list}; the first start fetches ${kafkaVersion} (60 MB), as does \`npm run stack -- fetch\`.`,
      };
}

function memory(availableBytes: number): Finding {
  const says = `${mebibytes(availableBytes)} MiB available`;
  if (availableBytes >= neededMemoryBytes) return { name: 'memory', verdict: 'ok', says };
  return {
    name: 'memory',
    verdict: 'missing',
    says: `${says}, and the stack needs ${mebibytes(neededMemoryBytes)}: end other programs.`,
  };
}

async function crashes(layout: CacheLayout): Promise<Finding> {
  const crashed = (await findRuns(layout.runs).catch(() => [])).filter(
    (run) => !isAlive(run.owner),
  );
  return crashed.length === 0
    ? { name: 'crashes', verdict: 'ok', says: 'no run has left anything behind' }
    : {
        name: 'crashes',
        verdict: 'note',
        says: `${crashed.length} crashed run(s) have left data; the next start removes it.`,
      };
}

/** What only tests need. */
async function testServers(env: NodeJS.ProcessEnv, layout: CacheLayout): Promise<Finding[]> {
  const eureka = await findEureka(layout.root);
  return [
    eureka === undefined
      ? {
          name: 'eureka',
          verdict: 'note',
          says: 'not cached; its tests fetch and compile it with Maven (60 MB).',
        }
      : { name: 'eureka', verdict: 'ok', says: 'cached' },
    await debianServer(dnsmasqServer, env),
    await debianServer(haproxyServer, env),
  ];
}

async function debianServer(server: DebianServer, env: NodeJS.ProcessEnv): Promise<Finding> {
  const { program, packageName, neededFor } = server;
  const found = await findDebianServer(server, env);
  return found === undefined
    ? {
        name: program,
        verdict: 'note',
        says: `not found; the tests of ${neededFor} install it where they may (root, apt-get): else install it (on Debian: ${packageName}).`,
      }
    : { name: program, verdict: 'ok', says: found };
}

async function cachedVersions(root: string): Promise<string[]> {
  const names = await readdir(root).catch((): string[] => []);
  const versions = names.map((name) => /^kafka-(\d+\.\d+\.\d+)$/.exec(name)?.[1]);
  return versions.filter((each) => each !== undefined).toSorted();
}

async function finding(name: string, look: () => Promise<string>): Promise<Finding> {
  const seen = await attempt(name, look);
  return seen.kind === 'missing' ? seen.finding : { name, verdict: 'ok', says: seen.value };
}

async function attempt<T>(
  name: string,
  look: () => T | Promise<T>,
): Promise<{ kind: 'found'; value: T } | { kind: 'missing'; finding: Finding }> {
  try {
    return { kind: 'found', value: await look() };
  } catch (error) {
    return { kind: 'missing', finding: { name, verdict: 'missing', says: messageOf(error) } };
  }
}
