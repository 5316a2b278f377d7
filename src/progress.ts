import type { AgreementContext } from './agreement/agreement.js';
import { asError } from './caught.js';
import type { EventSink } from './events.js';
import type { ProgressOptions } from './options-progress.js';
import type { GroupNeed } from './position/need.js';
import { ProgressLog, PROGRESS_SETTINGS } from './position/progress-log.js';
import { progressNews, type Speech, type Written } from './position/progress-news.js';
import { isAtWork, progressKey, progressValue, type Recorded } from './position/progress-record.js';
import type { StandbyCommits, StandbySide } from './position/standby-commits.js';
import { abortable, sleep, withinDeadline } from './wait.js';
import type { World } from './world.js';

/** @internal What {@link Progress} is made of. */
export interface ProgressParts {
  readonly world: World;
  readonly events: EventSink;
  readonly aliases: readonly [string, string];
  /** Undefined: nothing is written and nothing is read. */
  readonly options: ProgressOptions | undefined;
  readonly openLog: AgreementContext['log'];
  /** The cluster that is worked with, in a steady state. */
  steady(): { readonly active: string; readonly switchEpoch: number } | undefined;
  /** What the groups of this process have handled there. */
  needs(): readonly GroupNeed[];
  readonly standbyCommits: StandbyCommits;
}

/**
 * What is known of the writing of progress records.
 *
 * @public
 */
export interface ProgressStatus {
  /** The cluster that they are written on: the standby. */
  readonly cluster: string;
  /** Milliseconds since the last one was stored; undefined where none was. */
  readonly writtenAgeMs: number | undefined;
  /** Why the newest ones are not stored; undefined while all goes well. */
  readonly failure: Error | undefined;
}

/** Longest pause between attempts at a standby that does not take them, in milliseconds. */
const MAX_PAUSE_MS = 30_000;

/** Every so many turns the other members' records are read as well, so that a switch has little left to read, and the groups' commits on the standby. */
const READ_EVERY = 10;

/** Where nothing is written the records that were handled last are looked at all the same, so that they are let go of, in milliseconds. */
const SETTLE_EVERY_MS = 1_000;

/** So many turns after a switch what was written on the cluster that is worked with now is past: the group's commits there carry on. */
const PAST_AFTER = 10;

/** Longest wait for the last words before a switch goes on, and for those of others, in milliseconds. */
const LAST_WORDS_MS = 500;
const READ_MS = 1_500;

/** The same in a process that begins: it knows nothing else of the group's work, and holds up no switch. */
const FIRST_READ_MS = 5_000;

/** The same where writing has failed of late, in milliseconds: a service without the rights for it must not wait in each switch. */
const FAILING_MS = 200;

/** Longest wait for the last words of members that were at work until now, and pause between looks, in milliseconds. */
const OTHERS_MS = 1_000;
const LOOK_EVERY_MS = 20;

/** Who has written within this time was at work until now, in milliseconds: clocks differ a little, and writes take their time. */
const AT_WORK_MS = 5_000;

/**
 * Writes down on the standby how far the groups of this process have come, and reads what other members have written: so a
 * position is known there also when its process died together with the active cluster, and whoever has the partition next goes on at it.
 * One write an interval, beside the handling and never in its way.
 *
 * @internal
 */
export class Progress {
  readonly #parts: ProgressParts;
  readonly #logs = new Map<string, ProgressLog>();
  #written: Written = new Map();
  #epoch: number | undefined;
  /** The epoch in which older records were set past. */
  #pastEpoch: number | undefined;
  #writtenAtMs: number | undefined;
  #failure: Error | undefined;
  #failureCount = 0;
  #turnCount = 0;
  #isLooking = false;
  /** What had been read of each group when its plan was made. */
  readonly #plannedAt = new Map<string, number>();
  readonly #writer: string;
  #run = abortable();
  #cancel: (() => void) | undefined;

  constructor(parts: ProgressParts) {
    this.#parts = parts;
    this.#writer = Math.floor(parts.world.random() * 36 ** 8).toString(36);
  }

