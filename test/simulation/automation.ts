import { createRandom } from '../../src/testing/index.js';
import type { HealthOptions } from '../../src/options-health.js';
import type { HealthStrategyOptions } from '../../src/strategy/health.js';
import type { Measures } from './size.js';

/** Who moves the processes of a fleet beside an operator, and by which rules. */
export interface Automation {
  readonly strategy: 'manual' | 'health' | 'follow' | 'combined';
  readonly health: Required<Omit<HealthOptions, 'canary'>>;
  readonly limits: Required<
    Pick<HealthStrategyOptions, 'cooldownMs' | 'maxSwitchesPerHour' | 'failback' | 'stableMs'>
  >;
  /** How long the service stays away at least, in milliseconds. */
  readonly dwellMs: number;
  /** The source numbers its values. */
  readonly hasEpochs: boolean;
  /** Longest time until a process hears what the source says, in milliseconds; each hears it at its own time. */
  readonly hearsWithinMs: number;
  /** This cluster stays dead until everybody has settled without it. */
  readonly leftDead: string | undefined;
}

/** Share of the seeds in which somebody else than an operator decides. */
const SHARE = 0.3;

const STRATEGIES = ['health', 'health', 'combined', 'combined', 'follow'] as const;

/** Who has an agreement needs nothing else to be moved by. */
const STRATEGIES_TOGETHER = ['health', 'health', 'manual', 'manual', 'combined', 'follow'] as const;

/**
 * Draws it from a stream of its own: the other seeds stay what they were. Pure.
 *
 * @param drawn - `isTogether`: the fleet has an agreement, which every process listens to whatever moves it otherwise.
 */
export function drawAutomation(
  seed: string,
  {
    measures: { cooldownMaxMs, healthIntervalsMs },
    isTogether,
  }: {
    readonly measures: Pick<Measures, 'cooldownMaxMs' | 'healthIntervalsMs'>;
    readonly isTogether: boolean;
  },
): Automation | undefined {
  const random = createRandom(seed).fork('automation');
  if (!random.chance(SHARE) && !isTogether) return undefined;
  const strategy = random.pick<Automation['strategy']>(
    isTogether ? STRATEGIES_TOGETHER : STRATEGIES,
  );
  return {
    strategy,
    health: {
      intervalMs: random.pick(healthIntervalsMs),
      timeoutMs: 1_000,
      silentMs: random.pick([1_500, 2_500]),
      goneMs: 300,
      partialMs: random.pick([2_000, 4_000]),
      recoveryMs: random.pick([1_500, 4_000]),
      lagMs: 300,
    },
    limits: {
      cooldownMs: Math.min(cooldownMaxMs, random.pick([1_000, 4_000, 15_000])),
      maxSwitchesPerHour: random.pick([1, 3, 4, 10]),
      failback: random.chance(0.3) ? 'automatic' : 'manual',
      stableMs: random.pick([2_000, 5_000]),
    },
    dwellMs: 1_500,
    hasEpochs: random.chance(0.75),
    hearsWithinMs: random.pick([10, 200, 1_500]),
    leftDead:
      strategy !== 'follow' && !isTogether && random.chance(0.25)
        ? random.pick(['A', 'B'])
        : undefined,
  };
}
