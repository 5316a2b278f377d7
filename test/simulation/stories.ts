import type { Random } from '../../src/testing/index.js';
import type { FlowName, Scenario, Step } from './scenario.js';
import type { Measures } from './size.js';
import type { Span } from './span.js';

/** When the first switch is ordered: groups have joined, and MirrorMaker has written checkpoints; or it has not yet. */
const FIRST_ORDER_MS = 4_000;
const EARLY_ORDER_MS = 800;

/** Draws the switches of a run, with what makes each of them hard: to B, and perhaps home, and perhaps to B again. */
export function drawStory(
  random: Random,
  policy: Scenario['policy'],
  { stayShare, visitMs }: Pick<Measures, 'stayShare' | 'visitMs'>,
): readonly Step[] {
  const firstMs = random.chance(0.85) ? FIRST_ORDER_MS : EARLY_ORDER_MS;
  const first = departure(random, 'A', 'B', firstMs + random.below(1_500));
  if (policy === 'identity' || random.chance(stayShare)) return first;
  const home = [...first, ...comeback(random, 'B', 'A', { before: first, visitMs })];
  if (random.chance(0.8)) return home;
  return [...home, ...comeback(random, 'A', 'B', { before: home, visitMs })];
}

/** What has died is alive again, and the fleet is sent back to it. */
function comeback(
  random: Random,
  from: string,
  to: string,
  { before, visitMs }: { before: readonly Step[]; visitMs: number },
): readonly Step[] {
  const lastMs = Math.max(...before.map((step) => step.atMs));
  const atMs = lastMs + visitMs + random.below(2_000);
  return [...revival(to, Math.max(lastMs + 1, atMs - 2_500)), ...departure(random, from, to, atMs)];
}

function revival(cluster: string, atMs: number): readonly Step[] {
  return [
    { kind: 'thaw', atMs, cluster },
    { kind: 'up', atMs, cluster },
    { kind: 'heal', atMs, cluster },
    { kind: 'mirror', atMs, flow: 'A->B', what: 'resume' },
    { kind: 'mirror', atMs, flow: 'A->B', what: 'start' },
    { kind: 'mirror', atMs, flow: 'B->A', what: 'resume' },
    { kind: 'mirror', atMs, flow: 'B->A', what: 'start' },
  ];
}

/** One way of leaving a cluster, and what else happens at that moment. */
function departure(random: Random, from: string, to: string, atMs: number): readonly Step[] {
  const way = random.pick(random.chance(0.3) ? PLAIN_WAYS : WAYS);
  const steps = way({ random, from, to, atMs, spreadMs: random.pick([0, 50, 800]) });
  const besidesMs = atMs - 300 + random.below(1_000);
  const besides: Step[] = [];
  if (random.chance(0.3)) {
    besides.push({
      kind: 'stall',
      atMs: atMs - random.below(100),
      forMs: 500 + random.below(6_000),
    });
  }
  if (random.chance(0.15)) besides.push({ kind: 'join', atMs: besidesMs });
  if (random.chance(0.1)) besides.push({ kind: 'leave', atMs: besidesMs });
  if (random.chance(0.1)) besides.push({ kind: 'close', atMs: besidesMs });
  if (random.chance(0.15)) {
    besides.push({ kind: 'crash', atMs: besidesMs });
    besides.push({ kind: 'join', atMs: besidesMs + 300 + random.below(3_000) });
  }
  return [...steps, ...besides];
}

interface Departure {
  readonly random: Random;
  readonly from: string;
  readonly to: string;
  readonly atMs: number;
  readonly spreadMs: number;
}

type Way = (departure: Departure) => readonly Step[];

function order({ to, atMs, spreadMs }: Departure, planned: boolean, delayMs = 0): Step {
  return { kind: 'order', atMs: atMs + delayMs, to, planned, spreadMs, who: 'all' };
}

function flowOf({ from, to }: Departure): FlowName {
  return `${from}->${to}`;
}

/** The source is well. */
const PLAIN_WAYS: readonly Way[] = [
  (departure) => [order(departure, true)],
  (departure) => [order(departure, false)],
];

