import { Resolver } from 'node:dns/promises';
import { mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { unreachable } from '../src/unreachable.js';
import type { DnsRecordType } from '../src/world.js';
import { ensureDebianServer, type DebianServer } from './debian.js';
import { cacheDirectoryFrom, cacheLayout } from './paths.js';
import { loopback } from './ports.js';
import { createRun, removeDirectory, sweepRuns } from './runs.js';
import type { Run } from './runs.js';
import { LocalServer } from './server.js';
import { waitFor } from './wait.js';

/** @internal The package alone, without the service that the package dnsmasq would start. */
export const dnsmasqServer: DebianServer = {
  program: 'dnsmasq',
  packageName: 'dnsmasq-base',
  neededFor: 'DNS',
};

/** @internal A record as a zone file has it. The text of SRV is `host:port`. */
export interface DnsRecord {
  readonly name: string;
  readonly type: DnsRecordType;
  readonly text: string;
}

/** @internal Options of {@link startDnsmasq}. Everything has a default. */
export interface DnsmasqOptions {
  /** The zone that it answers for: a name in it without records does not exist. Default `kafka.test`. */
  zone?: string;
  /** TTL of its answers, in seconds. Default 0. */
  ttlSeconds?: number;
  /** Name server (`address#port`) that is asked for every other zone. Default: none. */
  upstream?: string;
  /** Default: `STACK_CACHE` of the environment, else `.cache` in the repo's root. */
  cacheDirectory?: string;
  /** Default: the environment of this process. */
  env?: NodeJS.ProcessEnv;
  /** One line per step, for people. */
  onProgress?: (message: string) => void;
}

/** @internal A running dnsmasq. */
export class Dnsmasq {
  /** Its process: kill, pause, resume, restart. */
  readonly server: LocalServer;
  readonly #options: Required<Pick<DnsmasqOptions, 'zone' | 'ttlSeconds'>> & DnsmasqOptions;
  readonly #run: Run;
  #settings = '';
  /** Number of the records in force: a name that carries it shows that they are. */
  #version = 0;

  private constructor(run: Run, command: string, options: DnsmasqOptions) {
    this.#run = run;
    this.#options = { zone: 'kafka.test', ttlSeconds: 0, ...options };
    const { env = process.env } = options;
    this.server = new LocalServer({
      name: 'dnsmasq',
      run,
      command: async (port) => ({
        command,
        // In the foreground, as this user, without a pid file.
        args: ['--no-daemon', `--conf-file=${this.#settingsFile}`, `--port=${port}`],
        env,
      }),
      answers: (port) => this.#hasVersion(port),
    });
  }

  /**
   * Starts a dnsmasq without records, which ends with this process, however that ends.
   *
   * @throws StackError - there is no dnsmasq, and it cannot be installed; or it did not come up.
   */
  static async start(options: DnsmasqOptions = {}): Promise<Dnsmasq> {
    const { env = process.env } = options;
    const layout = cacheLayout(options.cacheDirectory ?? cacheDirectoryFrom(env));
    const command = await ensureDebianServer(dnsmasqServer, layout.root, options);
    await mkdir(layout.runs, { recursive: true });
    await sweepRuns(layout.runs);
    const dnsmasq = new Dnsmasq(await createRun(layout.runs, 'dnsmasq'), command, options);
    try {
      await dnsmasq.put([]);
    } catch (error) {
      await dnsmasq.stop();
      throw error;
    }
    return dnsmasq;
  }

  /** `address:port`. */
  get address(): string {
    return `${loopback}:${this.server.port}`;
  }

  /** From now on these are all the records. Addresses alone are changed without a restart. */
  async put(records: readonly DnsRecord[]): Promise<void> {
    this.#version += 1;
    await writeFile(this.#hostsFile, this.#hosts(records));
    const settings = this.#settingsFor(records);
    const { pid } = this.server;
    if (pid !== undefined && settings === this.#settings) {
      await this.#reread(pid);
      return;
    }
    await writeFile(this.#settingsFile, settings);
    this.#settings = settings;
    await this.server.restart();
  }

  /** Ends it and removes its directory. May be called again. */
  async stop(): Promise<void> {
    await this.server.kill();
    await removeDirectory(this.#run.directory);
  }

  async #reread(pid: number): Promise<void> {
    const { port } = this.server;
    this.server.resume();
    process.kill(pid, 'SIGHUP');
    await waitFor('dnsmasq to read its hosts again', () => this.#hasVersion(port), { everyMs: 5 });
  }

  get #settingsFile(): string {
    return join(this.#run.directory, 'dnsmasq.conf');
  }

  get #hostsFile(): string {
    return join(this.#run.directory, 'hosts');
  }

  get #versionName(): string {
    return `version-${this.#version}.${this.#options.zone}`;
  }

  async #hasVersion(port: number): Promise<boolean> {
    const resolver = new Resolver({ timeout: 500, tries: 1 });
    resolver.setServers([`${loopback}:${port}`]);
    const addresses = await resolver.resolve4(this.#versionName).catch((): string[] => []);
    return addresses.length > 0;
  }

  /** Addresses, in the form of /etc/hosts. */
  #hosts(records: readonly DnsRecord[]): string {
    const lines = records
      .filter(({ type }) => type === 'A' || type === 'AAAA')
      .map(({ name, text }) => `${text} ${name}`);
    return [`${loopback} ${this.#versionName}`, ...lines, ''].join('\n');
  }

  #settingsFor(records: readonly DnsRecord[]): string {
    const { zone, ttlSeconds, upstream } = this.#options;
    return [
      `listen-address=${loopback}`,
      'bind-interfaces',
      'no-resolv',
      'no-hosts',
      'no-poll',
      'cache-size=0',
      'log-facility=-',
      `user=${userInfo().username}`,
      `local=/${zone}/`,
      `local-ttl=${ttlSeconds}`,
      `addn-hosts=${this.#hostsFile}`,
      ...(upstream === undefined ? [] : [`server=${upstream}`]),
      ...records.flatMap(setting),
      '',
    ].join('\n');
  }
}

function setting({ name, type, text }: DnsRecord): string[] {
  switch (type) {
    case 'A':
    case 'AAAA':
      return [];
    case 'CNAME':
      return [`cname=${name},${text}`];
    case 'TXT':
      return [`txt-record=${name},${partsOf(text).map(quoted).join(',')}`];
    case 'SRV':
      return [`srv-host=${name},${text.replace(':', ',')}`];
    default:
      return unreachable(type);
  }
}

/** One text of a TXT record holds at most 255 bytes. */
function partsOf(text: string): string[] {
  const length = 200;
  const count = Math.max(1, Math.ceil(text.length / length));
  return Array.from({ length: count }, (_, index) =>
    text.slice(index * length, (index + 1) * length),
  );
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
