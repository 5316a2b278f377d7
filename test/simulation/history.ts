import type { AgreedDecision } from '../../src/agreement/agreement.js';
import type { SwitchPhase } from '../../src/events.js';
import type { GroupPlan, MissingPosition } from '../../src/position/plan.js';
import type { StayReason } from '../../src/strategy/strategy.js';
import type { DecidedBy } from '../../src/switch/report.js';
import type { FleetAgreement } from './agreeing.js';
import type { Automation } from './automation.js';
import type { Fault } from './conditions.js';
import type { Wish } from './source.js';

/** Where something was read or written. */
export interface Place {
  readonly cluster: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}

/** Who did it: the number of a service process of the fleet. */
interface ByProcess {
  readonly process: number;
}

interface InEpoch extends ByProcess {
  readonly switchEpoch: number;
}

/** What happened in a run, in order. */
export type HistoryEvent = { readonly atMs: number } & (
  | (ByProcess & { readonly kind: 'sent' | 'acknowledged'; readonly id: string })
  | (ByProcess & { readonly kind: 'send-failed'; readonly id: string; readonly code: string })
  | (InEpoch & {
      readonly kind: 'handling' | 'handled' | 'handler-failed';
      readonly consumer: string;
      readonly id: string;
      readonly logical: string;
      readonly place: Place;
    })
  | (ByProcess & {
      readonly kind: 'consumer-stopping' | 'consumer-stopped';
      readonly consumer: string;
    })
  | (InEpoch & {
      readonly kind: 'planned';
      readonly plan: GroupPlan;
      /** Where each of its logs ended when the plan was made, in the order of the plan's partitions. */
      readonly ends: readonly bigint[];
    })
  | (InEpoch & { readonly kind: 'phase'; readonly phase: SwitchPhase })
  | (InEpoch & { readonly kind: 'fenced'; readonly cluster: string })
  /** `agreedEpoch`: the newest decision of its fleet that the process has obeyed; 0: none. */
  | (InEpoch & {
      readonly kind: 'opened';
      readonly cluster: string;
      readonly agreedEpoch?: number;
    })
  /** An order to switch, and the end of the promise that it gave. */
  | (ByProcess & { readonly kind: 'order-settled'; readonly order: number })
  | (ByProcess & {
      readonly kind: 'ordered';
      readonly order: number;
      /** Where the process was to go without asking its fleet. */
      readonly alone?: string;
    })
  /** The process is gone, like with kill -9: nothing more is heard of it. */
  | (ByProcess & { readonly kind: 'crashed' })
  /** A group's commit, looked at after the broker had taken a commit request. */
  | { readonly kind: 'committed'; readonly place: Place }
  /** A request that was handed to a socket. */
  | (ByProcess & {
      readonly kind: 'written';
      readonly cluster: string;
      readonly apiName: 'Produce' | 'OffsetCommit';
    })
  /** A process begins on a machine. `isIntact`: the state file there says what the last process wanted it to say; `isOlder`: what one wanted before. */
  | (ByProcess & {
      readonly kind: 'started';
      readonly host: number;
      readonly isIntact: boolean;
      readonly isOlder?: boolean;
    })
  /** It has a producer and a consumer from now on. */
  | (ByProcess & { readonly kind: 'ready' })
  /** A switch began: whose opinion it was. It may be refused, or rolled back. */
  | (InEpoch & {
      readonly kind: 'switching';
      readonly from: string;
      readonly to: string;
      readonly planned: boolean;
      readonly by: DecidedBy;
      readonly reason: string;
    })
  /** It was completed. */
  | (InEpoch & { readonly kind: 'switched'; readonly to: string })
  /** The process would be elsewhere, and says why it is not. */
  | (ByProcess & { readonly kind: 'stayed'; readonly because: StayReason })
  /** The agreement holds this decision from now on, for everybody to see. */
  | { readonly kind: 'held'; readonly decision: AgreedDecision }
  /** It has lost what it held above this epoch: something else was written in its place. */
  | { readonly kind: 'lost'; readonly above: number }
  /** A process was told this decision, for the first time. */
  | (ByProcess & { readonly kind: 'heard'; readonly decision: AgreedDecision })
  /** What a process says of itself to the agreement, where it says something new. */
  | (ByProcess & {
      readonly kind: 'stated';
      readonly epoch: number;
      readonly cluster: string;
      readonly wants: string | undefined;
    })
  /** A process has exchanged news with the agreement; it had begun at `sinceMs`. The first one: it begins to listen. */
  | (ByProcess & { readonly kind: 'contact'; readonly sinceMs: number })
  /** A process asks for a decision, and has one: its own, or that of another process. */
  | (ByProcess & { readonly kind: 'proposing'; readonly to: string; readonly by: DecidedBy })
  | (ByProcess & { readonly kind: 'proposed'; readonly to: string; readonly epoch: number })
  /** What the source told a process. `wish`: a value that was really set; undefined where nobody should follow it. */
  | (ByProcess & {
      readonly kind: 'told';
      readonly says: 'value' | 'absent' | 'failed';
      readonly wish: Wish | undefined;
    })
  /** What is really wrong with a cluster from now on; with a process, with its way there. */
  | {
      readonly kind: 'condition';
      readonly cluster: string;
      readonly process?: number;
      readonly faults: readonly Fault[];
    }
  /** Looked at after there was time enough for everything to settle. `wish`: what the source holds, where it can be read. */
  | (ByProcess & {
      readonly kind: 'resting';
      readonly state: string;
      readonly cluster: string | undefined;
      readonly wish: Wish | undefined;
    })
  | { readonly kind: 'fault'; readonly what: string }
  /** Retention has removed what lies below the place. */
  | { readonly kind: 'removed'; readonly place: Place }
  /** The topic was deleted: what follows under this name is another log. */
  | { readonly kind: 'remade'; readonly place: Place }
  /** An operator has set the group back to the place: what lies there and beyond is to be handled once more. */
  | { readonly kind: 'set-back'; readonly place: Place }
  /**
   * What a process has said of the tail that a switch has left behind (`named`), and how it was: what it was told is on the source, and is not on the target
   * (`missing`; empty where that cannot be known); what of the named was on the target when the switch had ended (`wasThere`).
   */
  | (InEpoch & {
      readonly kind: 'searched';
      readonly missing: readonly string[];
      readonly named: readonly string[];
      readonly wasThere: readonly string[];
    })
  | (ByProcess & { readonly kind: 'fact'; readonly what: string })
);

