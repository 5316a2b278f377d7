import { inParallel, PARALLEL_SCANS } from '../position/parallel.js';
import { abortable } from '../wait.js';
import type { CancelTimer } from '../world.js';
import type { FoundCopy } from './copies.js';
import type { LedgerLog, LedgerReader } from './ledger-reader.js';
import { reconcile, search, seenAtEnd, soughtIn, type ReconciledLog } from './look.js';
import { reconciliationReport, type LedgerStatus, type UnmirroredReport } from './report.js';
import type { LedgerSpool } from './spool.js';
import {
  searchAfterSwitch,
  type LedgerSwitch,
  type MissingRecords,
  type SwitchSearchParts,
} from './switch-search.js';
import { bounded, copyOf } from './topics.js';

/** @internal What a {@link LedgerKeeper} is made of. */
export interface LedgerKeeperParts extends SwitchSearchParts {
  /** The activation in force, and its cluster; undefined while no cluster is worked with in peace. */
  steady(): { readonly active: string; readonly switchEpoch: number } | undefined;
  /** Keeps the ledger on the disk; undefined: nobody does. */
  readonly spool?: LedgerSpool | undefined;
  /** What is to be done with what a switch has left behind; what `reader` has read is good until it has ended. Never rejects. */
  readonly afterSearch: AfterSearch;
}

/** @internal What follows a search. */
export type AfterSearch = (
  one: LedgerSwitch,
  missing: readonly MissingRecords[],
  reader: LedgerReader,
  signal: AbortSignal,
) => Promise<void>;

/** Pause between looks at how far the mirror has come, in milliseconds. */
const LOOK_EVERY_MS = 5_000;
/** The same where the ledger is short of room: where more than this share of it is taken. */
const LOOK_SOON_MS = 500;
const PRESSED_SHARE = 0.5;

/** Where it is, and the last records of a copy are those of others: so many of a log's oldest segments are looked for in so many answers. */
const SCANNED_SEGMENTS = 2;
const SCAN_FETCHES = 16;

/** When it looks again how far the mirror has come. */
type NextLook =
  | { readonly kind: 'idle' }
  | { readonly kind: 'due'; readonly atMs: number; readonly cancel: CancelTimer }
  | { readonly kind: 'looking' };

