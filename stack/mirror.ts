import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerContext, StartOptions } from './broker.js';
import type { Cluster } from './cluster.js';
import { StackError, messageOf } from './errors.js';
import { classpathEnv, jvmFlags } from './jvm.js';
import type { Archive } from './jvm.js';
import { formatProperties, mirrorProperties, mirrorTopics } from './properties.js';
import type { PolicyName, Properties } from './properties.js';
import { ManagedProcess, readLog } from './process.js';
import type { ProcessState, StopOptions } from './process.js';
import { explainEnd, lastError } from './server-log.js';
import { noteChild } from './runs.js';
import { settleAll, startAll } from './settle.js';
import { waitFor } from './wait.js';

/** @internal Options of one direction. */
export interface MirrorFlowOptions {
  source: Cluster;
  target: Cluster;
  policy: PolicyName;
  separator: string | undefined;
  overrides: Properties;
  archive: Archive;
  /** The flow from target to source, where there is one: it makes the heartbeats that this one mirrors. */
  opposite: () => MirrorFlow | undefined;
}

/** @internal Options of a mirror's start. */
export interface MirrorStartOptions extends StartOptions {
  /** False returns once the process runs: for a source that is down, or a first record that must meet a cold mirror. Default true. */
  untilReady?: boolean;
}

/** End offsets and names that the target showed before a start: what grows from there was made by this start. */
interface Before {
  heartbeats: number;
  remoteHeartbeats: number;
}

/**
 * MirrorMaker 2 of one direction, in a process of its own.
 *
 * With a flow the other way beside it, it is started with `--clusters TARGET` and runs only what writes into its
 * target. Alone, it runs whole, because then only it can write the heartbeats into the source that it mirrors.
 *
 * @internal
 */
export class MirrorFlow {
  /** `A->B`. */
  readonly name: string;
  readonly source: string;
  readonly target: string;
  readonly #options: MirrorFlowOptions;
  readonly #context: ServerContext;
  #process: ManagedProcess | undefined;

  constructor(context: ServerContext, options: MirrorFlowOptions) {
    this.source = options.source.alias;
    this.target = options.target.alias;
    this.name = nameOf(this);
    this.#options = options;
    this.#context = context;
  }

  get state(): ProcessState | { kind: 'not started' } {
    return this.#process?.state ?? { kind: 'not started' };
  }

  /** The JVM's process id while it runs. */
  get pid(): number | undefined {
    return this.#process?.state.kind === 'ended' ? undefined : this.#process?.pid;
  }

  get logFile(): string {
    return join(this.#context.run.logs, `${this.#fileName}.log`);
  }

  /**
   * Starts MM2 and resolves when the target shows it at work: a new heartbeat of this flow, its checkpoints topic and,
   * where somebody writes heartbeats into the source, a mirrored one. About 3 s, and 10 s after {@link kill}, whose
   * membership in its Connect group has to expire. Does nothing to one that runs.
   *
   * @throws StackError - it ended, or showed no sign in time.
   */
  async start({
    untilReady = true,
    timeoutMs = 90_000,
    signal,
  }: MirrorStartOptions = {}): Promise<void> {
    if (this.pid !== undefined) return;
    const before = untilReady ? await this.#look() : undefined;
    const logged = (await this.logs()).length;
    signal?.throwIfAborted();
    const process = await this.#launch();
    if (before === undefined) return;
    const settled = new AbortController();
    const cut = AbortSignal.any([settled.signal, ...(signal === undefined ? [] : [signal])]);
    const ready = waitFor(`all its signs on ${this.target}`, () => this.#missing(before), {
      until: ({ missing }) => missing.length === 0,
      timeoutMs,
      everyMs: 100,
      signal: cut,
    });
    const ended = process.ended.then(async ({ how }) => {
      const said = (await this.logs()).slice(logged);
      throw new StackError(explainEnd(`MM2 ${this.name}`, how, said).sentence);
    });
    try {
      await Promise.race([ready, ended]);
    } catch (error) {
      await process.kill();
      signal?.throwIfAborted();
      if (error instanceof StackError) throw error;
      const said = (await this.logs()).slice(logged);
      throw new StackError(
        `MM2 ${this.name} is not at work: ${messageOf(error)}.${lastError(said)}`,
        { cause: error },
      );
    } finally {
      settled.abort();
      ready.catch(() => {});
      ended.catch(() => {});
    }
  }

