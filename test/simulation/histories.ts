import type { Automation } from './automation.js';
import type { Fault } from './conditions.js';
import type { FinalLog, Place, Run } from './history.js';
import type { Fact } from './service.js';
import type { Wish } from './source.js';

/** Histories written by hand, for the tests of the checkers: short words for events, and a run around them. */

/** `B/A.orders-0`, offset 4: where a record lies. */
export function place(log: string, offset: number): Place {
  const [cluster = '', rest = ''] = log.split('/');
  const dash = rest.lastIndexOf('-');
  return {
    cluster,
    topic: rest.slice(0, dash),
    partition: Number(rest.slice(dash + 1)),
    offset: BigInt(offset),
  };
}

/** A log that holds these records from offset 0 on. */
export function logOf(name: string, ids: readonly string[]): FinalLog {
  const { offset: _offset, ...log } = place(name, 0);
  return { ...log, low: 0n, ids: new Map(ids.map((id, index) => [BigInt(index), id])) };
}

/** Who acts, where nothing else is said. */
export interface Actor {
  readonly process?: number;
  readonly epoch?: number;
  readonly consumer?: string;
}

/** A handler call, or its end. */
export function call(
  kind: 'handling' | 'handled' | 'handler-failed',
  id: string,
  at: Place,
  { process = 1, epoch = 1, consumer = `consumer-${process}` }: Actor = {},
): Fact {
  const logical = `orders-${at.partition}`;
  return { kind, process, consumer, switchEpoch: epoch, id, logical, place: at };
}

/** The handler was called, and succeeded. */
export function done(id: string, at: Place, actor?: Actor): readonly Fact[] {
  return [call('handling', id, at, actor), call('handled', id, at, actor)];
}

export function committed(at: Place): Fact {
  return { kind: 'committed', place: at };
}

export function acknowledged(id: string, process = 1): Fact {
  return { kind: 'acknowledged', process, id };
}

/** One partition of a plan: a position with its method, or none. */
export type Position = readonly [log: string, offset: number | 'unavailable', method?: Method];
type Method = 'own-commit' | 'checkpoint' | 'offset-sync' | 'earliest' | 'latest';

/** A plan for the cluster of its first log. `ends`: where the logs ended then; by default they are long enough. */
export function planned(
  positions: readonly Position[],
  { process = 1, epoch = 2, ends }: Actor & { readonly ends?: readonly number[] } = {},
): Fact {
  const cluster = positions[0]?.[0].split('/')[0] ?? '';
  const partitions = positions.map(([log, offset, method = 'checkpoint']) => {
    const { topic, partition } = place(log, 0);
    const one = { topic: 'orders', physicalTopic: topic, partition };
    if (offset === 'unavailable')
      return { ...one, kind: offset, because: 'nothing is known', missing: [] };
    const known = {
      method,
      maxRereadCount: 1_000n,
      voidCommit: undefined,
      awaited: [],
      missing: [],
      notes: [],
    };
    return { ...one, ...known, kind: 'resume' as const, offset: BigInt(offset) };
  });
  return {
    kind: 'planned',
    process,
    switchEpoch: epoch,
    plan: { groupId: 'billing', cluster, topics: [], partitions },
    ends: positions.map((_position, index) => BigInt(ends?.[index] ?? 1_000)),
  };
}

/** The phase in which positions are found. */
export function translating({ process = 1, epoch = 2 }: Actor = {}): Fact {
  return { kind: 'phase', process, switchEpoch: epoch, phase: 'translate' };
}

export function opened(cluster: string, { process = 1, epoch = 1 }: Actor = {}): Fact {
  return { kind: 'opened', process, switchEpoch: epoch, cluster };
}

export function fenced(cluster: string, { process = 1, epoch = 1 }: Actor = {}): Fact {
  return { kind: 'fenced', process, switchEpoch: epoch, cluster };
}

export function written(cluster: string, apiName: 'Produce' | 'OffsetCommit', process = 1): Fact {
  return { kind: 'written', process, cluster, apiName };
}

/** A run with these events, a millisecond apart. A number among them lets so many milliseconds pass. */
export function runOf(
  steps: readonly (Fact | readonly Fact[] | number)[],
  rest: Partial<Omit<Run, 'events'>> = {},
): Run {
  let atMs = 0;
  const events = steps.flatMap((step) => {
    if (typeof step === 'number') {
      atMs += step;
      return [];
    }
    const facts = 'kind' in step ? [step] : step;
    return facts.map((fact) => ({ ...fact, atMs: (atMs += 1) }));
  });
  return {
    seed: 'written by hand',
    logs: [],
    unsettledSends: [],
    sendLimitMs: 1_000,
    orderLimitMs: 1_000,
    onMissingPosition: 'earliest',
    automation: undefined,
    agreement: undefined,
    isShared: false,
    replays: [],
    finalClusters: ['A', 'B'],
    ...rest,
    events,
  };
}

/** What the decision checkers hold a history against, where nothing else is said. */
const AUTOMATION: Automation = {
  strategy: 'combined',
  health: {
    intervalMs: 500,
    timeoutMs: 1_000,
    silentMs: 1_500,
    goneMs: 300,
    partialMs: 2_000,
    recoveryMs: 1_500,
    lagMs: 300,
  },
  limits: { cooldownMs: 4_000, maxSwitchesPerHour: 2, failback: 'manual', stableMs: 2_000 },
  dwellMs: 1_500,
  hasEpochs: true,
  hearsWithinMs: 10,
  leftDead: undefined,
};

/** A run of processes that decide for themselves. */
export function automaticRun(
  steps: Parameters<typeof runOf>[0],
  {
    limits,
    ...rest
  }: Partial<Omit<Automation, 'limits'>> & { limits?: Partial<Automation['limits']> } = {},
): Run {
  const automation = { ...AUTOMATION, ...rest, limits: { ...AUTOMATION.limits, ...limits } };
  return runOf(steps, { automation });
}

export function started(
  process: number,
  { host = 1, isIntact = true, isOlder = false } = {},
): Fact {
  return { kind: 'started', process, host, isIntact, isOlder };
}

/** What is wrong with a cluster from now on; nothing, where no fault is named. */
export function condition(cluster: string, ...faults: Fault[]): Fact {
  return { kind: 'condition', cluster, faults };
}

/** A switch that begins, and is completed at once. */
export function switched(
  to: string,
  by: 'operator' | 'signal' | 'health',
  { epoch = 2, planned = false, process = 1 } = {},
): readonly Fact[] {
  const from = to === 'A' ? 'B' : 'A';
  return [
    { kind: 'switching', process, switchEpoch: epoch, from, to, planned, by, reason: 'because' },
    { kind: 'switched', process, switchEpoch: epoch, to },
  ];
}

/** The source says this, in order. */
export function told(
  cluster: string,
  epoch: number,
  mode?: 'pinned',
  { process = 1 }: Actor = {},
): Fact {
  return { kind: 'told', process, says: 'value', wish: { cluster, epoch, mode } };
}

/** The source says nothing that anybody should follow. */
export function toldNothing(says: 'value' | 'absent' | 'failed' = 'failed'): Fact {
  return { kind: 'told', process: 1, says, wish: undefined };
}

export function resting(
  cluster: string,
  { state = 'steady', wish, process = 1 }: { state?: string; wish?: Wish; process?: number } = {},
): Fact {
  return { kind: 'resting', process, state, cluster, wish };
}
