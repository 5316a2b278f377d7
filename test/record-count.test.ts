import fc from 'fast-check';
import { expect, it } from 'vitest';
import { countInWords, sumOf, type RecordCount } from '../src/record-count.js';

/** A count, and a number of records of which it is true. */
const truths = fc
  .tuple(fc.nat(100), fc.nat(100), fc.constantFrom('counted', 'atLeast', 'atMost', 'unknown'))
  .map(([real, off, kind]): { real: number; told: RecordCount } => {
    if (kind === 'unknown') return { real, told: { kind, because: 'nobody has looked' } };
    const count =
      kind === 'counted' ? real : kind === 'atLeast' ? Math.max(0, real - off) : real + off;
    return { real, told: { kind: kind as 'counted', count } };
  });

it('a sum of counts is true where each of them is', () => {
  fc.assert(
    fc.property(fc.array(truths, { maxLength: 8 }), (all) => {
      const real = all.reduce((sum, one) => sum + one.real, 0);
      const sum = sumOf(all.map(({ told }) => told));
      if (sum.kind === 'counted') expect(sum.count).toBe(real);
      if (sum.kind === 'atLeast') expect(sum.count).toBeLessThanOrEqual(real);
      if (sum.kind === 'atMost') expect(sum.count).toBeGreaterThanOrEqual(real);
      if (all.every(({ told }) => told.kind === 'counted')) expect(sum.kind).toBe('counted');
    }),
  );
});

it('a count that is not known is no number', () => {
  expect(countInWords({ kind: 'unknown', because: 'x' })).toBe('unknown');
  expect(countInWords({ kind: 'atLeast', count: 0 })).toBe('at least 0');
  expect(countInWords({ kind: 'atMost', count: 0 })).toBe('0');
});
