import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ManagedProcess, readLog } from './process.js';

/** @internal What a tool is run with. */
export interface ToolOptions {
  /** For messages: "Maven". */
  name: string;
  /** Absolute path. */
  command: string;
  args: readonly string[];
  /** It runs there, and its words are kept there until it has ended well. */
  directory: string;
  env: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
  /** Longest run, in milliseconds; then it is killed, and counts as failed. */
  timeoutMs: number;
}

/** @internal A tool that ended with another exit code than 0. */
export class ToolFailure extends Error {
  /** All that it said. */
  readonly log: string;
  readonly lastLine: string;

  constructor(name: string, log: string) {
    const lastLine = log.trim().split('\n').at(-1) ?? '';
    super(`${name} failed: ${lastLine}`);
    this.log = log;
    this.lastLine = lastLine;
  }
}

/**
 * Runs a tool to its end. It does not outlive this process.
 *
 * @throws ToolFailure - it failed; the reason of `signal`, where that was aborted.
 * @internal
 */
export async function runTool(options: ToolOptions): Promise<void> {
  const { name, command, args, directory, env, signal, timeoutMs } = options;
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
