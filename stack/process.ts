import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { StackError, hasCode } from './errors.js';
import { stateLetter } from './identity.js';
import { stackDirectory } from './paths.js';
import { waitFor } from './wait.js';

/** @internal What to run, and where its words go. */
export interface ProcessOptions {
  /** For messages: "Broker A". */
  name: string;
  /** Absolute path: the shell in between is not asked to look for it. */
  command: string;
  args: readonly string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** Standard output and error of every start are appended here. */
  logFile: string;
}

/** @internal Options of an orderly stop. */
export interface StopOptions {
  /** How long SIGTERM is given, in milliseconds. Default 20000. */
  graceMs?: number;
}

/** @internal A process is one of these; a paused one (SIGSTOP) still holds its sockets and answers nothing. */
export type ProcessState =
  | { kind: 'running' }
  | { kind: 'paused' }
  /** `how` is for people: "exit code 1", "SIGKILL". */
  | { kind: 'ended'; exitCode: number; how: string };

/** @internal How a process ended. */
export type Ended = Extract<ProcessState, { kind: 'ended' }>;

type Supervisor = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * A child process that cannot outlive this one: `supervise.sh` between the two kills it when the pipe to us closes,
 * however we end, kill -9 included.
 *
 * @internal
 */
export class ManagedProcess {
  readonly name: string;
  readonly pid: number;
  /** Resolves, never rejects, when the process has ended and been collected. */
  readonly ended: Promise<Ended>;
  #state: ProcessState = { kind: 'running' };

  private constructor(name: string, pid: number, ended: Promise<Ended>) {
    this.name = name;
    this.pid = pid;
    this.ended = ended.then((end) => (this.#state = end));
  }

  /** Starts the command and resolves once it has a process id; it may end at once all the same. */
  static async start({
    name,
    command,
    args,
    env,
    cwd,
    logFile,
  }: ProcessOptions): Promise<ManagedProcess> {
    const supervisor = spawn(
      '/bin/sh',
      [join(stackDirectory, 'supervise.sh'), logFile, command, ...args],
      // Detached: a session and process group of its own, so that Ctrl-C at the terminal reaches us alone.
      { env, cwd, detached: true, stdio: ['pipe', 'pipe', 'pipe'] },
    );
    supervisor.stdin.on('error', () => {}); // The leash is never written to; its end is seen by `exit`.
    const complaints: Buffer[] = [];
    supervisor.stderr.on('data', (chunk: Buffer) => complaints.push(chunk));
    const ended = new Promise<Ended>((resolve) => {
      supervisor.once('exit', (code, signal) => resolve(toEnded(code, signal)));
      supervisor.once('error', (error) =>
        resolve({ kind: 'ended', exitCode: 127, how: error.message }),
      );
    });
    const pid = await readPid(supervisor, ended);
    if (pid === undefined) {
      const { how } = await ended;
      const said = Buffer.concat(complaints).toString('utf8').trim();
      throw new StackError(
        `${name} could not be started (${how}${said === '' ? '' : `: ${said}`}).`,
      );
    }
    return new ManagedProcess(name, pid, ended);
  }

  get state(): ProcessState {
    return this.#state;
  }

  /** kill -9, and waits until the process is gone. Does nothing to one that has ended. */
  async kill(): Promise<void> {
    this.#signal('SIGKILL');
    await this.ended;
  }

  /** SIGSTOP: the process hangs, its sockets stay open. Resolves when the system shows it as stopped. */
  async pause(): Promise<void> {
    this.#signal('SIGSTOP');
    if (this.#state.kind === 'running') this.#state = { kind: 'paused' };
    if (process.platform === 'linux') {
      await waitFor(
        `${this.name} to be stopped by SIGSTOP`,
        () => stateLetter(this.pid) ?? 'gone',
        {
          until: (letter) => letter === 'T' || letter === 'gone' || letter === 'Z',
          everyMs: 2,
          timeoutMs: 5000,
        },
      );
    }
  }

  /** SIGCONT. */
  resume(): void {
    this.#signal('SIGCONT');
    if (this.#state.kind === 'paused') this.#state = { kind: 'running' };
  }

  /** SIGTERM, and kill -9 where that has not ended it after `graceMs` (default 20000). A paused process is resumed first. */
  async stop({ graceMs = 20_000 }: StopOptions = {}): Promise<void> {
    this.#signal('SIGTERM');
    this.resume();
    const timer = setTimeout(() => this.#signal('SIGKILL'), graceMs);
    await this.ended.finally(() => clearTimeout(timer));
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#state.kind === 'ended') return;
    try {
      process.kill(this.pid, signal);
    } catch (error) {
      // It ended a moment ago: `ended` is about to say so.
      if (!hasCode(error, 'ESRCH')) throw error;
    }
  }
}

/** @internal The end of a log, for messages and for `logs()`. Empty when there is none yet. */
export async function readLog(logFile: string): Promise<string> {
  try {
    return await readFile(logFile, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return '';
    throw error;
  }
}

/** The supervisor's first line; undefined when it ended without one. */
function readPid(supervisor: Supervisor, ended: Promise<Ended>): Promise<number | undefined> {
  return new Promise((resolve) => {
    let text = '';
    supervisor.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      const pid = /^(\d+)\n/.exec(text)?.[1];
      if (pid !== undefined) resolve(Number(pid));
    });
    // `exit` may come before the last data has been read.
    supervisor.stdout.once('end', () => resolve(undefined));
    void ended.then(({ exitCode }) => {
      if (exitCode === 127) resolve(undefined);
    });
  });
}

function toEnded(code: number | null, signal: NodeJS.Signals | null): Ended {
  if (code === null)
    return { kind: 'ended', exitCode: 128, how: `its supervisor got ${signal ?? 'lost'}` };
  // The shell reports a command that died of signal n as 128 + n.
  const name = Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0];
  return { kind: 'ended', exitCode: code, how: name ?? `exit code ${code}` };
}