  /** kill -9. */
  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  /** An orderly stop: MM2 commits what it has done. kill -9 where that takes longer than `graceMs` (default 20000). */
  async stop(options: StopOptions = {}): Promise<void> {
    await this.#process?.stop(options);
  }

  /** SIGSTOP. */
  async pause(): Promise<void> {
    await this.#running('paused').pause();
  }

  /** SIGCONT. */
  resume(): void {
    this.#running('resumed').resume();
  }

  /** Stops what still runs, and starts again where MM2 left off. */
  async restart(options: MirrorStartOptions = {}): Promise<void> {
    await this.stop();
    await this.start(options);
  }

  /** Deletes what Connect has stored of its connectors, not how far they came. Only while it does not run. */
  async forgetSettings(): Promise<void> {
    const topic = `mm2-configs.${this.source}.internal`;
    await this.#options.target.withAdmin(async (admin) => {
      if (!(await admin.listTopics()).includes(topic)) return;
      await admin.deleteTopics({ topics: [topic] });
      await waitFor(`${topic} to be gone`, async () => !(await admin.listTopics()).includes(topic));
    });
  }

  logs(): Promise<string> {
    return readLog(this.logFile);
  }

  get #fileName(): string {
    return `mirror-${this.source}-to-${this.target}`;
  }

  get #properties(): Properties {
    const { source, target, policy, separator, overrides } = this.#options;
    return mirrorProperties({ source, target, policy, separator }, overrides);
  }

  async #launch(): Promise<ManagedProcess> {
    const { run, install, java, env } = this.#context;
    const configFile = join(run.directory, `${this.#fileName}.properties`);
    await writeFile(configFile, formatProperties(this.#properties));
    this.#process = await ManagedProcess.start({
      name: `MM2 ${this.name}`,
      command: java.command,
      args: [
        ...jvmFlags(run.directory, this.#options.archive),
        'org.apache.kafka.connect.mirror.MirrorMaker',
        configFile,
        ...(this.#options.opposite() === undefined ? [] : ['--clusters', this.target]),
      ],
      env: { ...env, ...classpathEnv(install.jars) },
      cwd: run.directory,
      logFile: this.logFile,
    });
    await noteChild(run, this.#fileName, this.#process.pid);
    return this.#process;
  }

  /** What the target does not show yet, in words. */
  async #missing(before: Before): Promise<{ missing: string[] }> {
    const properties = this.#properties;
    const { checkpoints, remoteHeartbeats } = mirrorTopics(this.source, properties);
    const isOn = (key: string): boolean => properties[key] !== 'false';
    const emits = isOn('emit.heartbeats.enabled');
    const opposite = this.#options.opposite();
    const now = await this.#look();
    const missing: string[] = [];
    if (emits && now.heartbeats <= before.heartbeats) missing.push(`a new record in heartbeats`);
    // Whoever turns checkpoints off still has the topic in which Connect notes that it runs.
    const topic = isOn('emit.checkpoints.enabled')
      ? checkpoints
      : `mm2-status.${this.source}.internal`;
    if (!now.topics.includes(topic)) missing.push(`topic ${topic}`);
    // Only the other direction writes heartbeats into the source: while it rests there are none to mirror.
    const hasSourceHeartbeats = opposite === undefined || opposite.state.kind === 'running';
    if (
      emits &&
      isOn('heartbeats.replication.enabled') &&
      hasSourceHeartbeats &&
      now.remoteHeartbeats <= before.remoteHeartbeats
    ) {
      missing.push(`a new record in ${remoteHeartbeats}`);
    }
    return { missing };
  }

  #look(): Promise<Before & { topics: string[] }> {
    const { remoteHeartbeats } = mirrorTopics(this.source, this.#properties);
    return this.#options.target.withAdmin(async (admin) => {
      const topics = await admin.listTopics();
      const end = async (topic: string): Promise<number> =>
        topics.includes(topic) ? Number((await admin.fetchTopicOffsets(topic))[0]?.high ?? 0) : 0;
      return {
        topics,
        heartbeats: await end('heartbeats'),
        remoteHeartbeats: await end(remoteHeartbeats),
      };
    });
  }

  #running(done: string): ManagedProcess {
    if (this.#process !== undefined && this.#process.state.kind !== 'ended') return this.#process;
    throw new StackError(`MM2 ${this.name} is not running, so it cannot be ${done}.`);
  }
}

