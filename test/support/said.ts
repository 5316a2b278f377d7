import type { Reading, Signal } from '../../src/signals/signal.js';

/** A source that says what the test says, to all who watch it. */
export class Said implements Signal {
  readonly name = 'key';
  watchCount = 0;
  readonly #tells = new Set<(reading: Reading) => void>();
  #last: Reading | undefined;

  constructor(first?: Reading) {
    this.#last = first;
  }

  watch(_world: unknown, tell: (reading: Reading) => void): { close(): void } {
    this.watchCount += 1;
    this.#tells.add(tell);
    if (this.#last !== undefined) {
      const first = this.#last;
      queueMicrotask(() => tell(first));
    }
    return {
      close: () => {
        this.watchCount -= 1;
        this.#tells.delete(tell);
      },
    };
  }

  say(text: string): void {
    this.tell({ kind: 'value', text });
  }

  tell(reading: Reading): void {
    this.#last = reading;
    for (const tell of this.#tells) tell(reading);
  }
}
