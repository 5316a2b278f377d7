import type { Reading, Signal } from '../../src/signals/signal.js';

/** A source that says what the test says. */
export class Said implements Signal {
  readonly name = 'key';
  watchCount = 0;
  #tell: ((reading: Reading) => void) | undefined;
  #last: Reading | undefined;

  constructor(first?: Reading) {
    this.#last = first;
  }

  watch(_world: unknown, tell: (reading: Reading) => void): { close(): void } {
    this.watchCount += 1;
    this.#tell = tell;
    if (this.#last !== undefined) {
      const first = this.#last;
      queueMicrotask(() => tell(first));
    }
    return {
      close: () => {
        this.watchCount -= 1;
      },
    };
  }

  say(text: string): void {
    this.tell({ kind: 'value', text });
  }

  tell(reading: Reading): void {
    this.#last = reading;
    this.#tell?.(reading);
  }
}
