import { describe, expect, it } from 'vitest';
import type { Desired } from '../../src/signals/desired.js';
import type { Signal } from '../../src/signals/signal.js';
import { unreadSignal, type SignalState } from '../../src/signals/signal-state.js';
import { combine } from '../../src/strategy/combine.js';
import { followStrategy } from '../../src/strategy/follow.js';
import { healthStrategy } from '../../src/strategy/health.js';
import type { PastSwitch, View } from '../../src/strategy/strategy.js';
import { HEALTHY, healthOf, sourcesOf, UNHEALTHY, viewOf } from './support.js';

const aliases = ['A', 'B'];

function signal(name = 'key'): Signal {
  return { name, watch: () => ({ close() {} }) };
}

function wants(
  cluster: string,
  {
    name = 'key',
    sinceMs = 1_000,
    ...more
  }: Partial<Desired> & { name?: string; sinceMs?: number } = {},
): SignalState {
  const desired: Desired = {
    cluster,
    epoch: undefined,
    mode: undefined,
    reason: undefined,
    ...more,
  };
  return {
    ...unreadSignal(name),
    opinion: { kind: 'desired', desired },
    lastGood: { desired, sinceMs, heardAtMs: sinceMs },
  };
}

function past(atMs: number, more: Partial<PastSwitch> = {}): PastSwitch {
  return { atMs, switchEpoch: 2, from: 'A', to: 'B', by: 'health', ...more };
}

const silent: SignalState = { ...unreadSignal('key'), opinion: { kind: 'none' } };
const broken: SignalState = {
  ...wants('A'),
  opinion: { kind: 'unknown', because: 'it does not answer' },
};

describe('a strategy that follows a source', () => {
  const strategy = followStrategy(signal());
  const decide = (state: SignalState, more: Partial<View> = {}) =>
    strategy.decide(viewOf({ signals: [state], ...more }));

  it('goes where it is told, planned unless the active cluster is dead', () => {
    expect(decide(wants('B'))).toEqual({
      kind: 'switch',
      to: 'B',
      planned: true,
      reason: 'key says B',
      by: 'signal',
    });
    const view = viewOf({ A: healthOf(UNHEALTHY), signals: [wants('B')] });
    expect(strategy.decide(view)).toMatchObject({ planned: false });
  });

  it('goes as it is told: planned or not, and with the reason that is given', () => {
    expect(decide(wants('B', { mode: 'unplanned', reason: 'fire' }))).toMatchObject({
      planned: false,
      reason: 'fire',
    });
    expect(decide(wants('B', { mode: 'pinned' }))).toMatchObject({ planned: true });
  });

  it.each([
    ['says what is so already', wants('A'), 'already-active'],
    ['says nothing', silent, 'no-opinion'],
    ['cannot be read', broken, 'signal-unknown'],
  ])('stays where the source %s', (_what, state, because) => {
    expect(decide(state)).toEqual({ kind: 'stay', because });
  });

  it('takes nothing for news that a switch has overtaken', () => {
    const overtaken = { cluster: 'B', epoch: undefined };
    expect(decide({ ...wants('B'), overtaken })).toEqual({
      kind: 'stay',
      because: 'overtaken',
    });
    expect(decide({ ...wants('B'), overtaken }, { active: 'B' })).toEqual({
      kind: 'stay',
      because: 'already-active',
    });
  });

  it('follows the highest epoch of several sources, and the first where there is none', () => {
    const two = followStrategy([signal('east'), signal('west')]);
    const east = wants('A', { name: 'east', epoch: 3 });
    const west = wants('B', { name: 'west', epoch: 4 });
    expect(two.decide(viewOf({ signals: [east, west] }))).toMatchObject({ to: 'B' });
    const plain = [wants('B', { name: 'east' }), wants('A', { name: 'west' })];
    expect(two.decide(viewOf({ signals: plain }))).toMatchObject({ to: 'B' });
    const dead: SignalState = { ...west, opinion: { kind: 'unknown', because: 'dead' } };
    expect(two.decide(viewOf({ signals: [east, dead] }))).toMatchObject({
      because: 'already-active',
    });
  });

  it('obeys an operator before the source', () => {
    const order = { to: 'B', planned: false, reason: 'now' };
    expect(decide(wants('A'), { order })).toEqual({ kind: 'switch', ...order, by: 'operator' });
  });

  it('starts where the source says, then where it was, then where the option says', async () => {
    const start = (signals: readonly SignalState[], lastApplied?: string) =>
      followStrategy(signal(), { initial: 'A' }).startOn(
        sourcesOf({ signals, ...(lastApplied === undefined ? {} : { lastApplied }) }),
        aliases,
      );
    expect(await start([wants('B')], 'A')).toBe('B');
    expect(await start([broken], 'B')).toBe('B');
    expect(await start([silent])).toBe('A');
    expect(await start([broken])).toBe('A');
  });

  it('starts where it was, and not where the source says, where that was overtaken before', async () => {
    const overtaken = { cluster: 'B', epoch: 5 };
    const state = { ...wants('B', { epoch: 5 }), overtaken };
    const sources = sourcesOf({ signals: [state], lastApplied: 'A' });
    expect(await followStrategy(signal()).startOn(sources, aliases)).toBe('A');
    // Its source is known: there is no reason not to start.
    const strict = followStrategy(signal(), { onUnknownAtStart: 'fail' });
    expect(await strict.startOn(sources, aliases)).toBe('A');
  });

  it('does not start blindly where it is told not to', async () => {
    const strict = followStrategy(signal(), { onUnknownAtStart: 'fail' });
    await expect(
      strict.startOn(sourcesOf({ signals: [broken], lastApplied: 'B' }), aliases),
    ).rejects.toThrow(/onUnknownAtStart.*key: it does not answer/);
    // A source that answers and holds nothing is known.
    expect(await strict.startOn(sourcesOf({ signals: [silent] }), aliases)).toBeUndefined();
  });

  it('refuses what is no source, and options that it does not know', () => {
    expect(() => followStrategy([])).toThrow(/strategy\.signals/);
    expect(() => followStrategy({ name: 'x' } as never)).toThrow(/must be a signal/);
    expect(() => followStrategy(signal(), { onUnkownAtStart: 'fail' } as never)).toThrow(
      /onUnknownAtStart/,
    );
  });
});

