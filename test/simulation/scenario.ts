import type { MissingPosition } from '../../src/position/plan.js';
import { type ApiName, createRandom, type Random } from '../../src/testing/index.js';
import { drawAgreement, type FleetAgreement } from './agreeing.js';
import { drawAgreedStory } from './agreement-stories.js';
import { type Automation, drawAutomation } from './automation.js';
import { drawAutomaticStory } from './automatic-stories.js';
import type { HalfDead } from './conditions.js';
import type { Who } from './control-plane.js';
import { drawSize, type Measures, MEASURES, type Size } from './size.js';
import type { Wish } from './source.js';
import { earlier, spanOf } from './span.js';
import { withLateMirror } from './late-mirror.js';
import { drawLogFaults } from './log-faults.js';
import { drawCheckpointFaults, drawNoise, drawStory } from './stories.js';

/** How a service handles records. */
export interface HandlerShape {
  readonly kind: 'eachMessage' | 'eachBatch';
  readonly autoCommit: boolean;
  readonly concurrency: number;
  /** Longest time of one handler call, in milliseconds. */
  readonly maxMs: number;
  /** Share of handler calls that throw, once. */
  readonly failureRate: number;
  /** Each handler call sends a record to another topic, and waits for its answer. */
  readonly sends: boolean;
}

/** A direction of mirroring. */
export type FlowName = `${string}->${string}`;

/** Something that happens to the world, or is ordered, at a time. */
export type Step = { readonly atMs: number } & (
  | {
      readonly kind: 'order';
      readonly to: string;
      readonly planned: boolean;
      /** The fleet hears of it within this time. */
      readonly spreadMs: number;
      /** Which of the processes hear of it. */
      readonly who: 'all' | 'even' | 'odd';
      /** Each goes without asking its fleet. */
      readonly alone?: boolean;
    }
  | {
      readonly kind: 'down' | 'up' | 'freeze' | 'thaw' | 'refuse' | 'blackhole' | 'heal';
      readonly cluster: string;
    }
  | { readonly kind: 'slow'; readonly cluster: string; readonly byMs: number }
  | { readonly kind: 'lose-ack'; readonly cluster: string; readonly apiName: ApiName }
  | {
      readonly kind: 'mirror';
      readonly flow: FlowName;
      readonly what: 'pause' | 'resume' | 'kill' | 'start';
    }
  /** MirrorMaker's checkpoints of the flow, on its target: records are among them that it would never write, or the topic is deleted. */
  | {
      readonly kind: 'checkpoints';
      readonly flow: FlowName;
      readonly what: 'junk' | 'delete';
    }
  /** Retention takes this share of the logs that hold what was born on the cluster, or its copies of what was born on the other one. */
  | {
      readonly kind: 'retention';
      readonly cluster: string;
      readonly what: 'born' | 'copies';
      readonly share: number;
    }
  /** The flow's remote topic is deleted, while nobody reads it; MirrorMaker makes it anew. */
  | { readonly kind: 'remake'; readonly flow: FlowName }
  /** An operator stops the service, sets its group back by so many records where it was working, and starts it again. */
  | { readonly kind: 'set-back'; readonly byCount: number }
  /** A member of the group with plain kafkajs, for so long. */
  | { readonly kind: 'foreigner'; readonly cluster: string; readonly forMs: number }
  /** The next handler call of each process takes this long. */
  | { readonly kind: 'stall'; readonly forMs: number }
  /** A process more; or, of the newest process: its consumer leaves, it ends in order, it is killed. */
  | { readonly kind: 'join' | 'leave' | 'close' | 'crash' }
  /** The cluster is half dead in this way; undefined: well again. */
  | { readonly kind: 'halve'; readonly cluster: string; readonly how: HalfDead | undefined }
  /** The way of one process to one cluster is cut; its event loop is blocked. */
  | { readonly kind: 'cut'; readonly cluster: string; readonly forMs: number }
  | { readonly kind: 'sleep'; readonly forMs: number }
  /** The wall clocks of all processes jump. */
  | { readonly kind: 'jump-wall'; readonly byMs: number }
  | { readonly kind: 'state-file'; readonly what: 'corrupt' | 'remove' | 'fill-disk' | 'free-disk' }
  | { readonly kind: 'set'; readonly to: string; readonly mode: Wish['mode'] }
  | { readonly kind: 'source'; readonly what: 'garble' | 'regress' | 'remove' | 'repeat' | 'heal' }
  | { readonly kind: 'deafen'; readonly who: Who }
  /** Processes cannot reach the agreement; or it holds what it should not. */
  | { readonly kind: 'isolate'; readonly who: Who }
  | { readonly kind: 'agreement'; readonly what: 'restore' | 'garble' | 'heal' }
  /** A person writes a decision. */
  | { readonly kind: 'decide'; readonly to: string; readonly mode: Wish['mode'] }
);

