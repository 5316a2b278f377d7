import { messageOf } from '../caught.js';
import type { EventSink } from '../events.js';
import { sleep, untilDeadline } from '../wait.js';
import type { CancelTimer, World } from '../world.js';
import { isWorthKeeping, type KeptGeneration, type SegmentWatcher } from './generation.js';
import type { Ledger } from './ledger.js';
import type { Segment } from './segment.js';
import { SpoolFile, type SpoolFsync } from './spool-file.js';
import { loadSpool } from './spool-load.js';
import { stateText } from './spool-state.js';

/** @internal What a {@link LedgerSpool} is made of. */
export interface LedgerSpoolParts {
  readonly world: World;
  readonly events: EventSink;
  readonly ledger: Ledger;
  readonly aliases: readonly string[];
  /** Exists, and is this process's alone. */
  readonly directory: string;
  readonly fsync: SpoolFsync;
}

/** What can go wrong; each is told until it goes well again. */
type SpoolWork = 'write' | 'sync' | 'state' | 'remove';

/** Pause between two times that the disk is told to have all, and is cleared of what is not needed, in milliseconds. */
const TIDY_EVERY_MS = 1_000;

/** Longest wait for what earlier lives have left, in milliseconds. */
const LOAD_MAX_MS = 10_000;

/** Longest wait for the last write, in milliseconds. */
const LAST_WRITE_MS = 1_000;

/**
 * Keeps the ledger on the disk, so that the next life of the process knows what this one has not seen mirrored: a file for each segment, which grows behind it and goes with it.
 * Nobody waits for it, and what it cannot do disturbs nobody: it is told by event.
 *
 * One thing is done at a time, in this order, so that whatever the process dies of, the next life has too much rather than too little:
 *
 * 1. What was acknowledged is written.
 * 2. What is known beside it is written: what was let go for want of room, and how far logs are mirrored.
 * 3. Files of segments that were let go are removed.
 *
 * @internal
 */
export class LedgerSpool implements SegmentWatcher {
  readonly #parts: LedgerSpoolParts;
  /** Begins the name of each file of this life. */
  readonly #life: string;
  /** Of segments that are kept, the oldest first. */
  readonly #files = new Map<Segment, SpoolFile>();
  /** Those of segments that are not. */
  #left: { readonly file: SpoolFile; readonly why: 'mirrored' | 'dropped' }[] = [];
  /** Names of generations that earlier lives have given, by number. */
  readonly #names = new Map<number, string>();
  #fileCount = 0;
  #newest: SpoolFile | undefined;
  #working: Promise<void> | undefined;
  #loading: Promise<void> | undefined;
  #isLoaded = false;
  #tidies: CancelTimer | undefined;
  #isToTidy = false;
  /** Nobody sends: what there is is all. */
  #isResting = false;
  /** As it was written last. */
  #state: string | undefined;
  /** What could not be done the last time. */
  readonly #failing = new Set<SpoolWork>();

  constructor(parts: LedgerSpoolParts) {
    this.#parts = parts;
    const { world, ledger } = parts;
    const chance = Math.floor(world.random() * 0x1_00_00_00);
    this.#life = `${String(world.wallMs()).padStart(15, '0')}-${chance.toString(16).padStart(6, '0')}`;
    ledger.watch(this);
  }

  /** Bytes of all files. */
  get bytes(): number {
    return [...this.#files.values(), ...this.#left.map(({ file }) => file)].reduce(
      (sum, file) => sum + file.bytes,
      0,
    );
  }

