import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdir, statfs } from 'node:fs/promises';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { StackError, explainDisk } from './errors.js';

/** @internal Kafka that the stack starts when nobody says otherwise. */
export const defaultKafkaVersion = '4.3.1';

/** @internal Consul that the stack starts. Not every version can be built from its Go module: 1.21.4 and 1.21.5 cannot. */
export const consulVersion = '1.21.0';

/** @internal What two brokers and two mirrors write and hold at rest, with room for a test's records. */
export const neededDiskBytes: number = 1024 ** 3;

/** @internal A Java that is new enough. */
export interface Java {
  /** Absolute path. */
  command: string;
  /** 17, 21, ... */
  major: number;
  /** As it names itself: "17.0.15". */
  version: string;
}

/** @internal The version to run: as asked, else `KAFKA_VERSION`, else {@link defaultKafkaVersion}. */
export function kafkaVersionFrom(asked: string | undefined, env: NodeJS.ProcessEnv): string {
  const version = asked ?? (env['KAFKA_VERSION'] || defaultKafkaVersion);
  if (!/^\d+\.\d+\.\d+$/.test(version)) {
    throw new StackError(
      `A Kafka version looks like ${defaultKafkaVersion}, got "${version}" (KAFKA_VERSION).`,
    );
  }
  return version;
}

/** @internal Lowest Java that a Kafka version runs on: 4.0 dropped everything before 17. */
export function neededJavaMajor(kafkaVersion: string): number {
  return Number(kafkaVersion.split('.')[0]) >= 4 ? 17 : 11;
}

/** @internal The version in what `java -version` prints, or undefined when it is not a Java that speaks. */
export function parseJavaVersion(text: string): { major: number; version: string } | undefined {
  const version = /version "([^"]+)"/.exec(text)?.[1];
  if (version === undefined) return undefined;
  // Up to Java 8 the major number came second: 1.8.0_292.
  const major = Number(/^(?:1\.)?(\d+)/.exec(version)?.[1]);
  return Number.isInteger(major) ? { major, version } : undefined;
}

/**
 * The Java of `JAVA_HOME`, else the first on the PATH.
 *
 * @throws StackError - there is none, or it is too old for this Kafka.
 * @internal
 */
export async function findJava(kafkaVersion: string, env: NodeJS.ProcessEnv): Promise<Java> {
  const needed = neededJavaMajor(kafkaVersion);
  const remedy = `install a JDK ${needed} or newer (on Debian: openjdk-17-jdk-headless) or point JAVA_HOME to one.`;
  const home = env['JAVA_HOME'];
  const command = home ? join(home, 'bin', 'java') : await findOnPath('java', env);
  if (command === undefined) {
    throw new StackError(
      `Kafka ${kafkaVersion} needs Java, and there is no \`java\` on the PATH: ${remedy}`,
    );
  }
  const found = parseJavaVersion(await output(command, ['-version'], env));
  if (found === undefined) {
    throw new StackError(
      `Kafka ${kafkaVersion} needs Java, and ${command} is not one that runs: ${remedy}`,
    );
  }
  if (found.major < needed) {
    throw new StackError(
      `Kafka ${kafkaVersion} needs Java ${needed} or newer, and ${command} is Java ${found.version}: ${remedy}`,
    );
  }
  return { command, ...found };
}

/**
 * Absolute path of Maven's command.
 *
 * @param wanted - what it is to fetch, for the message: "Kafka 4.3.1".
 * @throws StackError - it is not on the PATH.
 * @internal
 */
export async function findMaven(wanted: string, env: NodeJS.ProcessEnv): Promise<string> {
  const command = await findOnPath('mvn', env);
  if (command === undefined) {
    throw new StackError(
      `${wanted} is fetched by Maven, once, and there is no \`mvn\` on the PATH: install Maven 3.6 or newer (on Debian: maven).`,
    );
  }
  return command;
}

/**
 * Absolute path of Go's command.
 *
 * @throws StackError - it is not on the PATH.
 * @internal
 */
export async function findGo(env: NodeJS.ProcessEnv): Promise<string> {
  const command = await findOnPath('go', env);
  if (command === undefined) {
    throw new StackError(
      `Consul ${consulVersion} is built from its Go module, once, and there is no \`go\` on the PATH: install Go 1.23.8 or newer (https://go.dev/dl/).`,
    );
  }
  return command;
}

/**
 * Makes the directory, and looks whether it can be written and has room.
 *
 * @throws StackError - it cannot be written, or less than `neededBytes` are free.
 * @internal
 */
export async function checkDisk(directory: string, neededBytes: number): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
    await access(directory, constants.W_OK);
  } catch (error) {
    throw explainDisk(error, directory);
  }
  const free = await freeDiskBytes(directory);
  if (free < neededBytes) {
    throw new StackError(
      `The disk has ${mebibytes(free)} MiB free at ${directory}, and the stack needs ${mebibytes(neededBytes)} MiB: free some space and try again.`,
    );
  }
}

/** @internal Bytes that an ordinary user may still write at this place. */
export async function freeDiskBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

/** @internal For messages. */
export function mebibytes(bytes: number): number {
  return Math.floor(bytes / 1024 ** 2);
}

/** @internal The first executable of this name on the PATH, as an absolute path. */
export async function findOnPath(
  name: string,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    if (folder === '') continue;
    const candidate = join(isAbsolute(folder) ? folder : resolve(folder), name);
    const isExecutable = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isExecutable) return candidate;
  }
  return undefined;
}

/** What a command prints on both streams, whatever its exit code; empty when it cannot be run. */
export function output(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<string> {
  return new Promise((resolve) => {
    execFile(command, args, { env, timeout: 20_000 }, (_error, stdout, stderr) => {
      resolve(`${stdout}\n${stderr}`);
    });
  });
}
