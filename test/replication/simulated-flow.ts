import fc from 'fast-check';
import type { OffsetSync } from '../../src/replication/records.js';

/** What MirrorMaker does next. */
export type Step =
  /** Copies the next records; `isRetried`: the first answer is lost and the batch is written twice. */
  | { readonly kind: 'copy'; readonly count: number; readonly isRetried: boolean }
  /** Something that is no copy lands in the target's log: a transaction marker, a foreign record. */
  | { readonly kind: 'extra'; readonly count: number }
  /** A crash: copying begins again so many offsets earlier. */
  | { readonly kind: 'restart'; readonly backCount: number }
  /** The tick that writes delayed syncs. */
  | { readonly kind: 'flush' };

export interface FlowScript {
  /** For each offset of the source: is there a record (or a gap: a marker, compaction)? */
  readonly source: readonly boolean[];
  readonly steps: readonly Step[];
  /** `offset.lag.max`. */
  readonly lagMax: number;
  /** Every so-many-th sync is lost; 0 loses none. */
  readonly lostEvery: number;
}

export interface SimulatedFlow {
  readonly source: readonly boolean[];
  /** For each offset of the target: the source offset that it is a copy of, or undefined for an extra. */
  readonly target: readonly (number | undefined)[];
  readonly syncs: readonly OffsetSync[];
  /** The source offset that MirrorMaker copies next. */
  readonly next: number;
}

/** Runs a script by MirrorMaker's rules of 3.1: which syncs are due, delayed, and lost. */
export function simulateFlow({ source, steps, lagMax, lostEvery }: FlowScript): SimulatedFlow {
  const target: (number | undefined)[] = [];
  const syncs: OffsetSync[] = [];
  let next = 0;
  let emittedCount = 0;
  let delayed: OffsetSync | undefined;
  let task: { lastSync: number; previousUpstream: number } | undefined;

  const emit = (sync: OffsetSync, isFirstOfTask: boolean): void => {
    emittedCount += 1;
    // Syncs get lost by coalescing, while ten of them are in flight: never the first one of a task.
    const isLost = !isFirstOfTask && lostEvery > 0 && emittedCount % lostEvery === 0;
    if (!isLost) syncs.push(sync);
  };
  const acknowledge = (upstream: number, downstream: number): void => {
    const sync = { upstreamOffset: BigInt(upstream), downstreamOffset: BigInt(downstream) };
    const isFirst = task === undefined;
    const isDue =
      task === undefined ||
      downstream - (task.lastSync + 1) >= lagMax ||
      upstream - task.previousUpstream !== 1;
    task = {
      lastSync: isDue || task === undefined ? downstream : task.lastSync,
      previousUpstream: upstream,
    };
    delayed = isDue ? undefined : sync;
    if (isDue) emit(sync, isFirst);
  };
  for (const step of steps) {
    switch (step.kind) {
      case 'copy': {
        const batch: number[] = [];
        while (next < source.length && batch.length < step.count) {
          if (source[next] === true) batch.push(next);
          next += 1;
        }
        if (step.isRetried) target.push(...batch);
        const start = target.length;
        target.push(...batch);
        batch.forEach((upstream, index) => acknowledge(upstream, start + index));
        break;
      }
      case 'extra':
        target.push(...Array.from({ length: step.count }, () => undefined));
        break;
      case 'restart':
        next = Math.max(0, next - step.backCount);
        task = undefined;
        delayed = undefined;
        break;
      case 'flush':
        if (delayed !== undefined) emit(delayed, false);
        delayed = undefined;
        break;
    }
  }
  return { source, target, syncs, next };
}

/** What {@link flowScripts} may bring about. */
export interface FlowTroubles {
  readonly gaps: boolean;
  readonly extras: boolean;
  readonly restarts: boolean;
  /** Not every record has a sync: some are delayed, some are lost. */
  readonly sparseSyncs: boolean;
}

export const ALL_TROUBLES: FlowTroubles = {
  gaps: true,
  extras: true,
  restarts: true,
  sparseSyncs: true,
};

export function flowScripts(troubles: FlowTroubles): fc.Arbitrary<FlowScript> {
  const copy = fc.record({
    kind: fc.constant('copy' as const),
    count: fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: 1, max: 25 }) },
      { weight: 1, arbitrary: fc.integer({ min: 26, max: 150 }) },
    ),
    isRetried: troubles.extras ? fc.boolean() : fc.constant(false),
  });
  const steps: fc.WeightedArbitrary<Step>[] = [
    { weight: 6, arbitrary: copy },
    { weight: 2, arbitrary: fc.constant({ kind: 'flush' } as const) },
  ];
  if (troubles.extras) {
    const count = fc.integer({ min: 1, max: 5 });
    steps.push({ weight: 2, arbitrary: fc.record({ kind: fc.constant('extra' as const), count }) });
  }
  if (troubles.restarts) {
    const backCount = fc.integer({ min: 0, max: 40 });
    steps.push({
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('restart' as const), backCount }),
    });
  }
  return fc.record({
    source: fc.array(
      troubles.gaps
        ? fc.oneof(
            { weight: 5, arbitrary: fc.constant(true) },
            { weight: 1, arbitrary: fc.constant(false) },
          )
        : fc.constant(true),
      { minLength: 1, maxLength: 150, size: 'max' },
    ),
    steps: fc.array(fc.oneof(...steps), { minLength: 1, maxLength: 25, size: 'max' }),
    lagMax: troubles.sparseSyncs ? fc.constantFrom(0, 0, 5, 20, 100) : fc.constant(0),
    lostEvery: troubles.sparseSyncs ? fc.constantFrom(0, 2, 3, 5) : fc.constant(0),
  });
}

/**
 * True where a group that has handled everything below `processed` on the source skips nothing by resuming at `position`
 * of the target, although the source may die now: every record from `processed` on that was copied has a copy at or after
 * it. With `thatLives`, records count too that MirrorMaker will copy (again).
 */
export function skipsNothing(
  flow: SimulatedFlow,
  processed: bigint,
  position: bigint,
  { thatLives = false } = {},
): boolean {
  const after = new Set(flow.target.slice(Number(position)));
  return flow.target
    .slice(0, Number(position))
    .every(
      (upstream) =>
        upstream === undefined ||
        upstream < processed ||
        after.has(upstream) ||
        (thatLives && upstream >= flow.next),
    );
}

/** Where the last copy of a record below `processed` lies, plus one: from there on nothing was handled. */
export function handledEnd({ target }: SimulatedFlow, processed: bigint): bigint {
  const last = target.findLastIndex((upstream) => upstream !== undefined && upstream < processed);
  return BigInt(last + 1);
}

/** Where the first record at or after `processed` lies: no sound position is beyond it without a copy further on. */
export function firstUnhandled({ target }: SimulatedFlow, processed: bigint): bigint {
  const first = target.findIndex((upstream) => upstream !== undefined && upstream >= processed);
  return BigInt(first === -1 ? target.length : first);
}
