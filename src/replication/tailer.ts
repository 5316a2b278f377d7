import { asError } from '../caught.js';
import type { FetchedRecord, LogRange } from '../cluster/access.js';
import { FailoverClosedError } from '../errors.js';
import { unreachable } from '../unreachable.js';
import { abortable, ENDLESS_RETRIES, retry, untilAborted } from '../wait.js';
import type { SkipReason } from './records.js';
import type { TailedTopic, TailerOptions, TailState, WaitOptions } from './tail-state.js';

/** What a look at the topic brought. `stalled`: there is more, but the cluster did not hand it out (an open transaction, a quota). */
type Progress = 'more' | 'at-end' | 'stalled';

type Phase =
  | { readonly kind: 'starting' | 'missing' }
  | { readonly kind: 'reading'; readonly position: bigint; readonly end: bigint }
  | { readonly kind: 'following'; readonly position: bigint };

/** Somebody who waits until everything is read that the topic held when the waiting began. */
interface Waiter {
  /** End of the topic, learned by the first answer to a question that was asked after the waiting began. */
  end: bigint | undefined;
  resolve(): void;
  reject(error: Error): void;
}

/** Small enough that an answer, of some 1500 offset syncs, does not hold up the process. */
const FETCH_BYTES = 65_536;

/** Pause after each step while nobody waits, in durations of the step: reading takes at most a tenth of the event loop. */
const BACKGROUND_PAUSES = 9;
/** A slow answer is no reason to lag behind. */
const MAX_BACKGROUND_PAUSE_MS = 1_000;

/** Pause where the cluster hands out nothing although there is more (an open transaction, a quota), in milliseconds: somebody may wait. */
const STALLED_MS = 250;

/** Pause between looks at a topic that does not exist, in milliseconds. */
const MISSING_MS = 1_000;

/** Of each reason so many skipped records are reported as events; the rest is only counted. */
const REPORTED_PER_REASON = 10;

/**
 * Reads partition 0 of a topic without a group: from its beginning to its end as of start, then whatever comes. Survives
 * whatever the cluster does.
 *
 * Fetch requests never wait at the broker: all of a process's fetches to one broker share a connection, and a waiting one
 * would hold up the others. Quickness comes from {@link TopicTailer.readToEnd}, which ends every pause: while somebody waits
 * it reads as fast as it can, and otherwise in the background, for these topics may hold millions of records, and the
 * service has its own to handle. Who waits no longer (its signal is aborted) does not count: the reading goes back to the
 * background's pace.
 *
 * Limit: a topic that is deleted, created again and filled beyond our position between two looks is not recognised.
 *
 * @internal
 */
export class TopicTailer {
  readonly #tailed: TailedTopic;
  readonly #options: TailerOptions;
  readonly #end = abortable();
  readonly #waiters = new Set<Waiter>();
  #phase: Phase = { kind: 'starting' };
  /** True after a failure: the topic may be gone, or be another one. */
  #mustLook = true;
  #wake = (): void => {};
  /** How long the last step that succeeded took. */
  #stepMs = 0;
  #completeAtMs: number | undefined;
  #failure: Error | undefined;
  #recordCount = 0;
  #skippedCounts: Partial<Record<SkipReason, number>> = {};

  constructor(tailed: TailedTopic, options: TailerOptions) {
    this.#tailed = tailed;
    this.#options = options;
    void this.#run();
  }

  /** True where everything is known that the topic held when reading began: also where it does not exist. */
  get isComplete(): boolean {
    return this.#phase.kind === 'following' || this.#phase.kind === 'missing';
  }

  state(): TailState {
    const { access, topic } = this.#tailed;
    return {
      cluster: access.alias,
      topic,
      phase: this.#phase.kind,
      position: 'position' in this.#phase ? this.#phase.position : undefined,
      ageMs:
        this.#completeAtMs === undefined
          ? undefined
          : this.#options.world.nowMs() - this.#completeAtMs,
      recordCount: this.#recordCount,
      skippedCounts: { ...this.#skippedCounts },
      failure: this.#failure,
    };
  }

  /**
   * Resolves when everything is read that the topic holds at the time of the call; goes on trying until then, or until
   * `signal` is aborted: then it rejects with the signal's reason, and nothing of it is left.
   *
   * @throws {@link FailoverClosedError} ERR_FAILOVER_CLOSED - the tailer was closed.
   */
  readToEnd({ signal }: WaitOptions = {}): Promise<void> {
    if (this.#end.signal.aborted) return Promise.reject(closedError(this.#tailed.topic));
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiters.delete(waiter);
        reject(signal?.reason);
      };
      const settled = (): void => signal?.removeEventListener('abort', onAbort);
      const waiter: Waiter = {
        end: undefined,
        resolve() {
          settled();
          resolve();
        },
        reject(error) {
          settled();
          reject(error);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.add(waiter);
      this.#wake();
    });
  }

  /** Stops reading at once; an answer that is under way is ignored. Idempotent. */
  close(): void {
    if (this.#end.signal.aborted) return;
    const error = closedError(this.#tailed.topic);
    this.#end.abort(error);
    this.#wake();
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters.clear();
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    const { world } = this.#options;
    while (!signal.aborted) {
      try {
        const progress = await retry(world, { ...ENDLESS_RETRIES, signal }, () =>
          this.#attempt(signal),
        );
        const isAwaited = this.#waiters.size > 0;
        if (progress === 'stalled') await this.#pause(STALLED_MS);
        else if (!isAwaited && progress === 'at-end') await this.#pause(this.#restMs);
        else if (!isAwaited && this.#stepMs > 0) {
          await this.#pause(Math.min(this.#stepMs * BACKGROUND_PAUSES, MAX_BACKGROUND_PAUSE_MS));
        }
      } catch {
        // Closed: nothing else ends the retrying.
      }
    }
  }

  /** Until the next look at a topic that has nothing new. */
  get #restMs(): number {
    const { pollMs } = this.#options;
    return this.#phase.kind === 'missing' ? MISSING_MS : pollMs;
  }

  async #attempt(signal: AbortSignal): Promise<Progress> {
    const { world } = this.#options;
    const startedAtMs = world.nowMs();
    try {
      const progress = await this.#step(signal);
      this.#stepMs = world.nowMs() - startedAtMs;
      this.#failure = undefined;
      return progress;
    } catch (error) {
      if (!signal.aborted) this.#failed(error);
      throw error;
    }
  }

  #failed(cause: unknown): void {
    const error = asError(cause);
    // One report per spell of failures.
    if (this.#failure === undefined) {
      const { access, topic } = this.#tailed;
      this.#options.events.emit('mirror.read-failed', { cluster: access.alias, topic, error });
    }
    this.#failure = error;
    this.#mustLook = true;
  }

