import { messageOf } from '../caught.js';
import { withinDeadline } from '../wait.js';
import type { World } from '../world.js';
import type { Rhythm } from './rhythm.js';

/** @internal Who speaks, and what comes of it. */
export interface Speaker {
  readonly world: World;
  readonly rhythm: Rhythm;
  /** One exchange with the store: what this process is, and what the others are. */
  exchange(signal: AbortSignal): Promise<void>;
  /** @param begunAtMs - others may have heard this process from then on, and count on it. */
  onReached(begunAtMs: number): void;
  onFailed(because: string): void;
  /** How urgent the next word is. */
  urgency(): Parameters<Rhythm['rest']>[0];
}

/** Longest exchange with the store, in milliseconds. */
const EXCHANGE_MS = 3_000;

/**
 * Says what this process is until the end, and notices whether it is heard. Never rejects.
 *
 * @internal
 */
export async function speak(speaker: Speaker, signal: AbortSignal): Promise<void> {
  const { world, rhythm } = speaker;
  while (!signal.aborted) {
    const begunAtMs = world.nowMs();
    const deadlineAtMs = begunAtMs + EXCHANGE_MS;
    rhythm.begin();
    try {
      const exchange = (until: AbortSignal) => speaker.exchange(until);
      const exchanged = await withinDeadline(world, deadlineAtMs, exchange, { signal });
      if (signal.aborted) return;
      if (exchanged.kind === 'overrun') throw new Error(`no answer within ${EXCHANGE_MS} ms`);
      speaker.onReached(begunAtMs);
    } catch (error) {
      if (signal.aborted) return;
      speaker.onFailed(messageOf(error));
    }
    await rhythm.rest(speaker.urgency());
  }
}
