import { setTimeout as sleep } from 'node:timers/promises';
import { startMeter } from './meter.js';
import { rounded } from './statistics.js';

/** What the process uses of one core while nothing is sent and nothing comes, in percent. @internal */
export async function cpuAtRest(durationMs: number): Promise<number> {
  const stop = startMeter();
  await sleep(durationMs);
  const { seconds, cpuMicros } = stop();
  return rounded(cpuMicros / seconds / 10_000);
}