/** The source dies in some way, and the fleet is sent away. */
const DEAD_SOURCE: readonly Way[] = [
  ({ random, from, ...rest }) => [
    { kind: 'down', atMs: rest.atMs, cluster: from },
    order({ random, from, ...rest }, false, random.below(2_000)),
  ],
  ({ random, from, ...rest }) => [
    { kind: 'down', atMs: rest.atMs, cluster: from },
    order({ random, from, ...rest }, false, random.below(200)),
  ],
  // It dies, and somebody orders a planned switch all the same.
  ({ random, from, ...rest }) => [
    { kind: 'down', atMs: rest.atMs, cluster: from },
    order({ random, from, ...rest }, true, random.below(1_000)),
  ],
  ({ random, from, ...rest }) => [
    { kind: 'freeze', atMs: rest.atMs, cluster: from },
    order({ random, from, ...rest }, false, random.below(1_500)),
  ],
  ({ random, from, ...rest }) => [
    { kind: 'blackhole', atMs: rest.atMs, cluster: from },
    order({ random, from, ...rest }, random.chance(0.3), random.below(1_500)),
  ],
  ({ random, from, ...rest }) => [
    { kind: 'refuse', atMs: rest.atMs, cluster: from },
    order({ random, from, ...rest }, false, random.below(1_000)),
  ],
  // It dies while a planned switch is under way.
  (departure) => [
    order(departure, true),
    { kind: 'down', atMs: departure.atMs + departure.random.below(120), cluster: departure.from },
  ],
];

/** The mirror is not up to date: a tail stays behind, or is copied a second time. */
const LATE_MIRROR: readonly Way[] = [
  (departure) => [
    { kind: 'mirror', atMs: departure.atMs - 700, flow: flowOf(departure), what: 'pause' },
    { kind: 'down', atMs: departure.atMs, cluster: departure.from },
    order(departure, false, departure.random.below(300)),
    { kind: 'mirror', atMs: departure.atMs + 1_500, flow: flowOf(departure), what: 'resume' },
  ],
  (departure) => [
    { kind: 'mirror', atMs: departure.atMs - 500, flow: flowOf(departure), what: 'pause' },
    order(departure, true),
    { kind: 'mirror', atMs: departure.atMs + 1_200, flow: flowOf(departure), what: 'resume' },
  ],
  (departure) => [
    { kind: 'mirror', atMs: departure.atMs - 300, flow: flowOf(departure), what: 'kill' },
    order(departure, true),
    { kind: 'mirror', atMs: departure.atMs + 300, flow: flowOf(departure), what: 'start' },
  ],
  // Killed and back before the switch, so that it copies again while positions are looked for.
  (departure) => {
    const killedAtMs = departure.atMs - departure.random.below(600);
    return [
      { kind: 'mirror', atMs: killedAtMs, flow: flowOf(departure), what: 'kill' },
      { kind: 'mirror', atMs: killedAtMs + 50, flow: flowOf(departure), what: 'start' },
      order(departure, departure.random.chance(0.5)),
    ];
  },
  (departure) => {
    const killedAtMs = departure.atMs - 1_000 - departure.random.below(1_000);
    return [
      { kind: 'mirror', atMs: killedAtMs, flow: flowOf(departure), what: 'kill' },
      { kind: 'mirror', atMs: killedAtMs + 100, flow: flowOf(departure), what: 'start' },
      { kind: 'down', atMs: departure.atMs, cluster: departure.from },
      order(departure, false, departure.random.below(300)),
    ];
  },
];

/** The target is in trouble. */
const BAD_TARGET: readonly Way[] = [
  (departure) => [
    order(departure, true),
    { kind: 'down', atMs: departure.atMs + departure.random.below(60), cluster: departure.to },
    { kind: 'up', atMs: departure.atMs + 2_500, cluster: departure.to },
  ],
  (departure) => [
    { kind: 'down', atMs: departure.atMs, cluster: departure.from },
    order(departure, false, 100),
    {
      kind: 'freeze',
      atMs: departure.atMs + 100 + departure.random.below(40),
      cluster: departure.to,
    },
    { kind: 'thaw', atMs: departure.atMs + 2_000, cluster: departure.to },
  ],
  // Dead when the order comes; the operator tries again.
  (departure) => [
    { kind: 'down', atMs: departure.atMs - 500, cluster: departure.to },
    order(departure, true),
    { kind: 'up', atMs: departure.atMs + 1_500, cluster: departure.to },
    order(departure, true, 2_500),
  ],
  // Both are dead for a while.
  (departure) => [
    { kind: 'down', atMs: departure.atMs, cluster: departure.from },
    { kind: 'down', atMs: departure.atMs + 50, cluster: departure.to },
    order(departure, false, 100),
    { kind: 'up', atMs: departure.atMs + 2_000, cluster: departure.to },
    order(departure, false, 2_500),
  ],
];

