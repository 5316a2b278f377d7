import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  reduceFacet,
  unknownFacet,
  type FacetState,
  type HealthLimits,
  type Sample,
} from '../../src/health/facet.js';

const limits: HealthLimits = {
  silentMs: 2_000,
  partialMs: 15_000,
  minFailures: 2,
  goneMs: 250,
  minRefusals: 3,
  windowMs: 30_000,
  failureRatio: 0.8,
  minSamples: 10,
  minSuccesses: 2,
  recoveryMs: 10_000,
  staleMs: 5_000,
};

type Seen = readonly [startedAtMs: number, atMs: number, says: Sample['says']];

function after(seen: readonly Seen[], state: FacetState = unknownFacet(0)): FacetState {
  return seen.reduce(
    (before, [startedAtMs, atMs, says]) =>
      reduceFacet(
        before,
        { kind: 'sample', sample: { startedAtMs, atMs, says, because: `${says} at ${atMs}` } },
        limits,
      ),
    state,
  );
}

function works(...atMs: number[]): Seen[] {
  return atMs.map((at) => [at, at, 'works']);
}

function look(state: FacetState, atMs: number): FacetState {
  return reduceFacet(state, { kind: 'look', atMs }, limits);
}

describe('a facet of health', () => {
  it('is unknown until enough was seen to work', () => {
    expect(after(works(0)).health.kind).toBe('unknown');
    expect(after(works(0, 500)).health).toEqual({
      kind: 'healthy',
      sinceMs: 500,
      failingSinceMs: undefined,
    });
  });

  it('is failing, not unhealthy, as long as it fails for a short time', () => {
    const state = after([...works(0, 500), [1_000, 2_000, 'fails'], [2_000, 2_999, 'fails']]);
    expect(state.health).toEqual({ kind: 'healthy', sinceMs: 500, failingSinceMs: 1_000 });
    expect(after(works(3_000), state).health).toMatchObject({ failingSinceMs: undefined });
  });

  it('is unhealthy where nothing works for long, counted from the first request without an answer', () => {
    const state = after([...works(0, 500), [1_000, 2_000, 'fails'], [2_000, 3_000, 'fails']]);
    expect(state.health).toEqual({
      kind: 'unhealthy',
      sinceMs: 3_000,
      because: 'nothing worked for 2000 ms, 2 attempts: fails at 3000',
    });
  });

  it('is unhealthy soon where every broker refuses, by number and duration', () => {
    const soon: Seen[] = [
      [1_000, 1_001, 'gone'],
      [1_100, 1_101, 'gone'],
      [1_200, 1_201, 'gone'],
    ];
    expect(after([...works(0, 500), ...soon]).health.kind).toBe('healthy');
    expect(after([...works(0, 500), ...soon, [1_300, 1_301, 'gone']]).health.kind).toBe(
      'unhealthy',
    );
    const few: Seen[] = [
      [1_000, 1_001, 'gone'],
      [1_400, 1_401, 'gone'],
    ];
    expect(after([...works(0, 500), ...few]).health.kind).toBe('healthy');
  });

  it('is unhealthy where nearly everything fails for long, although something works', () => {
    const mostly = Array.from({ length: 31 }, (_, second): Seen => [
      second * 1_000,
      second * 1_000,
      second % 6 === 5 ? 'works' : 'fails',
    ]);
    expect(after([...works(0, 0), ...mostly.slice(0, 14)]).health.kind).toBe('unhealthy');
    const half = mostly.map(([from, to], second): Seen => [
      from,
      to,
      second % 2 === 0 ? 'works' : 'fails',
    ]);
    expect(after([...works(0, 0), ...half]).health.kind).toBe('healthy');
  });

  it('takes longer to be healthy again, and one failure begins the wait anew', () => {
    const dead = after([...works(0, 500), [1_000, 2_000, 'fails'], [2_000, 3_000, 'fails']]);
    const back = works(...Array.from({ length: 20 }, (_, index) => 3_500 + index * 500));
    expect(after(back.slice(0, 19), dead).health.kind).toBe('unhealthy');
    expect(after(back, dead).health).toMatchObject({ kind: 'healthy', sinceMs: 13_000 });
    const broken = after([...back.slice(0, 10), [8_100, 8_200, 'fails']], dead);
    expect(after(works(9_000, 13_000, 18_000), broken).health.kind).toBe('unhealthy');
    expect(after(works(9_000, 13_000, 18_200), broken).health.kind).toBe('healthy');
  });

  it('on its way back needs as much to be left again as before', () => {
    const down: Seen[] = [
      [1_000, 2_000, 'fails'],
      [2_000, 3_000, 'fails'],
    ];
    const back = after([...works(0, 500), ...down, ...works(4_000, 4_500)]);
    expect(back).toMatchObject({ health: { kind: 'unhealthy' }, worksAgainSinceMs: 4_500 });
    const lost = after([[5_000, 6_000, 'fails']], back);
    expect(lost.worksAgainSinceMs).toBe(4_500);
    const downAgain = after([[6_100, 7_100, 'fails']], lost);
    expect(downAgain).toMatchObject({
      health: { kind: 'unhealthy', sinceMs: 7_100, because: expect.stringContaining('2100 ms') },
      worksAgainSinceMs: undefined,
    });
  });

  it('on its way back does not see its old failures as a fault anew, however many they were', () => {
    const down = Array.from({ length: 25 }, (_, index): Seen => [
      1_000 + index * 1_000,
      1_900 + index * 1_000,
      'fails',
    ]);
    const back = after([...works(0, 500), ...down, ...works(26_500, 27_000, 27_500)]);
    const lost = after([[28_000, 29_000, 'fails']], back);
    expect(lost.worksAgainSinceMs).toBe(27_000);
    expect(look(lost, 90_000).worksAgainSinceMs).toBe(27_000);
  });

  it('is unknown where nothing is heard, and stays unhealthy where it was', () => {
    expect(look(after(works(0, 500)), 5_500).health.kind).toBe('healthy');
    expect(look(after(works(0, 500)), 5_501).health).toEqual({
      kind: 'unknown',
      sinceMs: 5_501,
      because: 'nothing was heard for more than 5000 ms',
    });
    const dead = after([...works(0, 500), [1_000, 2_000, 'fails'], [2_000, 3_000, 'fails']]);
    expect(look(dead, 100_000).health.kind).toBe('unhealthy');
  });

  it('forgets all when it is told to', () => {
    const dead = after([...works(0, 500), [1_000, 2_000, 'fails'], [2_000, 3_000, 'fails']]);
    const because = 'our own process was asleep';
    expect(reduceFacet(dead, { kind: 'forget', atMs: 4_000, because }, limits)).toEqual(
      unknownFacet(4_000, because),
    );
  });

  const seen = fc.array(
    fc.record({
      pauseMs: fc.integer({ min: 1, max: 3_000 }),
      tookMs: fc.integer({ min: 0, max: 1_000 }),
      says: fc.constantFrom<Sample['says']>('works', 'fails', 'gone'),
    }),
    { maxLength: 60 },
  );

  it('is never unhealthy where half of what is tried works at least', () => {
    fc.assert(
      fc.property(seen, (steps) => {
        let atMs = 0;
        let state = unknownFacet(0);
        for (const { pauseMs, says } of steps) {
          atMs += pauseMs;
          // After each failure something works: no spell of failures is longer than one attempt.
          state = after([[atMs, atMs + 1, says], ...works(atMs + 2)], state);
          expect(state.health.kind).not.toBe('unhealthy');
        }
      }),
    );
  });

  it('is never healthy right after a failure that ends a spell of silence', () => {
    fc.assert(
      fc.property(seen, (steps) => {
        let atMs = 0;
        let state = unknownFacet(0);
        for (const { pauseMs, tookMs, says } of steps) {
          const startedAtMs = atMs + pauseMs;
          atMs = startedAtMs + tookMs;
          state = after([[startedAtMs, atMs, says]], state);
        }
        state = after(
          [
            [atMs, atMs + 1_000, 'fails'],
            [atMs + 1_000, atMs + 2_000, 'fails'],
          ],
          state,
        );
        expect(state.health.kind).toBe('unhealthy');
      }),
    );
  });
});
