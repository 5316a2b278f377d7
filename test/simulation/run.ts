import { createHash } from 'node:crypto';
import { createMemoryWorld, type MemoryMirror, type MemoryWorld } from '../../src/testing/index.js';
import { check, type Violation } from './checkers.js';
import type { FinalLog, HistoryEvent, Run } from './history.js';
import { drawScenario, type Scenario, type Step } from './scenario.js';
import { GROUP, HOLD_MAX_WAIT_MS, startService, TOPIC, type Service } from './service.js';

/** What came of one seed. */
export interface SeedResult {
  readonly seed: string;
  readonly scenario: Scenario;
  readonly run: Run;
  readonly violations: readonly Violation[];
  /** Equal for equal histories. */
  readonly trace: string;
}

/** kafkajs's own retries may come before a switch is ordered, so a send may take their time on top. */
const RETRIES_MS = 45_000;

/** Longest wait for the fleet to come to rest after everything was healed, in simulated milliseconds. */
const REST_LIMIT_MS = 120_000;

/** Runs one seed and checks its history. */
export async function runSeed(seed: string): Promise<SeedResult> {
  const scenario = drawScenario(seed);
  const memory = createMemoryWorld({
    seed,
    clusters: {
      A: { topics: { [TOPIC]: scenario.partitionCount } },
      B: { topics: { [TOPIC]: scenario.partitionCount } },
    },
    mirror: {
      policy: scenario.policy,
      copyLagMs: scenario.copyLagMs,
      offsetLagMax: scenario.offsetLagMax,
      ...(scenario.policy === 'identity' ? { flows: ['A->B'] as const } : {}),
    },
  });
  const events: HistoryEvent[] = [];
  const pending = new Map<string, number>();
  await memory.run(() => live(scenario, memory, events, pending), { limitMs: 600_000 });
  memory.close();
  const run: Run = {
    seed,
    events,
    logs: finalLogs(memory),
    unsettledSends: [...pending.keys()],
    sendLimitMs: HOLD_MAX_WAIT_MS + RETRIES_MS,
  };
  return { seed, scenario, run, violations: check(run), trace: traceOf(events) };
}

async function live(
  scenario: Scenario,
  memory: MemoryWorld,
  events: HistoryEvent[],
  pending: Map<string, number>,
): Promise<void> {
  const { clock, random } = memory;
  const services: Service[] = [];
  let started = 0;
  const join = async (): Promise<void> => {
    started += 1;
    const number = started;
    events.push({
      atMs: clock.nowMs(),
      kind: 'opened',
      process: number,
      cluster: 'A',
      switchEpoch: 1,
    });
    services.push(
      await startService({
        number,
        memory,
        scenario,
        random: random.fork(`service-${number}`),
        record: (event) => events.push(event),
        pending,
      }),
    );
  };
  watchClusters(memory, events);
  for (let count = 0; count < scenario.processCount; count += 1) await join();
  const begunAtMs = clock.nowMs();
  const steps = performSteps(scenario.steps, begunAtMs, memory, services, join, events);
  let sentCount = 0;
  while (clock.nowMs() - begunAtMs < scenario.trafficMs) {
    const service = services[sentCount % services.length];
    sentCount += 1;
    service?.send(`m${sentCount}`, `key-${random.below(6)}`);
    await clock.sleep(scenario.sendEveryMs);
  }
  await steps;
  heal(memory);
  await rest(memory, events, pending);
  await Promise.all(services.map((service) => service.stopConsumer()));
  await Promise.all(services.map((service) => service.close()));
}

async function performSteps(
  steps: readonly Step[],
  begunAtMs: number,
  memory: MemoryWorld,
  services: readonly Service[],
  join: () => Promise<void>,
  events: HistoryEvent[],
): Promise<void> {
  const { clock, random } = memory;
  for (const step of steps) {
    const waitMs = begunAtMs + step.atMs - clock.nowMs();
    if (waitMs > 0) await clock.sleep(waitMs);
    const { atMs: _atMs, ...what } = step;
    events.push({ atMs: clock.nowMs(), kind: 'fault', what: JSON.stringify(what) });
    switch (step.kind) {
      case 'order':
        for (const { kafka } of services) {
          void clock
            .sleep(random.below(step.spreadMs + 1))
            .then(() => kafka.switchTo(step.to, { planned: step.planned, reason: 'scenario' }))
            .catch(() => {});
        }
        break;
      case 'join':
        // A process that starts learns by its own flag where the fleet is; here it starts with the fleet's home.
        if (services.every(({ kafka }) => kafka.status().active === 'A')) void join();
        break;
      case 'leave':
        // Somebody has to stay, or nothing is handled any more.
        if (services.length > 1) void services.at(-1)?.stopConsumer();
        break;
      case 'slow':
        memory.cluster(step.cluster).slow(step.byMs);
        break;
      case 'lose-ack':
        memory.cluster(step.cluster).loseNextAcknowledgement();
        break;
      case 'mirror':
        steerMirror(memory, step);
        break;
      default:
        memory.cluster(step.cluster)[step.kind]();
    }
  }
}

