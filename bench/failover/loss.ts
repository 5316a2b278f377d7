import { setTimeout as sleep } from 'node:timers/promises';
import type { Stack } from '../../stack/index.js';
import { inWords, type Run } from './figures.js';
import { Fleet } from './fleet.js';
import { measureSwitch } from './measure.js';
import { nowMs, type ServiceSettings } from './messages.js';

const SEND_EVERY_MS = 5;
/** The pause between two questions to a cluster (`health.intervalMs`): runs begin anywhere in it. */
const PROBE_PAUSE_MS = 500;

/**
 * A is lost under a process that sends and one that handles records, both decided by health, and comes back for the next run.
 *
 * @internal
 */
export async function measureLoss(
  { clusters: { A, B } }: Stack,
  how: 'killed' | 'stopped',
  { runs, topic, say }: { runs: number; topic: string; say(words: string): void },
): Promise<readonly Run[]> {
  const common = { brokers: { A: A.brokers, B: B.brokers }, topic, consul: undefined };
  const services: ServiceSettings[] = [
    { ...common, name: 'producer', sendEveryMs: SEND_EVERY_MS, groupId: undefined },
    { ...common, name: 'consumer', sendEveryMs: undefined, groupId: topic },
  ];
  const fleet = new Fleet(services);
  const parts = { processes: 2, producers: 1, consumers: 1 };
  const measured: Run[] = [];
  try {
    for (let run = 1; run <= runs; run += 1) {
      const failedSendCount = await fleet.settle('A', nowMs());
      await sleep(Math.random() * PROBE_PAUSE_MS);
      const one = await measureSwitch(fleet, 'B', parts, () =>
        how === 'killed' ? A.kill() : A.pause(),
      );
      measured.push(one);
      say(`  run ${run}: ${inWords(one)}; failed sends so far ${failedSendCount}`);
      if (how === 'killed') await A.start();
      else A.resume();
    }
  } finally {
    await fleet.stop();
  }
  return measured;
}