/** @internal A direction between two clusters. */
export interface FlowEnds {
  source: string;
  target: string;
}

/** @internal Every direction of a stack that is mirrored: as configured, until they are turned. */
export class Mirror {
  readonly #make: (ends: FlowEnds) => MirrorFlow;
  /** Also those that were turned away from: each keeps its log, and knows its process. */
  readonly #known = new Map<string, MirrorFlow>();
  #flows: readonly MirrorFlow[];

  constructor(flows: readonly FlowEnds[], make: (ends: FlowEnds) => MirrorFlow) {
    this.#make = make;
    this.#flows = flows.map((ends) => this.#flowOf(ends));
  }

  get flows(): readonly MirrorFlow[] {
    return this.#flows;
  }

  /**
   * Turns the mirroring round, as an operator does for the way home under the Identity policy: every direction is stopped in
   * order, and only then the opposite ones start. A direction that runs for the first time begins at the beginning of its
   * source's logs; one that ran before, where it was.
   *
   * Between the two its stored settings are deleted. MM2 obeys those of its last start until it has stored the new ones, so the
   * old direction would run for another two seconds beside the new one: with the Identity policy in a circle.
   *
   * @throws StackError - a direction and its opposite are both configured; or MM2 did not come up, see {@link MirrorFlow.start}.
   */
  async turn(options: MirrorStartOptions = {}): Promise<void> {
    if (this.#flows.length === 0) throw new StackError('There is no flow that could be turned.');
    const turned = this.#flows.map(({ source, target }) => ({ source: target, target: source }));
    const both = turned.find((ends) => this.#flows.some((flow) => flow.name === nameOf(ends)));
    if (both !== undefined) {
      throw new StackError(
        `Both directions between ${both.target} and ${both.source} are mirrored: there is nothing to turn.`,
      );
    }
    await this.stop();
    await settleAll(this.#flows.map((flow) => flow.forgetSettings()));
    this.#flows = turned.map((ends) => this.#flowOf(ends));
    await this.start(options);
  }

  #flowOf(ends: FlowEnds): MirrorFlow {
    const flow = this.#known.get(nameOf(ends)) ?? this.#make(ends);
    this.#known.set(flow.name, flow);
    return flow;
  }

  /** @throws StackError - no such flow was configured. */
  flow(name: string): MirrorFlow {
    const found = this.flows.find((each) => each.name === name);
    if (found !== undefined) return found;
    const known = this.flows.map((each) => each.name).join(', ');
    throw new StackError(
      `There is no flow ${name}: ${known === '' ? 'none' : known} was configured.`,
    );
  }

  /** Starts every direction at once. */
  async start(options: MirrorStartOptions = {}): Promise<void> {
    await startAll(
      this.flows.map((flow) => (signal) => flow.start({ ...options, signal })),
      options.signal,
    );
  }

  /** Stops every direction in order. */
  async stop(): Promise<void> {
    await settleAll(this.flows.map((flow) => flow.stop()));
  }

  /** kill -9 of every direction. */
  async kill(): Promise<void> {
    await settleAll(this.flows.map((flow) => flow.kill()));
  }
}

function nameOf({ source, target }: FlowEnds): string {
  return `${source}->${target}`;
}