  /** Begins to write, once a consumer exists. Idempotent. */
  start(): void {
    if (this.#cancel !== undefined) return;
    this.#run = abortable();
    this.#schedule();
  }

  /** Ends the writing, and closes every connection. What is asked next opens them anew. */
  async stop(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#run.abort(new Error('progress is not written any more'));
    this.#written = new Map();
    const logs = [...this.#logs.values()];
    this.#logs.clear();
    await Promise.allSettled(logs.map((log) => log.close()));
  }

  status(): ProgressStatus | undefined {
    const steady = this.#parts.steady();
    const isOn = this.#parts.options !== undefined && this.#cancel !== undefined;
    if (steady === undefined || !isOn) return undefined;
    return {
      cluster: this.#other(steady.active),
      writtenAgeMs:
        this.#writtenAtMs === undefined ? undefined : this.#parts.world.nowMs() - this.#writtenAtMs,
      failure: this.#failure,
    };
  }

  /**
   * The last words of a switch: what was handled on `from` until the fence; or of a member that leaves its group in order, as if the next switch
   * came now. Others wait for this process until it is said, so it is bounded, and never rejects.
   */
  async lastWords(
    { from, to, switchEpoch }: { from: string; to: string; switchEpoch: number },
    needs: readonly GroupNeed[],
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#parts.options === undefined || from === to) return;
    const said = needs.map((need) => ({ ...need, untouched: [] }));
    const last = {
      ...this.#speaker(from, to),
      ...{ cluster: from, switchEpoch: switchEpoch - 1, isLast: true },
    };
    const { records } = progressNews(said, last, new Map());
    if (records.length === 0) return;
    // Another member of this process that gets these partitions speaks of them anew, also where it has not come further.
    const keys = new Set(records.map(({ key }) => key));
    this.#written = new Map([...this.#written].filter(([key]) => !keys.has(key)));
    await this.#within(this.#limit(LAST_WORDS_MS), () => this.#log(to).write(records), signal);
  }

  /** What members of a group have written, on either cluster, of their work on the other one. Bounded, and never rejects. */
  async recorded(
    groupId: string,
    {
      from,
      to,
      planned,
      isFirst = false,
    }: { from: string; to: string; planned: boolean; isFirst?: boolean },
    signal: AbortSignal,
  ): Promise<Recorded> {
    if (this.#parts.options === undefined || from === to) return { onSource: [], onTarget: [] };
    const log = this.#log(to);
    const onFrom = this.#log(from);
    await this.#within(
      this.#limit(isFirst ? FIRST_READ_MS : READ_MS),
      async (until) => {
        // A cluster that is given up is not asked: what was read of it before counts.
        await Promise.all([log.readToEnd(until), planned ? onFrom.readToEnd(until) : undefined]);
      },
      signal,
    );
    this.#plannedAt.set(`${to} ${groupId}`, log.readCount(groupId));
    return { onSource: log.recorded(groupId, from), onTarget: onFrom.recorded(groupId, to) };
  }

  /**
   * Waits for the last words of the group's other members, which leave the cluster as well, or have died with it: a second at most. A fleet (`isFleet`) was waited for already.
   * Not for planned switches: there what they have handled is committed.
   *
   * @returns true where something was written since {@link recorded}: a plan that was made then may be a better one now.
   */
  async othersSaid(
    groupId: string,
    { from, to }: { from: string; to: string },
    isFleet: boolean,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { world, options } = this.#parts;
    if (options === undefined || from === to) return false;
    const log = this.#log(to);
    const sinceWallMs = world.wallMs() - AT_WORK_MS;
    const isSaid = (): boolean =>
      !log.recorded(groupId, from).some((one) => isAtWork(one, this.#writer, sinceWallMs));
    const look = async (until: AbortSignal): Promise<void> => {
      for (;;) {
        await log.readToEnd(until);
        if (isFleet || isSaid()) return;
        await sleep(world, LOOK_EVERY_MS, { signal: until });
      }
    };
    await this.#within(OTHERS_MS, look, signal);
    return log.readCount(groupId) !== this.#plannedAt.get(`${to} ${groupId}`);
  }

  #schedule(): void {
    const everyMs = this.#parts.options?.everyMs ?? SETTLE_EVERY_MS;
    const pauseMs = Math.min(everyMs * 2 ** this.#failureCount, Math.max(everyMs, MAX_PAUSE_MS));
    const { signal } = this.#run;
    this.#cancel = this.#parts.world.after(pauseMs, () => {
      void this.#turn(signal).finally(() => {
        if (!signal.aborted) this.#schedule();
      });
    });
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const steady = this.#parts.steady();
    if (steady === undefined) return;
    const { active, switchEpoch } = steady;
    if (this.#epoch !== switchEpoch) {
      this.#epoch = switchEpoch;
      this.#written = new Map();
      this.#turnCount = 0;
    }
    this.#turnCount += 1;
    const standby = this.#other(active);
    try {
      const needs = this.#parts.needs();
      const speaker = this.#speaker(active, standby);
      const now = { ...speaker, cluster: active, switchEpoch, isLast: false };
      const before = this.#written;
      const { records, written } = progressNews(needs, now, before);
      if (this.#parts.options === undefined) return;
      this.#lookAtCommits({ active, standby }, needs, signal);
      if (this.#turnCount >= PAST_AFTER && this.#pastEpoch !== switchEpoch) {
        await this.#setPast(active, standby, needs, signal);
        // Stopped meanwhile: nothing is opened any more. And behind last words nothing older may be written.
        if (signal.aborted || this.#written !== before) return;
        this.#pastEpoch = switchEpoch;
      }
      await this.#exchange(standby, records, signal);
      if (signal.aborted) return;
      if (records.length > 0) this.#writtenAtMs = this.#parts.world.nowMs();
      if (this.#written === before) this.#written = written;
      this.#failureCount = 0;
      this.#failure = undefined;
    } catch (error) {
      if (signal.aborted) return;
      this.#failureCount += 1;
      const isNew = this.#failure === undefined;
      this.#failure = asError(error);
      if (isNew) {
        const facts = { cluster: standby, error: this.#failure };
        this.#parts.events.emit('progress.failed', facts, steady);
      }
    }
  }

  async #exchange(
    standby: string,
    records: readonly { key: string; value: string | null }[],
    signal: AbortSignal,
  ): Promise<void> {
    const log = this.#log(standby);
    if (records.length > 0) await log.write(records);
    if (this.#looksNow) await log.readToEnd(signal);
  }

  get #looksNow(): boolean {
    return this.#turnCount % READ_EVERY === 1;
  }

  /** Beside the writing, which does not wait for it: what it finds is said in the next turn. */
  #lookAtCommits(side: StandbySide, needs: readonly GroupNeed[], signal: AbortSignal): void {
    const { standbyCommits } = this.#parts;
    const isDue = this.#looksNow || !standbyCommits.knowsAll(side, needs);
    if (this.#isLooking || !isDue) return;
    this.#isLooking = true;
    const look = (): Promise<void> => standbyCommits.look(side, needs);
    void this.#within(READ_MS, look, signal).finally(() => {
      this.#isLooking = false;
    });
  }

  /**
   * The switch is over: what was written on `active` about the other cluster has been used. It must not count again, when the other cluster's logs may
   * be new ones; only on the way home it says how far they were handled.
   */
  async #setPast(
    active: string,
    other: string,
    needs: readonly GroupNeed[],
    signal: AbortSignal,
  ): Promise<void> {
    const log = this.#log(active);
    await log.readToEnd(signal);
    const old = needs.flatMap(({ groupId }) =>
      log
        .recorded(groupId, other)
        .filter((one) => !one.isPast)
        .map((one) => ({
          key: progressKey({ groupId, cluster: other, ...one }),
          value: progressValue({ ...one, isPast: true }),
        })),
    );
    if (old.length > 0) await log.write(old);
  }

  #log(alias: string): ProgressLog {
    const known = this.#logs.get(alias);
    if (known !== undefined) return known;
    const { world, openLog, options } = this.#parts;
    const topic = `__${options?.topic ?? ''}.progress`;
    const log = new ProgressLog(openLog(alias, topic, PROGRESS_SETTINGS), world);
    this.#logs.set(alias, log);
    return log;
  }

  #speaker(active: string, standby: string): Pick<Speech, 'writer' | 'atWallMs' | 'onStandby'> {
    const { world, standbyCommits } = this.#parts;
    return {
      writer: this.#writer,
      atWallMs: world.wallMs(),
      onStandby: (...log) => standbyCommits.of({ active, standby }, ...log),
    };
  }

  #limit(usualMs: number): number {
    return this.#failure === undefined ? usualMs : Math.min(FAILING_MS, usualMs);
  }

  #other(alias: string): string {
    const [first, second] = this.#parts.aliases;
    return alias === first ? second : first;
  }

  async #within(
    limitMs: number,
    work: (signal: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const { world } = this.#parts;
    await withinDeadline(world, world.nowMs() + limitMs, work, { signal }).catch(() => {});
  }
}