/** A fleet, its work and its faults, all drawn from one seed. */
export interface Scenario {
  readonly seed: string;
  readonly size: Size;
  readonly policy: 'default' | 'identity';
  readonly offsetSyncsLocation: 'target' | 'source';
  readonly processCount: number;
  readonly partitionCount: number;
  readonly sendEveryMs: number;
  readonly trafficMs: number;
  /** False: MirrorMaker emits none (`emit.checkpoints.enabled`, or a name that nobody finds). */
  readonly hasCheckpoints: boolean;
  readonly copyLagMs: number;
  readonly offsetLagMax: number;
  readonly holdMaxBytes: number;
  readonly onUnknownOutcome: 'resend' | 'reject';
  readonly onMissingPosition: MissingPosition;
  /** False: `consumer.progress` is off, and what a process knew ends with it. */
  readonly writesProgress: boolean;
  /** `consumer.hotStandby`. */
  readonly isHot: boolean;
  /** `producer.onUnmirrored: 'replay'`. */
  readonly replays: boolean;
  /** kafkajs's `maxWaitTimeInMs`. */
  readonly pollMs: number;
  readonly handler: HandlerShape;
  /** How often it is looked whether the way home is open. */
  readonly lookHomeMs: number;
  /** Watches for sessions and retries that end late, instead of stopping when everything is handled. */
  readonly isRestLong: boolean;
  /** Who decides beside an operator; undefined: nobody. */
  readonly automation: Automation | undefined;
  /** How the processes decide together; undefined: each for itself. */
  readonly agreement: FleetAgreement | undefined;
  readonly steps: readonly Step[];
}

/** How often it is looked at home, where the way back is taken as soon as it is open. */
const EAGER_LOOK_MS = 1_000;

/** Share of the fleets that replay what is not mirrored, where nothing is taken out of their logs, and nobody is set back behind a replay. */
const REPLAY_SHARE = 0.35;

/** Share of the fleets whose consumers wait on the standby. */
const HOT_SHARE = 0.3;

/**
 * Draws a scenario. Pure.
 *
 * @param size - by default drawn from the seed, too.
 */
