import { vi } from 'vitest';
import { type PlantedBug, testPlantedBugs } from './planting.js';
import type { Scenario } from './scenario.js';

/** Bugs of clients and switches. Those of decisions: `planted-decisions.test.ts`. */
type BugName =
  | 'a record is committed before its handler has ended'
  | 'a running handler counts as done'
  | 'the fence does not close the sockets'
  | 'a group resumes one record after its translated position'
  | 'a missing checkpoint means the end of the log'
  | 'a group resumes one record behind the one that was recognised'
  | 'what is written down is one record too far'
  | 'every record that comes late counts as handled'
  | 'a checkpoint beyond the end of the log counts up to there'
  | 'the committed resume position is one too far'
  | 'the resume positions are not put in place'
  | 'an offset of an older epoch is forwarded'
  | 'two handlers of a partition do not wait for each other'
  | 'a handler call that is held returns'
  | 'what waits in the hold buffer is forgotten'
  | 'a held send is acknowledged at once'
  | 'one record too many counts as mirrored'
  | 'a copy that is found counts for nothing'
  | 'what is acknowledged is forgotten'
  | 'what a full hold buffer refuses is sent all the same';

/** An unplanned switch, soon after junk was written among the checkpoints. */
function hasJunk({ steps, policy, hasCheckpoints }: Scenario): boolean {
  return (
    hasCheckpoints &&
    policy === 'default' &&
    steps.some(
      (junk) =>
        junk.kind === 'checkpoints' &&
        junk.what === 'junk' &&
        junk.flow === 'A->B' &&
        steps.some(
          (order) =>
            order.kind === 'order' &&
            order.to === 'B' &&
            !order.planned &&
            order.atMs > junk.atMs &&
            order.atMs < junk.atMs + 3_000,
        ),
    )
  );
}

/** `matters` is asked of fleets that only an operator moves. */
const BUGS: readonly (Omit<PlantedBug<BugName>, 'matters'> &
  Partial<Pick<PlantedBug<BugName>, 'matters'>>)[] = [
  {
    name: 'a record is committed before its handler has ended',
    seenBy: 'I16',
    withinRuns: 3,
    matters: ({ handler }) =>
      handler.kind === 'eachMessage' && handler.autoCommit && handler.maxMs > 0,
  },
  {
    name: 'a running handler counts as done',
    seenBy: 'I3',
    withinRuns: 18,
    // Somebody has to be at work for longer than a switch waits, on a record that has its copy and its sync.
    matters: ({ steps, copyLagMs, offsetLagMax }) =>
      copyLagMs <= 10 &&
      offsetLagMax === 0 &&
      steps.some((step) => step.kind === 'stall' && step.forMs > 4_500),
  },
  {
    name: 'the fence does not close the sockets',
    seenBy: 'I7',
    withinRuns: 18,
    matters: ({ steps }) => steps.some(({ kind }) => kind === 'freeze' || kind === 'down'),
  },
  {
    name: 'a group resumes one record after its translated position',
    seenBy: 'I3',
    withinRuns: 6,
  },
  {
    name: 'a missing checkpoint means the end of the log',
    seenBy: 'I14',
    withinRuns: 6,
    // Nothing else may tell a position: the syncs are lost with the source.
    matters: ({
      hasCheckpoints,
      writesProgress,
      onMissingPosition,
      offsetSyncsLocation,
      policy,
      steps,
    }) =>
      !hasCheckpoints &&
      !writesProgress &&
      onMissingPosition === 'earliest' &&
      offsetSyncsLocation === 'source' &&
      policy === 'default' &&
      steps.some((step) => step.kind === 'order' && !step.planned),
  },
  {
    name: 'a group resumes one record behind the one that was recognised',
    seenBy: 'I3',
    withinRuns: 12,
  },
  {
    name: 'what is written down is one record too far',
    seenBy: 'I3',
    withinRuns: 18,
    matters: ({ writesProgress, steps }) =>
      writesProgress && steps.some((step) => step.kind === 'order' && !step.planned),
  },
  {
    name: 'every record that comes late counts as handled',
    seenBy: 'I16',
    withinRuns: 18,
    // The mirror lags behind, and the source dies; what is born on the target comes before the late copies, in the same log.
    matters: ({ copyLagMs, policy, steps }) =>
      policy === 'identity' &&
      copyLagMs >= 100 &&
      steps.some((step) => step.kind === 'order' && !step.planned),
  },
  {
    name: 'a checkpoint beyond the end of the log counts up to there',
    seenBy: 'I3',
    withinRuns: 18,
    matters: hasJunk,
  },
  { name: 'the committed resume position is one too far', seenBy: 'I16', withinRuns: 6 },
  { name: 'the resume positions are not put in place', seenBy: 'I18', withinRuns: 6 },
  {
    name: 'an offset of an older epoch is forwarded',
    seenBy: 'I16',
    withinRuns: 18,
    // The handler commits by itself, and later than a switch waits; to where a log of that name exists.
    matters: ({ handler, policy, steps }) =>
      policy === 'default' &&
      !handler.autoCommit &&
      steps.some(
        (stall) =>
          stall.kind === 'stall' &&
          stall.forMs > 4_500 &&
          steps.some(
            (order) =>
              order.kind === 'order' &&
              order.to === 'B' &&
              order.atMs > stall.atMs &&
              order.atMs < stall.atMs + 1_000,
          ),
      ),
  },
  {
    name: 'two handlers of a partition do not wait for each other',
    seenBy: 'I17',
    withinRuns: 12,
    matters: ({ handler, policy }) =>
      handler.concurrency > 2 && handler.maxMs > 100 && policy === 'default',
  },
  {
    name: 'a handler call that is held returns',
    seenBy: 'I16',
    withinRuns: 6,
    // Others send while a stalled handler holds up the drain.
    matters: ({ handler, processCount, partitionCount, steps }) =>
      handler.kind === 'eachMessage' &&
      handler.autoCommit &&
      handler.concurrency > 1 &&
      partitionCount > 1 &&
      processCount > 1 &&
      steps.some((step) => step.kind === 'order' && step.planned && step.spreadMs > 500) &&
      steps.some((step) => step.kind === 'stall'),
  },
  { name: 'what waits in the hold buffer is forgotten', seenBy: 'I17', withinRuns: 3 },
  { name: 'a held send is acknowledged at once', seenBy: 'I1', withinRuns: 3 },
  {
    name: 'one record too many counts as mirrored',
    seenBy: 'I1',
    withinRuns: 18,
    matters: ({ copyLagMs, steps }) =>
      copyLagMs >= 100 && steps.some((step) => step.kind === 'order' && !step.planned),
  },
  { name: 'a copy that is found counts for nothing', seenBy: 'I1', withinRuns: 6 },
  {
    name: 'what is acknowledged is forgotten',
    seenBy: 'I1',
    withinRuns: 18,
    matters: ({ copyLagMs, steps }) =>
      copyLagMs >= 100 && steps.some((step) => step.kind === 'order' && !step.planned),
  },
  {
    name: 'what a full hold buffer refuses is sent all the same',
    seenBy: 'I2',
    withinRuns: 6,
    matters: ({ holdMaxBytes }) => holdMaxBytes < 10_000,
  },
];

