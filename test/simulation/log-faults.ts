import type { Random } from '../../src/testing/index.js';
import type { Step } from './scenario.js';

/** What happens to the logs and the group of a run, beside its story. */
interface LogFault {
  readonly random: Random;
  /** When a switch, or what causes one, comes; from where to where it leads most probably. */
  readonly atMs: number;
  readonly from: string;
  readonly to: string;
  /** When the first switch of the run comes. */
  readonly firstAtMs: number;
  readonly sendsRarer: number;
}

type Way = (fault: LogFault) => readonly Step[];

/** Share of the seeds with such a fault. */
const SHARE = 0.45;

/** How long after its restart a group that was set back may be moved: until then the reset is not known elsewhere. */
const RESET_KNOWN_MS = 2_500;

/** Its group has joined and committed something by then. */
const FIRST_RESET_MS = 1_000;

/** Retention is quicker than the group. */
const RETENTION: readonly Way[] = [
  // Than the group that will come to the copies, while it handles nothing.
  ({ random, atMs, to }) => [
    { kind: 'stall', atMs: atMs - 1_200, forMs: 1_000 + random.below(3_000) },
    {
      kind: 'retention',
      atMs: atMs - 50 - random.below(400),
      cluster: to,
      what: 'copies',
      share: random.pick([0.5, 0.9, 1]),
    },
  ],
  // Than the group that is reading the copies.
  ({ random, atMs, to }) => [
    {
      kind: 'retention',
      atMs: atMs + random.below(3_000),
      cluster: to,
      what: 'copies',
      share: random.pick([0.8, 1]),
    },
  ],
  // Than the group where it is at work: kafkajs goes on behind what was removed, and the copies are on the target still, as a rule.
  ({ random, atMs, from }) => {
    const longMs = 800 + random.below(2_000);
    const share = random.pick([0.3, 0.6, 0.9]);
    return [
      { kind: 'stall', atMs: atMs - 1_000 - longMs, forMs: longMs },
      { kind: 'retention', atMs: atMs - 1_100, cluster: from, what: 'born', share },
    ];
  },
];

const REMADE: Way = ({ random, atMs, from, to }) => [
  { kind: 'stall', atMs: atMs - 1_800, forMs: 1_000 + random.below(3_000) },
  { kind: 'remake', atMs: atMs - 100 - random.below(1_800), flow: `${from}->${to}` },
];

/** On the cluster where the group has always been: only there a reset says something that commits elsewhere do not contradict. */
const SET_BACK: Way = ({ random, firstAtMs, sendsRarer }) => {
  const atMs = firstAtMs - RESET_KNOWN_MS - random.below(600);
  const byCount = Math.ceil((5 + random.below(60)) / sendsRarer);
  return atMs < FIRST_RESET_MS ? [] : [{ kind: 'set-back', atMs, byCount }];
};

const FOREIGNER: Way = ({ random, atMs, from, to }) => [
  {
    kind: 'foreigner',
    atMs: atMs - 1_500 + random.below(2_500),
    cluster: random.pick([from, to]),
    forMs: 1_500 + random.below(5_000),
  },
];

/** Draws what happens to the logs and the group, about when the fleet is sent elsewhere. Pure. */
export function drawLogFaults(
  random: Random,
  {
    story,
    isShared,
    isAutomatic,
    sendsRarer,
  }: {
    readonly story: readonly Step[];
    /** Under the Identity policy nobody goes home. */
    readonly isShared: boolean;
    /** Fleets that decide for themselves have faults of their own, and stories that these would end. */
    readonly isAutomatic: boolean;
    /** Records come so many times less often: a group is set back by so many fewer. */
    readonly sendsRarer: number;
  },
): readonly Step[] {
  if (isAutomatic || !random.chance(SHARE)) return [];
  const ways = [
    ...RETENTION,
    // Under the Identity policy the records that were born there would go with it, and an old checkpoint may name a place in the new log.
    ...(isShared ? [] : [REMADE, REMADE]),
    SET_BACK,
    SET_BACK,
    FOREIGNER,
  ];
  const way = random.pick(ways);
  const moves = story.filter((step) => step.kind === 'order' || step.kind === 'down');
  const move = moves.length > 0 ? random.pick(moves) : story[0];
  if (move === undefined) return [];
  const to = isShared ? 'B' : targetOf(move);
  const from = to === 'A' ? 'B' : 'A';
  const firstAtMs = Math.min(
    ...story.filter(({ kind }) => ENDS_WORK.has(kind)).map(({ atMs }) => atMs),
  );
  return way({ random, atMs: move.atMs, from, to, firstAtMs, sendsRarer }).filter(
    ({ atMs }) => atMs > 0,
  );
}

/** From there on it may not be heard what the group does on its cluster. */
const ENDS_WORK: ReadonlySet<Step['kind']> = new Set([
  'order',
  'down',
  'freeze',
  'blackhole',
  'refuse',
]);

/** Where it leads to. */
function targetOf(step: Step): string {
  if (step.kind === 'order') return step.to;
  return step.kind === 'down' && step.cluster === 'B' ? 'A' : 'B';
}
