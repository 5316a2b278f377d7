import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { waitFor } from '../../stack/wait.js';

const root = join(__dirname, '../..');

/** A command of the repository that runs as a person would run it. */
export interface Child {
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  /** Resolves when standard output holds the text; rejects with everything it printed where it ends before. */
  says(text: string, timeoutMs?: number): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Exit code, or the signal that ended it, once both outputs are closed. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

/** Starts a program of `node_modules/.bin`, or npm. Everything it starts belongs to a process group of its own. */
export function startChild(
  [program, ...args]: readonly [string, ...string[]],
  env: Readonly<Record<string, string | undefined>> = {},
): Child {
  const child = spawn(program, args, {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`,
      KAFKAJS_NO_PARTITIONER_WARNING: '1',
      ...env,
    },
  });
  let [stdout, stderr, isOver] = ['', '', false];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
  const ended = new Promise<number | NodeJS.Signals>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      isOver = true;
      resolve(signal ?? code ?? 1);
    });
  });
  return {
    pid: child.pid ?? -1,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    signal: (name) => {
      if (child.pid !== undefined && !isOver) process.kill(-child.pid, name);
    },
    says: async (text, timeoutMs = 60_000) => {
      await waitFor(`"${text}"`, () => stdout.includes(text) || isOver, { timeoutMs });
      if (!stdout.includes(text)) throw new Error(`ended without "${text}":\n${stdout}${stderr}`);
    },
  };
}

/** As {@link startChild}; the child and all it has started are killed when the test is over. */
export function startChildOfTest(...args: Parameters<typeof startChild>): Child {
  const child = startChild(...args);
  onTestFinished(async () => {
    child.signal('SIGKILL');
    await child.ended;
  });
  return child;
}

/**
 * Living processes that carry a variable in their environment, by `ps`: whatever was started by a child that got it, also
 * in other process groups and sessions.
 */
export async function processesWith(variable: string): Promise<readonly string[]> {
  const ps = startChild(['ps', 'axeww', '-o', 'pid=,stat=,command=']);
  await ps.ended;
  return ps
    .stdout()
    .split('\n')
    .filter((line) => line.includes(variable) && !/^\s*\d+\s+Z/.test(line))
    .map((line) => line.slice(0, 200));
}