export function drawScenario(seed: string, size: Size = drawSize(seed)): Scenario {
  const measures = MEASURES[size];
  const { processCountOf, agreedCountOf, partitionCountOf } = measures;
  const random = createRandom(seed).fork('scenario');
  // Under Identity only one direction may mirror, so there is no way home, and the fleet has to stay together.
  const agreement = drawAgreement(seed, agreedCountOf);
  const automation = drawAutomation(seed, { measures, isTogether: agreement !== undefined });
  const isOneWay = random.chance(0.2) && automation === undefined;
  const policy = isOneWay ? 'identity' : 'default';
  const story = drawStoryOf(random, measures, { policy, automation, agreement });
  const hasCheckpoints = random.chance(0.85);
  const drawn = {
    offsetSyncsLocation: random.chance(hasCheckpoints ? 0.15 : 0.4) ? 'source' : 'target',
    processCount: agreement?.processCount ?? 1 + random.below(3),
    partitionCount: partitionCountOf(1 + random.below(3)),
    sendEveryMs: (20 + random.below(60)) * measures.sendsRarer,
    copyLagMs: random.pick([1, 10, 100, 400]),
    offsetLagMax: Math.ceil(random.pick([0, 0, 5, 100]) / measures.sendsRarer),
    // Small enough for what comes in a switch to fill it.
    holdMaxBytes: random.chance(0.15) ? measures.smallHoldBytes : 32 * 1024 * 1024,
    onUnknownOutcome: random.pick<Scenario['onUnknownOutcome']>(['resend', 'resend', 'reject']),
    onMissingPosition: drawMissing(random, hasCheckpoints),
    // Drawn apart, so that it leaves the other seeds as they are.
    writesProgress: createRandom(seed)
      .fork('progress')
      .chance(hasCheckpoints ? 0.8 : 0.2),
    isHot: createRandom(seed).fork('hot-standby').chance(HOT_SHARE),
    pollMs: random.pick(measures.pollsMs),
    handler: { ...drawHandler(random), sends: createRandom(seed).fork('handler').chance(0.3) },
    isRestLong: random.chance(measures.longRestShare),
  } as const;
  const besides = drawBesides(random, measures, { seed, policy, automation, story });
  const idleMs = spanOf([...story, ...besides]).fromMs;
  const savedMs = Math.max(0, idleMs - measures.idleMs);
  const told = earlier([...story, ...besides], savedMs);
  const isCut = told.some(({ kind }) => TAKES_OUT.has(kind));
  const replays = !isCut && createRandom(seed).fork('replays').chance(REPLAY_SHARE);
  const steps = replays
    ? withLateMirror(createRandom(seed).fork('late mirror'), told, { isOneWay })
    : told;
  return {
    ...drawn,
    seed,
    size,
    policy,
    hasCheckpoints,
    processCount:
      agreement?.processCount ?? processCountOf(drawn.processCount, steps.some(isAboutSome)),
    trafficMs: spanOf(story).toMs - savedMs + measures.afterwardsMs,
    lookHomeMs: automation?.limits.failback === 'automatic' ? EAGER_LOOK_MS : measures.lookHomeMs,
    automation,
    agreement,
    replays,
    steps: steps.toSorted((a, b) => a.atMs - b.atMs),
  };
}

const TAKES_OUT: ReadonlySet<Step['kind']> = new Set(['retention', 'remake', 'set-back']);

function drawStoryOf(
  random: Random,
  measures: Measures,
  { policy, automation, agreement }: Pick<Scenario, 'policy' | 'automation' | 'agreement'>,
): readonly Step[] {
  if (automation === undefined) return drawStory(random, policy, measures);
  return agreement === undefined
    ? drawAutomaticStory(random, automation, measures)
    : drawAgreedStory(random, automation, measures);
}

/** What happens beside the story. */
function drawBesides(
  random: Random,
  { noiseAt, checkpointFaultsAt, sendsRarer }: Measures,
  {
    seed,
    policy,
    automation,
    story,
  }: Pick<Scenario, 'seed' | 'policy' | 'automation'> & { readonly story: readonly Step[] },
): readonly Step[] {
  const span = spanOf(story);
  // Where nobody sends any more, a Produce request without an answer looks like a cluster that takes no records, and is meant to.
  const isFair = (step: Step): boolean =>
    automation === undefined || step.kind !== 'lose-ack' || step.apiName !== 'Produce';
  const faults = createRandom(seed).fork('checkpoints');
  return [
    ...drawNoise(random, policy, noiseAt(span)).filter(isFair),
    // Drawn apart, so that it leaves the other seeds as they are.
    ...drawCheckpointFaults(faults, policy, checkpointFaultsAt(span)),
    ...drawLogFaults(createRandom(seed).fork('logs'), {
      story,
      isShared: policy === 'identity',
      isAutomatic: automation !== undefined,
      sendsRarer,
    }),
  ];
}

/** Does a step matter only where there are several processes? */
function isAboutSome(step: Step): boolean {
  if (step.kind === 'leave' || step.kind === 'close') return true;
  return 'who' in step && (step.who === 'even' || step.who === 'odd');
}

/** Where positions are missing, it matters what the service has chosen. */
function drawMissing(random: Random, hasCheckpoints: boolean): MissingPosition {
  if (random.chance(hasCheckpoints ? 0.95 : 0.5)) return 'earliest';
  return random.pick(['latest', 'fail']);
}

function drawHandler(random: Random): Omit<HandlerShape, 'sends'> {
  return {
    kind: random.pick(['eachMessage', 'eachMessage', 'eachBatch']),
    autoCommit: random.chance(0.75),
    concurrency: 1 + random.below(3),
    maxMs: random.pick([0, 5, 30, 150]),
    failureRate: random.pick([0, 0, 0.02]),
  };
}
