import { readDesired, type Desired } from './desired.js';
import type { Reading } from './signal.js';

/**
 * What one source says at the moment.
 *
 * @public
 */
export type Opinion =
  /** It wants this cluster. */
  | { readonly kind: 'desired'; readonly desired: Desired }
  /** It answers, and holds nothing. */
  | { readonly kind: 'none' }
  /** It was not read yet, cannot be read, or holds something that was refused. Unknown moves nothing. */
  | { readonly kind: 'unknown'; readonly because: string };

/**
 * What tells one wish of a source from another one.
 *
 * @public
 */
export type Wish = Pick<Desired, 'cluster' | 'epoch'>;

/**
 * What is known of one source.
 *
 * @public
 */
export interface SignalState {
  /** The source's name. */
  readonly name: string;
  /** What it says now. */
  readonly opinion: Opinion;
  /** The last value that was understood and taken; it outlives the source's failures. */
  readonly lastGood:
    | {
        /** What it wanted. */
        readonly desired: Desired;
        /** Since when it wants that, in monotonic milliseconds. */
        readonly sinceMs: number;
        /** When it was last known to want it: now, where that is its opinion; otherwise when it was found not to say it any more. */
        readonly heardAtMs: number;
      }
    | undefined;
  /**
   * What it wanted when a switch to another cluster overtook that: in this life, in an earlier one (`stateFile`), or by the fleet in
   * between. The same again is no news. Undefined where nothing was overtaken, and once the source has wanted something else.
   */
  readonly overtaken: Wish | undefined;
  /** It forbade automatic switches when this process last ran (`stateFile`). Counts until the source has a good value. */
  readonly pinnedBefore: boolean;
  /** The highest epoch that was seen; 0 where none was. */
  readonly highestEpoch: number;
  /** Values that were refused: garbage, unknown aliases, older epochs. */
  readonly refusedCount: number;
  /** Failed readings. */
  readonly failedCount: number;
}

/** @internal Does it forbid automatic switches? Also a source that can no longer be read, or not yet: ignorance lifts no ban. */
export function isPinning({ lastGood, pinnedBefore }: SignalState): boolean {
  return lastGood === undefined ? pinnedBefore : lastGood.desired.mode === 'pinned';
}

/** @internal How old what a source said last is, in milliseconds: 0 while it says it; undefined where it has said nothing. */
export function lastGoodAgeMs(
  { opinion, lastGood }: SignalState,
  nowMs: number,
): number | undefined {
  if (lastGood === undefined) return undefined;
  return opinion.kind === 'desired' ? 0 : nowMs - lastGood.heardAtMs;
}

/** @internal A source that was not read yet. */
export function unreadSignal(name: string, highestEpoch = 0): SignalState {
  return {
    name,
    opinion: { kind: 'unknown', because: 'it was not read yet' },
    lastGood: undefined,
    overtaken: undefined,
    pinnedBefore: false,
    highestEpoch,
    refusedCount: 0,
    failedCount: 0,
  };
}

/**
 * Pure. Only a value that is understood, and whose epoch does not go back, becomes an opinion; everything else leaves the last
 * good one where it was.
 *
 * @internal
 */
export function reduceSignal(
  state: SignalState,
  reading: Reading,
  { atMs, aliases }: { atMs: number; aliases: readonly string[] },
): SignalState {
  switch (reading.kind) {
    case 'absent':
      return { ...silenced(state, atMs), opinion: { kind: 'none' } };
    case 'failed':
      return {
        ...silenced(state, atMs),
        opinion: { kind: 'unknown', because: reading.because },
        failedCount: state.failedCount + 1,
      };
    case 'value': {
      const read = readDesired(reading.text, aliases);
      const because = read.kind === 'refused' ? read.because : whyRefused(state, read.desired);
      return read.kind === 'refused' || because !== undefined
        ? refused(silenced(state, atMs), because ?? '')
        : taken(state, read.desired, atMs);
    }
    default:
      return state;
  }
}

/** A source tells what has changed: until now it has said what it said last. */
function silenced(state: SignalState, atMs: number): SignalState {
  const { opinion, lastGood } = state;
  return opinion.kind === 'desired' && lastGood !== undefined
    ? { ...state, lastGood: { ...lastGood, heardAtMs: atMs } }
    : state;
}

function refused(state: SignalState, because: string): SignalState {
  return {
    ...state,
    opinion: { kind: 'unknown', because },
    refusedCount: state.refusedCount + 1,
  };
}

function taken(state: SignalState, desired: Desired, atMs: number): SignalState {
  const { lastGood, overtaken } = state;
  const isSame = lastGood !== undefined && isSameWish(lastGood.desired, desired);
  const isOvertaken = overtaken !== undefined && isSameWish(overtaken, desired);
  return {
    ...state,
    opinion: { kind: 'desired', desired },
    lastGood: { desired, sinceMs: isSame ? lastGood.sinceMs : atMs, heardAtMs: atMs },
    overtaken: isOvertaken ? overtaken : undefined,
    highestEpoch: desired.epoch ?? state.highestEpoch,
  };
}

/** A backup that was restored, or a server that is behind, shows an old value as if it were in order. */
function whyRefused(
  { highestEpoch, lastGood }: SignalState,
  { cluster, epoch }: Desired,
): string | undefined {
  if (epoch === undefined) {
    return highestEpoch === 0
      ? undefined
      : `it has no epoch, and an earlier value had ${highestEpoch}`;
  }
  if (epoch < highestEpoch) return `its epoch ${epoch} is older than ${highestEpoch}`;
  const before = lastGood?.desired;
  if (before?.epoch !== epoch || before.cluster === cluster) return undefined;
  return `epoch ${epoch} named ${before.cluster} before, and names ${cluster} now`;
}

/** @internal */
export function isSameWish(a: Wish, b: Wish): boolean {
  return a.cluster === b.cluster && a.epoch === b.epoch;
}

/**
 * What a source has wanted, as a restart has to know it: the same again is no news where a switch has overtaken that.
 *
 * @internal
 */
export interface HeardWish extends Wish {
  readonly isOvertaken: boolean;
  /** The newest decision of the fleet that was known when it was first heard; 0: none. */
  readonly agreedEpoch: number;
}

/** @internal What a source wants, as a switch is compared with it. */
export interface Word extends Wish {
  /** When it was first heard. */
  readonly heard:
    | { readonly in: 'this life'; readonly atMs: number }
    /** `agreedEpoch`: as {@link HeardWish.agreedEpoch}. */
    | { readonly in: 'an earlier life'; readonly agreedEpoch: number };
}

/** @internal A switch, as what sources want is compared with it. */
export interface Overtaking {
  /** Where it leads. */
  readonly cluster: string;
  /** When it began; undefined: while this process was not running. */
  readonly startedAtMs: number | undefined;
  /** The decision of the fleet that it carries out; undefined where this process was told, or has decided, something itself. */
  readonly decisionEpoch: number | undefined;
}

/**
 * Does the switch overtake what the source wants? Where it was heard before the switch began, and names another cluster. What an earlier
 * life has heard when a decision was known is newer than that: this life carries the decision out late. Of this life's words that is
 * not said: one that comes late, behind the decision that it has led to, would take the fleet back to it. Pure.
 *
 * @internal
 */
export function overtakes(
  { cluster, startedAtMs, decisionEpoch }: Overtaking,
  { cluster: wanted, heard }: Word,
): boolean {
  if (wanted === cluster) return false;
  return heard.in === 'this life'
    ? startedAtMs !== undefined && heard.atMs < startedAtMs
    : decisionEpoch === undefined || heard.agreedEpoch < decisionEpoch;
}
