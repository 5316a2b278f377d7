import { appendFile, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ensureKafka, findKafka } from '../../stack/jars.js';
import { withLock } from '../../stack/lock.js';
import { identify } from '../../stack/identity.js';
import { explainMaven } from '../../stack/maven-errors.js';
import { waitFor } from '../../stack/wait.js';
import { makeSandbox } from './sandbox.js';
import type { Sandbox } from './sandbox.js';

/** A Maven that copies one jar, and a Java that formats; the shell finds mkdir and the like where it always does. */
async function fakeTools(sandbox: Sandbox, mavenScript?: string) {
  const env = { PATH: `${sandbox.env['PATH']}:/usr/bin:/bin` };
  const calls = join(sandbox.directory, 'calls');
  await writeFile(calls, '');
  await sandbox.command(
    'mvn',
    mavenScript ??
      `echo fetched >> ${calls}
for each in "$@"; do case "$each" in -DoutputDirectory=*) lib=\${each#*=};; esac; done
sleep 0.3; mkdir -p "$lib" && : > "$lib/kafka_2.13-9.9.9.jar" && : > "$lib/a.jar" && : > "$lib/note.txt"`,
  );
  const java = {
    command: await sandbox.command('java', 'mkdir formatted && : > formatted/meta.properties'),
    major: 17,
    version: '17.0.15',
  };
  const options = { version: '9.9.9', cacheDirectory: join(sandbox.directory, 'cache'), java, env };
  return {
    options,
    fetchCount: async () => (await readFile(calls, 'utf8')).split('\n').length - 1,
  };
}

describe('ensureKafka', () => {
  it('fetches once and asks neither Maven nor Java again', async () => {
    const sandbox = await makeSandbox();
    const { options, fetchCount } = await fakeTools(sandbox);
    const install = await ensureKafka(options);
    const lib = join(options.cacheDirectory, 'kafka-9.9.9', 'lib');
    expect(install.jars).toEqual([join(lib, 'a.jar'), join(lib, 'kafka_2.13-9.9.9.jar')]);
    const again = await ensureKafka({ ...options, env: { PATH: '' } });
    expect(again).toEqual(install);
    expect(await fetchCount()).toBe(1);
    expect(await readdir(options.cacheDirectory)).toEqual(['kafka-9.9.9']);
  });

  it('lets two that ask at once share one fetch', async () => {
    const { options, fetchCount } = await fakeTools(await makeSandbox());
    const [first, second] = await Promise.all([ensureKafka(options), ensureKafka(options)]);
    expect(first).toEqual(second);
    expect(await fetchCount()).toBe(1);
  });

  it('leaves nothing behind when Maven fails, and fetches the next time', async () => {
    const sandbox = await makeSandbox();
    const { options } = await fakeTools(sandbox, 'echo "[ERROR] something odd"; exit 1');
    await expect(ensureKafka(options)).rejects.toThrow(
      /^Maven could not fetch Kafka 9\.9\.9: something odd$/,
    );
    expect(await readdir(options.cacheDirectory)).toEqual([]);
    const { options: mended } = await fakeTools(sandbox);
    expect((await ensureKafka(mended)).jars).toHaveLength(2);
  });

  it('replaces a directory that holds no broker, and the leavings of a fetch that was killed', async () => {
    const { options } = await fakeTools(await makeSandbox());
    await mkdir(join(options.cacheDirectory, 'kafka-9.9.9', 'lib'), { recursive: true });
    await mkdir(join(options.cacheDirectory, '.fetch-9.9.9-1-abc'));
    expect(await findKafka('9.9.9', options.cacheDirectory)).toBeUndefined();
    await ensureKafka(options);
    expect(await readdir(options.cacheDirectory)).toEqual(['kafka-9.9.9']);
  });

  it('ends a fetch with the reason of its signal', async () => {
    const { options } = await fakeTools(await makeSandbox(), 'exec sleep 60');
    const told = new AbortController();
    const fetching = ensureKafka({ ...options, signal: told.signal });
    await waitFor('the fetch to be under way', async () =>
      (await readdir(options.cacheDirectory)).some((name) => name.startsWith('.fetch-')),
    );
    told.abort(new Error('enough'));
    await expect(fetching).rejects.toThrow('enough');
    expect(await readdir(options.cacheDirectory)).toEqual([]);
  });

  it('says that Maven is missing before anything else', async () => {
    const { options } = await fakeTools(await makeSandbox());
    await expect(ensureKafka({ ...options, env: { PATH: '' } })).rejects.toThrow(
      'there is no `mvn` on the PATH',
    );
  });
});

describe('withLock', () => {
  it('lets one in after the other', async () => {
    const { directory } = await makeSandbox();
    const log = join(directory, 'log');
    const work = (name: string) => async () => {
      await appendFile(log, `${name} in\n`);
      await appendFile(log, `${name} out\n`);
    };
    const file = join(directory, 'lock');
    await Promise.all(['a', 'b', 'c'].map((name) => withLock(file, work(name))));
    const lines = (await readFile(log, 'utf8')).trim().split('\n');
    for (let at = 0; at < lines.length; at += 2) {
      expect(lines[at + 1]).toBe(lines[at]?.replace('in', 'out'));
    }
    expect(await readdir(directory)).not.toContain('lock');
  });

  it('takes over the lock of a holder that has died', async () => {
    const { directory } = await makeSandbox();
    const file = join(directory, 'lock');
    // This process's id with another start time: the id of a dead process, handed out again.
    await writeFile(file, JSON.stringify({ ...identify(process.pid), startedAs: 'long ago' }));
    expect(await withLock(file, async () => 'in')).toBe('in');
  });
});

describe('explainMaven', () => {
  it.each([
    [
      '[ERROR] Plugin x could not be resolved: Could not transfer artifact x from/to central: Connect to 127.0.0.1:1 [/127.0.0.1] failed: Connection refused',
      'Maven could not reach its repository to fetch Kafka 4.3.1',
    ],
    [
      '[ERROR] ... central: repo.example: Name or service not known',
      'Maven could not reach its repository',
    ],
    ['[ERROR] Cannot access central in offline mode', 'Maven could not reach its repository'],
    [
      '[ERROR] Could not find artifact org.apache.kafka:kafka_2.13:jar:4.3.1 in central',
      'The Maven repository has no Kafka 4.3.1',
    ],
    [
      '[ERROR] /x/y.jar (No space left on device)',
      'The disk became full while Maven fetched Kafka 4.3.1',
    ],
    ['[ERROR] /root/.m2/repository/x.jar (Permission denied)', 'Maven could not write'],
    ['[INFO] hello\n[ERROR] The goal is wrong -> [Help 1]\n[ERROR] more', 'The goal is wrong'],
  ])('tells %s', (log, words) => {
    const { message } = explainMaven(log, {
      name: 'Kafka 4.3.1',
      artifact: 'org.apache.kafka:kafka_2.13:jar:4.3.1',
      remedy: 'set KAFKA_VERSION to a released version',
    });
    expect(message).toContain(words);
    expect(message).not.toContain('\n');
  });
});
