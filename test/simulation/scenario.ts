import { createRandom, type Random } from '../../src/testing/index.js';

/** How a service handles records. */
export interface HandlerShape {
  readonly kind: 'eachMessage' | 'eachBatch';
  readonly autoCommit: boolean;
  readonly concurrency: number;
  /** Longest time of one handler call, in milliseconds. */
  readonly maxMs: number;
  /** Share of handler calls that throw, once. */
  readonly failureRate: number;
}

/** Something that happens to the world, or is ordered, at a time. */
export type Step = { readonly atMs: number } & (
  | {
      readonly kind: 'order';
      readonly to: string;
      readonly planned: boolean;
      readonly spreadMs: number;
    }
  | { readonly kind: 'down' | 'up' | 'freeze' | 'thaw' | 'refuse'; readonly cluster: string }
  | { readonly kind: 'slow'; readonly cluster: string; readonly byMs: number }
  | { readonly kind: 'lose-ack'; readonly cluster: string }
  | {
      readonly kind: 'mirror';
      readonly flow: `${string}->${string}`;
      readonly what: 'pause' | 'resume' | 'kill' | 'start';
    }
  | { readonly kind: 'join' }
  | { readonly kind: 'leave' }
);

/** A fleet, its work and its faults, all drawn from one seed. */
export interface Scenario {
  readonly seed: string;
  readonly policy: 'default' | 'identity';
  readonly processCount: number;
  readonly partitionCount: number;
  readonly sendEveryMs: number;
  readonly trafficMs: number;
  readonly copyLagMs: number;
  readonly offsetLagMax: number;
  readonly onUnknownOutcome: 'resend' | 'reject';
  readonly handler: HandlerShape;
  readonly steps: readonly Step[];
}

/** Draws a scenario. Pure. */
export function drawScenario(seed: string): Scenario {
  const random = createRandom(seed).fork('scenario');
  // Under Identity only one direction may mirror, so there is one switch and no way home.
  const policy = random.chance(0.2) ? 'identity' : 'default';
  const steps = story(random, policy);
  return {
    seed,
    policy,
    processCount: 1 + random.below(3),
    partitionCount: 1 + random.below(3),
    sendEveryMs: 20 + random.below(60),
    trafficMs: Math.max(...steps.map(({ atMs }) => atMs)) + 1_500,
    copyLagMs: random.pick([1, 10, 100, 400]),
    offsetLagMax: random.pick([0, 0, 5, 100]),
    onUnknownOutcome: random.pick(['resend', 'resend', 'reject']),
    handler: {
      kind: random.pick(['eachMessage', 'eachMessage', 'eachBatch']),
      autoCommit: random.chance(0.75),
      concurrency: 1 + random.below(3),
      maxMs: random.pick([0, 5, 30, 150]),
      failureRate: random.pick([0, 0, 0.02]),
    },
    steps: [...steps, ...noise(random, policy)].sort((a, b) => a.atMs - b.atMs),
  };
}

/** When the first switch is ordered: groups have joined, and MirrorMaker has written checkpoints. */
const FIRST_ORDER_MS = 4_000;

function story(random: Random, policy: Scenario['policy']): readonly Step[] {
  const first = departure(random, 'A', 'B', FIRST_ORDER_MS + random.below(1_500));
  if (policy === 'identity' || random.chance(0.5)) return first;
  const backAtMs = Math.max(...first.map(({ atMs }) => atMs)) + 4_000 + random.below(2_000);
  return [...first, ...revival('A', backAtMs - 2_500), ...departure(random, 'B', 'A', backAtMs)];
}

/** One way of leaving a cluster. */
function departure(random: Random, from: string, to: string, atMs: number): readonly Step[] {
  const spreadMs = random.pick([0, 50, 800]);
  const order = (planned: boolean, delayMs: number): Step => ({
    kind: 'order',
    atMs: atMs + delayMs,
    to,
    planned,
    spreadMs,
  });
  const flow = `${from}->${to}` as const;
  return random.pick<() => readonly Step[]>([
    () => [order(true, 0)],
    () => [order(true, 0)],
    () => [order(false, 0)],
    () => [{ kind: 'down', atMs, cluster: from }, order(false, random.below(2_000))],
    () => [{ kind: 'down', atMs, cluster: from }, order(false, random.below(200))],
    () => [{ kind: 'freeze', atMs, cluster: from }, order(false, random.below(1_500))],
    () => [{ kind: 'refuse', atMs, cluster: from }, order(false, random.below(1_000))],
    // The mirror stands still: a tail stays behind.
    () => [
      { kind: 'mirror', atMs: atMs - 700, flow, what: 'pause' },
      { kind: 'down', atMs, cluster: from },
      order(false, random.below(300)),
      { kind: 'mirror', atMs: atMs + 1_500, flow, what: 'resume' },
    ],
    () => [
      { kind: 'mirror', atMs: atMs - 500, flow, what: 'pause' },
      order(true, 0),
      { kind: 'mirror', atMs: atMs + 1_200, flow, what: 'resume' },
    ],
    () => [
      { kind: 'mirror', atMs: atMs - 300, flow, what: 'kill' },
      order(true, 0),
      { kind: 'mirror', atMs: atMs + 300, flow, what: 'start' },
    ],
    // The target is in trouble while the switch is under way.
    () => [
      order(true, 0),
      { kind: 'down', atMs: atMs + random.below(60), cluster: to },
      { kind: 'up', atMs: atMs + 2_500, cluster: to },
    ],
    () => [
      { kind: 'down', atMs, cluster: from },
      order(false, 100),
      { kind: 'freeze', atMs: atMs + 100 + random.below(40), cluster: to },
      { kind: 'thaw', atMs: atMs + 2_000, cluster: to },
    ],
    // A second mind: the newer order is carried out after the switch under way.
    () => [
      order(true, 0),
      { kind: 'order', atMs: atMs + random.below(30), to: from, planned: true, spreadMs: 0 },
      { ...order(true, 3_000) },
    ],
  ])();
}

function revival(cluster: string, atMs: number): readonly Step[] {
  return [
    { kind: 'thaw', atMs, cluster },
    { kind: 'up', atMs, cluster },
    { kind: 'mirror', atMs, flow: 'A->B', what: 'resume' },
    { kind: 'mirror', atMs, flow: 'A->B', what: 'start' },
  ];
}

/** Trouble beside the story. */
function noise(random: Random, policy: Scenario['policy']): readonly Step[] {
  const steps: Step[] = [];
  const atMs = (): number => 1_000 + random.below(8_000);
  if (random.chance(0.3)) steps.push({ kind: 'lose-ack', atMs: atMs(), cluster: 'A' });
  if (random.chance(0.2)) steps.push({ kind: 'join', atMs: atMs() });
  if (random.chance(0.15)) steps.push({ kind: 'leave', atMs: atMs() });
  if (random.chance(0.2)) {
    const slowAtMs = atMs();
    const cluster = random.pick(['A', 'B']);
    steps.push({ kind: 'slow', atMs: slowAtMs, cluster, byMs: 20 + random.below(200) });
    steps.push({ kind: 'slow', atMs: slowAtMs + 1_500, cluster, byMs: 0 });
  }
  if (random.chance(0.15) && policy === 'default') {
    const killedAtMs = atMs();
    steps.push({ kind: 'mirror', atMs: killedAtMs, flow: 'B->A', what: 'kill' });
    steps.push({ kind: 'mirror', atMs: killedAtMs + 800, flow: 'B->A', what: 'start' });
  }
  return steps;
}
