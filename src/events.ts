import type { AgreedDecision } from './agreement/agreement.js';
import type { FailbackAssessment } from './failback/gates.js';
import type { FailbackReport } from './failback/procedure.js';
import type { FailbackStep } from './failback/steps.js';
import type { FacetHealth } from './health/facet.js';
import type { ReconciliationReport, UnmirroredReport } from './ledger/report.js';
import type { ReplayReport } from './replay/report.js';
import type { GroupPlan } from './position/plan.js';
import type { Opinion } from './signals/signal-state.js';
import type { StayReason } from './strategy/strategy.js';
import type { SwitchMeasurement } from './switch/exactness.js';
import type { SwitchReport } from './switch/report.js';

/** @public When and in which activation something happened. Part of every event. */
export interface FailoverEventBase {
  /** Monotonic milliseconds of the world's clock. */
  readonly atMs: number;
  /** The activation that it belongs to, also where it comes late, when the next switch has begun; otherwise the one in force or, during a switch, that of its target. */
  readonly switchEpoch: number;
}

/** @public The phases of a switch, in their order. A switch runs through those that its kind has. */
export type SwitchPhase =
  'prepare' | 'agree' | 'hold' | 'drain' | 'fence' | 'barrier' | 'catch-up' | 'translate' | 'open';

/**
 * Facts that the library reports, by name, in the past tense. A producer or a consumer is named by its `id` in `status()`. Listeners observe; nothing essential happens in them. A
 * listener that throws, or rejects where it is asynchronous, is contained, and reported as `listener.failed`.
 *
 * @public
 */
