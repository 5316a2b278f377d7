import { FailoverOptionsError } from '../errors.js';
import { checkFollow } from '../options-calls.js';
import type { Signal } from '../signals/signal.js';
import { isPinning, type SignalState } from '../signals/signal-state.js';
import { knownAlias } from './known-alias.js';
import { obey } from './obey.js';
import { isActiveUnhealthy } from './standing.js';
import type { Decision, Strategy, View } from './strategy.js';

/**
 * What a strategy that follows outside sources does at its start.
 *
 * @public
 */
export interface FollowOptions {
  /** Alias of the cluster to start on where no source has an opinion. Default: the first configured one. */
  readonly initial?: string;
  /**
   * Where no source can be read at the start: go on with the cluster that was last in force (`stateFile`), or else `initial`;
   * or do not start. Default `'last-applied'`.
   */
  readonly onUnknownAtStart?: 'last-applied' | 'fail';
}

/**
 * Does what outside sources say: the newest word that was heard since the last switch. A source that cannot be read, or says
 * something that is refused, changes nothing. Of several sources the one with the highest epoch is followed, and without epochs the
 * first one that has an opinion.
 *
 * What a source says is an order only while it is news: after a switch that somebody else ordered, or that health decided, the
 * same value does not take the service back; with a `stateFile` not after a restart either.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - at once, when an option is unknown or wrong; from `startOn`, when
 *   `initial` names no cluster, or no source can be read and `onUnknownAtStart` is `'fail'`.
 * @example
 * ```ts
 * const strategy = followStrategy([mySignal], { onUnknownAtStart: 'fail' });
 * ```
 * @public
 */
export function followStrategy(
  signals: Signal | readonly Signal[],
  options: FollowOptions = {},
): Strategy {
  checkFollow(signals, options);
  const list = 'watch' in signals ? [signals] : signals;
  const names = list.map(({ name }) => name);
  return {
    name: `follow ${names.join(', ')}`,
    signals: list,
    async startOn(sources, aliases) {
      const states = (await sources.signals()).filter(({ name }) => names.includes(name));
      const chosen = chosenOf(states);
      if (chosen !== undefined && chosen.overtaken === undefined)
        return chosen.lastGood.desired.cluster;
      const isUnknown = states.some(({ opinion }) => opinion.kind === 'unknown');
      if (chosen === undefined && isUnknown && options.onUnknownAtStart === 'fail')
        throw unknownAtStart(states);
      const last = await sources.lastApplied();
      if (last !== undefined) return last;
      return options.initial === undefined
        ? undefined
        : knownAlias(options.initial, aliases, 'strategy.initial');
    },
    decide(view) {
      if (view.order !== undefined) return obey(view.order, view.active);
      const states = view.signals.filter(({ name }) => names.includes(name));
      return followed(states, view);
    },
  };
}

type WithOpinion = SignalState & { readonly lastGood: NonNullable<SignalState['lastGood']> };

function hasOpinion(state: SignalState): state is WithOpinion {
  return state.opinion.kind === 'desired' && state.lastGood !== undefined;
}

function chosenOf(states: readonly SignalState[]): WithOpinion | undefined {
  const epochOf = ({ lastGood }: WithOpinion): number => lastGood.desired.epoch ?? 0;
  return states
    .filter(hasOpinion)
    .reduce<WithOpinion | undefined>(
      (best, one) => (best === undefined || epochOf(one) > epochOf(best) ? one : best),
      undefined,
    );
}

/** @internal What the sources want of the view. */
export function followed(states: readonly SignalState[], view: View): Decision {
  const chosen = chosenOf(states);
  if (chosen === undefined) {
    const isUnknown = states.some(({ opinion }) => opinion.kind === 'unknown');
    return { kind: 'stay', because: isUnknown ? 'signal-unknown' : 'no-opinion' };
  }
  const { desired } = chosen.lastGood;
  if (desired.cluster === view.active) return { kind: 'stay', because: 'already-active' };
  if (chosen.overtaken !== undefined) return { kind: 'stay', because: 'overtaken' };
  const planned =
    desired.mode === undefined ? !isActiveUnhealthy(view) : desired.mode !== 'unplanned';
  const reason = desired.reason ?? `${chosen.name} says ${desired.cluster}`;
  return { kind: 'switch', to: desired.cluster, planned, reason, by: 'signal' };
}

/** @internal Does a source forbid that anybody but a person moves the service? */
export function pinnedBy(states: readonly SignalState[]): SignalState | undefined {
  return states.find(isPinning);
}

function unknownAtStart(states: readonly SignalState[]): FailoverOptionsError {
  const reasons = states.flatMap(({ name, opinion }) =>
    opinion.kind === 'unknown' ? [`${name}: ${opinion.because}`] : [],
  );
  return new FailoverOptionsError(
    'strategy.onUnknownAtStart',
    'fail',
    `No source says where to start, and strategy.onUnknownAtStart is "fail": ${reasons.join('; ')}. ` +
      'Repair the source, or start with "last-applied".',
  );
}
