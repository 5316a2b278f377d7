import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { ClusterProbe, ProbeOutcome } from '../../src/cluster/probe.js';
import { HealthMonitor, type WatchedTraffic } from '../../src/health/monitor.js';
import { Traffic } from '../../src/health/traffic.js';
import { EventLog } from '../replication/event-log.js';
import { controlled, type Controlled } from '../support/controlled.js';
import { manualWorld, settle, type ManualWorld } from '../support/manual-world.js';

const WORKS: ProbeOutcome = { kind: 'works', clusterId: 'the-id' };
const FAILS: ProbeOutcome = { kind: 'fails', because: 'no answer' };
const GONE: ProbeOutcome = { kind: 'gone', because: 'refused' };

/** Answers at once, unless the test holds its answers back. */
class FakeProbe implements ClusterProbe {
  outcome: ProbeOutcome = WORKS;
  groupOutcome: ProbeOutcome = WORKS;
  readonly askedAtMs: number[] = [];
  isClosed = false;
  held: Controlled<ProbeOutcome> | undefined;
  readonly onClosed: () => void;
  readonly #world: ManualWorld;

  constructor(world: ManualWorld, onClosed: () => void) {
    this.#world = world;
    this.onClosed = onClosed;
  }

  reach(): Promise<ProbeOutcome> {
    this.askedAtMs.push(this.#world.nowMs());
    return this.held?.promise ?? Promise.resolve(this.outcome);
  }

  group(): Promise<ProbeOutcome> {
    return Promise.resolve(this.groupOutcome);
  }

  close(): void {
    this.isClosed = true;
  }
}

let world: ManualWorld;
let events: EventLog;
let monitor: HealthMonitor;
let traffic: WatchedTraffic & { waitingMs: number };
const probes = new Map<string, FakeProbe>();

function probe(alias: 'A' | 'B'): FakeProbe {
  const found = probes.get(alias);
  if (found === undefined) throw new Error(`no probe of ${alias} was opened`);
  return found;
}

function kinds(of: 'produce' | 'consume' = 'produce'): string {
  return [...monitor.health().values()].map((health) => health[of].kind).join(' ');
}

/** Both clusters are healthy. */
beforeEach(async () => {
  world = manualWorld();
  events = new EventLog();
  probes.clear();
  const seen = new Traffic();
  traffic = { alias: 'A', traffic: seen, waitingMs: 0, produceWaitingMs: () => traffic.waitingMs };
  monitor = new HealthMonitor({
    world,
    events,
    aliases: ['A', 'B'],
    limits: {
      silentMs: 2_000,
      partialMs: 5_000,
      minFailures: 2,
      goneMs: 250,
      minRefusals: 3,
      windowMs: 30_000,
      failureRatio: 0.8,
      minSamples: 10,
      minSuccesses: 2,
      recoveryMs: 10_000,
      staleMs: 5_000,
    },
    pace: { intervalMs: 500, retryMs: 100, lagMs: 300, unansweredMs: 400 },
    openProbe: (alias, onClosed) => {
      const made = new FakeProbe(world, onClosed);
      probes.set(alias, made);
      return made;
    },
    traffic: () => traffic,
    groupIds: () => ['billing'],
    onChange: () => {},
    onClusterId: () => {},
  });
  onTestFinished(() => monitor.stop());
  monitor.start();
  await world.advance(1_100);
  expect(kinds()).toBe('healthy healthy');
});

describe('the health monitor', () => {
  it('asks each cluster at its interval, and one that does not answer ten times a second for a while', async () => {
    await world.advance(5_000);
    const before = probe('A').askedAtMs.length;
    await world.advance(5_000);
    expect(probe('A').askedAtMs.length - before).toBe(10);
    probe('A').outcome = GONE;
    await world.advance(1_500);
    expect(probe('A').askedAtMs.length - before).toBeGreaterThan(19);
    await world.advance(10_000);
    const later = probe('A').askedAtMs.length;
    await world.advance(5_000);
    expect(probe('A').askedAtMs.length - later).toBe(10);
  });

  it('asks at once where a socket dies, and not more often than ten times a second', async () => {
    const { askedAtMs } = probe('A');
    const diedAtMs = world.nowMs();
    for (let count = 0; count < 30; count += 1) {
      monitor.wake('A');
      await world.advance(10);
    }
    const after = askedAtMs.filter((atMs) => atMs >= diedAtMs);
    expect(after.length).toBeGreaterThan(2);
    expect(after.length).toBeLessThan(5);
    expect(after[0]).toBe(diedAtMs);
  });

  it('tells by event when the health of a cluster changes, and why', async () => {
    probe('A').outcome = GONE;
    await world.advance(1_500);
    const changes = events.of('health.changed').slice(-2);
    expect(changes).toMatchObject([
      { cluster: 'A', of: 'produce', from: { kind: 'healthy' }, to: { kind: 'unhealthy' } },
      { cluster: 'A', of: 'consume', from: { kind: 'healthy' }, to: { kind: 'unhealthy' } },
    ]);
    expect(changes[0]).toMatchObject({ to: { because: expect.stringContaining('refused') } });
  });

  it('calls a cluster unhealthy for groups only, where only their coordinator fails', async () => {
    probe('A').groupOutcome = FAILS;
    await world.advance(8_000);
    expect(kinds('produce')).toBe('healthy healthy');
    expect(kinds('consume')).toBe('unhealthy healthy');
  });

  it('does not take a cluster for proven that has not answered its last question yet', async () => {
    const answer = controlled<ProbeOutcome>();
    probe('B').held = answer;
    await world.advance(600);
    expect(monitor.health().get('B')?.produce).toMatchObject({ kind: 'healthy' });
    await world.advance(400);
    expect(monitor.health().get('B')?.produce).toMatchObject({
      kind: 'healthy',
      failingSinceMs: expect.any(Number),
    });
    probe('B').held = undefined;
    answer.resolve(WORKS);
    await world.advance(100);
    expect(monitor.health().get('B')?.produce).toMatchObject({ failingSinceMs: undefined });
  });

  it('does not take a cluster for proven that has failed a moment ago, although it answers again', async () => {
    probe('B').outcome = FAILS;
    await world.advance(600);
    probe('B').outcome = WORKS;
    await world.advance(300);
    const shown = () => monitor.health().get('B')?.produce;
    expect(shown()).toMatchObject({ kind: 'healthy', failingSinceMs: expect.any(Number) });
    await world.advance(2_500);
    expect(shown()).toMatchObject({ kind: 'healthy', failingSinceMs: undefined });
  });

  it('knows nothing after our own process was asleep, and moves nothing by what it saw before', async () => {
    probe('A').held = controlled();
    await world.advance(600);
    // The process sleeps for 10 s while a question to A is under way; the timers come late, all at once.
    world.sleep(10_000);
    await settle();
    expect(kinds()).toBe('unknown unknown');
    probe('A').held?.resolve(FAILS);
    probe('A').held = undefined;
    await world.advance(1_500);
    expect(kinds()).toBe('healthy healthy');
    expect(events.of('health.changed').some(({ to }) => to.kind === 'unhealthy')).toBe(false);
  });

  it('believes the service’s own traffic before its probe: who acknowledges is reached', async () => {
    probe('A').outcome = GONE;
    for (let count = 0; count < 100; count += 1) {
      traffic.traffic.worked('produce');
      await world.advance(100);
    }
    expect(kinds()).toBe('healthy healthy');
  });

  it('sees a cluster that takes no records in a Produce request that waits', async () => {
    await world.advance(5_000);
    traffic.waitingMs = 4_999;
    await world.advance(1_000);
    expect(kinds()).toBe('healthy healthy');
    traffic.waitingMs = 5_000;
    await world.advance(300);
    expect(kinds()).toBe('unhealthy healthy');
    expect(kinds('consume')).toBe('healthy healthy');
  });

  it('remembers that a cluster took no records until a new session on it, or until that is long ago', async () => {
    for (const isNewSession of [true, false]) {
      await world.advance(5_000);
      traffic.waitingMs = 6_000;
      await world.advance(300);
      traffic.waitingMs = 0;
      await world.advance(20_000);
      expect(kinds()).toBe('unhealthy healthy');
      if (isNewSession) monitor.sessionOpened('A');
      else await world.advance(20_000);
      expect(kinds()).toBe('healthy healthy');
    }
  });

  it('forgets after a while what was wrong with a cluster that was left: nobody could see it put right', async () => {
    await world.advance(5_000);
    traffic.waitingMs = 6_000;
    await world.advance(300);
    expect(kinds()).toBe('unhealthy healthy');
    traffic = { ...traffic, alias: 'B', waitingMs: 0 };
    await world.advance(29_000);
    expect(kinds()).toBe('unhealthy healthy');
    await world.advance(2_000);
    expect(kinds()).toBe('healthy healthy');
    // And it was not well all the time.
    expect(world.nowMs() - (monitor.health().get('A')?.produce.sinceMs ?? 0)).toBeLessThan(2_000);
  });

  it('tells of refused credentials once, and calls no cluster unhealthy for them', async () => {
    probe('B').outcome = { kind: 'refused', because: 'SASL authentication failed' };
    await world.advance(60_000);
    expect(events.of('health.refused')).toMatchObject([
      { cluster: 'B', because: 'SASL authentication failed' },
    ]);
    expect(kinds()).toBe('healthy unknown');
    expect(monitor.health().get('B')?.refusedBecause).toBe('SASL authentication failed');
    probe('B').outcome = WORKS;
    await world.advance(2_000);
    expect(monitor.health().get('B')).toMatchObject({
      produce: { kind: 'healthy' },
      refusedBecause: undefined,
    });
  });

  it('leaves nothing behind when it ends, and can begin again', async () => {
    monitor.stop();
    await settle();
    expect(world.timerCount).toBe(0);
    expect(probe('A').isClosed).toBe(true);
    expect(kinds()).toBe('unknown unknown');
    monitor.start();
    await world.advance(1_100);
    expect(kinds()).toBe('healthy healthy');
  });
});
