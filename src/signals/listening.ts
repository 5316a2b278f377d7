import { messageOf } from '../caught.js';
import type { EventSink } from '../events.js';
import { Waiters } from '../waiters.js';
import type { World } from '../world.js';
import {
  isPinning,
  isSameWish,
  overtakes,
  reduceSignal,
  unreadSignal,
  type HeardWish,
  type Overtaking,
  type SignalState,
  type Wish,
  type Word,
} from './signal-state.js';
import type { Reading, Signal, SignalWatch } from './signal.js';

/** @internal What listening is made of. */
export interface ListeningParts {
  readonly world: World;
  readonly events: EventSink;
  readonly aliases: readonly string[];
  readonly signals: readonly Signal[];
  /** The newest decision of the fleet that is known, or was obeyed; 0: none. */
  decisionEpoch(): number;
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
  /** What each wanted when this process last ran, until it says something else in this life. */
  readonly #heardBefore = new Map<Signal, HeardWish>();
  /** The newest decision that was known when what a source wants now was first heard. */
  readonly #agreedEpochs = new Map<Signal, number>();
  /** Who waits for the first words. */
  readonly #waiters = new Waiters();

  constructor(parts: ListeningParts) {
    this.#parts = parts;
    for (const signal of parts.signals) this.#states.set(signal, unreadSignal(signal.name));
  }

  /** What an earlier life of the process has kept: older epochs are refused, and what was overtaken is no news. */
  remember({ signalEpochs, heard, pinned }: KeptOfSignals): void {
    for (const [signal, state] of this.#states) {
      const highestEpoch = Math.max(state.highestEpoch, signalEpochs[signal.name] ?? 0);
      const pinnedBefore = pinned.includes(signal.name);
      // A start that failed is tried again: what the source has said meanwhile is newer than the file.
      const before = state.lastGood === undefined ? heard[signal.name] : undefined;
      if (before !== undefined) this.#heardBefore.set(signal, before);
      const overtaken = before?.isOvertaken === true ? wishOf(before) : state.overtaken;
      this.#states.set(signal, { ...state, highestEpoch, overtaken, pinnedBefore });
    }
  }

  /** A switch has a session, or the fleet has made one while this process was not running: what is older is no news any more. */
  overtake(overtaking: Overtaking): void {
    for (const [signal, state] of this.#states) {
      const word = this.#wordOf(signal, state);
      if (word === undefined || !overtakes(overtaking, word)) continue;
      this.#states.set(signal, { ...state, overtaken: wishOf(word) });
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

  /** What a restart has to know. */
  kept(): KeptOfSignals {
    const signalEpochs: Record<string, number> = {};
    const heard: Record<string, HeardWish> = {};
    const pinned: string[] = [];
    for (const [signal, state] of this.#states) {
      const { name, highestEpoch, overtaken } = state;
      if (highestEpoch > 0) signalEpochs[name] = highestEpoch;
      if (isPinning(state)) pinned.push(name);
      const word = this.#wordOf(signal, state);
      if (word === undefined) continue;
      const agreedEpoch =
        word.heard.in === 'this life'
          ? (this.#agreedEpochs.get(signal) ?? 0)
          : word.heard.agreedEpoch;
      heard[name] = { ...wishOf(word), isOvertaken: overtaken !== undefined, agreedEpoch };
    }
    return { signalEpochs, heard, pinned };
  }

  /** What a source wants, as far as is known; one that could not be read in this life has said nothing newer than before. */
  #wordOf(signal: Signal, { lastGood }: SignalState): Word | undefined {
    const before = this.#heardBefore.get(signal);
    if (before !== undefined) {
      const { agreedEpoch } = before;
      return { ...wishOf(before), heard: { in: 'an earlier life', agreedEpoch } };
    }
    if (lastGood === undefined) return undefined;
    const { desired, sinceMs } = lastGood;
    return { ...wishOf(desired), heard: { in: 'this life', atMs: sinceMs } };
  }

  /** Resolves when every source was read once, or after `maxWaitMs`. */
  read(maxWaitMs: number): Promise<void> {
    return this.#waiters.within(this.#parts.world, maxWaitMs, () => this.#areRead());
  }

  #heardFirst(signal: Signal, wish: Wish): void {
    const before = this.#heardBefore.get(signal);
    // The same as when this process last ran is as old as it was then.
    if (before !== undefined && isSameWish(before, wish)) return;
    this.#heardBefore.delete(signal);
    this.#agreedEpochs.set(signal, this.#parts.decisionEpoch());
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
    const { lastGood } = after;
    if (lastGood !== undefined && lastGood.sinceMs !== before.lastGood?.sinceMs) {
      this.#heardFirst(signal, lastGood.desired);
    }
    if (after.refusedCount > before.refusedCount && after.opinion.kind === 'unknown') {
      events.emit('signal.refused', { signal: name, because: after.opinion.because });
    } else if (!isSameOpinion(before, after)) {
      events.emit('signal.changed', { signal: name, from: before.opinion, to: after.opinion });
    }
    this.#waiters.look();
    this.#parts.onChange();
  }
}

function wishOf({ cluster, epoch }: Wish): Wish {
  return { cluster, epoch };
}

function isSameOpinion(a: SignalState, b: SignalState): boolean {
  const { opinion: before } = a;
  const { opinion: after } = b;
  if (before.kind === 'unknown' && after.kind === 'unknown')
    return before.because === after.because;
  return before.kind === after.kind && a.lastGood?.sinceMs === b.lastGood?.sinceMs;
}
