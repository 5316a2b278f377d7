import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_TEXT_LENGTH, readDesired } from '../../src/signals/desired.js';
import {
  lastGoodAgeMs,
  overtakes,
  reduceSignal,
  unreadSignal,
  type Overtaking,
  type SignalState,
  type Word,
} from '../../src/signals/signal-state.js';
import type { Reading } from '../../src/signals/signal.js';

const aliases = ['A', 'B'];

function after(readings: readonly Reading[], state = unreadSignal('key')): SignalState {
  return readings.reduce(
    (before, reading, index) => reduceSignal(before, reading, { atMs: index * 100, aliases }),
    state,
  );
}

const value = (text: string): Reading => ({ kind: 'value', text });
const json = (fields: Record<string, unknown>): Reading => value(JSON.stringify(fields));

describe('the text of a source', () => {
  it('is an alias, or JSON with more', () => {
    expect(readDesired(' B\n', aliases)).toMatchObject({
      kind: 'desired',
      desired: { cluster: 'B', epoch: undefined },
    });
    const text = '{"cluster":"A","epoch":7,"mode":"unplanned","reason":"fire"}';
    expect(readDesired(text, aliases)).toEqual({
      kind: 'desired',
      desired: { cluster: 'A', epoch: 7, mode: 'unplanned', reason: 'fire' },
    });
  });

  it.each([
    ['nothing', '  ', 'it is empty'],
    ['another word', 'C', 'it names "C", which is none of the clusters A, B'],
    ['an alias in lower case', 'b', 'it names "b"'],
    ['half a JSON text', '{"cluster":"B"', 'it is no JSON'],
    ['a misspelt field', '{"cluster":"B","epcoh":3}', 'epcoh'],
    ['an epoch that is no number', '{"cluster":"B","epoch":"3"}', 'epoch'],
    ['an epoch of 0', '{"cluster":"B","epoch":0}', 'epoch'],
    ['an epoch beyond what a number holds', '{"cluster":"B","epoch":1e30}', 'epoch'],
    ['an unknown mode', '{"cluster":"B","mode":"now"}', 'mode'],
    ['no cluster', '{"epoch":3}', 'cluster'],
    ['a list', '["B"]', 'it names "[\\"B\\"]"'],
    ['a novel', 'x'.repeat(MAX_TEXT_LENGTH + 1), '4097 characters'],
  ])('is refused where it is %s', (_what, text, because) => {
    const read = readDesired(text, aliases);
    expect(read.kind).toBe('refused');
    expect(read).toMatchObject({ because: expect.stringContaining(because) });
  });

  it('never throws, and never names a cluster that is not configured', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.jsonValue().map((one) => JSON.stringify(one)),
        ),
        (text) => {
          const read = readDesired(text, aliases);
          if (read.kind === 'desired') expect(aliases).toContain(read.desired.cluster);
        },
      ),
    );
  });
});