  written(segment: Segment): void {
    this.#isResting = false;
    if (this.#newest?.segment !== segment) this.#begin(segment);
    this.#wake();
  }

  letGo(segment: Segment, why: 'mirrored' | 'dropped'): void {
    const file = this.#files.get(segment);
    if (file === undefined) return;
    this.#files.delete(segment);
    file.letGo();
    this.#left.push({ file, why });
    this.#tidySoon();
  }

  /** Takes up what earlier lives of the process have left. Once; never rejects. */
  load(): Promise<void> {
    const { world, ledger, aliases, directory } = this.#parts;
    const loading = (this.#loading ??= loadSpool({
      ...{ world, ledger, aliases, directory },
      ownNames: this.#life,
      statePath: this.#statePath,
      onGeneration: (number, name) => this.#names.set(number, name),
      onFile: (file) => this.#files.set(file.segment, file),
      onFailed: (path, because) => this.#tell(path, because),
    }).then(() => {
      this.#isLoaded = true;
      this.#tidySoon();
    }));
    return this.#inTime(loading);
  }

  /** Reports wait for it. What comes later is taken up all the same. */
  async #inTime(loading: Promise<void>): Promise<void> {
    const { world, ledger, aliases, directory } = this.#parts;
    const { kind } = await untilDeadline(world, world.nowMs() + LOAD_MAX_MS, loading);
    if (kind === 'settled') return;
    for (const alias of aliases) ledger.damaged(alias, true);
    this.#tell(directory, `it could not be read within ${LOAD_MAX_MS} ms`);
  }

  /** Nobody sends any more: what there is is all, and the disk gets it. */
  rest(): void {
    this.#isResting = true;
    this.#tidyNow();
  }

  /** Resolves when nothing is being written any more. A disk that hangs is not waited for. */
  async settled(): Promise<void> {
    const { world } = this.#parts;
    await untilDeadline(world, world.nowMs() + LAST_WRITE_MS, this.#working ?? Promise.resolve());
  }

  get #statePath(): string {
    return `${this.#parts.directory}/state.json`;
  }

  #begin(segment: Segment): void {
    const { world, ledger, directory } = this.#parts;
    const { generation } = segment;
    const number = String(this.#fileCount).padStart(8, '0');
    this.#fileCount += 1;
    const path = `${directory}/${this.#life}-${number}.ledger`;
    const head = { ...ledger.originOf(generation), generation: this.#nameOf(generation) };
    this.#newest = new SpoolFile(world, path, segment, head);
    this.#files.set(segment, this.#newest);
  }

  #nameOf(generation: number): string {
    return this.#names.get(generation) ?? `${this.#life}-${generation}`;
  }

  #tidySoon(): void {
    this.#tidies ??= this.#parts.world.after(TIDY_EVERY_MS, () => this.#tidyNow());
  }

  #tidyNow(): void {
    this.#tidies?.();
    this.#tidies = undefined;
    this.#isToTidy = true;
    this.#wake();
  }

  #wake(): void {
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
  }

  async #work(): Promise<void> {
    // What comes together goes together.
    await sleep(this.#parts.world, 0);
    for (;;) {
      const file = this.#unfinished();
      if (file !== undefined) {
        await this.#write(file);
      } else if (this.#isToTidy) {
        this.#isToTidy = false;
        await this.#tidy();
      } else {
        return;
      }
    }
  }

  /** The oldest one that is behind. */
  #unfinished(): SpoolFile | undefined {
    for (const file of this.#files.values()) {
      if (file.hasMore) return file;
      if (file.isOpen && (file !== this.#newest || this.#isResting)) return file;
    }
    return undefined;
  }

  async #write(file: SpoolFile): Promise<void> {
    const { fsync } = this.#parts;
    await this.#try('write', file.path, () => (file.hasMore ? file.write(fsync) : file.end(fsync)));
    this.#tidySoon();
  }

  async #tidy(): Promise<void> {
    this.#tidies?.();
    this.#tidies = undefined;
    for (const file of this.#files.values()) {
      if (file.isToSync) await this.#try('sync', file.path, () => file.sync());
    }
    // Else what earlier lives have left there would be forgotten.
    if (!this.#isLoaded) return;
    const left = [...this.#left];
    const isKept = await this.#try('state', this.#statePath, () => this.#writeState());
    // Where it is not known that they are let go they stay; what is mirrored is looked for again at worst.
    this.#left = [
      ...this.#left.filter((one) => !left.includes(one)),
      ...(isKept ? [] : left.filter(({ why }) => why === 'dropped')),
    ];
    for (const { file, why } of left) {
      if (isKept || why === 'mirrored') await this.#try('remove', file.path, () => file.remove());
    }
  }

  async #writeState(): Promise<void> {
    const { world, ledger, aliases } = this.#parts;
    const broken = [...this.#files.values()].filter(({ isBroken }) => isBroken);
    const all = ledger.generations();
    const clusters = new Set(broken.map(({ segment }) => all.get(segment.generation)?.cluster));
    const damaged = aliases.filter((alias) => clusters.has(alias) || ledger.isDamaged(alias));
    const generations = new Map<string, KeptGeneration>();
    for (const [number, kept] of all) {
      const logs = kept.logs.filter(isWorthKeeping);
      if (logs.length > 0) generations.set(this.#nameOf(number), { ...kept, logs });
    }
    const text = stateText({ generations, damaged });
    if (text === this.#state) return;
    await world.writeText(this.#statePath, text);
    this.#state = text;
  }

  async #try(what: SpoolWork, path: string, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      this.#failing.delete(what);
      return true;
    } catch (error) {
      if (!this.#failing.has(what)) this.#tell(path, messageOf(error));
      this.#failing.add(what);
      return false;
    }
  }

  #tell(path: string, because: string): void {
    this.#parts.events.emit('unmirrored.spool-failed', { path, because });
  }
}
