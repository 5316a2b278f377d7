/** One measured service in a process of its own: settings come as an argument, orders and facts through Node's IPC channel. */
import {
  combine,
  consulStrategy,
  FailoverKafka,
  healthStrategy,
  kafkaAgreement,
  logLevel,
  type Strategy,
  type SwitchPhase,
} from 'kafkajs-failover';
import { waitFor } from '../../stack/index.js';
import { untilMirrorsAreFollowed } from '../mirrored.js';
import { nowMs, type Alias, type Fact, type Order, type ServiceSettings } from './messages.js';

const BEFORE_THE_FENCE: ReadonlySet<SwitchPhase> = new Set(['prepare', 'agree', 'hold', 'drain']);

/** A killed broker is back after 12 seconds, and is called healthy 10 seconds later. */
const SETTLE_LIMIT_MS = 180_000;

const settings = JSON.parse(process.argv[2] ?? '{}') as ServiceSettings;
const kafka = new FailoverKafka({
  clientId: settings.name,
  logLevel: logLevel.NOTHING,
  clusters: {
    A: { brokers: [...settings.brokers.A] },
    B: { brokers: [...settings.brokers.B] },
  },
  strategy: strategyOf(settings),
  ...(settings.fleet === undefined
    ? {}
    : { agreement: kafkaAgreement({ topicPrefix: settings.fleet, instance: settings.name }) }),
});
/** What the next switch is measured by; each is told once. */
let awaited: { on: Alias; sinceMs: number; ack: boolean; record: boolean } | undefined;
/** The cluster that takes over from one that is fenced: whatever is acknowledged now, is so by it. */
let fencedFor: string | undefined;
let failedSendCount = 0;

process.on('SIGINT', () => {});
// The parent has gone, however it ended: nothing may be left running.
process.on('disconnect', () => process.exit());
process.on('message', (order: Order) => void obey(order).catch(fail));
void start().catch(fail);

/** Health decides as by default, but for the limits on how often: a benchmark kills a cluster every half a minute. */
function strategyOf({ consul }: ServiceSettings): Strategy {
  const health = healthStrategy({ cooldownMs: 0, maxSwitchesPerHour: 1_000 });
  return consul === undefined
    ? health
    : combine({ follow: consulStrategy(consul), orElse: health });
}

async function start(): Promise<void> {
  kafka.on('switch.started', ({ to, reason }) =>
    tell({ kind: 'switch-started', to, reason, atMs: nowMs() }),
  );
  kafka.on('switch.phase-started', ({ to, phase }) => {
    if (phase === 'fence') fencedFor = undefined;
    // The fence stands when the phase after it begins.
    else if (!BEFORE_THE_FENCE.has(phase)) fencedFor = to;
  });
  kafka.on('switch.rolled-back', () => {
    fencedFor = undefined;
  });
  kafka.on('switch.completed', ({ report: { to, phases, warnings } }) =>
    tell({ kind: 'switch-completed', to, phases, warnings, atMs: nowMs() }),
  );
  if (settings.groupId !== undefined) await consume(settings.groupId);
  if (settings.sendEveryMs !== undefined) await produce(settings.sendEveryMs);
}

async function consume(groupId: string): Promise<void> {
  const { topic } = settings;
  const consumer = kafka.consumer({ groupId });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message, cluster, physicalTopic }) => {
      // What was mirrored lies in a topic of another name. What an earlier run sent may be handled again.
      if (awaited?.record !== true || cluster !== awaited.on || physicalTopic !== topic) return;
      if (Number(message.value) < awaited.sinceMs) return;
      awaited.record = false;
      tell({ kind: 'handled', on: cluster, atMs: nowMs() });
    },
  });
}

async function produce(everyMs: number): Promise<void> {
  const { topic } = settings;
  const producer = kafka.producer();
  await producer.connect();
  let count = 0;
  setInterval(() => {
    count += 1;
    const messages = [{ key: `key-${count % 64}`, value: String(nowMs()) }];
    producer.send({ topic, messages }).then(acknowledged, () => {
      failedSendCount += 1;
    });
  }, everyMs);
}

function acknowledged(): void {
  if (awaited?.ack !== true || fencedFor !== awaited.on) return;
  awaited.ack = false;
  tell({ kind: 'acknowledged', by: awaited.on, atMs: nowMs() });
}

async function obey(order: Order): Promise<void> {
  switch (order.kind) {
    case 'watch':
      fencedFor = undefined;
      awaited = {
        on: order.on,
        sinceMs: order.sinceMs,
        ack: settings.sendEveryMs !== undefined,
        record: settings.groupId !== undefined,
      };
      return;
    case 'settle':
      await settle(order.on);
      tell({ kind: 'settled', atMs: nowMs(), failedSendCount });
      return;
  }
}

async function settle(on: Alias): Promise<void> {
  awaited = undefined;
  await untilHealthy();
  await waitFor(
    `${settings.name} is on ${on}`,
    async () => {
      // It is refused until the mirror is at work again.
      if (kafka.status().active !== on)
        await kafka.switchTo(on, { planned: true, reason: 'the next run' });
      return kafka.status().active;
    },
    { until: (active) => active === on, timeoutMs: SETTLE_LIMIT_MS, everyMs: 500 },
  );
  await untilHealthy();
  if (settings.groupId !== undefined) await untilMirrorsAreFollowed(kafka);
}

async function untilHealthy(): Promise<void> {
  await waitFor(
    `${settings.name} sees two healthy clusters`,
    () =>
      kafka
        .status()
        .clusters.flatMap(({ alias, health: { produce, consume } }) =>
          [produce, consume].flatMap((facet) =>
            facet.kind === 'healthy' ? [] : `${alias} is ${facet.kind}: ${facet.because}`,
          ),
        ),
    { until: (faults) => faults.length === 0, timeoutMs: SETTLE_LIMIT_MS },
  );
}

function tell(fact: Fact): void {
  process.send?.(fact);
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}
