import { messageOf } from '../caught.js';
import { abortable, sleep, spread } from '../wait.js';
import type { World } from '../world.js';
import { failed, isSame } from './reading.js';
import type { Reading, SignalWatch } from './signal.js';

/** @internal What one look at a source brought. */
export interface Look {
  /** Undefined: there is nothing to tell, because it is as before, or not certain yet. */
  readonly reading: Reading | undefined;
  /** Time until the next look, in milliseconds. */
  readonly restMs: number;
}

/** @internal How a source is polled. */
export interface Polling {
  /** Looks once. Its signal is aborted by the close; where it rejects, the reading is a failure in the error's words. */
  readonly look: (signal: AbortSignal) => Promise<Look>;
  /** Rest after a look that rejected, in milliseconds. */
  readonly pollMs: number;
}

/**
 * Looks at a source until the watch is closed, one look after the other: a slow source is never asked twice at a time.
 * Tells the first reading, every changed one, and each failure, also the same one again.
 *
 * @internal
 */
export function watchByPolling(
  world: World,
  polling: Polling,
  tell: (reading: Reading) => void,
): SignalWatch {
  const end = abortable();
  void poll(world, polling, tell, end.signal);
  return { close: () => end.abort(new Error('the watch was closed')) };
}

async function poll(
  world: World,
  { look, pollMs }: Polling,
  tell: (reading: Reading) => void,
  signal: AbortSignal,
): Promise<void> {
  let told: Reading | undefined;
  while (!signal.aborted) {
    const { reading, restMs } = await look(signal).catch((error: unknown): Look => ({
      reading: failed(messageOf(error)),
      restMs: spread(world, pollMs),
    }));
    if (signal.aborted) return;
    if (reading !== undefined && (reading.kind === 'failed' || !isSame(told, reading))) {
      told = reading;
      tell(reading);
    }
    // Rejects where the watch is closed: the loop then ends.
    await sleep(world, restMs, { signal }).catch(() => {});
  }
}
