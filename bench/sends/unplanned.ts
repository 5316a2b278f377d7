import type { FailoverKafka, UnmirroredReport } from 'kafkajs-failover';
import { waitFor, type Stack } from '../../stack/index.js';
import { within } from '../within.js';
import type { UnplannedFigures } from './figures.js';
import { startFlow } from './flow.js';
import { readAll } from './logs.js';

const LIMIT_MS = 120_000;
/** How long the flow runs before the cluster is killed, in milliseconds: a random part is added. */
const FLOW_MS = 2_000;

/** @internal Kills A under a steady flow, as often as wanted, and counts what becomes of what it had acknowledged. */
export async function measureUnplanned(
  { clusters, mirror }: Stack,
  kafka: FailoverKafka,
  { topic, runs, perSecond }: { topic: string; runs: number; perSecond: number },
): Promise<UnplannedFigures> {
  const remoteTopic = `A.${topic}`;
  const reports: UnmirroredReport[] = [];
  kafka.on('unmirrored.searched', ({ report }) => reports.push(report));
  const producer = kafka.producer();
  await producer.connect();
  let [acknowledged, named, unaccounted, wronglyNamed] = [0, 0, 0, 0];
  for (let run = 0; run < runs; run += 1) {
    reports.length = 0;
    const flow = startFlow(producer, { topic, name: `run${run}`, perSecond });
    await new Promise((resolve) => setTimeout(resolve, FLOW_MS * (1 + Math.random())));
    await clusters.A.kill();
    const before = new Set((await readAll(clusters.B, remoteTopic)).values());
    const switching = kafka.switchTo('B', { planned: false, reason: 'bench' });
    await within(LIMIT_MS, `the switch of run ${run + 1}`, switching);
    const [report] = await waitFor('what is not mirrored', () => reports, {
      until: ({ length }) => length > 0,
      timeoutMs: LIMIT_MS,
    });
    await flow.stop();
    const after = new Set((await readAll(clusters.B, remoteTopic)).values());
    const places = placesOf(report);
    const onA = flow.acknowledged.filter(({ cluster }) => cluster === 'A');
    for (const { partition, offset, value } of onA) {
      const isNamed = places.has(`${partition}:${offset}`);
      if (isNamed) named += 1;
      if (!isNamed && !after.has(value)) unaccounted += 1;
      if (isNamed && before.has(value)) wronglyNamed += 1;
    }
    acknowledged += onA.length;
    if (report?.isComplete !== true) throw new Error('the ledger had too little room');
    await comeHome({ clusters, mirror }, kafka, `run ${run + 1}`);
  }
  await producer.disconnect();
  return { runs, acknowledged, named, unaccounted, wronglyNamed };
}

async function comeHome(
  { clusters, mirror }: Pick<Stack, 'clusters' | 'mirror'>,
  kafka: FailoverKafka,
  run: string,
): Promise<void> {
  await clusters.A.start();
  for (const flow of mirror.flows) await flow.restart();
  // What the ledger names is forgotten once MirrorMaker has brought it.
  await waitFor('a mirror that has caught up', () => kafka.status().ledger?.bytes, {
    until: (bytes) => bytes === 0,
    timeoutMs: LIMIT_MS,
  });
  await within(LIMIT_MS, `the way home of ${run}`, kafka.switchTo('A', { planned: true }));
}

function placesOf(report: UnmirroredReport | undefined): ReadonlySet<string> {
  return new Set(
    (report?.logs ?? []).flatMap(({ partition, ranges }) =>
      ranges.flatMap(({ first, last }) =>
        Array.from(
          { length: Number(last) - Number(first) + 1 },
          (_, index) => `${partition}:${Number(first) + index}`,
        ),
      ),
    ),
  );
}
