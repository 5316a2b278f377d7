import type { MemoryWorld } from '../../src/testing/index.js';
import type { ControlPlane } from './control-plane.js';
import type { HistoryEvent } from './history.js';
import { type Host, Hosts } from './hosts.js';
import { partitionsOf } from './kept-logs.js';
import type { Scenario, Step } from './scenario.js';
import { GROUP, type Fact, type Service, startService } from './service.js';
import type { Source } from './source.js';

type Order = Extract<Step, { kind: 'order' }>;

interface Member {
  readonly service: Service;
  readonly host: Host | undefined;
  isConsuming: boolean;
}

/** How soon a process that did not start is started again, in milliseconds. */
const RESTART_MS = 1_000;

/** How often, and how many times, an operator looks whether everybody has arrived. */
const RECOVERY_MS = 3_000;
const RECOVERY_ATTEMPTS = 10;

/** How often, and how many times, an operator tries to set a group back that has members yet. */
const RESET_PAUSE_MS = 100;
const RESET_ATTEMPTS = 5;

/** What the processes of a fleet share. */
interface FleetParts {
  readonly events: HistoryEvent[];
  readonly pending: Set<string>;
  readonly source: Source;
  /** Where they decide together; undefined where each decides for itself. */
  readonly plane: ControlPlane | undefined;
}

/** The service's processes, and the operator who sends them from cluster to cluster. */
export class Fleet {
  readonly #memory: MemoryWorld;
  readonly #scenario: Scenario;
  readonly #events: HistoryEvent[];
  readonly #pending: Set<string>;
  readonly #source: Source;
  readonly #plane: ControlPlane | undefined;
  readonly #hosts = new Hosts();
  #members: Member[] = [];
  #startedCount = 0;
  #startingCount = 0;
  #orderCount = 0;
  #sentCount = 0;
  /** Where the whole fleet was sent last: the flag that a starting process reads. */
  #flag = 'A';
  #isOver = false;
  /** Somebody was moved without the fleet: it stays so until the fleet decides anew. */
  #wasAlone = false;

  constructor(
    memory: MemoryWorld,
    scenario: Scenario,
    { events, pending, source, plane }: FleetParts,
  ) {
    this.#memory = memory;
    this.#scenario = scenario;
    this.#events = events;
    this.#pending = pending;
    this.#source = source;
    this.#plane = plane;
  }

  /** Sends the next record, from one process after the other. */
  send(key: string): void {
    this.#sentCount += 1;
    const member = this.#members[this.#sentCount % this.#members.length];
    member?.service.send(`m${this.#sentCount}`, key);
  }

  /** One process more: started again until it stays, as an orchestrator does. */
  async join(): Promise<void> {
    this.#startingCount += 1;
    await this.#startUntilItStays();
    this.#startingCount -= 1;
  }

