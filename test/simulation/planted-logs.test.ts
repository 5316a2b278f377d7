import { vi } from 'vitest';
import { type PlantedBug, testPlantedBugs } from './planting.js';
import type { Scenario, Step } from './scenario.js';

/** Bugs that matter where something happens to the logs, or to the group, beside what the library does. */
type BugName =
  | 'copies that are gone are not named'
  | 'what retention removed before it was handled counts as handled'
  | 'an older checkpoint outlives the one of a group that was set back'
  | 'what is known of a topic counts in the one that was made anew'
  | 'positions that the coordinator refuses are forgotten';

/** Fleets that only an operator moves, with a step like this. */
function withStep(isRelevant: (step: Step) => boolean): (scenario: Scenario) => boolean {
  return ({ policy, automation, steps }) =>
    policy === 'default' && automation === undefined && steps.some(isRelevant);
}

/** Is the fleet sent there, while the source is left at once, within this time after the step? */
function isLeft(steps: readonly Step[], { atMs }: Step, withinMs: number): boolean {
  return steps.some(
    (order) =>
      order.kind === 'order' &&
      order.to === 'B' &&
      order.atMs >= atMs &&
      order.atMs <= atMs + withinMs,
  );
}

const BUGS: readonly PlantedBug<BugName>[] = [
  {
    name: 'copies that are gone are not named',
    seenBy: 'I14',
    withinRuns: 6,
    matters: (scenario) =>
      scenario.offsetSyncsLocation === 'target' &&
      withStep(
        (step) =>
          step.kind === 'retention' &&
          step.what === 'copies' &&
          step.cluster === 'B' &&
          isLeft(scenario.steps, step, 500),
      )(scenario),
  },
  {
    name: 'what retention removed before it was handled counts as handled',
    seenBy: 'I3',
    withinRuns: 6,
    matters: (scenario) =>
      scenario.offsetSyncsLocation === 'target' &&
      withStep(
        (step) =>
          step.kind === 'retention' &&
          step.what === 'born' &&
          step.cluster === 'A' &&
          isLeft(scenario.steps, step, 1_500),
      )(scenario),
  },
  {
    name: 'an older checkpoint outlives the one of a group that was set back',
    seenBy: 'I3',
    withinRuns: 6,
    // The group has not come as far again when it is moved.
    matters: (scenario) =>
      scenario.hasCheckpoints &&
      scenario.handler.maxMs >= 30 &&
      withStep(
        (step) =>
          step.kind === 'set-back' && step.byCount > 20 && isLeft(scenario.steps, step, 3_500),
      )(scenario),
  },
  {
    name: 'what is known of a topic counts in the one that was made anew',
    seenBy: 'I3',
    withinRuns: 6,
    // A handler that is stalled holds up everything else.
    matters: (scenario) =>
      scenario.handler.concurrency === 1 &&
      scenario.offsetSyncsLocation === 'target' &&
      withStep(
        (step) =>
          step.kind === 'remake' && step.flow === 'A->B' && isLeft(scenario.steps, step, 2_000),
      )(scenario),
  },
  {
    name: 'positions that the coordinator refuses are forgotten',
    seenBy: 'I18',
    withinRuns: 12,
    matters: (scenario) =>
      withStep(
        (step) =>
          step.kind === 'foreigner' && step.cluster === 'B' && isLeft(scenario.steps, step, 1_500),
      )(scenario),
  },
];

const planted = vi.hoisted(() => ({ bug: undefined as string | undefined }));

function is(name: BugName): boolean {
  return planted.bug === name;
}

vi.mock('../../src/position/upstream.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/position/upstream.js')>();
  const upstreamOf: typeof original.upstreamOf = (...args) => {
    const upstream = original.upstreamOf(...args);
    return is('copies that are gone are not named') ? { ...upstream, gone: undefined } : upstream;
  };
  return { ...original, upstreamOf };
});

vi.mock('../../src/position/removed.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/position/removed.js')>();
  const goingBack: typeof original.goingBack = (gathered, range) =>
    is('what retention removed before it was handled counts as handled')
      ? gathered
      : original.goingBack(gathered, range);
  return { ...original, goingBack };
});

vi.mock('../../src/replication/checkpoint-store.js', async (importOriginal) => {
  const original =
    await importOriginal<typeof import('../../src/replication/checkpoint-store.js')>();
  type Put = typeof original.CheckpointStore.prototype.put;
  class CheckpointStore extends original.CheckpointStore {
    override put(...[key, value, atWallMs]: Parameters<Put>): ReturnType<Put> {
      const known = this.get(key.group, key.topic, key.partition);
      const isOlder = known !== undefined && known.upstreamOffset > value.upstreamOffset;
      return is('an older checkpoint outlives the one of a group that was set back') && isOlder
        ? 'taken'
        : super.put(key, value, atWallMs);
    }
  }
  return { ...original, CheckpointStore };
});

// The store alone does not show it: what a process knows of the group outranks an older checkpoint as well.
vi.mock('../../src/position/set-back.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/position/set-back.js')>();
  const isBeforeSetBack: typeof original.isBeforeSetBack = (...args) =>
    !is('an older checkpoint outlives the one of a group that was set back') &&
    original.isBeforeSetBack(...args);
  return { ...original, isBeforeSetBack };
});

vi.mock('../../src/replication/offset-sync-store.js', async (importOriginal) => {
  const original =
    await importOriginal<typeof import('../../src/replication/offset-sync-store.js')>();
  type Options = ConstructorParameters<typeof original.OffsetSyncStore>[0];
  class OffsetSyncStore extends original.OffsetSyncStore {
    // MirrorMaker's own, in the testing kit, says what it wants.
    constructor(options?: Options) {
      const keeps = is('what is known of a topic counts in the one that was made anew');
      super(options ?? (keeps ? { onDownstreamDecrease: 'keep' } : {}));
    }
  }
  return { ...original, OffsetSyncStore };
});

vi.mock('../../src/position/plan.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/position/plan.js')>();
  const planGroup: typeof original.planGroup = (group, facts, options) => {
    const isPlanted = is('what is known of a topic counts in the one that was made anew');
    if (!isPlanted) return original.planGroup(group, facts, options);
    const upToTheEnd = facts.map((one) => ({
      ...one,
      bounds: one.bounds.map((bound) =>
        (bound.method === 'offset-sync' || bound.method === 'exact') &&
        bound.offset > one.range.high
          ? { ...bound, offset: one.range.high }
          : bound,
      ),
    }));
    return original.planGroup(group, upToTheEnd, options);
  };
  return { ...original, planGroup };
});

vi.mock('../../src/consumer/resume.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/consumer/resume.js')>();
  const commitPositions: typeof original.commitPositions = async (...args) => {
    const refused = await original.commitPositions(...args);
    return is('positions that the coordinator refuses are forgotten') ? [] : refused;
  };
  return { ...original, commitPositions };
});

testPlantedBugs(BUGS, planted);
