import { describe, expect, it } from 'vitest';
import { CORPUS_SEED_COUNT } from './corpus.js';
import { drawScenario, type Scenario } from './scenario.js';
import { drawSize, type Size } from './size.js';

const SEEDS = Array.from({ length: 3_000 }, (_, index) => String(index + 1));

/** Every scenario of the seeds, each in both sizes. */
const drawn = {
  small: SEEDS.map((seed) => drawScenario(seed, 'small')),
  large: SEEDS.map((seed) => drawScenario(seed, 'large')),
};

function shareOf(size: Size, isMeant: (scenario: Scenario) => boolean): number {
  return drawn[size].filter(isMeant).length / SEEDS.length;
}

function has(...kinds: string[]): (scenario: Scenario) => boolean {
  return ({ steps }) => steps.some(({ kind }) => kinds.includes(kind));
}

/** What there is as often in small worlds as in large ones. */
const KINDS: Readonly<Record<string, (scenario: Scenario) => boolean>> = {
  'decides in a control plane': ({ agreement }) => agreement?.store === 'plane',
  'decides in its clusters': ({ agreement }) => agreement?.store === 'kafka',
  'goes by health': ({ automation }) => automation?.strategy === 'health',
  'follows a source': ({ automation }) => automation?.strategy === 'follow',
  'does both': ({ automation }) => automation?.strategy === 'combined',
  'shares its logs': ({ policy }) => policy === 'identity',
  'waits on the standby': ({ isHot }) => isHot,
  'has no checkpoints': ({ hasCheckpoints }) => !hasCheckpoints,
  'meets junk among checkpoints': has('checkpoints'),
  'loses records to retention': has('retention'),
  'has a remote topic made anew': has('remake'),
  'is set back': has('set-back'),
  'has a foreign member': has('foreigner'),
  'meets a cluster that dies': has('down', 'freeze', 'blackhole', 'refuse'),
  'meets a cluster that is half dead': has('halve'),
  'has a process killed': has('crash'),
};

describe('the size of a world', () => {
  it.each([
    ['one seed in eight of the corpus', 1, CORPUS_SEED_COUNT, 1 / 8],
    ['one seed in thirty-two behind it', CORPUS_SEED_COUNT + 1, 8_000, 1 / 32],
  ])('is large for %s', (_which, from, to, share) => {
    const seeds = Array.from({ length: to - from + 1 }, (_, index) => String(from + index));
    const largeCount = seeds.filter((seed) => drawSize(seed) === 'large').length;
    expect(largeCount / seeds.length).toBeGreaterThan(0.8 * share);
    expect(largeCount / seeds.length).toBeLessThan(1.2 * share);
  });

  it.each(Object.entries(KINDS))('leaves its share to a fleet that %s', (_what, isMeant) => {
    const large = shareOf('large', isMeant);
    expect(large).toBeGreaterThan(0.01);
    // A large world has more time for what comes with each switch.
    expect(shareOf('small', isMeant)).toBeGreaterThan(0.75 * large);
  });

  it('bounds a small one: two processes and partitions, three where the fleet decides together', () => {
    for (const { processCount, partitionCount, agreement } of drawn.small) {
      expect(processCount).toBeLessThanOrEqual(agreement === undefined ? 2 : 3);
      expect(partitionCount).toBeLessThanOrEqual(2);
    }
  });

  it('makes a small one short', () => {
    const meanMs = (size: Size): number =>
      drawn[size].reduce((sum, { trafficMs }) => sum + trafficMs, 0) / SEEDS.length;
    expect(meanMs('small')).toBeLessThan(0.7 * meanMs('large'));
  });
});
