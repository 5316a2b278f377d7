import { describe, expect, it } from 'vitest';
import { createRandom } from '../../src/testing/index.js';

const draw = (seed: number | string, count = 5): number[] => {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => random.below(1000));
};

describe('random numbers', () => {
  it('repeat from their seed, on every machine', () => {
    expect(draw(42)).toEqual(draw(42));
    expect(draw(42)).toEqual([969, 927, 793, 830, 765]);
  });

  it('differ from seed to seed', () => {
    const seen = new Set(Array.from({ length: 1000 }, (_each, seed) => draw(seed).join()));
    expect(seen.size).toBe(1000);
  });

  it('are spread evenly', () => {
    const random = createRandom('spread');
    const buckets = Array.from({ length: 10 }, () => 0);
    for (let count = 0; count < 10_000; count += 1) {
      const bucket = random.below(10);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    expect(Math.min(...buckets)).toBeGreaterThan(900);
    expect(Math.max(...buckets)).toBeLessThan(1100);
  });

  it('fork into streams that do not depend on how much was drawn before', () => {
    const first = createRandom(1);
    const second = createRandom(1);
    second.next();
    expect(first.fork('a').next()).toBe(second.fork('a').next());
    expect(first.fork('a').next()).not.toBe(first.fork('b').next());
  });

  it('pick one of a list, refuse an empty one, and decide surely where the odds are 0 or 1', () => {
    const random = createRandom(3);
    expect(['x', 'y']).toContain(random.pick(['x', 'y']));
    expect(() => random.pick([])).toThrow('nothing to pick from');
    expect(random.chance(0)).toBe(false);
    expect(random.chance(1)).toBe(true);
  });
});