describe('what is known of a source', () => {
  it('is its last word, and since when', () => {
    expect(after([value('A'), value('B'), value('B')])).toMatchObject({
      opinion: { kind: 'desired', desired: { cluster: 'B' } },
      lastGood: { desired: { cluster: 'B' }, sinceMs: 100, heardAtMs: 200 },
    });
  });

  it('outlives its failures and its garbage, which are counted', () => {
    const state = after([value('B'), { kind: 'failed', because: 'timeout' }, value('?')]);
    expect(state).toMatchObject({
      opinion: { kind: 'unknown' },
      lastGood: { desired: { cluster: 'B' } },
      refusedCount: 1,
      failedCount: 1,
    });
  });

  it('ages from when the source was found not to say it any more', () => {
    const said = after([value('A'), value('B')]);
    expect(lastGoodAgeMs(after([]), 1_000)).toBeUndefined();
    expect(lastGoodAgeMs(said, 60_000)).toBe(0);
    for (const reading of [
      { kind: 'failed', because: 'x' },
      { kind: 'absent' },
      value('?'),
    ] as const) {
      const lost = after([value('A'), value('B'), reading, { kind: 'failed', because: 'y' }]);
      expect(lastGoodAgeMs(lost, 1_200)).toBe(1_000);
    }
  });

  it('is no opinion where the source answers and holds nothing', () => {
    expect(after([value('B'), { kind: 'absent' }])).toMatchObject({
      opinion: { kind: 'none' },
      lastGood: { desired: { cluster: 'B' } },
    });
  });

  it.each([
    ['an older epoch', json({ cluster: 'A', epoch: 4 }), 'its epoch 4 is older than 5'],
    ['no epoch any more', value('A'), 'it has no epoch, and an earlier value had 5'],
    [
      'the same epoch with another cluster',
      json({ cluster: 'A', epoch: 5 }),
      'epoch 5 named B before, and names A now',
    ],
  ])('does not go back to %s', (_what, reading, because) => {
    const state = after([json({ cluster: 'B', epoch: 5 }), reading]);
    expect(state.opinion).toEqual({ kind: 'unknown', because });
    expect(state).toMatchObject({ highestEpoch: 5, lastGood: { desired: { cluster: 'B' } } });
  });

  it('takes the same again, and a higher epoch', () => {
    const state = after([json({ cluster: 'B', epoch: 5 }), json({ cluster: 'B', epoch: 5 })]);
    expect(state).toMatchObject({ refusedCount: 0, lastGood: { sinceMs: 0 } });
    expect(after([json({ cluster: 'A', epoch: 6 })], state)).toMatchObject({ highestEpoch: 6 });
  });

  it('remembers epochs of an earlier life of the process', () => {
    expect(after([json({ cluster: 'A', epoch: 4 })], unreadSignal('key', 5)).opinion.kind).toBe(
      'unknown',
    );
  });

  it.each<[string, readonly Reading[], boolean]>([
    ['is not read', [], true],
    ['says the same', [json({ cluster: 'B', epoch: 5 })], true],
    ['says the same for another reason', [json({ cluster: 'B', epoch: 5, reason: 'x' })], true],
    ['is broken, or holds nothing', [{ kind: 'failed', because: 'x' }, { kind: 'absent' }], true],
    ['says what is refused', [json({ cluster: 'A', epoch: 4 }), json({ cluster: 'A' })], true],
    ['says the same in a new epoch', [json({ cluster: 'B', epoch: 6 })], false],
    ['wants another cluster', [json({ cluster: 'A', epoch: 6 })], false],
  ])('was overtaken, and it %s', (_what, readings, isStill) => {
    const overtaken = { cluster: 'B', epoch: 5 };
    const state = after(readings, { ...unreadSignal('key', 5), overtaken });
    expect(state.overtaken).toEqual(isStill ? overtaken : undefined);
  });

  it('stays overtaken until it has wanted something else, without epochs too', () => {
    const before = { ...unreadSignal('key'), overtaken: { cluster: 'B', epoch: undefined } };
    expect(after([value('B'), value('B')], before).overtaken).toBeDefined();
    expect(after([value('A'), value('B')], before).overtaken).toBeUndefined();
  });

  it('never goes back to a lower epoch, whatever is read', () => {
    const readings = fc.oneof(
      fc.constant<Reading>({ kind: 'absent' }),
      fc.constant<Reading>({ kind: 'failed', because: 'x' }),
      fc.constantFrom('A', 'B', 'C', '{').map(value),
      fc
        .record({ cluster: fc.constantFrom('A', 'B'), epoch: fc.integer({ min: 1, max: 9 }) })
        .map(json),
    );
    fc.assert(
      fc.property(fc.array(readings), (list) => {
        let state = unreadSignal('key');
        for (const reading of list) {
          const before = state;
          state = reduceSignal(state, reading, { atMs: 0, aliases });
          expect(state.highestEpoch).toBeGreaterThanOrEqual(before.highestEpoch);
          const { opinion } = state;
          if (opinion.kind === 'desired' && state.highestEpoch > 0) {
            expect(opinion.desired.epoch).toBe(state.highestEpoch);
          }
        }
      }),
    );
  });
});

describe('a switch', () => {
  const toA: Overtaking = { cluster: 'A', startedAtMs: 1_000, decisionEpoch: undefined };
  const now = (atMs: number): Word['heard'] => ({ in: 'this life', atMs });
  const before = (agreedEpoch: number): Word['heard'] => ({ in: 'an earlier life', agreedEpoch });

  it.each<[does: boolean, what: string, Word['heard'], Partial<Overtaking>]>([
    [true, 'was heard before it began', now(999), {}],
    [false, 'was heard while it was under way', now(1_000), {}],
    [true, 'was heard in an earlier life', before(5), {}],
    [true, 'was heard before it began, whatever it carries out', now(999), { decisionEpoch: 5 }],
    [true, 'was heard in an earlier life, before its decision', before(4), { decisionEpoch: 5 }],
    [false, 'was heard in an earlier life, after its decision', before(5), { decisionEpoch: 5 }],
    [false, 'was heard in this life, and it was not', now(1), { startedAtMs: undefined }],
  ])('overtakes (%s) what wants another cluster and %s', (does, _what, heard, more) => {
    const word: Word = { cluster: 'B', epoch: undefined, heard };
    expect(overtakes({ ...toA, ...more }, word)).toBe(does);
    expect(overtakes({ ...toA, ...more }, { ...word, cluster: 'A' })).toBe(false);
  });
});
