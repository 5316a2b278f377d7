import { messageOf } from '../caught.js';
import type { ClusterAccess } from '../cluster/access.js';
import type { EventSink } from '../events.js';
import { inParallel, PARALLEL_SCANS } from '../position/parallel.js';
import { abortable, ENDLESS_RETRIES, retry, withinDeadline } from '../wait.js';
import type { CancelTimer, World } from '../world.js';
import type { Ledger, LedgerLog, LedgerReader } from './ledger.js';
import { reconcile, search, seenAtEnd, soughtIn, type ReadOn, type ReconciledLog } from './look.js';
import {
  reconciliationReport,
  recordLines,
  unmirroredReport,
  type LedgerStatus,
  type SearchedRecords,
  type UnmirroredReport,
} from './report.js';
import { joined } from './span.js';

/** @internal What a {@link LedgerKeeper} is made of. */
export interface LedgerKeeperParts {
  readonly world: World;
  readonly events: EventSink;
  readonly ledger: Ledger;
  readonly aliases: readonly [string, string];
  /** Where the records go that are not mirrored; undefined: nowhere. */
  readonly file: string | undefined;
  /** The activation in force; undefined while no cluster is worked with in peace. */
  steadyEpoch(): number | undefined;
  access(alias: string): ClusterAccess;
  /** Name of a topic of `cluster` on the other one. */
  remoteTopic(cluster: string, topic: string): string;
}

/** Pause between looks at how far the mirror has come, in milliseconds. */
const LOOK_EVERY_MS = 5_000;
/** The same where the ledger is short of room: where more than this share of it is taken. */
const LOOK_SOON_MS = 500;
const PRESSED_SHARE = 0.5;

/** Where it is, and the last records of a copy are those of others: so many of a log's oldest segments are looked for in so many answers. */
const SCANNED_SEGMENTS = 2;
const SCAN_FETCHES = 16;

/** Longest time for one look at one log, in milliseconds. */
const LOOK_MAX_MS = 10_000;
/** Longest time for the search in one log, in milliseconds: beyond it nobody can say what of it is mirrored. */
const SEARCH_MAX_MS = 120_000;

interface TopicOn {
  readonly cluster: string;
  readonly topic: string;
}

/** When it looks again how far the mirror has come. */
type NextLook =
  | { readonly kind: 'idle' }
  | { readonly kind: 'due'; readonly atMs: number; readonly cancel: CancelTimer }
  | { readonly kind: 'looking' };

const IDLE: NextLook = { kind: 'idle' };

/** @internal A switch, as the keeper has to know it. */
export interface LedgerSwitch {
  readonly from: string;
  readonly to: string;
  readonly switchEpoch: number;
}

/**
 * Keeps the ledger short, by looking from time to time how far the mirror has come, and says after a switch what was acknowledged and is not on the other
 * cluster. Nobody waits for it.
 *
 * @internal
 */
export class LedgerKeeper {
  readonly #parts: LedgerKeeperParts;
  #run = abortable();
  #next: NextLook = IDLE;
  #scannedAtMs = Number.NEGATIVE_INFINITY;
  /** Activations of which it was told what their cluster still has. */
  readonly #reconciled = new Set<number>();
  #last: { readonly switchEpoch: number; readonly report: UnmirroredReport } | undefined;

