/** One process of a fleet: settings come as an argument, orders and facts through Node's IPC channel. */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ISocketFactory } from 'kafkajs';
import { consulAgreement, FailoverKafka, healthStrategy, kafkaAgreement } from '../../src/index.js';
import {
  nowMs,
  type AgreementSettings,
  type Fact,
  type MemberSettings,
  type MemberStatus,
  type Order,
} from './fleet-messages.js';
import { waitFor } from '../../stack/wait.js';

const STATUS_EVERY_MS = 100;
/** A mirror that was read longer ago is not followed. */
const FOLLOWED_MS = 2_000;
/** A process that is cut off sends no more than so many records that get no answer. */
const MOST_IN_FLIGHT = 200;
const PARTITIONS = 6;

const settings = JSON.parse(process.argv[2] ?? '{}') as MemberSettings;
const kafka = new FailoverKafka({
  clientId: settings.name,
  logLevel: 0,
  clusters: {
    A: {
      brokers: [...settings.brokers.A],
      ...(settings.portOfA === undefined ? {} : { socketFactory: through(settings.portOfA) }),
    },
    B: { brokers: [...settings.brokers.B] },
  },
  strategy: healthStrategy({ cooldownMs: 0, maxSwitchesPerHour: 1_000 }),
  agreement: agreementOf(settings.agreement),
});
/** Who was silent for so long does not count any more. */
const silenceMs = 3 * settings.agreement.heartbeatMs;
const producer = kafka.producer();
let isWorking = true;
let sentCount = 0;
let inFlightCount = 0;
let failedSendCount = 0;
let lingerMs = 0;

// The parent has gone, however it ended: nothing may be left running.
process.on('disconnect', () => process.exit());
process.on('message', (order: Order) => void obey(order).catch(fail));
void start().catch(fail);

/** Opens sockets to one port, whichever broker is asked for. */
function through(port: number): ISocketFactory {
  return ({ onConnect }) => connect({ host: '127.0.0.1', port }, onConnect);
}

function agreementOf({ store, heartbeatMs, leaseMs }: AgreementSettings) {
  const limits = {
    instance: settings.name,
    heartbeatMs,
    ...(leaseMs === undefined ? {} : { leaseMs }),
  };
  return store.kind === 'kafka'
    ? kafkaAgreement({ ...limits, topicPrefix: store.topicPrefix })
    : consulAgreement({ ...limits, address: store.address, key: store.key });
}

async function start(): Promise<void> {
  tellFacts();
  setInterval(() => tell({ kind: 'status', status: statusNow() }), STATUS_EVERY_MS);
  const { topic } = settings;
  // Others hear of a member that comes at their next heartbeat.
  const consumer = kafka.consumer({ groupId: topic, heartbeatInterval: 300, maxWaitTimeInMs: 200 });
  await Promise.all([producer.connect(), consumer.connect()]);
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommitInterval: 200,
    eachMessage: async ({ message, partition, cluster, physicalTopic, switchEpoch }) => {
      tell({
        kind: 'handled',
        id: String(message.value),
        on: cluster,
        log: `${physicalTopic}/${partition}`,
        offset: message.offset,
        switchEpoch,
        atMs: nowMs(),
      });
      const forMs = lingerMs;
      lingerMs = 0;
      if (forMs === 0) return;
      tell({ kind: 'lingering' });
      await sleep(forMs);
    },
  });
  setInterval(send, settings.sendEveryMs);
}

/** What is said over the channel is in the kernel's hands before the handler ends: a killed process has told it. */
function tell(fact: Fact): void {
  process.send?.(fact);
}

function tellFacts(): void {
  let isFencing = false;
  kafka.on('agreement.decided', ({ decision }) => {
    const { epoch, cluster, by } = decision;
    tell({
      kind: 'decided',
      epoch,
      cluster,
      by,
      decision: JSON.stringify(decision),
      atMs: nowMs(),
    });
  });
  kafka.on('switch.phase-started', ({ phase }) => {
    // Which ends with the word to the others.
    if (isFencing && phase !== 'fence') tell({ kind: 'left', atMs: nowMs() });
    isFencing = phase === 'fence';
  });
  kafka.on('switch.completed', ({ report }) => {
    const { to, planned, by, agreedEpoch, switchEpoch, phases } = report;
    tell({
      kind: 'switched',
      to,
      planned,
      by,
      agreedEpoch,
      switchEpoch,
      barrierMs: phases.find(({ phase }) => phase === 'barrier')?.durationMs,
      overran: phases.filter(({ overran }) => overran).map(({ phase }) => phase),
      atMs: nowMs(),
    });
  });
  kafka.on('consumer.attached', ({ cluster }) => {
    const { obeyedEpoch: own = 0, members = [] } = kafka.status().agreement ?? {};
    const unheard = members.filter(({ obeyedEpoch }) => obeyedEpoch < own);
    tell({
      kind: 'attached',
      to: cluster,
      unheard: unheard.map(({ instance, heardAgeMs }) => ({ instance, heardAgeMs })),
    });
  });
  kafka.on('failover.halted', ({ error }) => {
    tell({ kind: 'halted', code: 'code' in error ? String(error.code) : error.message });
  });
  kafka.on('strategy.stayed', ({ because, detail }) => tell({ kind: 'stayed', because, detail }));
}

function send(): void {
  if (!isWorking || inFlightCount >= MOST_IN_FLIGHT) return;
  sentCount += 1;
  inFlightCount += 1;
  const id = `${settings.name}-${sentCount}`;
  const messages = [{ key: settings.name, value: id, partition: sentCount % PARTITIONS }];
  producer
    .send({ topic: settings.topic, messages })
    .then(
      () => tell({ kind: 'acknowledged', id, by: kafka.status().producers[0]?.cluster ?? '' }),
      () => {
        failedSendCount += 1;
      },
    )
    .finally(() => {
      inFlightCount -= 1;
    })
    .catch(fail);
}

async function obey(order: Order): Promise<void> {
  switch (order.kind) {
    case 'switch': {
      const { reason } = order.options;
      const outcome = await kafka.switchTo(order.to, order.options).then(
        ({ kind }) => kind,
        (error: Error) => error.message,
      );
      tell({ kind: 'ordered', reason, outcome });
      return;
    }
    case 'rest':
      isWorking = false;
      await waitFor('every send to have an answer', () => inFlightCount === 0, {
        timeoutMs: 60_000,
      });
      tell({ kind: 'rested', failedSendCount });
      return;
    case 'work':
      isWorking = true;
      return;
    case 'linger':
      lingerMs = order.forMs;
      return;
  }
}

function statusNow(): MemberStatus {
  const { state, active, agreement, clusters, mirrors, consumers } = kafka.status();
  const { decision } = agreement ?? {};
  const isHealthy = clusters.every(
    ({ health }) => health.produce.kind === 'healthy' && health.consume.kind === 'healthy',
  );
  const isMirrored =
    mirrors.length === 2 &&
    mirrors.every(({ isComplete, ageMs = Infinity }) => isComplete && ageMs < FOLLOWED_MS);
  return {
    state,
    active,
    decision: decision && { epoch: decision.epoch, cluster: decision.cluster },
    obeyedEpoch: agreement?.obeyedEpoch ?? 0,
    contactAgeMs: agreement?.contactAgeMs ?? Infinity,
    heardCount: (agreement?.members ?? []).filter(({ heardAgeMs }) => heardAgeMs < silenceMs)
      .length,
    consumer: consumers[0]?.state ?? '',
    isReady: isHealthy && isMirrored,
  };
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}
