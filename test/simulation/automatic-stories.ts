import type { Random } from '../../src/testing/index.js';
import type { Automation } from './automation.js';
import type { Step } from './scenario.js';
import type { Measures } from './size.js';

/** When the first thing happens: groups have joined, and the health of both clusters is known. */
export const FIRST_MS = 4_000;

/** How long a fleet is left alone between two episodes. */
export const PAUSE_MS = 2_000;

/** One episode: what happens, and how long it takes. */
export interface Episode {
  readonly random: Random;
  readonly automation: Automation;
  readonly atMs: number;
  /** The cluster that most processes are likely to be on, and the other one. */
  readonly cluster: string;
  readonly other: string;
}

export type Way = (episode: Episode) => readonly Step[];

/** Draws what happens to a fleet that decides for itself: one or two episodes, with an operator among them now and then. */
export function drawAutomaticStory(
  random: Random,
  automation: Automation,
  { hasSecondEpisode }: Pick<Measures, 'hasSecondEpisode'>,
): readonly Step[] {
  const steps: Step[] = [];
  let atMs = FIRST_MS + random.below(1_500);
  if (automation.strategy !== 'health' && random.chance(0.7)) {
    steps.push({ kind: 'set', atMs: 500, to: 'A', mode: undefined });
  }
  const ways = waysOf(automation);
  // Every simulated second of a fleet that is watched costs.
  const count = random.chance(0.3) && hasSecondEpisode ? 2 : 1;
  for (let index = 0; index < count; index += 1) {
    const cluster = index === 0 || random.chance(0.4) ? 'A' : 'B';
    const other = cluster === 'A' ? 'B' : 'A';
    const episode = { random, automation, atMs, cluster, other };
    steps.push(...random.pick(ways)(episode), ...besides(episode));
    atMs = Math.max(...steps.map((step) => step.atMs)) + PAUSE_MS + random.below(1_000);
  }
  const { leftDead } = automation;
  if (leftDead !== undefined) {
    const kind = random.pick(['down', 'freeze', 'blackhole'] as const);
    steps.push({ kind, atMs, cluster: leftDead });
  }
  return steps;
}

/** What may happen at the same time. */
export function besides({ random, atMs }: Episode): readonly Step[] {
  const steps: Step[] = [];
  if (random.chance(0.25)) {
    const byMs = random.pick([-3_600_000, 3_600_000, 7_200_000]);
    steps.push({ kind: 'jump-wall', atMs: atMs + random.below(3_000), byMs });
  }
  if (random.chance(0.2)) {
    const sleepAtMs = atMs + random.below(1_000);
    steps.push({ kind: 'sleep', atMs: sleepAtMs, forMs: 400 + random.below(2_500) });
  }
  if (random.chance(0.2)) {
    const to = random.pick(['A', 'B']);
    const planned = random.chance(0.7);
    const who = random.pick(['all', 'even', 'odd'] as const);
    const orderAtMs = atMs + random.below(4_000);
    steps.push({ kind: 'order', atMs: orderAtMs, to, planned, spreadMs: 300, who });
  }
  if (random.chance(0.15)) {
    steps.push({ kind: 'state-file', atMs: atMs + 500, what: 'fill-disk' });
    steps.push({ kind: 'state-file', atMs: atMs + 3_500, what: 'free-disk' });
  }
  if (random.chance(0.3)) {
    const crashAtMs = atMs + random.below(4_000);
    if (random.chance(0.25)) {
      steps.push({ kind: 'state-file', atMs: crashAtMs + 50, what: 'corrupt' });
    }
    steps.push({ kind: 'crash', atMs: crashAtMs });
    steps.push({ kind: 'join', atMs: crashAtMs + 100 + random.below(2_000) });
  }
  return steps;
}

/** How long a cluster is in trouble: long enough to be left, mostly. */
function troubleMs(random: Random): number {
  return 1_500 + random.below(6_500);
}

