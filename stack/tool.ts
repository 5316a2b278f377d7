import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ManagedProcess, readLog } from './process.js';

/** @internal A tool that ended with another exit code than 0. */
export class ToolFailure extends Error {
  override readonly name: string = 'ToolFailure';
  readonly log: string;
  readonly lastLine: string;

  constructor(name: string, log: string) {
    const lastLine = log.trim().split('\n').at(-1) ?? '';
    super(`${name} failed: ${lastLine}`);
    this.log = log;
    this.lastLine = lastLine;
  }
}

/** @internal How a tool is run. */
export interface ToolOptions {
  /** For messages: "Maven". */
  name: string;
  /** Absolute path. */
  command: string;
  args: readonly string[];
  /** The tool works here, and its log lies here until it has succeeded. */
  directory: string;
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
  /** Longest run, in milliseconds; then it is killed, and counts as failed. Default ten minutes. */
  timeoutMs?: number;
}

/**
 * Runs a tool to its end. It does not outlive this process.
 *
 * @throws ToolFailure - it ended with another exit code than 0; has what it said.
 * @internal
 */
export async function runTool(options: ToolOptions): Promise<void> {
  const { name, command, args, directory, env, signal, timeoutMs = 600_000 } = options;
  signal?.throwIfAborted();
  const logFile = join(directory, `${name}.log`);
  const tool = await ManagedProcess.start({ name, command, args, env, cwd: directory, logFile });
  const kill = (): void => void tool.kill();
  const limit = setTimeout(kill, timeoutMs);
  // It may have been told to end while it was being started.
  if (signal?.aborted === true) kill();
  else signal?.addEventListener('abort', kill, { once: true });
  const { exitCode } = await tool.ended.finally(() => {
    clearTimeout(limit);
    signal?.removeEventListener('abort', kill);
  });
  signal?.throwIfAborted();
  if (exitCode !== 0) throw new ToolFailure(name, await readLog(logFile));
  await rm(logFile, { force: true });
}

/** @internal Maven's arguments that every call has: quiet, and not for ever where a repository swallows packets. */
export const mavenArgs: readonly string[] = [
  '--batch-mode',
  '--no-transfer-progress',
  // Maven 3.8's and 3.9's ways of setting a limit.
  '-Dmaven.wagon.rto=60000',
  '-Dmaven.wagon.http.connectionTimeout=15000',
  '-Daether.connector.connectTimeout=15000',
  '-Daether.connector.requestTimeout=60000',
];