export interface FailoverEvents {
  /** A switch began. */
  'switch.started': FailoverEventBase & {
    readonly from: string;
    readonly to: string;
    readonly planned: boolean;
    readonly reason: string;
  };
  /** A phase began. */
  'switch.phase-started': FailoverEventBase & {
    readonly from: string;
    readonly to: string;
    readonly phase: SwitchPhase;
  };
  /** A phase took longer than its deadline; the switch goes on. (Beyond `prepareMs` and `agreeMs` it is refused, and a planned one goes back beyond `translateMs`.) */
  'switch.phase-overran': FailoverEventBase & {
    readonly from: string;
    readonly to: string;
    readonly phase: SwitchPhase;
    readonly deadlineMs: number;
    readonly detail: string;
  };
  /** A switch ended on the new cluster. */
  'switch.completed': FailoverEventBase & { readonly report: SwitchReport };
  /**
   * What the last switch has cost: its positions and what was really handled again, how long work stood still, what is not mirrored. Told
   * once, when work goes on, or after a minute, or before the next switch, with what is known by then; `status().lastSwitch` knows more later.
   */
  'switch.measured': FailoverEventBase & { readonly measurement: SwitchMeasurement };
  /** The service is away, and another gate of the way home is the first one that is closed, or none is any more. */
  'failback.assessed': FailoverEventBase & { readonly assessment: FailbackAssessment };
  /** A gradual failback has taken a part of the fleet home; told by the process that leads it. */
  'failback.step': FailoverEventBase & { readonly step: FailbackStep };
  /** A gradual failback has stopped by itself; the fleet stays where the last step has left it. */
  'failback.stopped': FailoverEventBase & {
    /** Why, in words. */
    readonly because: string;
    /** The steps that were taken. */
    readonly steps: readonly FailbackStep[];
  };
  /** A call of `failback` has gone home, and has looked whether all is well there. */
  'failback.completed': FailoverEventBase & FailbackReport;
  /** A switch was refused before anything was touched. */
  'switch.refused': FailoverEventBase & {
    readonly from: string;
    readonly to: string;
    readonly reasons: readonly string[];
  };
  /** A planned switch failed and work went on with the cluster it came from, in a new epoch. */
  'switch.rolled-back': FailoverEventBase & { readonly to: string; readonly error: Error };
  /**
   * The process before this one died in the middle of a switch (`stateFile`). `cluster` is where this one begins: the target where that had been
   * opened, otherwise the source, and then nothing of the switch has happened.
   */
  'switch.interrupted': FailoverEventBase & {
    readonly from: string;
    readonly to: string;
    readonly planned: boolean;
    readonly reason: string;
    readonly phase: SwitchPhase;
    readonly cluster: string;
  };
  /** The resume positions of a group were fixed: in a switch, or where it starts on the cluster it was switched to. */
  'positions.planned': FailoverEventBase & { readonly plan: GroupPlan };
  /** Behind the name of the standby stands another cluster than expected. Nothing is sent there, and no switch leads to it. */
  'cluster.mismatched': FailoverEventBase & { readonly cluster: string; readonly error: Error };
  /** A cluster's sockets were destroyed and new ones are refused, for this epoch. */
  'cluster.fenced': FailoverEventBase & {
    readonly cluster: string;
    readonly socketCount: number;
    readonly reason: string;
  };
  /** A request has been waiting for an answer longer than it should: the socket may be dead although it is open. */
  'socket.stalled': FailoverEventBase & {
    readonly cluster: string;
    readonly broker: string;
    readonly waitingMs: number;
  };
  /**
   * A cluster's health changed, for producing (`of: 'produce'`) or for consumer groups. Only changes of the kind are told;
   * `status()` has the rest.
   */
  'health.changed': FailoverEventBase & {
    readonly cluster: string;
    readonly of: 'produce' | 'consume';
    readonly from: FacetHealth;
    readonly to: FacetHealth;
  };
  /**
   * How far the groups have come could not be written down on the standby (`consumer.progress`). It is tried again, ever more rarely;
   * told once, until it has worked again.
   */
  'progress.failed': FailoverEventBase & { readonly cluster: string; readonly error: Error };
  /** A cluster does not let us in, or we do not trust it. It is not called unhealthy for that. */
  'health.refused': FailoverEventBase & { readonly cluster: string; readonly because: string };
  /**
   * The strategy would have the service elsewhere and keeps it where it is. Told once, until the reason is another one.
   */
  'strategy.stayed': FailoverEventBase & {
    readonly cluster: string;
    readonly strategy: string;
    readonly because: StayReason;
    readonly detail: string;
  };
  /** A strategy threw instead of deciding, or its decision could not be carried out for a reason of ours; the state is kept. */
  'strategy.failed': FailoverEventBase & { readonly strategy: string; readonly error: Error };
  /** An outside source says something else than before, or is heard again, or cannot be heard any more. */
  'signal.changed': FailoverEventBase & {
    readonly signal: string;
    readonly from: Opinion;
    readonly to: Opinion;
  };
  /** An outside source holds something that is not taken: garbage, an unknown alias, an older epoch. The last good value stays. */
  'signal.refused': FailoverEventBase & { readonly signal: string; readonly because: string };
  /** The state file could not be read or written. The library goes on without it. */
  'state-file.failed': FailoverEventBase & { readonly path: string; readonly because: string };
  /** The fleet has decided, by this process or another one. */
  'agreement.decided': FailoverEventBase & {
    readonly agreement: string;
    readonly decision: AgreedDecision;
  };
  /** The agreement cannot be reached. The last decision stays in force. Told once, until it was reached again. */
  'agreement.failed': FailoverEventBase & { readonly agreement: string; readonly because: string };
  /** The agreement holds something that is no decision: garbage, an unknown alias, no epoch. */
  'agreement.refused': FailoverEventBase & { readonly agreement: string; readonly because: string };
  /** The library stopped itself. `cluster` is the active one. */
  'failover.halted': FailoverEventBase & { readonly cluster: string; readonly error: Error };
  /**
   * Sends are waiting for a switch to end; reported for the first one of each switch. `cluster` is the one that they wait
   * for; undefined where none was chosen.
   */
  'producer.held': FailoverEventBase & {
    readonly producer: string;
    readonly cluster: string | undefined;
  };
  /** The sends that waited were handed to the new cluster. */
  'producer.released': FailoverEventBase & {
    readonly producer: string;
    readonly cluster: string;
    readonly sendCount: number;
    readonly resentCount: number;
  };
  /** More than four fifths of a limit of the hold buffer are used, with a send that it took; a large one may be refused before. Reported once for each switch. `cluster` as above. */
  'producer.hold-filling': FailoverEvents['producer.held'];
  /** A send could not wait: the hold buffer was full; reported for the first one of each switch. `cluster` as above. */
  'producer.hold-full': FailoverEvents['producer.held'];
  /**
   * After a switch: what this process's producers were told is on the cluster that was left was searched for on the other one. Told once for each switch, as soon
   * as it is known; also where nothing is missing. Not where the last client leaves before that, or nothing is kept (`producer.ledgerMaxBytes: 0`).
   */
  'unmirrored.searched': FailoverEventBase & { readonly report: UnmirroredReport };
  /**
   * What a switch has left behind was replayed (`producer.onUnmirrored`), or was not, and why. Told once, also where the cluster was left before, or the last client has gone.
   */
  'unmirrored.replayed': FailoverEventBase & { readonly report: ReplayReport };
  /** A cluster that was left answers, perhaps it never was away: what it still has of what it had acknowledged, and is not known to be mirrored. Told once for each activation. */
  'unmirrored.reconciled': FailoverEventBase & { readonly report: ReconciliationReport };
  /** The records that are not mirrored could not be written to `producer.unmirroredFile`. */
  'unmirrored.file-failed': FailoverEventBase & { readonly path: string; readonly because: string };
  /**
   * Something of `producer.ledgerSpool` could not be written, or what an earlier life of the process has left there could not be read. The library goes on without it; told once
   * until it works again. A report that may miss something by it is not complete.
   */
  'unmirrored.spool-failed': FailoverEventBase & {
    readonly path: string;
    readonly because: string;
  };
  /** A consumer handles records of the new cluster. */
  'consumer.attached': FailoverEventBase & {
    readonly consumer: string;
    readonly cluster: string;
    readonly groupId: string;
    /** True where it was a member of its group there before the switch (`consumer.hotStandby`): it did not have to join. */
    readonly wasHot: boolean;
  };
  /** With `consumer.hotStandby`: a consumer is a member of its group on the standby, and waits there. */
  'consumer.standby-joined': FailoverEventBase & {
    readonly consumer: string;
    readonly cluster: string;
    readonly groupId: string;
  };
  /** It is none any more, or could not become one; told once until it is one again. It goes on trying, and a switch joins as without it. */
  'consumer.standby-lost': FailoverEventBase & {
    readonly consumer: string;
    readonly cluster: string;
    readonly groupId: string;
    readonly error: Error;
  };
  /** The physical topics behind a consumer's subscription changed; it joined its group anew. */
  'consumer.resubscribed': FailoverEventBase & {
    readonly consumer: string;
    readonly cluster: string;
    readonly groupId: string;
    readonly topics: readonly string[];
  };
  /** User code handed back an offset of an older epoch; it was refused. */
  'consumer.offset-refused': FailoverEventBase & {
    readonly consumer: string;
    readonly error: Error;
  };
  /**
   * Retention was quicker than the consumer: records `first` to `last` of a log (bigint, offsets of `cluster`) were removed before they were handled, and kafkajs has gone on behind them. They
   * are handled after a switch, where their copies are still on the other cluster and this member has the partition until then.
   */
  'consumer.overtaken': FailoverEventBase & {
    readonly consumer: string;
    readonly groupId: string;
    readonly cluster: string;
    readonly topic: string;
    /** The topic on `cluster`. */
    readonly physicalTopic: string;
    readonly partition: number;
    readonly first: bigint;
    readonly last: bigint;
  };
  /** `consumer.dedup.messageId` threw, or answered what is no id; the record was handled as ever. Told once for each beginning. */
  'consumer.dedup-failed': FailoverEventBase & {
    readonly consumer: string;
    readonly error: Error;
  };
  /** A record of MirrorMaker's internal topics could not be read and was skipped. */
  'mirror.record-skipped': FailoverEventBase & {
    readonly cluster: string;
    readonly topic: string;
    readonly offset: string;
    readonly because: string;
  };
  /** Reading one of MirrorMaker's internal topics failed; it is tried again. */
  'mirror.read-failed': FailoverEventBase & {
    readonly cluster: string;
    readonly topic: string;
    readonly error: Error;
  };
  /** A listener threw, or rejected. */
  'listener.failed': FailoverEventBase & { readonly event: string; readonly error: Error };
}

/** @public Name of an event. */
export type FailoverEventName = keyof FailoverEvents;

/** @public Stops a subscription. */
export type Unsubscribe = () => void;

/** @internal Emits facts; the composition root stamps them with time and epoch. */
export interface EventSink {
  /** @param epoch - where the fact belongs to another activation than the one in force when it is told. */
  emit<Name extends FailoverEventName>(
    name: Name,
    facts: Omit<FailoverEvents[Name], keyof FailoverEventBase>,
    epoch?: Pick<FailoverEventBase, 'switchEpoch'>,
  ): void;
}
