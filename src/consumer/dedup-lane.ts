import type { KafkaMessage } from 'kafkajs';
import type { DedupWindow } from './dedup-window.js';
import { readOffset } from './offsets.js';
import type { RecordLog } from './record-identity.js';
import type { HandledElsewhere, ReplayedRecord } from './replayed-records.js';
import type { LogReach, PartitionWork, Stretch } from './partition-work.js';
import type { FailoverConsumerRunConfig } from './types.js';

/** @internal What a {@link DedupLane} is made of. */
export interface DedupLaneParts {
  readonly window: DedupWindow;
  readonly source: RecordLog;
  readonly work: PartitionWork;
  /** False: a record was handled once user code has committed it. */
  readonly isAutoCommit: boolean;
  /** Defined in the first epoch after a switch: the place of the plan, if it has one for this log. */
  readonly begins: { readonly at: bigint | undefined } | undefined;
  /** What the group had handled on the other cluster, in that epoch. */
  readonly handledElsewhere: HandledElsewhere | undefined;
  /** True where the group has handled the record at this offset of the cluster's own topic, in this partition. */
  hasPassedReplay(offset: bigint): boolean;
}

/** @internal A record that a handler is given. */
export interface Opened {
  readonly id: string;
  readonly offset: bigint;
  readonly stretch: Stretch;
  readonly log: LogReach;
}

/** @internal How far a handler says it has come. */
export interface HandlerProgress {
  /** False for a batch that its handler may have left early: then only what it resolved was handled. */
  readonly endCoversAll: boolean;
  readonly resolved: string | undefined;
}

/**
 * One physical partition's side of a {@link DedupWindow}: sees every delivery, and notes what was handled well.
 *
 * ```
 *   delivered ─► below the commit, or not at the plan's place? ─► the stretch ends: everything counts as new
 *        └─────► handled in this stretch? ─► left out
 *                     └─ no ─► to the handler ─► ended well, in the same stretch? ─► noted
 * ```
 *
 * @internal
 */
export class DedupLane {
  readonly #parts: DedupLaneParts;
  #begins: DedupLaneParts['begins'];
  #opened: Opened[] = [];

  constructor(parts: DedupLaneParts) {
    this.#parts = parts;
    this.#begins = parts.begins;
  }

  /**
   * True for a record that was handled. To be asked for every record, in the order of the log.
   *
   * @param isRecognised - it is left out in any case.
   */
  leavesOut(message: KafkaMessage, isRecognised: boolean): boolean {
    const { window, source, work, handledElsewhere } = this.#parts;
    const offset = BigInt(message.offset);
    const moved = this.#moved(offset);
    if (moved !== 'not') work.interrupt(source.cluster);
    if (moved === 'back') handledElsewhere?.movesBack(source.topic, source.partition);
    const { stretch } = work;
    const log = work.reach(source);
    log.reached ??= offset;
    // Before anything is decided: a record that is left out for another reason is that one all the same, and no look-alike of it.
    const replayed = window.replayed?.claim(message, source);
    if (isRecognised) return true;
    if (replayed !== undefined && this.#isElsewhere(replayed, offset)) {
      window.leftOut();
      return true;
    }
    const ids = [window.identify(message, source), replayed?.id].filter((id) => id !== undefined);
    const place = `${source.physicalTopic} ${message.offset}`;
    if (ids.some((id) => window.isHandled(id, stretch, place))) return true;
    for (const id of ids) this.#opened.push({ id, offset, stretch, log });
    return false;
  }

  /** The group has come past its replay here; or it is the replay, and the group had handled it on the other cluster. */
  #isElsewhere(replayed: ReplayedRecord, offset: bigint): boolean {
    const { source, handledElsewhere, hasPassedReplay } = this.#parts;
    if (replayed.kind === 'original') {
      return replayed.replayedAt !== undefined && hasPassedReplay(replayed.replayedAt);
    }
    const at = { ...source, offset };
    return handledElsewhere?.includes(replayed.replay, at) === true;
  }

  /** The records that were not left out, for the handler that is about to be called with them. */
  take(): readonly Opened[] {
    const opened = this.#opened;
    this.#opened = [];
    return opened;
  }

  /**
   * Notes what was handled, when the handler has ended. Nothing before: a record that failed comes again.
   *
   * @param progress - looked at when the handler has ended.
   */
  watch(opened: readonly Opened[], outcome: unknown, progress: HandlerProgress): void {
    Promise.resolve(outcome).then(
      () => this.#note(progress.endCoversAll ? opened : resolvedOf(opened, progress)),
      () => this.#note(resolvedOf(opened, progress)),
    );
  }

  /** The cluster confirmed a commit. */
  confirms(offset: bigint): void {
    const { source, work } = this.#parts;
    const log = work.reach(source);
    log.committed = offset;
    if (log.reached === undefined || log.reached < offset) log.reached = offset;
  }

  /** Whether this is not where the plan, or this process, would go on. Beyond it others have been at work. */
  #moved(offset: bigint): 'not' | 'on' | 'back' {
    const { source, work } = this.#parts;
    const begins = this.#begins;
    this.#begins = undefined;
    const { reached } = work.reach(source);
    if (reached !== undefined && offset < reached) return 'back';
    if (begins === undefined || begins.at === offset) return 'not';
    return begins.at !== undefined && offset < begins.at ? 'back' : 'on';
  }

  #note(opened: readonly Opened[]): void {
    const { window, work, isAutoCommit } = this.#parts;
    for (const { id, offset, stretch, log } of opened) {
      // Ended meanwhile: somebody wants it again.
      if (stretch !== work.stretch) continue;
      window.note(id, { stretch, unless: isAutoCommit ? undefined : { log, offset } });
    }
  }
}

/** Of a batch whose handler failed, or left it early. */
function resolvedOf(opened: readonly Opened[], { resolved }: HandlerProgress): readonly Opened[] {
  const last = readOffset(resolved);
  return last === undefined ? [] : opened.filter(({ offset }) => offset <= last);
}

/** @internal A run config whose handlers tell the lane of their records how they have ended. */
export function noting(
  { eachMessage, eachBatch, ...rest }: FailoverConsumerRunConfig,
  laneOf: (physicalTopic: string, partition: number) => WatchedLane,
): FailoverConsumerRunConfig {
  const call = ({ dedup, progress }: WatchedLane, handle: () => Promise<void>): Promise<void> => {
    // Before the call: one that throws at once leaves nothing behind.
    const opened = dedup?.take() ?? [];
    const outcome = handle();
    dedup?.watch(opened, outcome, progress);
    return outcome;
  };
  const noted: FailoverConsumerRunConfig = { ...rest };
  if (eachMessage) {
    noted.eachMessage = (payload) =>
      call(laneOf(payload.physicalTopic, payload.partition), () => eachMessage(payload));
  }
  if (eachBatch) {
    noted.eachBatch = (payload) =>
      call(laneOf(payload.physicalTopic, payload.batch.partition), () => eachBatch(payload));
  }
  return noted;
}

interface WatchedLane {
  readonly dedup: DedupLane | undefined;
  readonly progress: HandlerProgress;
}
