import { messageOf } from '../caught.js';
import type { EventSink } from '../events.js';
import type { World } from '../world.js';
import {
  heardWish,
  isPinning,
  overtakenBySwitch,
  reduceSignal,
  unreadSignal,
  type HeardWish,
  type SignalState,
  type Wish,
} from './signal-state.js';
import type { Reading, Signal, SignalWatch } from './signal.js';

/** @internal What listening is made of. */
export interface ListeningParts {
  readonly world: World;
  readonly events: EventSink;
  readonly aliases: readonly string[];
  readonly signals: readonly Signal[];
  /** What is known has changed. */
  onChange(): void;
}

/** @internal What a process keeps of its sources over a restart, by the sources' names. */
export interface KeptOfSignals {
  /** The highest epoch that each has shown. */
  readonly signalEpochs: Readonly<Record<string, number>>;
  /** What each wanted last: to a restart it is no news where a switch has overtaken that. */
  readonly heard: Readonly<Record<string, HeardWish>>;
  /** Those that forbade automatic switches: whether they still do is not known before they are read. */
  readonly pinned: readonly string[];
}

/**
 * Watches outside sources and keeps what is known of each. It has no opinion: what they say goes through the pure
 * `signal-state.ts:reduceSignal`.
 *
 * @internal
 */
export class Listening {
  readonly #parts: ListeningParts;
  readonly #states = new Map<Signal, SignalState>();
  readonly #watches = new Map<Signal, SignalWatch>();
  /** What each wanted when this process last ran, by name. */
  #heardBefore: KeptOfSignals['heard'] = {};
  #firstReadings = new Set<() => void>();

  constructor(parts: ListeningParts) {
    this.#parts = parts;
    for (const signal of parts.signals) this.#states.set(signal, unreadSignal(signal.name));
  }

  /** What an earlier life of the process has kept: older epochs are refused, and what was overtaken is no news. */
  remember({ signalEpochs, heard, pinned }: KeptOfSignals): void {
    this.#heardBefore = heard;
    for (const [signal, state] of this.#states) {
      const highestEpoch = Math.max(state.highestEpoch, signalEpochs[signal.name] ?? 0);
      const before = heard[signal.name];
      const wish = before?.isOvertaken === true ? wishOf(before) : undefined;
      // A start that failed is tried again: what the source has said meanwhile is newer than the file.
      const overtakenBefore = state.lastGood === undefined ? wish : state.overtakenBefore;
      const pinnedBefore = pinned.includes(signal.name);
      this.#states.set(signal, { ...state, highestEpoch, overtakenBefore, pinnedBefore });
    }
  }

  /** There is a switch to this cluster, or the fleet made one while this process was not running: see `signal-state.ts:overtakenBySwitch`. */
  overtake(cluster: string): void {
    for (const [signal, state] of this.#states) {
      const before = this.#heardBefore[signal.name];
      const wish = before === undefined ? undefined : wishOf(before);
      this.#states.set(signal, overtakenBySwitch(state, wish, cluster));
    }
  }

  /** Begins to watch. Idempotent. */
  start(): void {
    const { world, signals } = this.#parts;
    for (const signal of signals) {
      if (this.#watches.has(signal)) continue;
      const watch = signal.watch(world, (reading) => {
        if (this.#watches.get(signal) === watch) this.#heard(signal, reading);
      });
      this.#watches.set(signal, watch);
    }
  }

  /** Ends it; what is known is kept. Idempotent. */
  stop(): void {
    const watches = [...this.#watches.values()];
    this.#watches.clear();
    for (const watch of watches) watch.close();
  }

  states(): readonly SignalState[] {
    return [...this.#states.values()];
  }

  /** What a restart has to know: see `signal-state.ts:heardWish`. */
  kept(session: Parameters<typeof heardWish>[1]): KeptOfSignals {
    const signalEpochs: Record<string, number> = {};
    const heard: Record<string, HeardWish> = {};
    const pinned: string[] = [];
    for (const signal of this.states()) {
      if (signal.highestEpoch > 0) signalEpochs[signal.name] = signal.highestEpoch;
      // A source that could not be read in this life has said nothing newer.
      const wish = heardWish(signal, session) ?? this.#heardBefore[signal.name];
      if (wish !== undefined) heard[signal.name] = wish;
      if (isPinning(signal)) pinned.push(signal.name);
    }
    return { signalEpochs, heard, pinned };
  }

  /** Resolves when every source was read once, or after `maxWaitMs`. */
  read(maxWaitMs: number): Promise<void> {
    if (this.#areRead()) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.#firstReadings.delete(look);
        resolve();
      };
      const look = (): void => {
        if (this.#areRead()) end();
      };
      const cancel = this.#parts.world.after(maxWaitMs, end);
      this.#firstReadings.add(look);
    });
  }

  #areRead(): boolean {
    return this.states().every(
      ({ opinion, failedCount, refusedCount }) =>
        opinion.kind !== 'unknown' || failedCount + refusedCount > 0,
    );
  }

  #heard(signal: Signal, reading: Reading): void {
    const before = this.#states.get(signal);
    if (before === undefined) return;
    const { world, aliases, events } = this.#parts;
    let after: SignalState;
    try {
      after = reduceSignal(before, reading, { atMs: world.nowMs(), aliases });
    } catch (error) {
      // A signal of the service's own may tell anything.
      const because = `it told something that is no reading: ${messageOf(error)}`;
      after = reduceSignal(before, { kind: 'failed', because }, { atMs: world.nowMs(), aliases });
    }
    this.#states.set(signal, after);
    const { name } = signal;
    if (after.refusedCount > before.refusedCount && after.opinion.kind === 'unknown') {
      events.emit('signal.refused', { signal: name, because: after.opinion.because });
    } else if (!isSameOpinion(before, after)) {
      events.emit('signal.changed', { signal: name, from: before.opinion, to: after.opinion });
    }
    for (const look of this.#firstReadings) look();
    this.#parts.onChange();
  }
}

function wishOf({ cluster, epoch }: HeardWish): Wish {
  return { cluster, epoch };
}

function isSameOpinion(a: SignalState, b: SignalState): boolean {
  const { opinion: before } = a;
  const { opinion: after } = b;
  if (before.kind === 'unknown' && after.kind === 'unknown')
    return before.because === after.because;
  return before.kind === after.kind && a.lastGood?.sinceMs === b.lastGood?.sinceMs;
}
