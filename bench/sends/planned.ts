import type { FailoverKafka } from 'kafkajs-failover';
import { waitFor, type Stack } from '../../stack/index.js';
import { median, percentile, rounded } from '../statistics.js';
import { within } from '../within.js';
import type { PlannedFigures } from './figures.js';
import { startFlow } from './flow.js';
import { readAll } from './logs.js';

const SWITCH_LIMIT_MS = 60_000;
/** Behind a switch, in milliseconds: what it has held back is through by then. */
const REST_MS = 1_500;
/** The first ones of a process, whose code is not compiled yet: not counted. */
const WARM_UP_RUNS = 6;

/** @internal Switches to and fro under a steady flow. */
export async function measurePlanned(
  { clusters }: Stack,
  kafka: FailoverKafka,
  { topic, runs, perSecond }: { topic: string; runs: number; perSecond: number },
): Promise<PlannedFigures> {
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic, messages: [{ value: 'first' }] });
  const flow = startFlow(producer, { topic, name: 'planned', perSecond });
  const pausesMs: number[] = [];
  for (let run = -WARM_UP_RUNS; run < runs; run += 1) {
    await waitFor('a producer that waits', () => kafka.status().producers[0]?.standby.kind, {
      until: (kind) => kind === 'connected',
      timeoutMs: SWITCH_LIMIT_MS,
    });
    flow.longestMs();
    const to = kafka.status().active === 'A' ? 'B' : 'A';
    const switching = kafka.switchTo(to, { planned: true, reason: 'bench' });
    await within(SWITCH_LIMIT_MS, `switch ${run + 1} of ${runs}, to ${to}`, switching);
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    if (run >= 0) pausesMs.push(flow.longestMs());
  }
  const sends = await flow.stop();
  await producer.disconnect();
  const logs = new Map([
    ['A', await readAll(clusters.A, topic)],
    ['B', await readAll(clusters.B, topic)],
  ]);
  const lost = flow.acknowledged.filter(
    ({ cluster, partition, offset, value }) =>
      logs.get(cluster)?.get(`${partition}:${offset}`) !== value,
  );
  return {
    runs,
    sends,
    callerErrors: flow.errors.length,
    lost: lost.length,
    pauseMs: { p50: rounded(median(pausesMs)), p95: rounded(percentile(pausesMs, 0.95)) },
  };
}
