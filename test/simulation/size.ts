import { createRandom } from '../../src/testing/index.js';
import { CORPUS_SEED_COUNT } from './corpus.js';
import type { Span } from './span.js';

/**
 * How much there is of everything in a world. Most bugs need little: two of a kind at most, and few switches. So most worlds are small, and
 * there are several of them for the price of a large one; what takes many processes, partitions or switches is found in the large ones.
 */
export type Size = 'small' | 'large';

/**
 * Share of the seeds with a large world. In the corpus so many that its few seeds show everything. Behind it a large one, at the price of several,
 * finds less: of the first thirteen seeds that failed there, eleven were small.
 */
const LARGE_SHARE = { corpus: 1 / 8, beyond: 1 / 32 } as const;

/** Draws it from a stream of its own: everything else is drawn alike in both. Pure. */
export function drawSize(seed: string): Size {
  const isBeyond = Number(seed) > CORPUS_SEED_COUNT;
  const share = isBeyond ? LARGE_SHARE.beyond : LARGE_SHARE.corpus;
  return createRandom(seed).fork('size').chance(share) ? 'large' : 'small';
}

/** What a size says of a world. Times are in milliseconds. */
export interface Measures {
  /** Share of the operator's stories in which the fleet stays where it was sent. */
  readonly stayShare: number;
  /** How long a fleet works on a cluster before it is sent to the next. */
  readonly visitMs: number;
  /** Two things may happen to a fleet that decides for itself, one after the other. */
  readonly hasSecondEpisode: boolean;
  /** Longest time before anything happens: groups have joined, and MirrorMaker has written checkpoints. */
  readonly idleMs: number;
  /** When something may happen beside the story. */
  readonly noiseAt: (story: Span) => Span;
  readonly checkpointFaultsAt: (story: Span) => Span;
  /** How long records are sent after the story. */
  readonly afterwardsMs: number;
  /** Of so many processes or partitions that are drawn there are this many. `areSome`: something happens to some of the processes only. */
  readonly processCountOf: (drawn: number, areSome: boolean) => number;
  readonly agreedCountOf: (drawn: number) => number;
  readonly partitionCountOf: (drawn: number) => number;
  /** Records come so many times less often. */
  readonly sendsRarer: number;
  /** kafkajs's `maxWaitTimeInMs` is one of these. */
  readonly pollsMs: readonly number[];
  /** A fleet that decides for itself rests after a switch for at most so long. */
  readonly cooldownMaxMs: number;
  /** `health.intervalMs` of a fleet that decides for itself is one of these: each question costs. */
  readonly healthIntervalsMs: readonly number[];
  /** A hold buffer that is soon full. */
  readonly smallHoldBytes: number;
  /** Share of the seeds whose end is watched for long, although everything is handled. */
  readonly longRestShare: number;
  /** Sessions and rebalances of the group end after so long. */
  readonly sessionMs: number;
  /** Its members say so often that they are alive. */
  readonly heartbeatMs: number;
  /** `consumer.topicRefreshMs`. */
  readonly topicRefreshMs: number;
  /** How often it is looked whether the way home is open, where nobody waits for it. */
  readonly lookHomeMs: number;
  /** How often it is looked whether the fleet has come to rest. */
  readonly restLookMs: number;
  /** Without news for so long, nothing will come any more: sessions of dead members have expired, retries are over. */
  readonly quietMs: number;
  /** Without news for so long, and with everything handled, the run is over. */
  readonly doneMs: number;
}

export const MEASURES: Readonly<Record<Size, Measures>> = {
  large: {
    stayShare: 0.45,
    visitMs: 4_000,
    hasSecondEpisode: true,
    idleMs: Infinity,
    noiseAt: () => ({ fromMs: 1_000, toMs: 9_000 }),
    checkpointFaultsAt: () => ({ fromMs: 2_500, toMs: 9_500 }),
    afterwardsMs: 1_500,
    processCountOf: (drawn) => drawn,
    agreedCountOf: (drawn) => drawn,
    partitionCountOf: (drawn) => drawn,
    sendsRarer: 1,
    pollsMs: [200, 500, 1_000],
    cooldownMaxMs: 15_000,
    healthIntervalsMs: [500, 1_000, 1_000, 2_000],
    smallHoldBytes: 2_000,
    longRestShare: 0.15,
    sessionMs: 6_000,
    heartbeatMs: 500,
    topicRefreshMs: 1_000,
    lookHomeMs: 1_000,
    restLookMs: 500,
    quietMs: 16_000,
    doneMs: 1_500,
  },
  small: {
    stayShare: 0.7,
    visitMs: 2_000,
    hasSecondEpisode: false,
    idleMs: 1_500,
    noiseAt: ({ fromMs, toMs }) => ({ fromMs: Math.max(0, fromMs - 800), toMs: toMs + 300 }),
    checkpointFaultsAt: ({ fromMs, toMs }) => ({ fromMs: Math.max(0, fromMs - 1_500), toMs }),
    afterwardsMs: 900,
    processCountOf: (drawn, areSome) => (areSome ? Math.min(2, drawn) : Math.ceil(drawn / 2)),
    agreedCountOf: (drawn) => Math.max(2, drawn - 1),
    partitionCountOf: (drawn) => Math.ceil(drawn / 2),
    sendsRarer: 5,
    pollsMs: [500, 1_000, 1_000],
    cooldownMaxMs: 8_000,
    healthIntervalsMs: [500, 2_000, 2_000, 2_000],
    smallHoldBytes: 150,
    longRestShare: 0.06,
    sessionMs: 3_000,
    heartbeatMs: 1_000,
    topicRefreshMs: 2_000,
    lookHomeMs: 5_000,
    restLookMs: 250,
    quietMs: 10_500,
    doneMs: 1_000,
  },
};
