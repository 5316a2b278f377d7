import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { StackError, explainDisk } from '../../stack/errors.js';
import {
  checkDisk,
  findJava,
  findMaven,
  freeDiskBytes,
  kafkaVersionFrom,
  parseJavaVersion,
} from '../../stack/preflight.js';
import { javaVersion, makeSandbox } from './sandbox.js';

/** One sentence of a StackError: no stack trace, no second line. */
async function sentenceOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StackError);
  const { message } = error as StackError;
  expect(message).toMatch(/^[^\n]+$/);
  return message;
}

describe('preflight', () => {
  it('names the remedy when there is no Java', async () => {
    const { env } = await makeSandbox();
    expect(await sentenceOf(findJava('4.3.1', env))).toBe(
      'Kafka 4.3.1 needs Java, and there is no `java` on the PATH: install a JDK 17 or newer (on Debian: openjdk-17-jdk-headless) or point JAVA_HOME to one.',
    );
  });

  it('refuses a Java that is too old for this Kafka, and takes it for one that runs on it', async () => {
    const { env, command } = await makeSandbox();
    const java = await command('java', javaVersion('11.0.22'));
    expect(await sentenceOf(findJava('4.3.1', env))).toContain(
      `Kafka 4.3.1 needs Java 17 or newer, and ${java} is Java 11.0.22: install`,
    );
    expect(await findJava('3.9.2', env)).toEqual({ command: java, major: 11, version: '11.0.22' });
  });

  it('refuses a `java` that is only a signpost', async () => {
    const { env, command } = await makeSandbox();
    const java = await command('java', 'echo "Unable to locate a Java Runtime" >&2; exit 1');
    expect(await sentenceOf(findJava('4.3.1', env))).toContain(`${java} is not one that runs`);
  });

  it('prefers the Java of JAVA_HOME to the PATH', async () => {
    const { env, command, directory } = await makeSandbox();
    await command('java', javaVersion('17.0.1'));
    const found = await findJava('4.3.1', { ...env, JAVA_HOME: directory });
    expect(found.command).toBe(join(directory, 'bin', 'java'));
  });

  it('names the remedy when there is no Maven', async () => {
    const { env } = await makeSandbox();
    expect(await sentenceOf(findMaven('Kafka 4.3.1', env))).toBe(
      'Kafka 4.3.1 is fetched by Maven, once, and there is no `mvn` on the PATH: install Maven 3.6 or newer (on Debian: maven).',
    );
  });

  it.each([
    ['openjdk version "17.0.15" 2025-04-15', { major: 17, version: '17.0.15' }],
    ['java version "1.8.0_292"', { major: 8, version: '1.8.0_292' }],
    ['openjdk version "24-ea" 2026-03-17', { major: 24, version: '24-ea' }],
    ['Unable to locate a Java Runtime', undefined],
  ])('reads %s', (text, expected) => {
    expect(parseJavaVersion(text)).toEqual(expected);
  });

  it('takes the Kafka version of the option, then KAFKA_VERSION, then the default, and refuses what is none', () => {
    expect(kafkaVersionFrom('3.9.2', { KAFKA_VERSION: '4.0.0' })).toBe('3.9.2');
    expect(kafkaVersionFrom(undefined, { KAFKA_VERSION: '3.9.2' })).toBe('3.9.2');
    expect(kafkaVersionFrom(undefined, { KAFKA_VERSION: '' })).toBe('4.3.1');
    expect(() => kafkaVersionFrom('latest', {})).toThrow(
      'A Kafka version looks like 4.3.1, got "latest" (KAFKA_VERSION).',
    );
  });

  it('says how much room lacks', async () => {
    const { directory } = await makeSandbox();
    const needed = (await freeDiskBytes(directory)) * 2;
    expect(await sentenceOf(checkDisk(directory, needed))).toMatch(
      /^The disk has \d+ MiB free at .*, and the stack needs \d+ MiB: free some space and try again\.$/,
    );
  });

  it('says when something that is not a directory stands in the place of the cache', async () => {
    const { directory } = await makeSandbox();
    const file = join(directory, 'file');
    await writeFile(file, '');
    expect(await sentenceOf(checkDisk(join(file, 'cache'), 0))).toContain(
      'because something that is not a directory stands in its place',
    );
  });

  it.each([
    ['ENOSPC', 'The disk is full'],
    ['EDQUOT', 'The disk is full'],
    ['EACCES', 'cannot be written by this user'],
    ['EROFS', 'read-only file system'],
    ['EBUSY', 'The disk does not serve'],
    ['EIO', 'The disk does not serve'],
  ])('explains %s', (code, words) => {
    const error = explainDisk(Object.assign(new Error(`${code}: write`), { code }), '/somewhere');
    expect(error).toBeInstanceOf(StackError);
    expect((error as StackError).message).toContain(words);
  });

  it('leaves an error that is not of the disk as it is', () => {
    const error = new TypeError('a fault of the code');
    expect(explainDisk(error, '/somewhere')).toBe(error);
  });
});
