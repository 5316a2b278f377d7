import { vi } from 'vitest';
import type { ClusterView, View } from '../../src/strategy/strategy.js';
import { type PlantedBug, testPlantedBugs } from './planting.js';
import type { Scenario, Step } from './scenario.js';

type BugName =
  | 'the target is not asked for proof'
  | 'the cooldown goes by the wall clock'
  | 'the switches of the last hour are not counted'
  | 'an older epoch of the source is taken'
  | 'no value means the first cluster'
  | 'the epoch in the state file is forgotten'
  | 'what was overtaken is forgotten'
  | 'a source is listened to once';

/** Fleets that go by health, in whose story something happens. */
function byHealth(isRelevant: (step: Step) => boolean): (scenario: Scenario) => boolean {
  return ({ automation, steps }) =>
    automation !== undefined && automation.strategy !== 'follow' && steps.some(isRelevant);
}

/** Fleets that follow a source, in whose story something happens. */
function bySource(isRelevant: (step: Step) => boolean): (scenario: Scenario) => boolean {
  return ({ automation, steps }) =>
    automation !== undefined && automation.strategy !== 'health' && steps.some(isRelevant);
}

const BUGS: readonly PlantedBug<BugName>[] = [
  {
    name: 'the target is not asked for proof',
    seenBy: 'I10',
    withinRuns: 8,
    // One takes no records, while the other one is dead.
    matters: (scenario) =>
      byHealth((step) => step.kind === 'halve' && step.how === 'produce-hangs')(scenario) &&
      scenario.steps.some(
        (down) =>
          down.kind === 'down' &&
          scenario.steps.some(
            (half) =>
              half.kind === 'halve' &&
              half.cluster !== down.cluster &&
              half.atMs - down.atMs === 2_000,
          ),
      ),
  },
  {
    name: 'the cooldown goes by the wall clock',
    seenBy: 'I11',
    withinRuns: 30,
    matters: (scenario) =>
      (scenario.automation?.limits.cooldownMs ?? 0) > 1_000 &&
      scenario.steps.filter(isDeath).length > 1 &&
      byHealth((step) => step.kind === 'jump-wall' && step.byMs > 0)(scenario),
  },
  {
    name: 'the switches of the last hour are not counted',
    seenBy: 'I11',
    withinRuns: 12,
    matters: (scenario) =>
      scenario.automation?.limits.maxSwitchesPerHour === 1 &&
      scenario.steps.filter(isDeath).length > 1 &&
      byHealth(isDeath)(scenario),
  },
  {
    name: 'an older epoch of the source is taken',
    seenBy: 'I10',
    withinRuns: 6,
    matters: (scenario) =>
      scenario.automation?.hasEpochs === true &&
      bySource((step) => step.kind === 'source' && step.what === 'regress')(scenario) &&
      scenario.steps.filter(({ kind }) => kind === 'set').length > 1,
  },
  {
    name: 'no value means the first cluster',
    seenBy: 'I10',
    withinRuns: 6,
    matters: bySource((step) => step.kind === 'source' && step.what === 'remove'),
  },
  {
    name: 'the epoch in the state file is forgotten',
    seenBy: 'I8',
    withinRuns: 12,
    matters: ({ automation, steps }) =>
      automation !== undefined &&
      steps.some(({ kind }) => kind === 'crash') &&
      steps.every(({ kind }) => kind !== 'state-file'),
  },
  {
    name: 'what was overtaken is forgotten',
    seenBy: 'I10',
    withinRuns: 20,
    // Somebody leaves the cluster that the source names, and a process crashes.
    matters: (scenario) =>
      bySource(({ kind }) => kind === 'crash')(scenario) &&
      scenario.steps.some(({ kind }) => kind === 'order' || kind === 'down') &&
      scenario.steps.every(({ kind }) => kind !== 'state-file'),
  },
  {
    name: 'a source is listened to once',
    seenBy: 'I19',
    withinRuns: 3,
    matters: bySource((step) => step.kind === 'set' && step.atMs > 2_000),
  },
];

function isDeath({ kind }: Step): boolean {
  return kind === 'down' || kind === 'freeze' || kind === 'blackhole' || kind === 'halve';
}

const planted = vi.hoisted(() => ({ bug: undefined as string | undefined }));

function is(name: BugName): boolean {
  return planted.bug === name;
}

vi.mock('../../src/strategy/health.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/strategy/health.js')>();
  const healthStrategy: typeof original.healthStrategy = (options) => {
    const strategy = original.healthStrategy(options);
    return { ...strategy, decide: (view) => strategy.decide(seenWrongly(view)) };
  };
  return { ...original, healthStrategy };
});

function seenWrongly(view: View): View {
  const healthy = { kind: 'healthy', sinceMs: 0, failingSinceMs: undefined } as const;
  if (is('the switches of the last hour are not counted')) {
    const switches = view.switches.map((one) => ({ ...one, by: 'operator' as const }));
    return { ...view, switches };
  }
  const clusters = view.clusters.map((cluster): ClusterView => {
    const isActive = cluster.alias === view.active;
    if (is('the target is not asked for proof') && !isActive) {
      return { ...cluster, health: { ...cluster.health, produce: healthy, consume: healthy } };
    }
    return cluster;
  });
  return { ...view, clusters };
}

vi.mock('../../src/watch.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/watch.js')>();
  class Watch extends original.Watch {
    readonly #driftMs: () => number;

    constructor(parts: import('../../src/watch.js').WatchParts) {
      super(parts);
      const { world } = parts.options;
      const aheadMs = world.wallMs() - world.nowMs();
      this.#driftMs = () => world.wallMs() - world.nowMs() - aheadMs;
    }

    override view(order: Parameters<typeof original.Watch.prototype.view>[0]): View {
      const view = super.view(order);
      return is('the cooldown goes by the wall clock')
        ? { ...view, nowMs: view.nowMs + this.#driftMs() }
        : view;
    }
  }
  return { ...original, Watch };
});

vi.mock('../../src/signals/signal-state.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/signals/signal-state.js')>();
  const reduceSignal: typeof original.reduceSignal = (state, reading, now) => {
    if (is('an older epoch of the source is taken')) {
      return original.reduceSignal({ ...state, highestEpoch: 0 }, reading, now);
    }
    if (is('no value means the first cluster') && reading.kind === 'absent') {
      const cluster = now.aliases[0] ?? '';
      const desired = { cluster, epoch: undefined, mode: undefined, reason: undefined };
      const lastGood = { desired, sinceMs: now.atMs, heardAtMs: now.atMs };
      return { ...state, opinion: { kind: 'desired', desired }, lastGood };
    }
    if (is('a source is listened to once') && state.lastGood !== undefined) return state;
    return original.reduceSignal(state, reading, now);
  };
  return { ...original, reduceSignal };
});

vi.mock('../../src/state-file.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/state-file.js')>();
  class StateFile extends original.StateFile {
    override async read(): ReturnType<typeof original.StateFile.prototype.read> {
      const state = await super.read();
      if (state === undefined) return undefined;
      if (is('the epoch in the state file is forgotten')) return { ...state, switchEpoch: 1 };
      return is('what was overtaken is forgotten') ? { ...state, heard: {} } : state;
    }
  }
  return { ...original, StateFile };
});

testPlantedBugs(BUGS, planted);
