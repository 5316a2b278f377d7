import { vi } from 'vitest';
import { type PlantedBug, testPlantedBugs } from './planting.js';
import type { Scenario } from './scenario.js';

/** Bugs of replays. */
type BugName =
  | 'a record is replayed twice'
  | 'what was only announced is left out when the mirror brings it'
  | 'every replay counts as handled on the cluster that died';

/** The mirror is behind when a cluster is given up, and comes back about when its tail is replayed. */
function hasTail({ replays, policy, steps, automation }: Scenario): boolean {
  return (
    replays &&
    policy === 'default' &&
    automation === undefined &&
    steps.some(
      (pause) =>
        pause.kind === 'mirror' &&
        pause.what === 'pause' &&
        steps.some(
          (step) =>
            step.kind === 'order' &&
            !step.planned &&
            step.atMs > pause.atMs &&
            step.atMs < pause.atMs + 3_000,
        ),
    )
  );
}

const BUGS: readonly PlantedBug<BugName>[] = [
  { name: 'a record is replayed twice', seenBy: 'I1', withinRuns: 12, matters: hasTail },
  {
    name: 'what was only announced is left out when the mirror brings it',
    seenBy: 'I1',
    withinRuns: 24,
    // The group has not handled it before the cluster died.
    matters: (scenario) => hasTail(scenario) && scenario.handler.maxMs > 0,
  },
  {
    name: 'every replay counts as handled on the cluster that died',
    seenBy: 'I1',
    withinRuns: 24,
    matters: (scenario) => hasTail(scenario) && scenario.handler.maxMs > 0,
  },
];

const planted = vi.hoisted(() => ({ bug: undefined as string | undefined }));

function is(name: BugName): boolean {
  return planted.bug === name;
}

vi.mock('../../src/replay/resend.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/replay/resend.js')>();
  const sendAnnounced: typeof original.sendAnnounced = async (...args) => {
    if (is('a record is replayed twice')) await original.sendAnnounced(...args);
    return original.sendAnnounced(...args);
  };
  return { ...original, sendAnnounced };
});

vi.mock('../../src/consumer/replayed-records.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/consumer/replayed-records.js')>();
  class ReplayedRecords extends original.ReplayedRecords {
    override claim(...args: Parameters<typeof original.ReplayedRecords.prototype.claim>) {
      const claimed = super.claim(...args);
      const isTooEarly = is('what was only announced is left out when the mirror brings it');
      return isTooEarly && claimed?.kind === 'original'
        ? { ...claimed, replayedAt: claimed.replayedAt ?? 0n }
        : claimed;
    }
  }
  class HandledElsewhere extends original.HandledElsewhere {
    override includes(
      ...args: Parameters<typeof original.HandledElsewhere.prototype.includes>
    ): boolean {
      return (
        is('every replay counts as handled on the cluster that died') || super.includes(...args)
      );
    }
  }
  return { ...original, ReplayedRecords, HandledElsewhere };
});

testPlantedBugs(BUGS, planted);