function steerMirror(memory: MemoryWorld, step: Extract<Step, { kind: 'mirror' }>): void {
  const mirror = memory.mirrors.find(({ source, target }) => `${source}->${target}` === step.flow);
  if (mirror === undefined) return;
  if (step.what === 'start' && mirror.state !== 'stopped') return;
  if (step.what === 'resume' && mirror.state !== 'paused') return;
  mirror[step.what]();
}

/** Notes what reaches the clusters' sockets, and what the group's commits are after each commit request. */
function watchClusters(memory: MemoryWorld, events: HistoryEvent[]): void {
  for (const cluster of memory.clusters) {
    cluster.onWrite(({ atMs, apiName }) => {
      if (apiName !== 'Produce' && apiName !== 'OffsetCommit') return;
      events.push({ atMs, kind: 'written', cluster: cluster.alias, apiName });
    });
    const known = new Map<string, bigint>();
    cluster.onRequest(({ apiName, groupId }) => {
      if (apiName !== 'OffsetCommit' || groupId !== GROUP) return;
      memory.clock.after(1, () => noteCommits(memory, cluster.alias, known, events));
    });
  }
}

function noteCommits(
  memory: MemoryWorld,
  alias: string,
  known: Map<string, bigint>,
  events: HistoryEvent[],
): void {
  const cluster = memory.cluster(alias);
  for (const topic of cluster.topicNames().filter((name) => name.endsWith(TOPIC))) {
    for (let partition = 0; partition < cluster.partitionCount(topic); partition += 1) {
      const commit = cluster.commit(GROUP, topic, partition);
      if (commit === undefined || known.get(`${topic}-${partition}`) === commit.offset) continue;
      known.set(`${topic}-${partition}`, commit.offset);
      const place = { cluster: alias, topic, partition, offset: commit.offset };
      events.push({ atMs: memory.clock.nowMs(), kind: 'committed', place });
    }
  }
}

function heal(memory: MemoryWorld): void {
  for (const cluster of memory.clusters) {
    cluster.thaw();
    cluster.up();
    cluster.heal();
    cluster.slow(0);
  }
  for (const mirror of memory.mirrors) {
    if (mirror.state === 'stopped') mirror.start();
    if (mirror.state === 'paused') mirror.resume();
  }
}

/** Until the mirrors have copied everything, every send has settled, and no handler has been called for a while. */
async function rest(
  memory: MemoryWorld,
  events: readonly HistoryEvent[],
  pending: ReadonlyMap<string, number>,
): Promise<void> {
  const { clock, mirrors } = memory;
  const giveUpAtMs = clock.nowMs() + REST_LIMIT_MS;
  let quietSinceMs = clock.nowMs();
  let seenCount = events.length;
  while (clock.nowMs() < giveUpAtMs) {
    await clock.sleep(500);
    const news = events
      .slice(seenCount)
      .some(({ kind }) => kind === 'handling' || kind === 'planned');
    seenCount = events.length;
    const isCopied = mirrors.every((mirror) => hasCopied(memory, mirror));
    if (news || !isCopied || pending.size > 0) quietSinceMs = clock.nowMs();
    if (clock.nowMs() - quietSinceMs > 16_000) return;
  }
}

/** The service's records only: heartbeats are on their way at any time. */
function hasCopied(memory: MemoryWorld, mirror: MemoryMirror): boolean {
  const from = memory.cluster(mirror.source);
  const to = memory.cluster(mirror.target);
  return Array.from({ length: from.partitionCount(TOPIC) }, (_, partition) => partition).every(
    (partition) =>
      from.records(TOPIC, partition).length <=
      to.records(mirror.remoteTopic(TOPIC), partition).length,
  );
}

function finalLogs(memory: MemoryWorld): readonly FinalLog[] {
  return memory.clusters.flatMap((cluster) =>
    cluster
      .topicNames()
      .filter((name) => name.endsWith(TOPIC))
      .flatMap((topic) =>
        Array.from({ length: cluster.partitionCount(topic) }, (_, partition) => ({
          cluster: cluster.alias,
          topic,
          partition,
          low: cluster.range(topic, partition).low,
          ids: new Map(
            cluster
              .records(topic, partition)
              .filter(({ marker, isAborted }) => marker === undefined && !isAborted)
              .map(({ offset, value }) => [offset, value?.toString() ?? ''] as const),
          ),
        })),
      ),
  );
}

function traceOf(events: readonly HistoryEvent[]): string {
  const hash = createHash('sha256');
  for (const event of events) {
    hash.update(
      JSON.stringify(event, (_key, value: unknown) =>
        typeof value === 'bigint' ? `${value}` : value,
      ),
    );
  }
  return hash.digest('hex').slice(0, 16);
}