const planted = vi.hoisted(() => ({ bug: undefined as string | undefined }));

function is(name: BugName): boolean {
  return planted.bug === name;
}

vi.mock('../../src/consumer/dispatcher.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/consumer/dispatcher.js')>();
  class Dispatcher extends original.Dispatcher {
    override runConfig() {
      const config = super.runConfig();
      const { eachMessage } = config;
      if (eachMessage === undefined || !is('a record is committed before its handler has ended')) {
        return config;
      }
      return {
        ...config,
        eachMessage: async (payload: Parameters<typeof eachMessage>[0]) => {
          eachMessage(payload).catch(() => {});
        },
      };
    }
  }
  return { ...original, Dispatcher };
});

vi.mock('../../src/ledger/copies.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/ledger/copies.js')>();
  class Copies extends original.Copies {
    override get highest() {
      const { highest } = { highest: super.highest };
      if (highest === undefined || is('a copy that is found counts for nothing')) return undefined;
      const isTooFar = is('one record too many counts as mirrored');
      return isTooFar ? { ...highest, offset: highest.offset + 1 } : highest;
    }

    override isFound(record: Parameters<typeof original.Copies.prototype.isFound>[0]): boolean {
      if (is('a copy that is found counts for nothing')) return false;
      const isTooFar =
        is('one record too many counts as mirrored') &&
        record.offset <= (this.highest?.offset ?? -1);
      return isTooFar || super.isFound(record);
    }
  }
  return { ...original, Copies };
});

vi.mock('../../src/ledger/ledger.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/ledger/ledger.js')>();
  class Ledger extends original.Ledger {
    override add(...added: Parameters<typeof original.Ledger.prototype.add>): void {
      if (!is('what is acknowledged is forgotten') || this.bytes === 0) super.add(...added);
    }
  }
  return { ...original, Ledger };
});

vi.mock('../../src/consumer/progress.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/consumer/progress.js')>();
  class PartitionProgress extends original.PartitionProgress {
    override handled(): bigint | undefined {
      return is('a running handler counts as done') && this.ceiling !== undefined
        ? BigInt(this.ceiling) + 1n
        : super.handled();
    }
  }
  return { ...original, PartitionProgress };
});