const IDLE: NextLook = { kind: 'idle' };

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
  #isInUse = false;
  /** The last switch, as long as its report was not told. */
  #owed: LedgerSwitch | undefined;
  #scannedAtMs = Number.NEGATIVE_INFINITY;
  /** What earlier lives have left is taken up by then. */
  #loaded: Promise<void> = Promise.resolve();
  /** What they have left on the other cluster was not told yet. */
  #isLoading = false;
  #owesEarlier = false;
  /** Activations of which it was told what their cluster still has. */
  readonly #reconciled = new Set<string>();
  #last: { readonly switchEpoch: number; readonly report: UnmirroredReport } | undefined;

  constructor(parts: LedgerKeeperParts) {
    this.#parts = parts;
    parts.ledger.onAdded(() => this.#added());
  }

  status(): Omit<LedgerStatus, 'replay'> {
    const { ledger, spool } = this.#parts;
    const { bytes, maxBytes } = ledger;
    return { bytes, maxBytes, spoolBytes: spool?.bytes ?? 0 };
  }

  /** What was found after a switch; undefined where that is not known (yet). */
  reportOf(switchEpoch: number): UnmirroredReport | undefined {
    return this.#last?.switchEpoch === switchEpoch ? this.#last.report : undefined;
  }

  /** A client is in use. */
  start(): void {
    if (this.#isInUse) return;
    this.#isInUse = true;
    this.#load();
    this.#report();
    if (this.#hasToLook()) this.#lookIn(LOOK_EVERY_MS);
  }

  /** No client is in use any more: nothing may keep the process from ending. What is in the ledger stays there. */
  stop(): void {
    this.#isInUse = false;
    if (this.#next.kind === 'due') this.#next.cancel();
    this.#next = IDLE;
    this.#run.abort(new Error('the ledger is not looked after any more'));
    this.#run = abortable();
    this.#parts.spool?.rest();
  }

  /** Resolves when the disk has all; not where it hangs. */
  async settled(): Promise<void> {
    await this.#parts.spool?.settled();
  }

  /** Once: what earlier lives have left. */
  #load(): void {
    const { spool } = this.#parts;
    if (spool === undefined || this.#isLoading) return;
    this.#isLoading = true;
    this.#loaded = spool.load().then(() => {
      // What a switch owes has it all.
      this.#owesEarlier = this.#owed === undefined;
      if (this.#isInUse) this.#lookIn(LOOK_SOON_MS);
    });
  }

  /** What earlier lives have left on the cluster that this one does not work with: told as after a switch. */
  #tellOfEarlier(): void {
    const { ledger, aliases } = this.#parts;
    const steady = this.#parts.steady();
    if (steady === undefined || !this.#owesEarlier) return;
    this.#owesEarlier = false;
    const { active, switchEpoch } = steady;
    const from = aliases.find((alias) => alias !== active) ?? active;
    const isLeft = ledger.logs().some(({ isEarlier, cluster }) => isEarlier && cluster === from);
    if (isLeft || !ledger.isWhole(from))
      this.switched({ from, to: active, switchEpoch, planned: 'unknown' });
  }

  /** A send was acknowledged. The hot path. */
  #added(): void {
    const { ledger } = this.#parts;
    if (!this.#isInUse) return;
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
    this.#tellOfEarlier();
    await ledger.read(async (reader) => {
      await this.#reconcile(reader, signal);
      await inParallel(PARALLEL_SCANS, ledger.logs(), async (log) => {
        // A cluster that does not answer is asked again at the next look.
        const found = await this.#foundOf(log, reader, { signal, mayScan }).catch(() => undefined);
        if (found !== undefined) ledger.mirroredThrough(log, found);
      });
    });
    ledger.forgetMirrored();
    // Else it was stopped meanwhile.
    if (this.#next !== looking) return;
    this.#next = IDLE;
    if (this.#hasToLook()) this.#lookIn(LOOK_EVERY_MS);
  }

  #hasToLook(): boolean {
    return this.#owesEarlier || !this.#parts.ledger.isEmpty;
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

  async #foundOf(
    log: LedgerLog,
    reader: LedgerReader,
    { signal, mayScan }: { readonly signal: AbortSignal; readonly mayScan: boolean },
  ): Promise<FoundCopy | undefined> {
    if (log.kept === undefined) return undefined;
    const copy = copyOf(log, this.#parts);
    const found = await bounded(copy, this.#parts, signal, (on) => seenAtEnd(log, reader, on));
    if (found !== 'ambiguous' && (found !== undefined || !mayScan)) return found;
    // Others write more than this process does: its own records are seldom the last ones. The oldest ones take the room.
    return bounded(copy, this.#parts, signal, async (on) => {
      const oldest = await soughtIn(reader.batches(log, { oldest: SCANNED_SEGMENTS }), log, on);
      return (await search(log, oldest, on, SCAN_FETCHES)).highest;
    });
  }

  /** Clusters that were left, and answer: what do they have of what they had acknowledged? Told once for each activation. */
  async #reconcile(reader: LedgerReader, signal: AbortSignal): Promise<void> {
    const { ledger, events } = this.#parts;
    const steady = this.#parts.steady();
    if (steady === undefined) return;
    const activations = new Map<string, LedgerLog[]>();
    for (const log of ledger.logs()) {
      const { cluster, switchEpoch, isEarlier, kept } = log;
      // Without a state file each life counts its activations anew.
      const isLeft = isEarlier ? cluster !== steady.active : switchEpoch < steady.switchEpoch;
      const activation = `${isEarlier ? 'earlier ' : ''}${cluster}@${switchEpoch}`;
      if (!isLeft || kept === undefined || this.#reconciled.has(activation)) continue;
      activations.set(activation, [...(activations.get(activation) ?? []), log]);
    }
    for (const [activation, logs] of activations) {
      const [{ cluster, switchEpoch } = { cluster: '', switchEpoch: 0 }] = logs;
      const reconciled: (LedgerLog & ReconciledLog)[] = [];
      try {
        await inParallel(PARALLEL_SCANS, logs, async (log, index) => {
          const origin = { cluster, topic: log.topic };
          const found = await bounded(origin, this.#parts, signal, (on) =>
            reconcile(log, reader, on),
          );
          reconciled[index] = { ...log, ...found };
        });
      } catch {
        // Asked again at the next look.
        continue;
      }
      this.#reconciled.add(activation);
      events.emit(
        'unmirrored.reconciled',
        { report: reconciliationReport(cluster, reconciled) },
        { switchEpoch },
      );
    }
  }

  /** A switch has ended: what of the cluster that was left is not on the other one? Told by event, once it is known. */
  switched(one: LedgerSwitch): void {
    if (one.from === one.to) return;
    this.#owesEarlier = false;
    this.#owed = one;
    this.#report();
  }

  /** Where no client is in use, it waits for the next one. */
  #report(): void {
    const one = this.#owed;
    const { signal } = this.#run;
    if (one === undefined || !this.#isInUse) return;
    const searching = this.#loaded.then(() => this.#searchAfter(one, signal));
    searching.catch(
      // The last client has left meanwhile: it is still owed.
      () => {},
    );
  }

  #searchAfter(one: LedgerSwitch, signal: AbortSignal): Promise<void> {
    const { ledger, events, afterSearch } = this.#parts;
    return ledger.read(async (reader) => {
      const { report, missing } = await searchAfterSwitch(one, reader, this.#parts, signal);
      // Told is told.
      ledger.damaged(one.from, false);
      if (this.#owed === one) this.#owed = undefined;
      if ((this.#last?.switchEpoch ?? 0) < one.switchEpoch) this.#last = { ...one, report };
      // Before anybody hears of it: a listener may want something done with what was found.
      const following = afterSearch(one, missing, reader, signal);
      events.emit('unmirrored.searched', { report }, one);
      await following;
    });
  }
}
