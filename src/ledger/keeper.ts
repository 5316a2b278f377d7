import { messageOf } from '../caught.js';
import type { ClusterAccess } from '../cluster/access.js';
import type { EventSink } from '../events.js';
import { inParallel, PARALLEL_SCANS } from '../position/parallel.js';
import { abortable, ENDLESS_RETRIES, retry, withinDeadline } from '../wait.js';
import type { CancelTimer, World } from '../world.js';
import type { Ledger, LedgerLog, LedgerReader } from './ledger.js';
import { reconcile, search, seenAtEnd, type ReadOn, type ReconciledLog } from './look.js';
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
/** The same where the ledger is more than half full. */
const LOOK_SOON_MS = 500;
const PRESSED = 0.5;

/** Longest time for one look at one log, in milliseconds. */
const LOOK_MAX_MS = 10_000;
/** Longest time for the search in one log, in milliseconds: beyond it nobody can say what of it is mirrored. */
const SEARCH_MAX_MS = 120_000;

interface Place {
  readonly cluster: string;
  readonly topic: string;
}

type Work<T> = (on: ReadOn) => Promise<T>;

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
  #cancel: CancelTimer | undefined;
  #dueAtMs = Number.POSITIVE_INFINITY;
  #isLooking = false;
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
    this.#cancel?.();
    this.#cancel = undefined;
    this.#dueAtMs = Number.POSITIVE_INFINITY;
    this.#run.abort(new Error('the ledger is not looked after any more'));
    this.#run = abortable();
  }

  /** A send was acknowledged. The hot path. */
  #added(): void {
    const { ledger } = this.#parts;
    if (this.#cancel === undefined) this.#lookIn(LOOK_EVERY_MS);
    else if (ledger.bytes > ledger.maxBytes * PRESSED) this.#lookIn(LOOK_SOON_MS);
  }

  #lookIn(delayMs: number): void {
    const { world } = this.#parts;
    const atMs = world.nowMs() + delayMs;
    if (this.#isLooking || atMs >= this.#dueAtMs) return;
    this.#cancel?.();
    this.#dueAtMs = atMs;
    this.#cancel = world.after(delayMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    const { ledger } = this.#parts;
    const run = this.#run;
    this.#isLooking = true;
    await ledger.read(async (reader) => {
      await this.#reconcile(reader);
      await inParallel(PARALLEL_SCANS, ledger.logs(), async (log) => {
        // A cluster that does not answer is asked again at the next look.
        const through = await this.#throughOf(log, reader).catch(() => undefined);
        if (through !== undefined) ledger.mirroredThrough(log, through);
      });
    });
    ledger.shrink();
    this.#isLooking = false;
    if (run !== this.#run) return;
    this.#cancel = undefined;
    this.#dueAtMs = Number.POSITIVE_INFINITY;
    if (!ledger.isEmpty) this.#lookIn(LOOK_EVERY_MS);
  }

  async #throughOf(log: LedgerLog, reader: LedgerReader): Promise<number | undefined> {
    const { ledger } = this.#parts;
    const place = this.#copyOf(log);
    const through = await this.#once(place, (on) => seenAtEnd(log, reader, on));
    if (through !== undefined || ledger.bytes < ledger.maxBytes * PRESSED) return through;
    // Others write more than this process does: its own records are seldom the last ones.
    return (await this.#once(place, (on) => search(log, reader, on))).through;
  }

  /** Clusters that were left, and answer again: what do they have of what they had acknowledged? Told once for each activation. */
  async #reconcile(reader: LedgerReader): Promise<void> {
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
      const reconciled: (LedgerLog & ReconciledLog)[] = [];
      try {
        await inParallel(PARALLEL_SCANS, logs, async (log, index) => {
          const origin = { cluster: log.cluster, topic: log.topic };
          const found = await this.#once(origin, (on) => reconcile(log, reader, on));
          reconciled[index] = { ...log, ...found };
        });
      } catch {
        // Asked again at the next look.
        continue;
      }
      this.#reconciled.add(switchEpoch);
      const report = reconciliationReport(logs[0]?.cluster ?? '', reconciled);
      events.emit('unmirrored.reconciled', { report }, { switchEpoch });
    }
  }

  /** A switch has ended: what of the cluster that was left is not on the other one? Told by event, once it is known. */
  switched({ from, to, switchEpoch }: LedgerSwitch): void {
    if (from === to) return;
    void this.#report({ from, to, switchEpoch }).catch(() => {});
  }

  async #report({ from, to, switchEpoch }: LedgerSwitch): Promise<void> {
    const { world, events, ledger } = this.#parts;
    const report = await ledger.read(async (reader) => {
      const { signal } = this.#run;
      const logs = ledger.logs().filter(({ cluster }) => cluster === from);
      const searched: SearchedRecords[] = [];
      await inParallel(PARALLEL_SCANS, logs, async (log, index) => {
        searched[index] = await this.#search(log, reader);
      });
      signal.throwIfAborted();
      const file = await this.#write(recordLines(searched));
      return unmirroredReport({ from, to, searchedAtWallMs: world.wallMs(), file }, searched);
    });
    if ((this.#last?.switchEpoch ?? 0) < switchEpoch) this.#last = { switchEpoch, report };
    events.emit('unmirrored.searched', { report }, { switchEpoch });
  }

  async #search(log: LedgerLog, reader: LedgerReader): Promise<SearchedRecords> {
    const { ledger } = this.#parts;
    const { topic, partition, switchEpoch, kept, dropped } = log;
    const place = { topic, partition, switchEpoch };
    try {
      const { unmirrored, through } = await this.#patiently(this.#copyOf(log), (on) =>
        search(log, reader, on),
      );
      if (through === undefined) return { ...place, unmirrored, unknown: dropped };
      ledger.mirroredThrough(log, through);
      const unknown = dropped !== undefined && dropped.last > through ? dropped : undefined;
      return { ...place, unmirrored, unknown };
    } catch {
      this.#run.signal.throwIfAborted();
      return {
        ...place,
        unmirrored: [],
        unknown: kept === undefined ? dropped : joined(dropped, kept),
      };
    }
  }

  #copyOf({ cluster, topic }: LedgerLog): Place {
    const { aliases, remoteTopic } = this.#parts;
    const other = aliases.find((alias) => alias !== cluster) ?? cluster;
    return { cluster: other, topic: remoteTopic(cluster, topic) };
  }

  /** Works on a topic of a cluster. */
  async #once<T>(place: Place, work: Work<T>, maxMs = LOOK_MAX_MS): Promise<T> {
    const { world, access } = this.#parts;
    const { cluster, topic } = place;
    const bounded = await withinDeadline(
      world,
      world.nowMs() + maxMs,
      (signal) => work({ access: access(cluster), topic, signal }),
      { signal: this.#run.signal },
    );
    if (bounded.kind === 'settled') return bounded.value;
    throw new Error(`cluster ${cluster} did not answer within ${maxMs} ms`);
  }

  /** The same; a cluster that does not answer is asked again, for a while. */
  #patiently<T>(place: Place, work: Work<T>): Promise<T> {
    const { world } = this.#parts;
    return this.#once(
      place,
      (on) => retry(world, { ...ENDLESS_RETRIES, signal: on.signal }, () => work(on)),
      SEARCH_MAX_MS,
    );
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
