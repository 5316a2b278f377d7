import { spawn } from 'node:child_process';
import { join } from 'node:path';

/** The repository. */
export const root: string = join(__dirname, '..');

/** How a command ended, and all it printed. */
export interface Finished {
  readonly exitCode: number;
  readonly output: string;
  readonly seconds: number;
}

/**
 * Runs a command of the repository (`node_modules/.bin` first in the path) without a shell and without input.
 *
 * @param show - passes the output on as it comes; otherwise it is only collected.
 */
export function run(
  command: string,
  args: readonly string[],
  { show = false, env = {} }: { show?: boolean; env?: Readonly<Record<string, string>> } = {},
): Promise<Finished> {
  const startedAtMs = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: commandEnv(env),
    });
    const chunks: Buffer[] = [];
    const collect = (chunk: Buffer): void => {
      chunks.push(chunk);
      if (show) process.stdout.write(chunk);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({
        exitCode: code ?? 1,
        output: Buffer.concat(chunks).toString('utf8'),
        seconds: (performance.now() - startedAtMs) / 1000,
      });
    });
  });
}

/** The environment of a command of the repository. */
export function commandEnv(more: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const path = `${join(root, 'node_modules', '.bin')}:${process.env['PATH'] ?? ''}`;
  return { ...process.env, PATH: path, ...more };
}