  constructor(parts: LedgerKeeperParts) {
    this.#parts = parts;
    parts.ledger.onAdded(() => this.#added());
  }

  status(): LedgerStatus {
    const { bytes, maxBytes } = this.#parts.ledger;
    return { bytes, maxBytes };
  }

  /** What was found after a switch; undefined where that is not known (yet). */
  reportOf(switchEpoch: number): UnmirroredReport | undefined {
    return this.#last?.switchEpoch === switchEpoch ? this.#last.report : undefined;
  }

  /** No client is in use any more: nothing may keep the process from ending. What is in the ledger stays there. */
  stop(): void {
    if (this.#next.kind === 'due') this.#next.cancel();
    this.#next = IDLE;
    this.#run.abort(new Error('the ledger is not looked after any more'));
    this.#run = abortable();
  }

  /** A send was acknowledged. The hot path. */
  #added(): void {
    const { ledger } = this.#parts;
    if (this.#next.kind === 'idle') this.#lookIn(LOOK_EVERY_MS);
    else if (ledger.bytes > ledger.maxBytes * PRESSED_SHARE) this.#lookIn(LOOK_SOON_MS);
  }

  /** Unless it looks now, or will do so before that. */
  #lookIn(delayMs: number): void {
    const { world } = this.#parts;
    const atMs = world.nowMs() + delayMs;
    if (this.#next.kind === 'looking') return;
    if (this.#next.kind === 'due') {
      if (this.#next.atMs <= atMs) return;
      this.#next.cancel();
    }
    this.#next = { kind: 'due', atMs, cancel: world.after(delayMs, () => void this.#look()) };
  }

  async #look(): Promise<void> {
    const { ledger } = this.#parts;
    const { signal } = this.#run;
    const looking: NextLook = { kind: 'looking' };
    this.#next = looking;
    const mayScan = this.#mayScan();
    await ledger.read(async (reader) => {
      await this.#reconcile(reader, signal);
      await inParallel(PARALLEL_SCANS, ledger.logs(), async (log) => {
        // A cluster that does not answer is asked again at the next look.
        const through = await this.#throughOf(log, reader, { signal, mayScan }).catch(
          () => undefined,
        );
        if (through !== undefined) ledger.mirroredThrough(log, through);
      });
    });
    ledger.shrink();
    // Else it was stopped meanwhile.
    if (this.#next !== looking) return;
    this.#next = IDLE;
    if (!ledger.isEmpty) this.#lookIn(LOOK_EVERY_MS);
  }

  /** True where the ledger is short of room, and no log was scanned of late. */
  #mayScan(): boolean {
    const { world, ledger } = this.#parts;
    if (ledger.bytes < ledger.maxBytes * PRESSED_SHARE) return false;
    const nowMs = world.nowMs();
    if (nowMs - this.#scannedAtMs < LOOK_EVERY_MS) return false;
    this.#scannedAtMs = nowMs;
    return true;
  }

  async #throughOf(
    log: LedgerLog,
    reader: LedgerReader,
    { signal, mayScan }: { readonly signal: AbortSignal; readonly mayScan: boolean },
  ): Promise<number | undefined> {
    const copy = this.#copyOf(log);
    const through = await this.#bounded(copy, signal, (on) => seenAtEnd(log, reader, on));
    if (through !== undefined || !mayScan) return through;
    // Others write more than this process does: its own records are seldom the last ones. The oldest ones take the room.
    return this.#bounded(copy, signal, async (on) => {
      const oldest = await soughtIn(reader.batches(log, { oldest: SCANNED_SEGMENTS }));
      return (await search(log, oldest, on, SCAN_FETCHES)).through;
    });
  }

  /** Clusters that were left, and answer: what do they have of what they had acknowledged? Told once for each activation. */
  async #reconcile(reader: LedgerReader, signal: AbortSignal): Promise<void> {
    const { ledger, events } = this.#parts;
    const now = this.#parts.steadyEpoch();
    if (now === undefined) return;
    const epochs = new Map<number, LedgerLog[]>();
    for (const log of ledger.logs()) {
      const { switchEpoch, kept } = log;
      if (switchEpoch >= now || kept === undefined || this.#reconciled.has(switchEpoch)) continue;
      epochs.set(switchEpoch, [...(epochs.get(switchEpoch) ?? []), log]);
    }
    for (const [switchEpoch, logs] of epochs) {
      const [{ cluster } = { cluster: '' }] = logs;
      const reconciled: (LedgerLog & ReconciledLog)[] = [];
      try {
        await inParallel(PARALLEL_SCANS, logs, async (log, index) => {
          const origin = { cluster, topic: log.topic };
          const found = await this.#bounded(origin, signal, (on) => reconcile(log, reader, on));
          reconciled[index] = { ...log, ...found };
        });
      } catch {
        // Asked again at the next look.
        continue;
      }
      this.#reconciled.add(switchEpoch);
      events.emit(
        'unmirrored.reconciled',
        { report: reconciliationReport(cluster, reconciled) },
        { switchEpoch },
      );
    }
  }

  /** A switch has ended: what of the cluster that was left is not on the other one? Told by event, once it is known. */
  switched({ from, to, switchEpoch }: LedgerSwitch): void {
    if (from === to) return;
    // Where the last client has left meanwhile nobody is told.
    void this.#report({ from, to, switchEpoch }).catch(() => {});
  }

  async #report({ from, to, switchEpoch }: LedgerSwitch): Promise<void> {
    const { world, events, ledger } = this.#parts;
    const { signal } = this.#run;
    const report = await ledger.read(async (reader) => {
      const logs = ledger.logs().filter(({ cluster }) => cluster === from);
      const searched: SearchedRecords[] = [];
      await inParallel(PARALLEL_SCANS, logs, async (log, index) => {
        searched[index] = await this.#search(log, reader, signal);
      });
      signal.throwIfAborted();
      const file = await this.#write(recordLines(searched));
      return unmirroredReport({ from, to, searchedAtWallMs: world.wallMs(), file }, searched);
    });
    if ((this.#last?.switchEpoch ?? 0) < switchEpoch) this.#last = { switchEpoch, report };
    events.emit('unmirrored.searched', { report }, { switchEpoch });
  }

  async #search(
    log: LedgerLog,
    reader: LedgerReader,
    signal: AbortSignal,
  ): Promise<SearchedRecords> {
    const { ledger, world } = this.#parts;
    const { topic, partition, switchEpoch, kept, dropped } = log;
    const place = { topic, partition, switchEpoch };
    try {
      // What cannot be read now never will: that is no question to a cluster.
      const sought = await soughtIn(reader.batches(log));
      const { unmirrored, through } = await this.#bounded(
        this.#copyOf(log),
        signal,
        // A cluster that does not answer is asked again, for a while.
        (on) => {
          const policy = { ...ENDLESS_RETRIES, signal: on.signal };
          return retry(world, policy, () => search(log, sought, on));
        },
        SEARCH_MAX_MS,
      );
      if (through === undefined) return { ...place, unmirrored, unknown: dropped };
      ledger.mirroredThrough(log, through);
      const unknown = dropped !== undefined && dropped.last > through ? dropped : undefined;
      return { ...place, unmirrored, unknown };
    } catch {
      signal.throwIfAborted();
      return {
        ...place,
        unmirrored: [],
        unknown: kept === undefined ? dropped : joined(dropped, kept),
      };
    }
  }

  #copyOf({ cluster, topic }: LedgerLog): TopicOn {
    const { aliases, remoteTopic } = this.#parts;
    const other = aliases.find((alias) => alias !== cluster) ?? cluster;
    return { cluster: other, topic: remoteTopic(cluster, topic) };
  }

  /** Works on a topic of a cluster, for a time. */
  async #bounded<T>(
    { cluster, topic }: TopicOn,
    ended: AbortSignal,
    work: (on: ReadOn) => Promise<T>,
    maxMs = LOOK_MAX_MS,
  ): Promise<T> {
    const { world, access } = this.#parts;
    ended.throwIfAborted();
    const bounded = await withinDeadline(
      world,
      world.nowMs() + maxMs,
      (signal) => work({ access: access(cluster), topic, signal }),
      { signal: ended },
    );
    if (bounded.kind === 'settled') return bounded.value;
    throw new Error(`cluster ${cluster} did not answer within ${maxMs} ms`);
  }

  async #write(text: string): Promise<string | undefined> {
    const { world, events, file: path } = this.#parts;
    if (path === undefined || text === '') return undefined;
    try {
      await world.writeText(path, text);
      return path;
    } catch (error) {
      events.emit('unmirrored.file-failed', { path, because: messageOf(error) });
      return undefined;
    }
  }
}
