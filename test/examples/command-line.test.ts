import { afterEach, describe, expect, it, vi } from 'vitest';
import { readCommandLine } from '../../scripts/command-line.js';
import { startChild } from './child.js';

/** How a process ended, and what it had said. */
class Ended extends Error {}

const command = {
  name: 'npm run thing',
  usage: 'npm run thing: does it\n  --detach  later\n  --ports P,P  of it',
  options: {
    detach: { type: 'boolean', default: false },
    ports: { type: 'string' },
    internal: { type: 'string' },
  },
} as const;

/** Calls the command in this process. Answers its options, or its exit code and what it said. */
function call(args: readonly string[], { env = {}, takesWords = false } = {}) {
  const said: string[] = [];
  const keep = (line: unknown): void => void said.push(String(line));
  vi.spyOn(console, 'log').mockImplementation(keep);
  vi.spyOn(console, 'error').mockImplementation(keep);
  vi.spyOn(process, 'exit').mockImplementation((code) => {
    throw new Ended(String(code));
  });
  try {
    const called = { argv: ['node', 'thing.ts', ...args], env };
    const { values, positionals } = readCommandLine({ ...command, takesWords }, called);
    return { values: { ...values }, positionals };
  } catch (error) {
    if (error instanceof Ended) return { exitCode: Number(error.message), said: said.join('\n') };
    throw error;
  }
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a command line', () => {
  it('is read', () => {
    expect(call(['--detach', '--ports=1,2'])).toEqual({
      values: { detach: true, ports: '1,2' },
      positionals: [],
    });
    expect(call(['up'], { takesWords: true })).toMatchObject({ positionals: ['up'] });
  });

  it.each([[['--help']], [['-h']], [['--nonsense', '--help']]])(
    'with %j gets the usage, and nothing else happens',
    (args) => {
      expect(call(args)).toEqual({ exitCode: 0, said: command.usage });
    },
  );

  it.each([
    [['--detahc'], 'Unknown option --detahc. Did you mean --detach?'],
    [['--nonsense'], 'Unknown option --nonsense. Its options: --detach, --ports.'],
    [['-x'], 'Unknown option --x. Its options: --detach, --ports.'],
    [['now'], 'Unexpected argument "now".'],
    [['--detach=yes'], "Option '--detach' does not take an argument."],
    [['--ports'], "Option '--ports <value>' argument missing."],
    [['--ports', '--detach'], "Option '--ports' argument is ambiguous."],
  ])('%j is refused in one sentence', (args, sentence) => {
    expect(call(args)).toEqual({ exitCode: 2, said: `${sentence} See: npm run thing -- --help` });
  });

  it('that npm has taken an option from is refused: it would do something else', () => {
    const env = { npm_config_detach: 'true' };
    expect(call(['up'], { env, takesWords: true })).toMatchObject({
      exitCode: 2,
      said: expect.stringContaining('put -- in front: npm run thing -- up --detach.'),
    });
  });
});

describe('the commands of the repository', { timeout: 60_000 }, () => {
  it.each([
    ['npm run build', 'scripts/build.ts'],
    ['npm run check', 'scripts/check.ts'],
    ['npm test', 'scripts/test.ts'],
    ['npm run api', 'scripts/api.ts'],
    ['npm run test:sim', 'test/simulation/main.ts'],
    ['npm run bench', 'bench/main.ts'],
    ['npm run bench:failover', 'bench/failover.ts'],
    ['npm run demo', 'examples/demo/main.ts'],
    ['npm run stack', 'stack/main.ts'],
    ['npm run doctor', 'stack/doctor.ts'],
  ])('%s says with --help what it does, and does nothing', async (name, file) => {
    // The demo and the benchmark import the library by its name; here that is its sources.
    const env = { TSX_TSCONFIG_PATH: 'tsconfig.json' };
    const child = startChild(['node', '--import', 'tsx', file, '--help'], env);
    expect(await child.ended, child.stderr()).toBe(0);
    expect(child.stdout()).toContain(name);
    expect(child.stdout().split('\n').length).toBeLessThan(22);
  });

  it('the benchmark of failovers refuses a case that is none', async () => {
    const args = ['bench/failover.ts', '--only', 'killed,stoped'];
    const env = { TSX_TSCONFIG_PATH: 'tsconfig.json' };
    const child = startChild(['node', '--import', 'tsx', ...args], env);
    expect(await child.ended).toBe(2);
    expect(child.stderr()).toMatch(/^--only: .*"stoped"\. Did you mean "stopped"\? [^\n]+\n$/);
  });

  it('the simulation refuses a number that is none', async () => {
    const args = ['test/simulation/main.ts', '--seeds', 'x'];
    const child = startChild(['node', '--import', 'tsx', ...args]);
    expect(await child.ended).toBe(2);
    expect(child.stderr()).toMatch(/^--seeds must be a whole number from 1, got "x"\. [^\n]+\n$/);
  });
});
