import { join } from 'node:path';
import type { StartOptions } from './broker.js';
import { StackError } from './errors.js';
import { freePorts, isFree } from './ports.js';
import { ManagedProcess, readLog } from './process.js';
import type { ProcessOptions, ProcessState, StopOptions } from './process.js';
import { noteChild } from './runs.js';
import type { Run } from './runs.js';
import { explainEnd } from './server-log.js';
import { waitFor } from './wait.js';

/** @internal What kind of server it is. */
export interface LocalServerOptions {
  /** For messages and file names: "Eureka". */
  name: string;
  run: Run;
  /** Default: one that is free at the first start. */
  port?: number;
  /** What to run so that it listens on this port of loopback; called before every start. */
  command(port: number): Promise<Pick<ProcessOptions, 'command' | 'args' | 'env'>>;
  /** True once it serves requests. One that rejects counts as not yet. */
  answers(port: number): Promise<boolean>;
}

/**
 * A server on one port of loopback, which it keeps through every stop, kill and restart. It ends with this process, however
 * that ends.
 *
 * @internal
 */
export class LocalServer {
  readonly name: string;
  readonly #options: LocalServerOptions;
  #port: number | undefined;
  #process: ManagedProcess | undefined;

  constructor(options: LocalServerOptions) {
    this.name = options.name;
    this.#options = options;
    this.#port = options.port;
  }

  /** @throws StackError - it was never started. */
  get port(): number {
    if (this.#port === undefined) throw new StackError(`${this.name} was never started.`);
    return this.#port;
  }

  get state(): ProcessState | { kind: 'not started' } {
    return this.#process?.state ?? { kind: 'not started' };
  }

  /** Its process id while it runs. */
  get pid(): number | undefined {
    return this.#process?.state.kind === 'ended' ? undefined : this.#process?.pid;
  }

  get logFile(): string {
    return join(this.#options.run.logs, `${this.name}.log`);
  }

  /**
   * Starts it and resolves when it answers. Does nothing to one that runs.
   *
   * @throws StackError - it ended, or did not answer in time.
   */
  async start({ timeoutMs = 90_000, signal }: StartOptions = {}): Promise<void> {
    if (this.pid !== undefined) return;
    const deadlineAtMs = performance.now() + timeoutMs;
    for (;;) {
      const port = await this.#choosePort(deadlineAtMs);
      const failure = await this.#launch(port, deadlineAtMs - performance.now(), signal);
      if (failure === undefined) {
        this.#port = port;
        return;
      }
      // Somebody took the port between the look and the bind.
      if (!failure.isPortTaken || performance.now() >= deadlineAtMs) {
        throw new StackError(failure.sentence);
      }
    }
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  /** An orderly stop by SIGTERM; kill -9 where that has not ended it after `graceMs` (default 20000). */
  async stop(options: StopOptions = {}): Promise<void> {
    await this.#process?.stop(options);
  }

  /** SIGSTOP: its sockets stay open, and nothing is answered. */
  async pause(): Promise<void> {
    await this.#running('paused').pause();
  }

  /** SIGCONT. */
  resume(): void {
    this.#running('resumed').resume();
  }

  /** Stops what still runs, and starts again on the same port. */
  async restart(options: StartOptions = {}): Promise<void> {
    await this.stop();
    await this.start(options);
  }

  logs(): Promise<string> {
    return readLog(this.logFile);
  }

  async #choosePort(deadlineAtMs: number): Promise<number> {
    const kept = this.#port;
    if (kept === undefined) return (await freePorts(1))[0] ?? 0;
    await waitFor(`port ${kept} of ${this.name} to be free again`, () => isFree(kept), {
      timeoutMs: Math.min(20_000, deadlineAtMs - performance.now()),
      everyMs: 5,
    }).catch((error: unknown) => {
      const sentence = `${this.name} cannot have port ${kept} back: another process listens there now.`;
      throw new StackError(sentence, { cause: error });
    });
    return kept;
  }

  /** Undefined: it answers. */
  async #launch(
    port: number,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<ReturnType<typeof explainEnd> | undefined> {
    const { name, run } = this.#options;
    const logged = (await this.logs()).length;
    const command = await this.#options.command(port);
    signal?.throwIfAborted();
    const process = await ManagedProcess.start({
      name,
      ...command,
      cwd: run.directory,
      logFile: this.logFile,
    });
    await noteChild(run, name, process.pid);
    this.#process = process;
    const settled = new AbortController();
    const cut = AbortSignal.any([settled.signal, ...(signal === undefined ? [] : [signal])]);
    const ready = waitFor(`${name} to answer`, () => this.#options.answers(port), {
      timeoutMs,
      everyMs: 20,
      signal: cut,
    });
    const ended = process.ended.then(async ({ how }) =>
      explainEnd(name, how, (await this.logs()).slice(logged)),
    );
    try {
      return await Promise.race([ready.then(() => undefined), ended]);
    } catch (error) {
      await process.kill();
      signal?.throwIfAborted();
      throw new StackError(
        `${name} did not answer within ${Math.round(timeoutMs / 1000)} s: the machine may be too busy, or its settings wrong; its log has more.`,
        { cause: error },
      );
    } finally {
      settled.abort();
      ready.catch(() => {});
    }
  }

  #running(done: string): ManagedProcess {
    const process = this.#process;
    if (process !== undefined && process.state.kind !== 'ended') return process;
    throw new StackError(`${this.name} is not running, so it cannot be ${done}.`);
  }
}