describe('a source combined with health', () => {
  const strategy = combine({ follow: followStrategy(signal()), orElse: healthStrategy() });
  const dying = (state: SignalState, more: Partial<View> = {}) =>
    strategy.decide(
      viewOf({ A: healthOf(UNHEALTHY), B: healthOf(HEALTHY), signals: [state], ...more }),
    );

  it.each([
    ['says nothing', silent],
    ['says what is so already', wants('A')],
    ['cannot be read', broken],
  ])('leaves a dead cluster where the source %s', (_what, state) => {
    expect(dying(state)).toMatchObject({ kind: 'switch', to: 'B', by: 'health' });
  });

  it('goes by news of the source first, also against health', () => {
    const view = viewOf({
      active: 'B',
      A: healthOf(UNHEALTHY),
      B: healthOf(HEALTHY),
      signals: [wants('A')],
      switches: [past(5_000)],
    });
    expect(strategy.decide(view)).toMatchObject({ kind: 'switch', to: 'A', by: 'signal' });
  });

  it('stays, loudly, where the source forbids automatic switches, also while it cannot be read', () => {
    const pinned = wants('A', { mode: 'pinned' });
    const pinnedAndGone: SignalState = { ...pinned, opinion: broken.opinion };
    for (const state of [pinned, pinnedAndGone]) {
      expect(dying(state)).toMatchObject({ kind: 'stay', because: 'pinned', isAlarming: true });
    }
    const well = viewOf({ A: healthOf(HEALTHY), signals: [pinned] });
    expect(strategy.decide(well)).toMatchObject({ kind: 'stay', because: 'active-well' });
  });

  it('watches what either watches', () => {
    expect(strategy.watchesHealth).toBe(true);
    expect(strategy.signals).toHaveLength(1);
    expect(strategy.name).toBe('follow key, or else health');
  });

  it('refuses what is no strategy', () => {
    expect(() => combine({ follow: followStrategy(signal()) } as never)).toThrow(/combine\.orElse/);
  });
});
