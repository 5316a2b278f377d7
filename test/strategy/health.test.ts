import { describe, expect, it } from 'vitest';
import { healthStrategy } from '../../src/strategy/health.js';
import type { PastSwitch, View } from '../../src/strategy/strategy.js';
import { FAILING, HEALTHY, healthOf, sourcesOf, UNHEALTHY, UNKNOWN, viewOf } from './support.js';

const dead = healthOf(UNHEALTHY);
const well = healthOf(HEALTHY);

function automatic(atMs: number, by: PastSwitch['by'] = 'health'): PastSwitch {
  return { atMs, switchEpoch: 2, from: 'A', to: 'B', by };
}

function wayHome(isOpen: boolean): NonNullable<View['failback']> {
  const whyNot = isOpen ? undefined : 'lag: 7 of orders-0';
  return {
    ...{ from: 'B', to: 'A', isOpen, whyNot },
    ...{ gates: [], lookedAgeMs: 0, stranded: [] },
  };
}

describe('the health strategy', () => {
  it('starts on the cluster that is asked for, and refuses one that there is not', async () => {
    const sources = sourcesOf();
    expect(await healthStrategy().startOn(sources, ['A', 'B'])).toBeUndefined();
    expect(await healthStrategy({ initial: 'B' }).startOn(sources, ['A', 'B'])).toBe('B');
    await expect(healthStrategy({ initial: 'C' }).startOn(sources, ['A', 'B'])).rejects.toThrow(
      'strategy.initial must name one of the clusters A, B, got "C"',
    );
  });

  it('starts where it was when the process ended, before anything else', async () => {
    const sources = sourcesOf({ lastApplied: 'B' });
    expect(await healthStrategy({ initial: 'A' }).startOn(sources, ['A', 'B'])).toBe('B');
  });

  it('leaves a cluster that is unhealthy for one that is seen to work', () => {
    expect(healthStrategy().decide(viewOf({ A: dead, B: well }))).toEqual({
      kind: 'switch',
      to: 'B',
      planned: false,
      reason: 'A is unhealthy: it is dead',
      by: 'health',
    });
  });

  it.each([
    ['is unknown', healthOf(UNKNOWN)],
    ['works', well],
    ['fails, but not for long', healthOf(FAILING)],
    ['does not let us in', healthOf(UNKNOWN, { refusedBecause: 'SASL authentication failed' })],
  ])('stays with a cluster that %s', (_what, A) => {
    expect(healthStrategy().decide(viewOf({ A, B: well }))).toEqual({
      kind: 'stay',
      because: 'active-well',
    });
  });

  it.each([
    ['is unhealthy as well', dead, 'no-proven-target'],
    ['is unknown', healthOf(UNKNOWN), 'no-proven-target'],
    ['fails at the moment', healthOf(FAILING), 'no-proven-target'],
    ['takes no records', healthOf(HEALTHY, { produce: UNHEALTHY }), 'no-proven-target'],
    ['serves no groups', healthOf(HEALTHY, { consume: UNHEALTHY }), 'no-proven-target'],
    ['does not let us in', healthOf(HEALTHY, { refusedBecause: 'no' }), 'not-let-in'],
  ])('stays, loudly, where the other cluster %s', (_what, B, because) => {
    expect(healthStrategy().decide(viewOf({ A: dead, B }))).toMatchObject({
      kind: 'stay',
      because,
      isAlarming: true,
    });
  });

  it('leaves a half-dead cluster, unless it is told what counts', () => {
    const A = healthOf(HEALTHY, { produce: UNHEALTHY });
    const kindFor = (failoverOn: 'any' | 'both' | 'produce' | 'consume'): string =>
      healthStrategy({ failoverOn }).decide(viewOf({ A, B: well })).kind;
    expect(kindFor('any')).toBe('switch');
    expect(kindFor('produce')).toBe('switch');
    expect(kindFor('consume')).toBe('stay');
    expect(kindFor('both')).toBe('stay');
  });

  it('leaves an unhealthy cluster that does not let us in, unless that is a veto', () => {
    const A = healthOf(UNHEALTHY, { refusedBecause: 'SASL authentication failed' });
    const view = viewOf({ A, B: well });
    expect(healthStrategy().decide(view)).toMatchObject({ kind: 'switch', to: 'B' });
    const strict = healthStrategy({ whenRefused: 'veto' });
    expect(strict.decide(view)).toEqual({
      kind: 'stay',
      because: 'not-let-in',
      detail: expect.stringMatching(/^A is unhealthy: it is dead; .*SASL authentication failed/),
      isAlarming: true,
    });
    const order = { to: 'B', planned: false, reason: 'now' };
    expect(strict.decide({ ...view, order })).toMatchObject({ kind: 'switch', to: 'B' });
    expect(strict.decide(viewOf({ A: dead, B: well }))).toMatchObject({ kind: 'switch' });
  });

  it('obeys an order before anything else', () => {
    const order = { to: 'A', planned: true, reason: 'home' };
    const view = viewOf({ active: 'B', A: dead, B: well, order });
    expect(healthStrategy().decide(view)).toEqual({ kind: 'switch', ...order, by: 'operator' });
    expect(healthStrategy().decide({ ...view, active: 'A' })).toEqual({
      kind: 'stay',
      because: 'already-active',
    });
  });

  it('moves neither soon after another switch, nor too often within an hour', () => {
    const strategy = healthStrategy({ cooldownMs: 60_000, maxSwitchesPerHour: 2 });
    const decide = (...switches: PastSwitch[]) =>
      strategy.decide(viewOf({ A: dead, B: well, switches }));
    const nowMs = 10_000_000;
    expect(decide(automatic(nowMs - 59_999, 'operator'))).toMatchObject({
      because: 'cooling-down',
      isAlarming: true,
    });
    expect(decide(automatic(nowMs - 60_000, 'operator'))).toMatchObject({ kind: 'switch' });
    const spent = [automatic(nowMs - 3_599_999), automatic(nowMs - 60_000)] as const;
    expect(decide(...spent)).toMatchObject({ because: 'budget-spent', isAlarming: true });
    expect(decide(automatic(nowMs - 3_600_000), spent[1])).toMatchObject({ kind: 'switch' });
    expect(decide(automatic(nowMs - 70_000, 'operator'), spent[1])).toMatchObject({
      kind: 'switch',
    });
  });

  it('goes home by itself only where it is asked to, when home was well for long enough', () => {
    const home = viewOf({ active: 'B', A: well, B: well, failback: wayHome(true) });
    expect(healthStrategy().decide(home)).toMatchObject({ kind: 'stay' });
    const strategy = healthStrategy({ failback: 'automatic', stableMs: 10_000_000 });
    expect(strategy.decide(home)).toMatchObject({ kind: 'switch', to: 'A', planned: true });
    expect(strategy.decide({ ...home, nowMs: 9_999_999 })).toMatchObject({ kind: 'stay' });
    expect(strategy.decide(viewOf({ active: 'B', A: healthOf(FAILING), B: well }))).toMatchObject({
      kind: 'stay',
    });
    // Not before every gate of the way home is open.
    for (const failback of [undefined, wayHome(false)]) {
      expect(strategy.decide({ ...home, failback })).toMatchObject({
        kind: 'stay',
        because: 'way-home-shut',
      });
    }
    // Never away from home because the other one is well, too.
    expect(strategy.decide(viewOf({ A: well, B: well }))).toMatchObject({ kind: 'stay' });
  });

  it('refuses what it does not know', () => {
    expect(() => healthStrategy({ failBack: 'automatic' } as never)).toThrow(
      /strategy\.failBack.*failback/,
    );
    expect(() => healthStrategy({ whenRefused: 'stay' as never })).toThrow(/strategy\.whenRefused/);
    expect(() => healthStrategy({ cooldownMs: -1 })).toThrow(/strategy\.cooldownMs/);
    expect(() => healthStrategy({ stableMs: 2 ** 31 })).toThrow(/at most 2147483647/);
  });
});
