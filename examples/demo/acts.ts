import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../../stack/wait.js';
import { createMirroredTopic } from '../topics.js';
import { Cast } from './cast.js';
import { nowMs, type ServiceSettings, type StrategyName } from './messages.js';
import type { Playground } from './playground.js';
import { countRecords, readCommits, readRecords } from './reader.js';
import type { Source } from './sources.js';
import { tally, type Tally } from './tally.js';
import type { Timeline } from './timeline.js';

const PARTITION_COUNT = 6;
export const MEMBERS = ['consumer-1', 'consumer-2', 'consumer-3'] as const;

/** Enough flow to switch in the middle of it: acknowledged and mirrored records, and records handled by each member. */
const FLOW = { acknowledged: 1500, mirrored: 1000, handledByEach: 100 } as const;
const FLOW_WITHIN_MS = 60_000;
/** How long the producer goes on after the switch. */
const AFTERWARDS_MS = 5000;
/** Nothing new for this long means that nothing is under way any more. */
const QUIET_MS = 1500;
/** A broker that was killed answers again after some seconds, and MirrorMaker then goes on. */
const HOME_WITHIN_MS = 120_000;
const QUIET_WITHIN_MS = 60_000;
/** Consumers that have handled nothing new for this long, although there is something, will not. */
const STUCK_AFTER_MS = 20_000;
const PROGRESS_EVERY_MS = 1000;

/** One act: the same services, and one way to lose cluster A. */
export interface Act {
  readonly name: string;
  readonly topic: string;
  readonly groupId: string;
  readonly planned: boolean;
  /** True where the services go home to A afterwards, once it is there again. Then the way home is judged. */
  readonly comesHome?: boolean;
}

/** What an act is played with. */
export interface Stage {
  readonly playground: Playground;
  readonly policy: 'default' | 'identity';
  readonly strategy: StrategyName;
  /** What the services follow, if they follow anything. */
  readonly source: Source | undefined;
  readonly timeline: Timeline;
  readonly signal: AbortSignal;
  readonly onUnmirrored: 'report' | 'replay';
}

/** What came of an act. */
export interface ActResult {
  readonly tally: Tally;
  readonly failures: readonly string[];
}

const from = 'A';
const to = 'B';

/** Plays one act from A to B. Nothing of its services is left when it returns or throws. */
export function playAct(act: Act, stage: Stage): Promise<ActResult> {
  return withCast(act, stage, async (cast) => {
    let switchedAtMs = await takeAway(act, stage, cast);
    await sleep(AFTERWARDS_MS, undefined, { signal: cast.signal });
    if (act.comesHome === true) {
      switchedAtMs = await goHome(act, stage, cast);
      await sleep(AFTERWARDS_MS, undefined, { signal: cast.signal });
    }
    const stoppedAtMs = nowMs();
    await cast.stop(['producer']);
    await drain(act, stage, cast);
    await cast.stop(MEMBERS);
    const result = await judge(act, stage, cast, { switchedAtMs, stoppedAtMs });
    await cast.allGone();
    return { tally: result, failures: cast.failures };
  });
}

/** Has services play as soon as records run through everything. Nothing of them is left when it returns or throws. */
export async function withCast<T>(
  act: Act,
  stage: Stage,
  play: (cast: Cast) => Promise<T>,
): Promise<T> {
  const { playground, timeline, signal } = stage;
  await createTopics(act, stage);
  const services = ['producer', ...MEMBERS].map((name) => {
    const settings: ServiceSettings = {
      name,
      topic: act.topic,
      groupId: act.groupId,
      strategy: stage.strategy,
      ...(stage.source === undefined ? {} : { source: stage.source.address }),
      kafka: { ...playground.kafka, producer: { onUnmirrored: stage.onUnmirrored } },
    };
    return playground.launch(settings);
  });
  const cast = new Cast(services, timeline, signal);
  const progress = new AbortController();
  try {
    void showProgress(act, stage, cast, progress.signal);
    await cast.allStarted();
    await flow(act, stage, cast);
    return await play(cast);
  } finally {
    progress.abort();
    await cast.killAll();
  }
}

