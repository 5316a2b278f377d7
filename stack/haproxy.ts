import { connect } from 'node:net';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDebianServer, type DebianServer } from './debian.js';
import { StackError, messageOf } from './errors.js';
import { cacheDirectoryFrom, cacheLayout } from './paths.js';
import { loopback } from './ports.js';
import type { Address } from './proxy/connection.js';
import { createRun, removeDirectory, sweepRuns } from './runs.js';
import type { Run } from './runs.js';
import { LocalServer } from './server.js';

/** @internal Its service has no frontend before somebody writes one: what the package starts does nothing. */
export const haproxyServer: DebianServer = {
  program: 'haproxy',
  packageName: 'haproxy',
  neededFor: 'the load balancer',
};

/** @internal Options of {@link HaProxy.start}. */
export interface HaProxyOptions<Name extends string> {
  /** Where it may lead to, by name. The first one is where it leads at its start. */
  servers: Readonly<Record<Name, Address>>;
  /** On loopback. Default: any that is free. */
  port?: number;
  /** Default: `STACK_CACHE` of the environment, else `.cache` in the repo's root. */
  cacheDirectory?: string;
  /** Default: the environment of this process. */
  env?: NodeJS.ProcessEnv;
  /** One line per step, for people. */
  onProgress?: (message: string) => void;
}

/**
 * A load balancer: HAProxy, which passes TCP connections on to one of several servers, and is turned to another one while it
 * runs. It looks at the health of none of them: clients are accepted, whatever stands behind it.
 *
 * @internal
 */
export class HaProxy<Name extends string> {
  /** Its process: kill, pause, resume, restart. */
  readonly server: LocalServer;
  readonly #names: readonly Name[];
  readonly #run: Run;

  private constructor(run: Run, command: string, options: HaProxyOptions<Name>) {
    const { servers, port, env = process.env } = options;
    this.#run = run;
    this.#names = Object.keys(servers) as Name[];
    this.server = new LocalServer({
      name: 'haproxy',
      run,
      ...(port === undefined ? {} : { port }),
      command: async (own) => {
        await writeFile(this.#settingsFile, this.#settings(own, servers));
        // In the foreground.
        return { command, args: ['-db', '-f', this.#settingsFile], env };
      },
      answers: async () => (await this.#ask('show info')).includes('Uptime'),
    });
  }

  /**
   * Starts a balancer, which ends with this process, however that ends.
   *
   * @throws StackError - there is no HAProxy, and it cannot be installed; or it did not come up.
   */
  static async start<const Name extends string>(
    options: HaProxyOptions<Name>,
  ): Promise<HaProxy<Name>> {
    const { env = process.env } = options;
    const layout = cacheLayout(options.cacheDirectory ?? cacheDirectoryFrom(env));
    const command = await ensureDebianServer(haproxyServer, layout.root, options);
    await mkdir(layout.runs, { recursive: true });
    await sweepRuns(layout.runs);
    const haproxy = new HaProxy(await createRun(layout.runs, 'haproxy'), command, options);
    try {
      await haproxy.server.start();
    } catch (error) {
      await haproxy.stop();
      throw error;
    }
    return haproxy;
  }

  /** `address:port`. */
  get address(): string {
    return `${loopback}:${this.server.port}`;
  }

  /**
   * New connections go to this server.
   *
   * @param options.sessions - `keep`: connections that exist stay where they are; `kill`: they are cut.
   * @throws StackError - it does not answer, or refuses.
   */
  async turnTo(name: Name, { sessions }: { sessions: 'keep' | 'kill' }): Promise<void> {
    const others = this.#names.filter((other) => other !== name);
    const commands = [
      // The old one first: between the two nobody gets through, and nobody gets to both.
      ...others.map((other) => `set server kafka/${other} state maint`),
      `set server kafka/${name} state ready`,
      ...(sessions === 'keep'
        ? []
        : others.map((other) => `shutdown sessions server kafka/${other}`)),
    ];
    const answer = await this.#ask(commands.join('; '));
    // It says nothing to what it does.
    if (answer.trim() !== '') throw new StackError(`HAProxy refuses: ${answer.trim()}`);
  }

  /** Ends it and removes its directory. May be called again. */
  async stop(): Promise<void> {
    await this.server.kill();
    await removeDirectory(this.#run.directory);
  }

  get #settingsFile(): string {
    return join(this.#run.directory, 'haproxy.cfg');
  }

  /** Where it takes commands while it runs. */
  get #commandSocket(): string {
    return join(this.#run.directory, 'commands');
  }

  async #ask(commands: string): Promise<string> {
    const socket = connect({ path: this.#commandSocket });
    socket.setEncoding('utf8');
    socket.end(`${commands}\n`);
    try {
      let answer = '';
      for await (const part of socket) answer += String(part);
      return answer;
    } catch (error) {
      throw new StackError(`HAProxy does not answer: ${messageOf(error)}`, { cause: error });
    }
  }

  #settings(port: number, servers: Readonly<Record<Name, Address>>): string {
    const [first] = this.#names;
    return [
      'global',
      `  stats socket ${this.#commandSocket} mode 600 level admin`,
      'defaults',
      '  mode tcp',
      '  timeout connect 1s',
      // Kafka's connections are quiet for minutes.
      '  timeout client 1h',
      '  timeout server 1h',
      'listen kafka',
      `  bind ${loopback}:${port}`,
      ...this.#names.map((name) => {
        const { host, port: at } = servers[name];
        return `  server ${name} ${host}:${at}${name === first ? '' : ' disabled'}`;
      }),
      '',
    ].join('\n');
  }
}
