import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { identify } from '../../stack/identity.js';
import { findOnPath } from '../../stack/preflight.js';
import { javaVersion, makeSandbox } from '../stack/sandbox.js';
import { makeCache, root } from './stack-support.js';

interface Said {
  exitCode: number | null;
  out: string;
  err: string;
}

async function run(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Said> {
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: Said = { exitCode: null, out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()));
  [said.exitCode] = (await once(child, 'close')) as [number | null];
  return said;
}

describe('npm run stack', () => {
  it('goes up detached, says how it is, and goes down', async () => {
    const env = await makeCache();
    const stack = (...args: string[]): Promise<Said> => run('stack/main.ts', args, env);
    expect(await stack('status')).toMatchObject({ exitCode: 1, out: 'No stack is up.\n' });
    expect(await stack('turn')).toMatchObject({ exitCode: 1, out: 'No stack is up.\n' });
    onTestFinished(async () => {
      await stack('down');
    });
    const up = await stack('up', '--detach', '--json', '--flows', 'A->B');
    expect(up).toMatchObject({ exitCode: 0, err: '' });
    const { clusters, pid, flows } = JSON.parse(up.out) as {
      clusters: Record<string, string[]>;
      pid: number;
      flows: string[];
    };
    expect(flows).toEqual(['A->B']);
    const status = await stack('status');
    expect(status.exitCode).toBe(0);
    expect(status.out).toContain(`A     ${clusters['A']?.[0]}  answers`);
    const second = await stack('up');
    expect(second).toMatchObject({ exitCode: 1, out: '' });
    expect(second.err).toMatch(/^A stack is already up \(A 127\.0\.0\.1:\d+, B [^\n]+\n$/);
    expect(await stack('turn')).toEqual({ exitCode: 0, out: 'MM2 mirrors B->A now.\n', err: '' });
    expect((await stack('status')).out).toContain('MM2   B->A (default policy)');
    expect(await stack('down')).toMatchObject({ exitCode: 0, out: 'Stopped.\n' });
    expect(identify(pid)).toBeUndefined();
    expect(await stack('down')).toMatchObject({ exitCode: 0, out: 'No stack is up.\n' });
  });

  it.each(['x', '1', '19092', '19092,19092', '19092,29092,39092', '19092,70000', '80,81', ''])(
    'refuses the ports "%s", which are no two of its own',
    async (ports) => {
      const said = await run('stack/main.ts', ['up', '--ports', ports], process.env);
      expect(said).toMatchObject({ exitCode: 2, out: '' });
      expect(said.err).toBe(
        `--ports is two ports from 1024 to 65535, for A and for B, for example 19092,29092, got "${ports}". See: npm run stack -- --help\n`,
      );
    },
  );

  it.each([
    [['up', '--policy', 'strange'], '--policy is default or identity, got "strange".'],
    [['sideways'], 'Unknown command "sideways". It is one of up, status, turn, down, fetch.'],
    [['stauts'], 'Unknown command "stauts". Did you mean status?'],
    [['up', 'now'], 'Unexpected argument "now".'],
    [['down', '--keep'], '--keep means nothing to `down`.'],
    [['up', '--detatch'], 'Unknown option --detatch. Did you mean --detach?'],
  ])('refuses %j in one sentence', async (args, sentence) => {
    const said = await run('stack/main.ts', args, process.env);
    expect(said).toEqual({
      exitCode: 2,
      out: '',
      err: `${sentence} See: npm run stack -- --help\n`,
    });
  });
});

describe('a machine that lacks something', () => {
  it.each([
    [
      'without Java',
      {},
      /^Kafka \S+ needs Java, and there is no `java` on the PATH: install [^\n]+\n$/,
    ],
    [
      'with an old Java',
      { java: javaVersion('1.8.0_292') },
      /^Kafka \S+ needs Java \d+ or newer, and \S+ is Java 1\.8\.0_292: install [^\n]+\n$/,
    ],
    [
      'without Maven',
      { java: javaVersion('17.0.15') },
      /^Kafka \S+ is fetched by Maven, once, and there is no `mvn` on the PATH: install [^\n]+\n$/,
    ],
  ])('is told so in one sentence, %s', async (_which, commands, sentence) => {
    const { command, env, directory } = await makeSandbox();
    for (const [name, script] of Object.entries(commands)) await command(name, script);
    const said = await run('stack/main.ts', ['up'], {
      ...env,
      STACK_CACHE: join(directory, 'cache'),
    });
    expect(said.exitCode).toBe(1);
    expect(said.err).toMatch(sentence);
    expect(said.out).toBe('');
  });

  it.each([
    ['in offline mode', '-o'],
    // Nothing listens on port 1 of loopback.
    ['that refuses connections', '-s "$SETTINGS"'],
  ])('is told when Maven has a repository %s', async (_which, flags) => {
    const { command, env, directory } = await makeSandbox();
    const maven = await findOnPath('mvn', process.env);
    const settings = join(directory, 'settings.xml');
    await writeFile(
      settings,
      '<settings><mirrors><mirror><id>none</id><mirrorOf>*</mirrorOf><url>http://127.0.0.1:1/</url></mirror></mirrors></settings>',
    );
    await command('mvn', `exec ${maven} ${flags} -Dmaven.repo.local=${directory}/empty "$@"`);
    const said = await run('stack/main.ts', ['fetch'], {
      ...process.env,
      PATH: `${env['PATH']}:${process.env['PATH']}`,
      SETTINGS: settings,
      STACK_CACHE: join(directory, 'cache'),
    });
    expect(said.exitCode).toBe(1);
    expect(said.err.trim().split('\n').at(-1)).toMatch(
      /^Maven could not reach its repository to fetch Kafka \S+ \([^)]+\): check the network, or the mirror and proxy in Maven's settings\.xml\.$/,
    );
    expect(said.err).not.toMatch(/^\s+at /m);
  });

  it('sees all of it from the doctor, with the remedy', async () => {
    const { env, directory } = await makeSandbox();
    const STACK_CACHE = join(directory, 'cache');
    const ill = await run('stack/doctor.ts', ['--json'], { ...env, STACK_CACHE });
    expect(ill.exitCode).toBe(1);
    const { ok, findings } = JSON.parse(ill.out) as {
      ok: boolean;
      findings: { name: string; verdict: string; says: string }[];
    };
    expect(ok).toBe(false);
    expect(findings.filter(({ verdict }) => verdict === 'missing').map(({ name }) => name)).toEqual(
      ['java', 'maven'],
    );
    expect(findings.find(({ name }) => name === 'java')?.says).toContain('install a JDK');
    const well = await run('stack/doctor.ts', [], { ...process.env, STACK_CACHE });
    expect(well).toMatchObject({ exitCode: 0, err: '' });
    expect(well.out).toContain('The stack can start: npm run stack -- up');
  });
});
