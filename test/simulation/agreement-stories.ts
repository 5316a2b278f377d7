import type { Random } from '../../src/testing/index.js';
import type { Automation } from './automation.js';
import { besides, FIRST_MS, PAUSE_MS, type Way, waysOf } from './automatic-stories.js';
import type { Step } from './scenario.js';
import type { Measures } from './size.js';

/** Draws what happens to a fleet that decides together: trouble as for any other fleet, or with its decisions. */
export function drawAgreedStory(
  random: Random,
  automation: Automation,
  { hasSecondEpisode }: Pick<Measures, 'hasSecondEpisode'>,
): readonly Step[] {
  const steps: Step[] = [];
  let atMs = FIRST_MS + random.below(1_500);
  if (automation.strategy === 'follow' || automation.strategy === 'combined') {
    steps.push({ kind: 'set', atMs: 500, to: 'A', mode: undefined });
  }
  const count = random.chance(0.25) && hasSecondEpisode ? 2 : 1;
  for (let index = 0; index < count; index += 1) {
    const cluster = index === 0 || random.chance(0.4) ? 'A' : 'B';
    const other = cluster === 'A' ? 'B' : 'A';
    const episode = { random, automation, atMs, cluster, other };
    const ways = random.chance(0.45) ? waysOf(automation) : DECISIONS;
    steps.push(...random.pick(ways)(episode), ...besides(episode));
    if (random.chance(0.15)) {
      steps.push({ kind: 'isolate', atMs: atMs + random.below(1_500), who: random.pick(PARTS) });
    }
    atMs = Math.max(...steps.map((step) => step.atMs)) + PAUSE_MS + random.below(1_000);
    steps.push({ kind: 'agreement', atMs: atMs - PAUSE_MS, what: 'heal' });
  }
  return steps;
}

const PARTS = ['all', 'even', 'odd'] as const;

type Order = Extract<Step, { kind: 'order' }>;

function order(
  random: Random,
  atMs: number,
  to: string,
  rest: Partial<Pick<Order, 'who' | 'planned' | 'spreadMs' | 'alone'>> = {},
): Order {
  const planned = random.chance(0.6);
  return {
    kind: 'order',
    atMs,
    to,
    planned,
    spreadMs: random.pick([0, 50, 400]),
    who: 'all',
    ...rest,
  };
}

/** What can be hard about a decision. */
const DECISIONS: readonly Way[] = [
  // Somebody orders it, in all processes or in some.
  ({ random, atMs, other }) => [order(random, atMs, other, { who: random.pick(PARTS) })],
  // Opposite orders at the same moment.
  ({ random, atMs, cluster, other }) => [
    order(random, atMs, other, { who: 'odd' }),
    order(random, atMs + random.below(60), cluster, { who: 'even' }),
    order(random, atMs + 200 + random.below(800), cluster, { who: 'odd' }),
  ],
  // A process sleeps across it, with a handler at work and sends on their way.
  ({ random, atMs, other }) => [
    { kind: 'sleep', atMs: atMs - 200 - random.below(500), forMs: 2_000 + random.below(6_000) },
    order(random, atMs, other, { who: 'even', spreadMs: 0 }),
  ],
  // Handlers take their time: nobody may begin there meanwhile.
  ({ random, atMs, other }) => [
    { kind: 'stall', atMs: atMs - 100, forMs: 800 + random.below(3_000) },
    order(random, atMs + 200, other),
  ],
  // It is killed, and comes back with its state file, or without it.
  ({ random, atMs, cluster, other }) => {
    const crashAtMs = atMs + random.below(1_500);
    return [
      order(random, atMs, other),
      { kind: 'crash', atMs: crashAtMs },
      ...(random.chance(0.5)
        ? [{ kind: 'state-file', atMs: crashAtMs + 50, what: 'remove' } as const]
        : []),
      { kind: 'join', atMs: crashAtMs + 100 + random.below(1_500) },
      ...(random.chance(0.4) ? [order(random, atMs + 4_500, cluster)] : []),
    ];
  },
  // One more comes while the others are on their way.
  ({ random, atMs, other }) => [
    order(random, atMs, other),
    { kind: 'join', atMs: atMs - 300 + random.below(1_000) },
  ],
  // Some do not hear of it.
  ({ random, atMs, cluster, other }) => [
    { kind: 'isolate', atMs: atMs - random.below(600), who: random.pick(PARTS) },
    order(random, atMs, other),
    ...(random.chance(0.5) ? [order(random, atMs + 1_500, cluster)] : []),
    { kind: 'isolate', atMs: atMs + 1_500 + random.below(5_000), who: 'none' },
  ],
  // Nobody decides any more while a cluster dies, and a person moves each process.
  ({ random, atMs, cluster, other }) => [
    { kind: 'isolate', atMs, who: 'all' },
    { kind: 'down', atMs: atMs + 200, cluster },
    order(random, atMs + 1_000, other, { planned: false, alone: true, who: random.pick(PARTS) }),
    { kind: 'isolate', atMs: atMs + 4_000, who: 'none' },
    { kind: 'up', atMs: atMs + 4_500, cluster },
  ],
  // The agreement is set back, or overwritten; whoever starts then knows it only so.
  ({ random, atMs, cluster, other }) => [
    order(random, atMs, other, { spreadMs: 0 }),
    order(random, atMs + 3_000, cluster, { spreadMs: 0 }),
    {
      kind: 'agreement',
      atMs: atMs + 5_500 + random.below(500),
      what: random.pick(['restore', 'garble'] as const),
    },
    ...(random.chance(0.5)
      ? [
          { kind: 'crash', atMs: atMs + 6_200 } as const,
          { kind: 'join', atMs: atMs + 6_400 } as const,
        ]
      : []),
    ...(random.chance(0.5) ? [order(random, atMs + 7_500, other, { who: 'even' })] : []),
  ],
  ({ random, atMs, cluster, other }) => [
    { kind: 'agreement', atMs, what: 'garble' },
    order(random, atMs + 500, other, { who: random.pick(PARTS) }),
    { kind: 'agreement', atMs: atMs + 3_500, what: random.pick(['garble', 'restore'] as const) },
    ...(random.chance(0.5) ? [{ kind: 'down', atMs: atMs + 4_000, cluster } as const] : []),
    { kind: 'up', atMs: atMs + 6_000, cluster },
  ],
  // A person writes decisions.
  ({ random, atMs, cluster, other }) => [
    {
      kind: 'decide',
      atMs,
      to: other,
      mode: random.chance(0.3) ? undefined : random.pick(['planned', 'unplanned'] as const),
    },
    ...(random.chance(0.5)
      ? [
          {
            kind: 'decide',
            atMs: atMs + random.below(3_000),
            to: cluster,
            mode: undefined,
          } as const,
        ]
      : []),
    ...(random.chance(0.4) ? [order(random, atMs + 1_000, other, { who: 'odd' })] : []),
  ],
  ({ random, atMs, cluster }) => [
    { kind: 'decide', atMs, to: cluster, mode: 'pinned' },
    { kind: 'down', atMs: atMs + 1_500, cluster },
    { kind: 'up', atMs: atMs + 6_000 + random.below(1_500), cluster },
  ],
  // The target is not there at the moment of the decision, or dies right after it.
  ({ random, atMs, other }) => [
    order(random, atMs, other, { planned: random.chance(0.5) }),
    { kind: 'down', atMs: atMs + random.below(400), cluster: other },
    { kind: 'up', atMs: atMs + 2_500 + random.below(3_000), cluster: other },
  ],
];