  async #startUntilItStays(): Promise<void> {
    while (!this.#isOver) {
      try {
        await this.#start();
        return;
      } catch (error) {
        this.#note({
          kind: 'fact',
          process: this.#startedCount,
          what: `no start: ${String(error)}`,
        });
        await this.#memory.clock.sleep(RESTART_MS);
      }
    }
  }

  /** Where the fleet was sent on while it started, it is sent on too. */
  async #start(): Promise<void> {
    this.#startedCount += 1;
    const number = this.#startedCount;
    const activeCluster = this.#flag;
    const note = (fact: Fact): void => this.#note(fact);
    const isAutomatic = this.#scenario.automation !== undefined;
    const host = isAutomatic ? this.#hosts.take() : undefined;
    if (host === undefined) {
      note({ kind: 'opened', process: number, cluster: activeCluster, switchEpoch: 1 });
    } else {
      const { isIntact, isOlder } = host;
      note({ kind: 'started', process: number, host: host.number, isIntact, isOlder });
    }
    const service = await startService({
      number,
      memory: this.#memory,
      scenario: this.#scenario,
      random: this.#memory.random.fork(`service-${number}`),
      activeCluster,
      host,
      source: this.#source,
      plane: this.#plane,
      note,
      pending: this.#pending,
      nextOrder: () => (this.#orderCount += 1),
    }).catch((error: unknown) => {
      if (host !== undefined) host.isFree = true;
      throw error;
    });
    // It comes too late: nobody would wait for what it is sent to do.
    if (this.#isOver) return service.close();
    this.#members.push({ service, host, isConsuming: true });
    if (!isAutomatic && this.#flag !== activeCluster) service.order(this.#flag, { planned: true });
  }

  /** The consumer of the newest process that has one leaves, unless it is the last. */
  leave(): void {
    const consuming = this.#members.filter(({ isConsuming }) => isConsuming);
    const newest = consuming.at(-1);
    if (newest === undefined || consuming.length < 2) return;
    newest.isConsuming = false;
    void newest.service.stopConsumer();
  }

  /** The newest process ends, in order or as with kill -9. */
  end(how: 'close' | 'crash'): void {
    const newest = this.#members.at(-1);
    const others = this.#members.slice(0, -1);
    if (newest === undefined) return;
    if (how === 'close' && !others.some(({ isConsuming }) => isConsuming)) return;
    this.#members = others;
    const { service, host } = newest;
    const left = (): void => {
      if (host !== undefined) host.isFree = true;
    };
    if (how === 'crash') {
      service.crash();
      left();
    } else {
      void service.close().then(left);
    }
  }

  /** The machines that its processes run on, or ran on. */
  get hosts(): readonly Host[] {
    return this.#hosts.all;
  }

  get services(): readonly Service[] {
    return this.#members.map(({ service }) => service);
  }

  /** Something happens to one process, whichever comes first. */
  get oldest(): Service | undefined {
    return this.#members[0]?.service;
  }

  /** The clusters on which somebody consumes. */
  get clusters(): readonly string[] {
    const consuming = this.#members.filter(({ isConsuming }) => isConsuming);
    return [...new Set(consuming.flatMap(({ service }) => service.kafka.status().active ?? []))];
  }

  /** Does everybody work with this cluster, and nobody start or switch? */
  isSettledOn(cluster: string): boolean {
    return (
      this.#startingCount === 0 &&
      this.#members.length > 0 &&
      this.#members.every(({ service }) => isSteadyOn(service, cluster))
    );
  }

  /**
   * An operator wants the newest records once more: stops all processes, sets the group back by so many records in each log of the cluster that
   * they were on, and starts them again. It takes a moment until a process that has started is known to go on from there.
   */
  async setBack(byCount: number): Promise<void> {
    const cluster = this.#flag;
    const members = this.#members;
    if (!this.isSettledOn(cluster)) return;
    this.#members = [];
    await Promise.all(members.map(({ service }) => service.stopConsumer()));
    await Promise.all(members.map(({ service }) => service.close()));
    for (const { host } of members) if (host !== undefined) host.isFree = true;
    const hasMembers = (): boolean =>
      (this.#memory.cluster(cluster).group(GROUP)?.members.length ?? 0) > 0;
    for (let attempts = 0; attempts < RESET_ATTEMPTS && hasMembers(); attempts += 1) {
      await this.#memory.clock.sleep(RESET_PAUSE_MS);
    }
    const isRefused = hasMembers() || this.#flag !== cluster;
    if (!isRefused) setCommitsBack(this.#memory, cluster, { byCount, events: this.#events });
    for (let count = 0; count < members.length; count += 1) await this.join();
  }

  stall(forMs: number): void {
    for (const { service } of this.#members) service.stall(forMs);
  }

  order({ to, planned, spreadMs, who, alone = false }: Order): void {
    if (who === 'all') this.#flag = to;
    if (alone) this.#wasAlone = true;
    const { clock, random } = this.#memory;
    const isMeant = ({ service }: Member): boolean =>
      who === 'all' || (service.number % 2 === 0) === (who === 'even');
    for (const { service } of this.#members.filter(isMeant)) {
      void clock.sleep(random.below(spreadMs + 1)).then(() => {
        if (this.#members.some((member) => member.service === service)) {
          service.order(to, { planned, alone });
        }
      });
    }
  }

  /**
   * What an operator looks at when the night is over: somebody has to handle what is left. And where only one direction
   * mirrors, the whole fleet has to be on one cluster; otherwise some stay where a switch was refused or rolled back, and
   * both halves have to see everything all the same.
   */
  async recover(): Promise<void> {
    if (!this.#members.some(({ isConsuming }) => isConsuming)) await this.join();
    if (this.#plane !== undefined && this.#wasAlone) await this.#gather(this.#plane);
    if (this.#scenario.policy !== 'identity') return;
    for (let attempts = 0; attempts < RECOVERY_ATTEMPTS; attempts += 1) {
      const astray = this.#members.filter(({ service }) => !isSteadyOn(service, this.#flag));
      if (astray.length === 0) return;
      for (const { service } of astray) service.order(this.#flag, { planned: true });
      await this.#memory.clock.sleep(RECOVERY_MS);
    }
  }

  /** Who was moved alone comes back by another decision. */
  async #gather(plane: ControlPlane): Promise<void> {
    for (let attempts = 0; attempts < RECOVERY_ATTEMPTS; attempts += 1) {
      const cluster = plane.newest?.cluster ?? 'A';
      const astray = this.#members.find(({ service }) => !isSteadyOn(service, cluster));
      if (astray === undefined) return;
      astray.service.order(cluster, { planned: false });
      await this.#memory.clock.sleep(RECOVERY_MS);
    }
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    const services = this.#members.map(({ service }) => service);
    await Promise.all(services.map((service) => service.stopConsumer()));
    await Promise.all(services.map((service) => service.close()));
  }

  #note(fact: Fact): void {
    this.#events.push({ ...fact, atMs: this.#memory.clock.nowMs() });
  }
}

/** With the tool that comes with Kafka, which does so only where the group has no members. */
function setCommitsBack(
  memory: MemoryWorld,
  alias: string,
  { byCount, events }: { byCount: number; events: HistoryEvent[] },
): void {
  const cluster = memory.cluster(alias);
  for (const { topic, partition } of partitionsOf(cluster)) {
    const commit = cluster.commit(GROUP, topic, partition);
    const { low } = cluster.range(topic, partition);
    if (commit === undefined || commit.offset <= low) continue;
    const earlier = commit.offset - BigInt(byCount);
    const offset = earlier < low ? low : earlier;
    cluster.setCommit(GROUP, topic, partition, { offset, metadata: '' });
    const place = { cluster: alias, topic, partition, offset };
    events.push({ atMs: memory.clock.nowMs(), kind: 'set-back', place });
  }
}

function isSteadyOn({ kafka }: Service, cluster: string): boolean {
  const { state, active } = kafka.status();
  return state === 'steady' && active === cluster;
}