vi.mock('../../src/cluster/socket-gate.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/cluster/socket-gate.js')>();
  class SocketGate extends original.SocketGate {
    override fence(reason: Parameters<typeof original.SocketGate.prototype.fence>[0]): number {
      return is('the fence does not close the sockets') ? 0 : super.fence(reason);
    }
  }
  return { ...original, SocketGate };
});

vi.mock('../../src/position/plan.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/position/plan.js')>();
  const planGroup: typeof original.planGroup = (group, facts, options) => {
    if (is('a missing checkpoint means the end of the log')) {
      return original.planGroup(group, facts, { onMissing: 'latest' });
    }
    if (is('a checkpoint beyond the end of the log counts up to there')) {
      const clamped = facts.map((one) => ({
        ...one,
        bounds: one.bounds.map(({ method, offset }) => ({
          method,
          offset: offset > one.range.high ? one.range.high : offset,
        })),
      }));
      return original.planGroup(group, clamped, options);
    }
    const plan = original.planGroup(group, facts, options);
    if (!is('a group resumes one record after its translated position')) return plan;
    return {
      ...plan,
      partitions: plan.partitions.map((one) =>
        one.kind === 'resume' && (one.method === 'offset-sync' || one.method === 'checkpoint')
          ? { ...one, offset: one.offset + 1n }
          : one,
      ),
    };
  };
  return { ...original, planGroup };
});

vi.mock('../../src/position/search.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/position/search.js')>();
  class Search extends original.Search {
    override result(read?: { isWhole: boolean }) {
      const result = super.result(read);
      const isTooFar = is('a group resumes one record behind the one that was recognised');
      return isTooFar && result.offset !== undefined
        ? { ...result, offset: result.offset + 1n }
        : result;
    }
  }
  return { ...original, Search };
});

vi.mock('../../src/position/progress-record.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/position/progress-record.js')>();
  const progressValue: typeof original.progressValue = (position) =>
    original.progressValue(
      is('what is written down is one record too far')
        ? { ...position, offset: position.offset + 1n }
        : position,
    );
  return { ...original, progressValue };
});

vi.mock('../../src/consumer/awaited-records.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/consumer/awaited-records.js')>();
  const { recognises } = original.AwaitedRecords.prototype;
  original.AwaitedRecords.prototype.recognises = function (record) {
    return is('every record that comes late counts as handled') && this.expected.length > 0
      ? true
      : recognises.call(this, record);
  };
  return original;
});

vi.mock('../../src/consumer/resume.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/consumer/resume.js')>();
  const commitPositions: typeof original.commitPositions = async (access, group, wanted, rest) => {
    if (is('the resume positions are not put in place')) return [];
    const tooFar = is('the committed resume position is one too far') ? 1n : 0n;
    const commits = wanted.map((one) => ({ ...one, offset: one.offset + tooFar }));
    return original.commitPositions(access, group, commits, rest);
  };
  return { ...original, commitPositions };
});

vi.mock('../../src/consumer/offsets.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/consumer/offsets.js')>();
  const placeHandedBack: typeof original.placeHandedBack = (entry, view) =>
    is('an offset of an older epoch is forwarded')
      ? [entry.physicalTopic ?? entry.topic]
      : original.placeHandedBack(entry, view);
  return { ...original, placeHandedBack };
});

vi.mock('../../src/consumer/locks.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/consumer/locks.js')>();
  const { acquire } = original.PartitionLock.prototype;
  original.PartitionLock.prototype.acquire = function (waiter) {
    return is('two handlers of a partition do not wait for each other')
      ? Promise.resolve()
      : acquire.call(this, waiter);
  };
  return original;
});

vi.mock('../../src/consumer/gate.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/consumer/gate.js')>();
  class Gate extends original.Gate {
    override refuse(): Promise<never> {
      const returned: Promise<unknown> = Promise.resolve();
      return is('a handler call that is held returns')
        ? (returned as Promise<never>)
        : super.refuse();
    }
  }
  return { ...original, Gate };
});

vi.mock('../../src/producer/hold-buffer.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../src/producer/hold-buffer.js')>();
  type Item = import('../../src/producer/hold-buffer.js').Holdable;
  class HoldBuffer<T extends Item> extends original.HoldBuffer<T> {
    override offer(item: T): 'bytes' | 'records' | undefined {
      if (is('what waits in the hold buffer is forgotten')) return undefined;
      if (is('a held send is acknowledged at once') && 'complete' in item) {
        (item.complete as () => void).call(item);
        return undefined;
      }
      const full = super.offer(item);
      if (full !== undefined && is('what a full hold buffer refuses is sent all the same')) {
        this.putBack([item]);
      }
      return full;
    }
  }
  return { ...original, HoldBuffer };
});

testPlantedBugs(
  BUGS.map(({ matters = () => true, ...bug }) => ({
    ...bug,
    matters: (scenario) => scenario.automation === undefined && matters(scenario),
  })),
  planted,
);