/** More than one mind gives orders. */
const MANY_MINDS: readonly Way[] = [
  // The newer order is carried out after the switch under way.
  (departure) => [
    order(departure, true),
    {
      ...order({ ...departure, to: departure.from, spreadMs: 0 }, true),
      atMs: departure.atMs + departure.random.below(30),
    },
    order(departure, true, 3_000),
  ],
  // Half of the fleet hears of it late.
  (departure) => [
    { ...order(departure, true), who: 'even' } as Step,
    order(departure, true, 1_000 + departure.random.below(1_500)),
  ],
  // The halves of the fleet are sent in opposite directions, and come together again.
  (departure) => [
    order(departure, departure.random.chance(0.5)),
    {
      ...order({ ...departure, to: departure.from }, departure.random.chance(0.5), 1_500),
      who: departure.random.pick(['even', 'odd']),
    } as Step,
    order(departure, true, 4_000),
  ],
];

const WAYS: readonly Way[] = [
  ...PLAIN_WAYS,
  ...DEAD_SOURCE,
  ...LATE_MIRROR,
  ...BAD_TARGET,
  ...MANY_MINDS,
];

/** Trouble beside the story. */
export function drawNoise(
  random: Random,
  policy: Scenario['policy'],
  { fromMs, toMs }: Span,
): readonly Step[] {
  const steps: Step[] = [];
  const atMs = (): number => fromMs + random.below(toMs - fromMs);
  const cluster = (): string => random.pick(['A', 'B']);
  if (random.chance(0.3)) {
    steps.push({ kind: 'lose-ack', atMs: atMs(), cluster: cluster(), apiName: 'Produce' });
  }
  if (random.chance(0.15)) {
    steps.push({ kind: 'lose-ack', atMs: atMs(), cluster: cluster(), apiName: 'OffsetCommit' });
  }
  if (random.chance(0.15)) steps.push({ kind: 'join', atMs: atMs() });
  if (random.chance(0.1)) steps.push({ kind: 'leave', atMs: atMs() });
  if (random.chance(0.2)) {
    const slowAtMs = atMs();
    const slow = { kind: 'slow', cluster: cluster() } as const;
    steps.push({ ...slow, atMs: slowAtMs, byMs: 20 + random.below(200) });
    steps.push({ ...slow, atMs: slowAtMs + 1_500, byMs: 0 });
  }
  if (random.chance(0.25)) {
    const killedAtMs = atMs();
    const flow = policy === 'identity' ? 'A->B' : random.pick<FlowName>(['A->B', 'B->A']);
    steps.push({ kind: 'mirror', atMs: killedAtMs, flow, what: 'kill' });
    steps.push({ kind: 'mirror', atMs: killedAtMs + random.below(900), flow, what: 'start' });
  }
  return steps;
}

/** What may be wrong with MirrorMaker's checkpoints, shortly before a switch or at any time. */
export function drawCheckpointFaults(
  random: Random,
  policy: Scenario['policy'],
  { fromMs, toMs }: Span,
): readonly Step[] {
  if (!random.chance(0.25)) return [];
  const flow = policy === 'identity' ? 'A->B' : random.pick<FlowName>(['A->B', 'A->B', 'B->A']);
  const atMs = fromMs + random.below(toMs - fromMs);
  const what = random.pick(['junk', 'junk', 'delete'] as const);
  const first: Step = { kind: 'checkpoints', atMs, flow, what };
  return random.chance(0.5) ? [first, { ...first, atMs: atMs + random.below(2_000) }] : [first];
}