/** The mirrored topic's names on a cluster, the own one first. */
function topicNames({ topic }: Act, { policy }: Stage, cluster: string): readonly string[] {
  return policy === 'identity' ? [topic] : [topic, `${cluster === from ? to : from}.${topic}`];
}

/** Where MirrorMaker puts A's records on B. */
function mirrorTopic({ topic }: Act, { policy }: Stage): string {
  return policy === 'identity' ? topic : `${from}.${topic}`;
}

async function createTopics(act: Act, stage: Stage): Promise<void> {
  const { playground, policy, timeline } = stage;
  const kafka = { A: playground.plainKafka('A'), B: playground.plainKafka('B') };
  await createMirroredTopic(kafka, { topic: act.topic, partitionCount: PARTITION_COUNT, policy });
  const names = topicNames(act, stage, to).join(' and ');
  timeline.fact(to, `has ${names}, ${PARTITION_COUNT} partitions`);
}

/** Waits until records run through everything. */
async function flow(act: Act, { playground, ...stage }: Stage, cast: Cast): Promise<void> {
  const mirror = [mirrorTopic(act, { playground, ...stage })];
  await waitFor(
    'a steady flow of records',
    async () => ({
      acknowledged: cast.acknowledged.length,
      mirrored: await countRecords(playground.plainKafka(to), mirror),
      handledByEach: Math.min(...MEMBERS.map((member) => cast.handledBy(member))),
    }),
    {
      until: (now) =>
        now.acknowledged >= FLOW.acknowledged &&
        now.mirrored >= FLOW.mirrored &&
        now.handledByEach >= FLOW.handledByEach,
      timeoutMs: FLOW_WITHIN_MS,
      everyMs: 100,
      signal: cast.signal,
    },
  );
}

/** The moment of the act. Answers when it was. */
async function takeAway(
  act: Act,
  { playground, source, strategy, timeline }: Stage,
  cast: Cast,
): Promise<number> {
  const order = { kind: 'switch', to, planned: act.planned } as const;
  const atMs = nowMs();
  if (act.planned && source !== undefined) {
    timeline.fact('operator', `writes ${to} to the source: ${from} is alive`);
    await source.write(JSON.stringify({ cluster: to, epoch: 2, reason: `maintenance of ${from}` }));
    await cast.allSwitched(to);
    return atMs;
  }
  if (act.planned) {
    timeline.fact('operator', `orders a planned switch to ${to}: ${from} is alive`);
    await cast.switchAll({ ...order, reason: `maintenance of ${from}` });
    return atMs;
  }
  await playground.kill(from);
  timeline.fact(from, 'KILLED (-9) in full flow');
  if (strategy !== 'manual') {
    await cast.allSwitched(to);
    return atMs;
  }
  timeline.fact('operator', `orders a switch to ${to}`);
  await cast.switchAll({ ...order, reason: `${from} was killed` });
  return atMs;
}

/** A is started again, MirrorMaker brings it what was written on B, and the services are ordered home. Answers when. */
async function goHome(act: Act, { playground, timeline }: Stage, cast: Cast): Promise<number> {
  await playground.restart(from);
  timeline.fact(from, 'is started again');
  const onB = await countRecords(playground.plainKafka(to), [act.topic]);
  await waitFor(
    `${to}'s records on ${from}`,
    () => countRecords(playground.plainKafka(from), [`${to}.${act.topic}`]),
    {
      until: (onA) => onA >= onB,
      timeoutMs: HOME_WITHIN_MS,
      everyMs: 200,
      signal: cast.signal,
    },
  );
  timeline.fact('operator', `orders a planned switch home to ${from}`);
  const atMs = nowMs();
  cast.beginSwitch();
  const order = { kind: 'switch', to: from, planned: true, reason: `${from} is back` } as const;
  await cast.switchAll(order);
  return atMs;
}

/** Where an act ends, and which cluster was left last. */
function lastSwitch({ comesHome }: Act): { readonly left: 'A' | 'B'; readonly reached: 'A' | 'B' } {
  return comesHome === true ? { left: to, reached: from } : { left: from, reached: to };
}

