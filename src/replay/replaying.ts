import { messageOf } from '../caught.js';
import type { ClusterSession } from '../cluster/session.js';
import { deferred, type Deferred } from '../deferred.js';
import { FailoverOptionsError } from '../errors.js';
import type { EventSink } from '../events.js';
import type { AfterSearch } from '../ledger/keeper.js';
import type { LedgerSwitch } from '../ledger/switch-search.js';
import { bounded } from '../ledger/topics.js';
import type { OnUnmirrored } from '../options-producer.js';
import type { FailoverKafkaProducer } from '../producer/failover-producer.js';
import { anyOf, untilAborted } from '../wait.js';
import { nothingReplayed, replay } from './replay.js';
import type { ReplayReport, ReplayStatus } from './report.js';
import type { ReplayJob, ReplayParts, ReplaySend } from './resend.js';

/** @internal What a {@link Replaying} is made of. */
export interface ReplayingParts extends ReplayParts {
  /** What is done at once. */
  readonly mode: Exclude<OnUnmirrored, 'report'>;
  readonly events: EventSink;
  /** The one in force. */
  session(): ClusterSession | undefined;
  /** A producer that lets nothing wait for a switch, and asks nobody which partition a record belongs to. */
  producer(): Pick<FailoverKafkaProducer, 'connect' | 'send' | 'disconnect'>;
}

/** Longest wait for an answer of a cluster that may be dead, in milliseconds. */
const ANSWER_MS = 3_000;

/** What a switch has left behind, and somebody sees to. */
interface Work {
  readonly job: ReplayJob;
  readonly ordered: Deferred<void>;
  isOrdered: boolean;
  readonly report: Deferred<ReplayReport>;
}

/**
 * Has the records replayed that an unplanned switch has left behind: at once, or when somebody orders it. What is held stays in memory until then, or until the cluster is
 * left again.
 *
 * @internal
 */
export class Replaying {
  readonly #parts: ReplayingParts;
  #work: Work | undefined;

  constructor(parts: ReplayingParts) {
    this.#parts = parts;
  }

  status(): ReplayStatus {
    const work = this.#work;
    if (work === undefined) return { kind: 'none' };
    const recordCount = work.job.missing.reduce((sum, { offsets }) => sum + offsets.length, 0);
    return { kind: work.isOrdered ? 'replaying' : 'held', recordCount };
  }

  /** As {@link AfterSearch}. */
  readonly afterSearch: AfterSearch = async (one, missing, reader, stopped) => {
    const { mode, events } = this.#parts;
    if (one.planned === true || missing.length === 0) return;
    const job = { from: one.from, to: one.to, missing, reader };
    const isOrdered = mode === 'replay';
    const work: Work = { job, ordered: deferred(), isOrdered, report: deferred() };
    if (isOrdered) work.ordered.resolve();
    this.#work = work;
    const report = await this.#carryOut(work, one, stopped).catch((error: unknown) =>
      nothingReplayed(job, messageOf(error)),
    );
    if (this.#work === work) this.#work = undefined;
    work.report.resolve(report);
    events.emit('unmirrored.replayed', { report }, one);
  };

  /**
   * Has done what is held.
   *
   * @returns undefined where nothing is.
   */
  async order(signal: AbortSignal): Promise<ReplayReport | undefined> {
    const work = this.#work;
    if (work === undefined) return undefined;
    work.isOrdered = true;
    work.ordered.resolve();
    return untilAborted(signal, work.report.promise);
  }

  /** Where nobody knows whether it was given up, it is asked. */
  async #answers(cluster: string, { missing }: ReplayJob, stopped: AbortSignal): Promise<boolean> {
    const { world } = this.#parts;
    const [{ log: { topic } } = { log: { topic: '' } }] = missing;
    const asked = bounded(
      { cluster, topic },
      this.#parts,
      stopped,
      ({ access }) => access.ranges(topic),
      world.nowMs() + ANSWER_MS,
    );
    return asked.then(
      () => true,
      () => false,
    );
  }

  /** Rejects where nothing could be done. */
  async #carryOut(
    { job, ordered }: Work,
    { from, to, switchEpoch, planned }: LedgerSwitch,
    stopped: AbortSignal,
  ): Promise<ReplayReport> {
    if (planned === 'unknown' && (await this.#answers(from, job, stopped))) {
      throw new Error(`cluster ${from} answers: the mirror brings what is late`);
    }
    const session = this.#parts.session();
    if (session?.switchEpoch !== switchEpoch) throw new Error(`cluster ${to} was left`);
    const signal = anyOf(stopped, session.signal);
    await untilAborted(signal, ordered.promise);
    const producer = this.#parts.producer();
    try {
      await untilAborted(signal, producer.connect());
      const send: ReplaySend = (record) => producer.send(record, { signal });
      return await replay(job, this.#parts, send, signal);
    } finally {
      await producer.disconnect().catch(() => {});
    }
  }
}

/** @internal Where the option says that nothing is ever replayed. */
export const NO_REPLAYS: Pick<Replaying, 'afterSearch' | 'order' | 'status'> = {
  afterSearch: () => Promise.resolve(),
  order: () =>
    Promise.reject(
      new FailoverOptionsError(
        'producer.onUnmirrored',
        'report',
        "producer.onUnmirrored: with 'report' nothing is kept for a replay; set it to 'hold', or to 'replay', in every process",
      ),
    ),
  status: () => ({ kind: 'none' }),
};