  /** Asks the cluster once or twice, and takes what it answers. */
  async #step(signal: AbortSignal): Promise<Progress> {
    const { access, topic } = this.#tailed;
    // Only they asked before this step's questions: its answers hold for them.
    const waiters = [...this.#waiters];
    const position = this.#mustLook ? await this.#look(signal) : this.#position;
    if (position === undefined) {
      this.#reachedEnd(waiters);
      return 'at-end';
    }
    const { records, nextOffset, range } = await untilAborted(
      signal,
      access.fetch(topic, 0, position, { maxWaitMs: 0, maxBytes: FETCH_BYTES }),
    );
    if (range.high < position) {
      this.#mustLook = true;
      return 'more';
    }
    for (const record of records) this.#take(record);
    if (nextOffset > position) this.#moveTo(nextOffset);
    else if (position < range.high) return 'stalled';
    return this.#settle(waiters, range.high);
  }

  get #position(): bigint | undefined {
    return 'position' in this.#phase ? this.#phase.position : undefined;
  }

  /** Finds out whether the topic is (still) there and (still) the same, and where to go on. Undefined: it is missing. */
  async #look(signal: AbortSignal): Promise<bigint | undefined> {
    const { access, topic } = this.#tailed;
    const ranges = await untilAborted(signal, access.ranges(topic));
    if (ranges === undefined) {
      if (this.#phase.kind !== 'missing') {
        this.#begin({ kind: 'missing' });
        this.#tailed.onComplete();
      }
      return undefined;
    }
    const range = ranges.get(0);
    if (range === undefined) throw new Error(`partition 0 of ${topic} has no leader`);
    this.#mustLook = false;
    const position = this.#position;
    if (position !== undefined && position >= range.low && position <= range.high) return position;
    // Below `low`, records are gone that may have taken back earlier ones; above `high` this is another topic.
    return this.#beginAt(range);
  }

  #beginAt({ low, high }: LogRange): bigint {
    const { lastCount } = this.#tailed;
    const position = lastCount === undefined || high - lastCount < low ? low : high - lastCount;
    this.#begin({ kind: 'reading', position, end: high });
    this.#moveTo(position);
    return position;
  }

  #begin(phase: Phase): void {
    this.#phase = phase;
    this.#recordCount = 0;
    this.#skippedCounts = {};
    this.#tailed.onBegin();
  }

  #take(record: FetchedRecord): void {
    this.#recordCount += 1;
    const because = this.#tailed.onRecord(record);
    if (because === undefined) return;
    const count = (this.#skippedCounts[because] ?? 0) + 1;
    this.#skippedCounts[because] = count;
    if (count > REPORTED_PER_REASON) return;
    const { access, topic } = this.#tailed;
    const { offset } = record;
    const cluster = access.alias;
    this.#options.events.emit('mirror.record-skipped', { cluster, topic, offset, because });
  }

  #moveTo(position: bigint): void {
    const phase = this.#phase;
    switch (phase.kind) {
      case 'reading':
        if (position < phase.end) {
          this.#phase = { ...phase, position };
          return;
        }
        this.#phase = { kind: 'following', position };
        this.#tailed.onComplete();
        return;
      case 'following':
        this.#phase = { kind: 'following', position };
        return;
      case 'starting':
      case 'missing':
        throw new Error(`${this.#tailed.topic} was read while ${phase.kind}`);
      default:
        unreachable(phase);
    }
  }

  #settle(waiters: readonly Waiter[], high: bigint): Progress {
    const position = this.#position ?? 0n;
    for (const waiter of waiters) waiter.end ??= high;
    this.#release(waiters.filter(({ end }) => end !== undefined && position >= end));
    if (position < high) return 'more';
    this.#reachedEnd(waiters);
    return 'at-end';
  }

  #reachedEnd(waiters: readonly Waiter[]): void {
    this.#completeAtMs = this.#options.world.nowMs();
    this.#release(waiters);
  }

  #release(waiters: readonly Waiter[]): void {
    for (const waiter of waiters) {
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  /** Ends early where somebody asks, or at the close. */
  #pause(durationMs: number): Promise<void> {
    const { world } = this.#options;
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        this.#wake = () => {};
        resolve();
      };
      const cancel = world.after(durationMs, done);
      this.#wake = done;
      if (this.#end.signal.aborted) done();
    });
  }
}

function closedError(topic: string): FailoverClosedError {
  return new FailoverClosedError(`Reading ${topic} was ended by close()`);
}