/** The cluster dies in some way, and is back later. */
const DEATHS: readonly Way[] = [
  ({ random, atMs, cluster }) => [
    { kind: 'down', atMs, cluster },
    { kind: 'up', atMs: atMs + troubleMs(random), cluster },
  ],
  ({ random, atMs, cluster }) => [
    { kind: 'freeze', atMs, cluster },
    { kind: 'thaw', atMs: atMs + troubleMs(random), cluster },
  ],
  ({ random, atMs, cluster }) => [
    { kind: 'blackhole', atMs, cluster },
    { kind: 'heal', atMs: atMs + troubleMs(random), cluster },
  ],
  ({ random, atMs, cluster }) => [
    { kind: 'refuse', atMs, cluster },
    { kind: 'up', atMs: atMs + troubleMs(random), cluster },
  ],
];

/** It lives, and does not do its work. */
const HALF_DEATHS: readonly Way[] = (
  ['produce-hangs', 'no-replicas', 'coordinator-hangs'] as const
).map((how): Way => ({ random, atMs, cluster }) => [
  { kind: 'halve', atMs, cluster, how },
  { kind: 'halve', atMs: atMs + 3_000 + troubleMs(random), cluster, how: undefined },
]);

/** Nothing of this is a reason to leave. */
const NO_DEATHS: readonly Way[] = [
  ({ random, atMs, cluster }) => [
    { kind: 'slow', atMs, cluster, byMs: 100 + random.below(300) },
    { kind: 'slow', atMs: atMs + 3_000, cluster, byMs: 0 },
  ],
  ({ random, atMs }) => [
    { kind: 'sleep', atMs, forMs: 400 + random.below(4_000) },
    { kind: 'sleep', atMs: atMs + 5_000, forMs: 400 + random.below(1_000) },
  ],
  // Too short to be sure of.
  ({ random, atMs, cluster }) => [
    { kind: 'blackhole', atMs, cluster },
    { kind: 'heal', atMs: atMs + 200 + random.below(700), cluster },
  ],
];

const BAD_NIGHTS: readonly Way[] = [
  // It comes and goes.
  ({ random, atMs, cluster }) =>
    Array.from({ length: 3 }, (_, round) => {
      const downAtMs = atMs + round * 3_500;
      return [
        { kind: 'down', atMs: downAtMs, cluster },
        { kind: 'up', atMs: downAtMs + 800 + random.below(1_500), cluster },
      ] as const;
    }).flat(),
  // Both are dead for a while.
  ({ random, atMs, cluster, other }) => {
    const kind = random.pick(['down', 'freeze', 'blackhole'] as const);
    const back = ({ down: 'up', freeze: 'thaw', blackhole: 'heal' } as const)[kind];
    const backAtMs = atMs + 3_000 + random.below(3_000);
    return [
      { kind, atMs, cluster },
      { kind, atMs: atMs + random.below(200), cluster: other },
      { kind: back, atMs: backAtMs, cluster },
      { kind: back, atMs: backAtMs + random.below(3_000), cluster: other },
    ];
  },
  // First the one that would be gone to.
  ({ random, atMs, cluster, other }) => [
    { kind: 'down', atMs, cluster: other },
    { kind: 'down', atMs: atMs + random.below(2_500), cluster },
    { kind: 'up', atMs: atMs + 4_000 + random.below(2_000), cluster: other },
    { kind: 'up', atMs: atMs + 7_000, cluster },
  ],
  // One after the other: the second comes within the cooldown of the first.
  ({ random, atMs, cluster, other }) => [
    { kind: 'down', atMs, cluster },
    { kind: 'up', atMs: atMs + 2_000, cluster },
    { kind: 'down', atMs: atMs + 4_500 + random.below(2_000), cluster: other },
    { kind: 'up', atMs: atMs + 9_500, cluster: other },
  ],
  // It is half dead, and there is nowhere to go.
  ({ random, atMs, cluster, other }) => [
    { kind: 'down', atMs, cluster: other },
    { kind: 'halve', atMs: atMs + 2_000, cluster, how: 'produce-hangs' },
    { kind: 'up', atMs: atMs + 8_500 + random.below(2_000), cluster: other },
    { kind: 'halve', atMs: atMs + 11_000, cluster, how: undefined },
  ],
  // One process alone cannot reach it.
  ({ random, atMs, cluster }) => [
    { kind: 'cut', atMs, cluster, forMs: 1_000 + random.below(5_000) },
    { kind: 'sleep', atMs: atMs + 7_000, forMs: 0 },
  ],
];