/** One kind of event. */
export type EventOf<Kind extends HistoryEvent['kind']> = Extract<HistoryEvent, { kind: Kind }>;

/**
 * A log as it was at the end: the ids of its records, by offset, in order, those among them that retention has removed (below `low`).
 * Markers and aborted records have none.
 */
export interface FinalLog {
  readonly cluster: string;
  readonly topic: string;
  readonly partition: number;
  readonly low: bigint;
  readonly ids: ReadonlyMap<bigint, string>;
  /** Its topic was deleted: the next one of that name in the list is the log that took its place. */
  readonly isEnded?: boolean;
}

/** A record that was sent again to the other cluster, where it lies there. */
export interface FinalReplay {
  readonly place: Place;
  readonly id: string;
  /** Where it was acknowledged first: `A/orders-0 17`. */
  readonly origin: string;
}

/** Everything the checkers look at. */
export interface Run {
  readonly seed: string;
  readonly events: readonly HistoryEvent[];
  readonly logs: readonly FinalLog[];
  /** What was replayed, in the topic that it was sent to. */
  readonly replays: readonly FinalReplay[];
  /** Sends whose promise had not settled at the end. */
  readonly unsettledSends: readonly string[];
  /** Longest time a send may take by the options, in milliseconds. */
  readonly sendLimitMs: number;
  /** Longest time an order may take by the options, in milliseconds. */
  readonly orderLimitMs: number;
  /** What the service chose for partitions without a known position. */
  readonly onMissingPosition: MissingPosition;
  /** Who decides beside an operator, and by which rules. */
  readonly automation: Automation | undefined;
  /** How the processes decide together; undefined: each for itself. */
  readonly agreement: FleetAgreement | undefined;
  /** Copies share the logs of the records that are born on the target. */
  readonly isShared: boolean;
  /** Where somebody was consuming at the end. */
  readonly finalClusters: readonly string[];
}

/** `cluster/topic-partition`, the name of a physical log. */
export function logName({ cluster, topic, partition }: Omit<Place, 'offset'>): string {
  return `${cluster}/${topic}-${partition}`;
}

/** The resume positions of a plan, with the logs they belong to. */
export function positionsOf({ plan, ends }: EventOf<'planned'>): readonly {
  readonly log: string;
  readonly one: GroupPlan['partitions'][number];
  readonly end: bigint;
}[] {
  return plan.partitions.map((one, index) => ({
    log: logName({ cluster: plan.cluster, topic: one.physicalTopic, partition: one.partition }),
    one,
    end: ends[index] ?? 0n,
  }));
}
