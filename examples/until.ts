import { setTimeout as sleep } from 'node:timers/promises';

const LIMIT_MS = 60_000;

/** Waits for a condition, a minute at most. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadlineAtMs = performance.now() + LIMIT_MS;
  while (!condition()) {
    if (performance.now() > deadlineAtMs) throw new Error(`waited in vain: ${what}`);
    await sleep(20);
  }
}
