import type { Reading, Signal } from '../../src/signals/signal.js';
import type { Random } from '../../src/testing/index.js';
import type { World } from '../../src/world.js';
import type { Fact } from './service.js';

/** A value that the source really held. */
export interface Wish {
  readonly cluster: string;
  readonly epoch: number | undefined;
  readonly mode: 'planned' | 'unplanned' | 'pinned' | undefined;
}

interface Held {
  readonly reading: Reading;
  /** Undefined where it is nothing that anybody should follow. */
  readonly wish: Wish | undefined;
}

interface Watcher {
  readonly process: number;
  readonly isDeaf: () => boolean;
  hear(held: Held): void;
}

/** What is written into the source by mistake. */
const GARBAGE = ['{"cluster":', 'C', '', 'B'.repeat(5_000), '{"cluster":"B","epoch":-1}', '[]'];

const NOTHING: Held = { reading: { kind: 'absent' }, wish: undefined };

/** The source's name. */
export const SOURCE = 'key';

/**
 * One value outside the fleet that says which cluster should be active. Each process hears of a change at its own time, so a
 * process may hear an older value after a newer one.
 */
export class Source {
  readonly #random: Random;
  readonly #hearsWithinMs: number;
  readonly #hasEpochs: boolean;
  readonly #watchers = new Set<Watcher>();
  /** Every value that was right, the newest last. */
  readonly #wishes: Wish[] = [];
  #held: Held = NOTHING;
  #deaf: 'all' | 'even' | 'odd' | 'none' = 'none';

  constructor(
    random: Random,
    { hearsWithinMs, hasEpochs }: { hearsWithinMs: number; hasEpochs: boolean },
  ) {
    this.#random = random;
    this.#hearsWithinMs = hearsWithinMs;
    this.#hasEpochs = hasEpochs;
  }

  /** The value that ought to be followed. */
  get wish(): Wish | undefined {
    return this.#wishes.at(-1);
  }

  set(cluster: string, mode: Wish['mode']): void {
    const epoch = this.#hasEpochs ? this.#wishes.length + 1 : undefined;
    const wish = { cluster, epoch, mode };
    this.#wishes.push(wish);
    this.#hold(heldOf(wish));
  }

  /** Somebody writes nonsense; or the number is forgotten where all values had one. */
  garble(): void {
    const texts = [...GARBAGE, ...(this.#hasEpochs && this.#wishes.length > 0 ? ['A'] : [])];
    const text = this.#random.pick(texts);
    // Who has lost what it knew of numbers takes it for a word.
    const wish = text === 'A' ? { cluster: text, epoch: undefined, mode: undefined } : undefined;
    this.#hold({ reading: { kind: 'value', text }, wish });
  }

  /** A backup is restored: an older value, as if it were in order. Without numbers nobody could tell. */
  regress(): void {
    const older = this.#wishes.at(-2);
    if (this.#hasEpochs && older !== undefined) this.#hold(heldOf(older));
  }

  /** The key is deleted. */
  remove(): void {
    this.#hold(NOTHING);
  }

  /** These processes cannot read it any more, or can again. */
  deafen(who: 'all' | 'even' | 'odd' | 'none'): void {
    this.#deaf = who;
    this.#tellAll();
  }

  /** Everybody hears it once more. */
  repeat(): void {
    this.#tellAll();
  }

  /** It can be read, and holds what it ought to. */
  heal(): void {
    this.#deaf = 'none';
    const { wish } = this;
    this.#hold(wish === undefined ? NOTHING : heldOf(wish));
  }

  /** The source as one process reads it. */
  signalFor(process: number, note: (fact: Fact) => void): Signal {
    return {
      name: SOURCE,
      watch: (world, tell) => {
        const watcher: Watcher = {
          process,
          isDeaf: () => this.#deaf === 'all' || this.#deaf === (process % 2 === 0 ? 'even' : 'odd'),
          hear: (held) => this.#tellLater(watcher, held, { world, tell, note }),
        };
        this.#watchers.add(watcher);
        watcher.hear(this.#held);
        return { close: () => void this.#watchers.delete(watcher) };
      },
    };
  }

  #hold(held: Held): void {
    this.#held = held;
    this.#tellAll();
  }

  #tellAll(): void {
    for (const watcher of this.#watchers) watcher.hear(this.#held);
  }

  #tellLater(
    watcher: Watcher,
    { reading, wish }: Held,
    { world, tell, note }: { world: World; tell(reading: Reading): void; note(fact: Fact): void },
  ): void {
    world.after(this.#random.below(this.#hearsWithinMs + 1), () => {
      if (!this.#watchers.has(watcher)) return;
      const { process } = watcher;
      if (watcher.isDeaf()) {
        note({ kind: 'told', process, says: 'failed', wish: undefined });
        tell({ kind: 'failed', because: 'ECONNREFUSED' });
        return;
      }
      note({ kind: 'told', process, says: reading.kind, wish });
      tell(reading);
    });
  }
}

function heldOf(wish: Wish): Held {
  const { cluster, epoch, mode } = wish;
  const isPlain = epoch === undefined && mode === undefined;
  const text = isPlain ? cluster : JSON.stringify({ cluster, epoch, mode });
  return { reading: { kind: 'value', text }, wish };
}
