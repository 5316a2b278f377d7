import { startConsul, type Stack } from '../../stack/index.js';
import { inWords, type Run } from './figures.js';
import { Fleet } from './fleet.js';
import { measureSwitch } from './measure.js';
import { nowMs, type ServiceSettings } from './messages.js';

const KEY = 'kafka/active';
const SEND_EVERY_MS = 200;

/**
 * The key that several services follow is changed, to and fro. Each sends, and handles what all send in a group of its own: members of one
 * group would join one after the other, each when the others' next heartbeat (3 s by default) tells them of it, and nothing else
 * would be seen.
 *
 * @internal
 */
export async function measureKey(
  { clusters: { A, B } }: Stack,
  {
    runs,
    processes,
    topic,
    say,
  }: { runs: number; processes: number; topic: string; say(words: string): void },
): Promise<readonly Run[]> {
  const consul = await startConsul({ name: 'bench-consul', onProgress: say });
  const measured: Run[] = [];
  let fleet: Fleet | undefined;
  try {
    await consul.put(KEY, 'A');
    fleet = new Fleet(
      Array.from({ length: processes }, (_, index): ServiceSettings => ({
        name: `service-${index + 1}`,
        brokers: { A: A.brokers, B: B.brokers },
        topic,
        sendEveryMs: SEND_EVERY_MS,
        groupId: `${topic}-${index + 1}`,
        consul: { address: consul.address, key: KEY },
      })),
    );
    const parts = { processes, producers: processes, consumers: processes };
    for (let run = 1; run <= runs; run += 1) {
      const [from, to] = run % 2 === 1 ? (['A', 'B'] as const) : (['B', 'A'] as const);
      const failedSendCount = await fleet.settle(from, nowMs());
      const one = await measureSwitch(fleet, to, parts, () => consul.put(KEY, to));
      measured.push(one);
      say(`  run ${run}: ${inWords(one)}; failed sends so far ${failedSendCount}`);
    }
  } finally {
    await fleet?.stop();
    await consul.stop();
  }
  return measured;
}