/** Somebody writes into the source. */
const WORDS: readonly Way[] = [
  ({ random, atMs, other }) => [
    {
      kind: 'set',
      atMs,
      to: other,
      mode: random.chance(0.5) ? undefined : random.pick(['planned', 'unplanned']),
    },
  ],
  ({ random, atMs, cluster, other }) => [
    { kind: 'set', atMs, to: other, mode: undefined },
    { kind: 'set', atMs: atMs + random.below(2_000), to: cluster, mode: undefined },
  ],
  ({ random, atMs, cluster, other }) => [
    { kind: 'set', atMs, to: random.pick([cluster, cluster, other]), mode: 'pinned' },
    { kind: 'down', atMs: atMs + 2_000, cluster },
    { kind: 'up', atMs: atMs + 6_000, cluster },
    { kind: 'set', atMs: atMs + 7_000, to: cluster, mode: undefined },
  ],
  // Both at a time: it dies, and somebody says where to go.
  ({ random, atMs, cluster, other }) => [
    { kind: 'down', atMs, cluster },
    { kind: 'set', atMs: atMs + random.below(2_500), to: other, mode: undefined },
    { kind: 'up', atMs: atMs + 4_000, cluster },
  ],
];

/** The source says nothing that anybody should follow. */
const NOISES: readonly Way[] = [
  ...(['garble', 'regress', 'remove', 'repeat'] as const).map(
    (what): Way =>
      ({ random, atMs, other }) => [
        { kind: 'set', atMs, to: other, mode: undefined },
        { kind: 'source', atMs: atMs + 1_500 + random.below(1_500), what },
        {
          kind: 'source',
          atMs: atMs + 4_500,
          what: random.pick(['heal', 'repeat', 'garble'] as const),
        },
      ],
  ),
  ({ random, atMs, cluster, other }) => [
    { kind: 'deafen', atMs, who: random.pick(['all', 'even', 'odd'] as const) },
    { kind: 'set', atMs: atMs + 500, to: other, mode: undefined },
    ...(random.chance(0.5) ? [{ kind: 'down', atMs: atMs + 700, cluster } as const] : []),
    { kind: 'deafen', atMs: atMs + 4_000, who: 'none' },
    { kind: 'up', atMs: atMs + 5_000, cluster },
  ],
  // It is lost together with the process: a restart has only the state file.
  ({ random, atMs, other }) => [
    { kind: 'set', atMs, to: other, mode: undefined },
    { kind: 'deafen', atMs: atMs + 2_500, who: 'all' },
    { kind: 'crash', atMs: atMs + 2_500 + random.below(500) },
    { kind: 'join', atMs: atMs + 3_200 },
    { kind: 'source', atMs: atMs + 7_500, what: 'regress' },
    { kind: 'deafen', atMs: atMs + 7_500, who: 'none' },
  ],
];

/** What happens to a fleet with this strategy. */
export function waysOf({ strategy }: Automation): readonly Way[] {
  const byHealth = [...DEATHS, ...HALF_DEATHS, ...NO_DEATHS, ...BAD_NIGHTS];
  if (strategy === 'health') return byHealth;
  if (strategy === 'manual') return DEATHS;
  const bySource = [...WORDS, ...NOISES];
  return strategy === 'follow' ? [...bySource, ...DEATHS] : [...bySource, ...byHealth];
}
