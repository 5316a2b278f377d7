import { vi } from 'vitest';
import type { Scenario, Step } from './scenario.js';
import { type PlantedBug, testPlantedBugs } from './planting.js';

/** Bugs of fleets that decide together. */
type BugName =
  | 'one voice is a quorum'
  | 'nobody waits for the others'
  | 'an older decision is obeyed'
  | 'an epoch belongs to both logs'
  | 'it is obeyed before it is fenced'
  | 'the lease is not looked at before a write'
  | 'what was decided is not asked of the others';

/** Fleets with an agreement, in whose story something happens. */
function together(
  isRelevant: (step: Step, scenario: Scenario) => boolean,
  isMeant: (scenario: Scenario) => boolean = () => true,
): (scenario: Scenario) => boolean {
  return (scenario) =>
    scenario.agreement !== undefined &&
    isMeant(scenario) &&
    scenario.steps.some((step) => isRelevant(step, scenario));
}

const BUGS: readonly PlantedBug<BugName>[] = [
  {
    name: 'one voice is a quorum',
    seenBy: 'I10',
    withinRuns: 4,
    matters: together(
      (step) => step.kind === 'cut' && step.forMs > 3_500,
      ({ automation, agreement }) =>
        (automation?.strategy === 'health' || automation?.strategy === 'combined') &&
        agreement?.store === 'plane' &&
        agreement.processCount > 1 &&
        !('voices' in agreement.quorum && agreement.quorum.voices === 1),
    ),
  },
  {
    name: 'nobody waits for the others',
    seenBy: 'I17',
    withinRuns: 8,
    matters: together(
      (step, { steps }) =>
        step.kind === 'stall' &&
        step.forMs > 1_500 &&
        steps.some((one) => one.kind === 'order' && one.who === 'all' && one.alone !== true),
    ),
  },
  {
    name: 'an older decision is obeyed',
    seenBy: 'I8',
    withinRuns: 6,
    matters: together(
      (step) => step.kind === 'agreement' && step.what === 'restore',
      ({ agreement }) => agreement?.store === 'plane',
    ),
  },
  {
    name: 'an epoch belongs to both logs',
    seenBy: 'I9',
    withinRuns: 6,
    matters: together(
      (step) => step.kind === 'order',
      ({ agreement }) => agreement?.store === 'kafka',
    ),
  },
  {
    name: 'it is obeyed before it is fenced',
    seenBy: 'I7',
    withinRuns: 4,
    matters: together((step) => step.kind === 'order' && step.planned && step.who === 'all'),
  },
  {
    name: 'the lease is not looked at before a write',
    seenBy: 'I7',
    withinRuns: 6,
    matters: together(
      (step, { agreement }) =>
        step.kind === 'sleep' && step.forMs > (agreement?.leaseMs ?? Infinity) + 500,
    ),
  },
  {
    name: 'what was decided is not asked of the others',
    seenBy: 'I19',
    withinRuns: 4,
    matters: together((step) => step.kind === 'order' && step.who !== 'all'),
  },
];

const planted = vi.hoisted(() => ({ bug: undefined as string | undefined }));

function is(name: BugName): boolean {
  return planted.bug === name;
}

vi.mock('../../src/agreement/fleet-state.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/agreement/fleet-state.js')>();
  const voteOn: typeof original.voteOn = (...args) => {
    const vote = original.voteOn(...args);
    const isEnough = is('one voice is a quorum') && vote.voices > 0;
    return isEnough ? { ...vote, isReached: true } : vote;
  };
  const reduceFleet: typeof original.reduceFleet = (state, news, atMs) =>
    is('an older decision is obeyed') &&
    news.kind === 'decision' &&
    news.decision.epoch !== state.decision?.epoch
      ? { ...state, decision: news.decision }
      : original.reduceFleet(state, news, atMs);
  return { ...original, voteOn, reduceFleet };
});

vi.mock('../../src/agreement/fleet.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/agreement/fleet.js')>();
  class Fleet extends original.Fleet {
    #forgottenEpoch = 0;

    override get obeyedEpoch(): number {
      const { decision } = this;
      // What was obeyed counts for nothing beside what is told.
      return is('an older decision is obeyed') && decision !== undefined
        ? Math.min(super.obeyedEpoch, decision.epoch)
        : super.obeyedEpoch;
    }

    override standing(active: string): ReturnType<typeof original.Fleet.prototype.standing> {
      const { decision } = this;
      if (is('what was decided is not asked of the others')) return undefined;
      if (!is('an older decision is obeyed') || decision === undefined) {
        return super.standing(active);
      }
      if (decision.cluster === active || decision.epoch === this.#forgottenEpoch) {
        return super.standing(active);
      }
      this.#forgottenEpoch = decision.epoch;
      return decision;
    }

    override async othersLeft(
      ...args: Parameters<typeof original.Fleet.prototype.othersLeft>
    ): Promise<readonly string[]> {
      return is('nobody waits for the others') ? [] : super.othersLeft(...args);
    }
  }
  return { ...original, Fleet };
});

vi.mock('../../src/agreement/lease.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/agreement/lease.js')>();
  class Lease extends original.Lease {
    override get guard(): (() => void) | undefined {
      return is('the lease is not looked at before a write') ? undefined : super.guard;
    }
  }
  return { ...original, Lease };
});

vi.mock('../../src/agreement/kafka-log.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/agreement/kafka-log.js')>();
  const nextEpoch: typeof original.nextEpoch = (log, above) =>
    is('an epoch belongs to both logs') ? above + 1 : original.nextEpoch(log, above);
  const readDecisionRecord: typeof original.readDecisionRecord = (log, newestEpoch, text) =>
    is('an epoch belongs to both logs')
      ? original.readDecisionRecord({ ...log, aliases: [log.alias] }, newestEpoch, text)
      : original.readDecisionRecord(log, newestEpoch, text);
  return { ...original, nextEpoch, readDecisionRecord };
});

vi.mock('../../src/switch/phases.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/switch/phases.js')>();
  const runPhase: typeof original.runPhase = (run, context) => {
    const { agreedEpoch } = run.turn;
    if (
      is('it is obeyed before it is fenced') &&
      run.phase === 'hold' &&
      agreedEpoch !== undefined
    ) {
      context.fleet?.obeyed(agreedEpoch);
    }
    return original.runPhase(run, context);
  };
  return { ...original, runPhase };
});

testPlantedBugs(BUGS, planted);