/** Waits until the consumers have handled what there is on the target, or are stuck. */
async function drain(act: Act, stage: Stage, cast: Cast): Promise<void> {
  const { playground, timeline } = stage;
  const { reached } = lastSwitch(act);
  const kafka = playground.plainKafka(reached);
  const topics = topicNames(act, stage, reached);
  await quiet('MirrorMaker has copied all it can', () => countRecords(kafka, topics), cast.signal);
  const records = await readRecords(kafka, { cluster: reached, topics });
  const unhandled = (): number => records.filter(({ seq }) => !cast.handledSeqs.has(seq)).length;
  await noProgress(unhandled, cast.signal);
  // A record that is handled a second time would come now.
  await quiet('the consumers are done', () => cast.handled.length, cast.signal);
  const left = unhandled();
  timeline.fact(
    'demo',
    left === 0 ? 'the consumers have drained' : `${left} records on ${reached} are NOT handled`,
  );
}

/** Waits until a count of what is left is 0, or has not gone down for a long time: a loss is not an exception. */
async function noProgress(left: () => number, signal: AbortSignal): Promise<void> {
  let last = { left: left(), atMs: nowMs() };
  while (last.left > 0 && nowMs() - last.atMs < STUCK_AFTER_MS) {
    await sleep(100, undefined, { signal });
    if (left() < last.left) last = { left: left(), atMs: nowMs() };
  }
}

/** Waits until a number has not changed for a while. */
export async function quiet(
  description: string,
  read: () => number | Promise<number>,
  signal: AbortSignal,
): Promise<void> {
  let last = { value: -1, sinceMs: nowMs() };
  const quietForMs = async (): Promise<number> => {
    const value = await read();
    if (value !== last.value) last = { value, sinceMs: nowMs() };
    return nowMs() - last.sinceMs;
  };
  await waitFor(description, quietForMs, {
    until: (forMs) => forMs >= QUIET_MS,
    timeoutMs: QUIET_WITHIN_MS,
    everyMs: 100,
    signal,
  });
}

/** Reads back what the clusters hold and compares. */
async function judge(
  act: Act,
  stage: Stage,
  cast: Cast,
  times: { switchedAtMs: number; stoppedAtMs: number },
): Promise<Tally> {
  const { playground } = stage;
  const isWhole = act.planned || act.comesHome === true;
  const alive = isWhole ? ([from, to] as const) : ([to] as const);
  const { left, reached } = lastSwitch(act);
  const logs = await Promise.all(
    alive.map(async (cluster) => {
      const kafka = playground.plainKafka(cluster);
      const topics = topicNames(act, stage, cluster);
      const records = await readRecords(kafka, { cluster, topics });
      const commits = await readCommits(kafka, { cluster, topics, groupId: act.groupId });
      return { records, commits };
    }),
  );
  return tally({
    name: act.name,
    from: left,
    to: reached,
    planned: isWhole,
    members: MEMBERS,
    acknowledged: cast.acknowledged,
    handled: cast.handled,
    logged: logs.flatMap(({ records }) => records),
    commits: logs.flatMap(({ commits }) => commits),
    positions: cast.positions,
    callerErrors: cast.rejectedCount,
    measurements: cast.measurements,
    ...times,
  });
}

/** At most one line a second while the act runs. */
async function showProgress(
  act: Act,
  stage: Stage,
  cast: Cast,
  signal: AbortSignal,
): Promise<void> {
  const { playground, timeline } = stage;
  const topics = topicNames(act, stage, to);
  try {
    while (!signal.aborted) {
      await sleep(PROGRESS_EVERY_MS, undefined, { signal });
      const onTarget = await countRecords(playground.plainKafka(to), topics);
      if (signal.aborted) return;
      timeline.flow(to, {
        acknowledged: cast.acknowledged.length,
        onTarget,
        handled: cast.handledSeqs.size,
      });
    }
  } catch {
    // Progress is for the eye: what matters is read again at the end.
  }
}
