import type { Consumer, ConsumerConfig, Producer } from 'kafkajs';
import type { Agreement } from '../../src/agreement/agreement.js';
import { FailoverKafka } from '../../src/failover-kafka.js';
import type { AppliedState } from '../../src/state-file.js';
import type { Strategy } from '../../src/strategy/strategy.js';
import type { MemoryWorld, Random } from '../../src/testing/index.js';
import type { ControlPlane } from './control-plane.js';
import { Decisions, strategyOf } from './deciding.js';
import { Handlers } from './handlers.js';
import type { HistoryEvent } from './history.js';
import type { Host } from './hosts.js';
import { processWorld, type ProcessWorld } from './process-world.js';
import type { Scenario } from './scenario.js';
import { MEASURES } from './size.js';
import type { Source } from './source.js';
import { Tail } from './tail.js';

/** One service process of the fleet: a FailoverKafka with a producer and a consumer, as a team would write it. */
export interface Service {
  readonly number: number;
  readonly kafka: FailoverKafka;
  readonly own: ProcessWorld;
  send(id: string, key: string): void;
  order(to: string, options: { planned: boolean; alone?: boolean }): void;
  /** The next handler call takes this long, in milliseconds. */
  stall(forMs: number): void;
  stopConsumer(): Promise<void>;
  close(): Promise<void>;
  /** Ends as with kill -9. */
  crash(): void;
}

/** A fact without its time. */
export type Fact = HistoryEvent extends infer Event
  ? Event extends HistoryEvent
    ? Omit<Event, 'atMs'>
    : never
  : never;

/** What a service is made of. */
export interface ServiceParts {
  readonly number: number;
  readonly memory: MemoryWorld;
  readonly scenario: Scenario;
  readonly random: Random;
  /** Where an operator's service starts. */
  readonly activeCluster: string;
  /** The machine of a service that decides for itself: with its state file. */
  readonly host: Host | undefined;
  readonly source: Source;
  /** Where the fleet decides together. */
  readonly plane: ControlPlane | undefined;
  /** Writes a fact down, unless the process is dead. */
  note(fact: Fact): void;
  /** Sends that have not settled, with the time of the call. */
  readonly pending: Set<string>;
  nextOrder(): number;
}

/** The topic of the service. */
export const TOPIC = 'orders';
/** Where handlers send to, if they do. */
export const RECEIPTS = 'receipts';
/** Where a service that decides for itself keeps what it knows. */
const STATE_FILE = '/var/lib/service/kafka.json';
/** Its group. */
export const GROUP = 'billing';
/** Longest wait of a held send, in milliseconds. */
export const HOLD_MAX_WAIT_MS = 20_000;
/** Deadlines of the phases of a switch, in milliseconds. */
export const DEADLINES = {
  prepareMs: 1_000,
  agreeMs: 2_500,
  drainMs: 2_000,
  handlersMs: 2_000,
  catchUpMs: 1_000,
  translateMs: 4_000,
  openMs: 4_000,
} as const;

/** Starts a service: connected, subscribed and running. */
export async function startService(parts: ServiceParts): Promise<Service> {
  const { number, memory, activeCluster, host } = parts;
  let isDead = false;
  const decisions = new Decisions();
  const note = (fact: Fact): void => {
    if (isDead) return;
    if (fact.kind === 'heard') decisions.heard(fact.decision);
    parts.note(fact);
  };
  const own = { ...parts, note };
  let isOpened = host === undefined;
  const process = processWorld({
    memory,
    activeCluster,
    host,
    onWrite: (cluster, apiName) => note({ kind: 'written', process: number, cluster, apiName }),
    // What it keeps first is where it starts.
    onKept(text) {
      if (isOpened) return;
      isOpened = true;
      const { cluster, switchEpoch, agreedEpoch } = JSON.parse(text) as AppliedState;
      note({ kind: 'opened', process: number, cluster, switchEpoch, agreedEpoch });
    },
  });
  const strategy = decisions.watch(strategyOf(own));
  const agreement = parts.plane?.agreementFor({
    number,
    instance: parts.scenario.agreement?.isNamed === true ? `host-${host?.number}` : undefined,
    isDead: () => isDead,
    note,
  });
  const kafka = makeKafka(parts, process.world, { strategy, agreement });
  const tail = new Tail(memory, TOPIC, parts.scenario);
  observe(kafka, own, decisions, tail);
  const name = `consumer-${number}`;
  const { producer, consumer } = await connect(kafka, parts).catch(async (error: unknown) => {
    await kafka.close();
    throw error;
  });
  note({ kind: 'ready', process: number });
  const unsettled = new Set<string>();
  let receiptCount = 0;
  const sendReceipt = async (id: string): Promise<void> => {
    receiptCount += 1;
    const receipt = `receipt ${receiptCount} of process ${number}`;
    parts.pending.add(receipt);
    unsettled.add(receipt);
    const what = await producer.send({ topic: RECEIPTS, messages: [{ value: id }] }).then(
      () => `receipt sent in ${kafka.status().phase ?? 'no switch'}`,
      (error: { code?: string; name: string }) => `no receipt: ${error.code ?? error.name}`,
    );
    parts.pending.delete(receipt);
    unsettled.delete(receipt);
    note({ kind: 'fact', process: number, what });
  };
  const handlers = new Handlers(consumer, name, { ...own, sendReceipt });
  void handlers
    .run()
    .catch((error: unknown) =>
      note({ kind: 'fact', process: number, what: `run rejected: ${String(error)}` }),
    );
  let left: Promise<void> | undefined;
  return {
    number,
    kafka,
    own: process,
    send(id, key) {
      note({ kind: 'sent', process: number, id });
      parts.pending.add(id);
      unsettled.add(id);
      const settled = (fact: Fact): void => {
        parts.pending.delete(id);
        unsettled.delete(id);
        note(fact);
      };
      producer.send({ topic: TOPIC, messages: [{ key, value: id }] }).then(
        (metadata) => {
          tail.acknowledged(id, metadata);
          settled({ kind: 'acknowledged', process: number, id });
        },
        (error: { code?: string; name: string }) =>
          settled({ kind: 'send-failed', process: number, id, code: error.code ?? error.name }),
      );
    },
    order(to, { planned, alone = false }) {
      const order = parts.nextOrder();
      note({ kind: 'ordered', process: number, order, ...(alone ? { alone: to } : {}) });
      const settled = (): void => note({ kind: 'order-settled', process: number, order });
      kafka.switchTo(to, { planned, alone, reason: 'scenario' }).then(settled, settled);
    },
    stall: (forMs) => handlers.stall(forMs),
    stopConsumer() {
      note({ kind: 'consumer-stopping', process: number, consumer: name });
      left ??= consumer
        .disconnect()
        .then(() => note({ kind: 'consumer-stopped', process: number, consumer: name }));
      return left;
    },
    close: () => kafka.close(),
    crash() {
      note({ kind: 'crashed', process: number });
      isDead = true;
      process.kill();
      // Nobody waits for the sends of a dead process.
      for (const id of unsettled) parts.pending.delete(id);
      // Only to end its timers: nothing of it reaches anybody.
      void kafka.close();
    },
  };
}

function makeKafka(
  { number, memory, scenario, host }: ServiceParts,
  world: MemoryWorld['world'],
  { strategy, agreement }: { strategy: Strategy; agreement: Agreement | undefined },
): FailoverKafka {
  const { policy, offsetSyncsLocation, automation } = scenario;
  return new FailoverKafka({
    clientId: `service-${number}`,
    logLevel: 0,
    retry: { initialRetryTime: 100, retries: 5 },
    requestTimeout: 5_000,
    clusters: {
      A: { brokers: [...memory.cluster('A').brokers] },
      B: { brokers: [...memory.cluster('B').brokers] },
    },
    strategy,
    ...(agreement === undefined ? {} : { agreement }),
    ...(host === undefined ? {} : { stateFile: STATE_FILE }),
    ...(automation === undefined ? {} : { health: automation.health }),
    failback: { dwellMs: automation?.dwellMs ?? 2_000, everyMs: scenario.lookHomeMs, lagMs: 1_000 },
    mirror: { policy, offsetSyncsLocation },
    producer: {
      holdMaxBytes: scenario.holdMaxBytes,
      holdMaxWaitMs: HOLD_MAX_WAIT_MS,
      onUnknownOutcome: scenario.onUnknownOutcome,
      onUnmirrored: scenario.replays ? 'replay' : 'report',
    },
    consumer: {
      topicRefreshMs: MEASURES[scenario.size].topicRefreshMs,
      onMissingPosition: scenario.onMissingPosition,
      ...(scenario.writesProgress ? {} : { progress: false }),
      hotStandby: scenario.isHot,
    },
    switch: DEADLINES,
    world,
  });
}

async function connect(
  kafka: FailoverKafka,
  { scenario }: ServiceParts,
): Promise<{ producer: Producer; consumer: Consumer }> {
  const producer = kafka.producer();
  await producer.connect();
  const consumer = kafka.consumer(consumerConfig(scenario));
  await consumer.connect();
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
  return { producer, consumer };
}

/** Of every member of the group. */
export function consumerConfig({ size, pollMs }: Scenario): ConsumerConfig {
  const { sessionMs, heartbeatMs } = MEASURES[size];
  return {
    groupId: GROUP,
    maxWaitTimeInMs: pollMs,
    heartbeatInterval: heartbeatMs,
    sessionTimeout: sessionMs,
    rebalanceTimeout: sessionMs,
  };
}

/** Writes down what the library itself reports. */
function observe(
  kafka: FailoverKafka,
  { number: process, note, memory }: ServiceParts,
  decisions: Decisions,
  tail: Tail,
): void {
  const fact = (what: string): void => note({ kind: 'fact', process, what });
  kafka.on('positions.planned', ({ switchEpoch, plan }) => {
    const cluster = memory.cluster(plan.cluster);
    const ends = plan.partitions.map(
      ({ physicalTopic, partition }) => cluster.range(physicalTopic, partition).high,
    );
    note({ kind: 'planned', process, switchEpoch, plan, ends });
  });
  kafka.on('cluster.fenced', ({ switchEpoch, cluster }) =>
    note({ kind: 'fenced', process, cluster, switchEpoch }),
  );
  kafka.on('switch.phase-started', ({ phase, switchEpoch }) => {
    const { switchingTo, agreement } = kafka.status();
    note({ kind: 'phase', process, switchEpoch, phase });
    if (phase !== 'open' || switchingTo === undefined) return;
    const agreedEpoch = agreement?.obeyedEpoch ?? 0;
    note({ kind: 'opened', process, cluster: switchingTo, switchEpoch, agreedEpoch });
  });
  kafka.on('switch.phase-overran', ({ phase }) => fact(`${phase} overran`));
  kafka.on('switch.refused', () => fact('refused'));
  kafka.on('agreement.failed', ({ because }) => fact(`agreement failed: ${because}`));
  kafka.on('agreement.refused', ({ because }) => fact(`agreement refused: ${because}`));
  kafka.on('switch.started', ({ switchEpoch, from, to, planned, reason }) => {
    const by = decisions.whose(to, reason);
    note({ kind: 'switching', process, switchEpoch, from, to, planned, by, reason });
  });
  kafka.on('strategy.stayed', ({ because }) => note({ kind: 'stayed', process, because }));
  kafka.on('signal.refused', ({ because }) => fact(`signal refused: ${because}`));
  kafka.on('state-file.failed', ({ because }) => fact(`state file: ${because}`));
  kafka.on('switch.rolled-back', () => fact('rolled back'));
  kafka.on('switch.completed', ({ report, switchEpoch }) => {
    note({ kind: 'switched', process, switchEpoch, to: report.to });
    tail.switched(report.from, report.to);
    fact(`${report.planned ? 'planned' : 'unplanned'} switch completed`);
  });
  kafka.on('unmirrored.searched', ({ report, switchEpoch }) => {
    note({ process, ...tail.searched(report, switchEpoch) });
    fact(report.recordCount === 0 ? 'nothing unmirrored' : 'unmirrored records named');
  });
  kafka.on('unmirrored.replayed', ({ report }) => {
    if (report.replayedCount > 0) fact('unmirrored records replayed');
    if (report.mirroredCount > 0) fact('unmirrored records came before their replay');
    if (report.notReplayedCount > 0) fact('unmirrored records were not replayed');
  });
  kafka.on('producer.held', () => fact('sends held'));
  kafka.on('producer.hold-full', () => fact('hold buffer full'));
  kafka.on('producer.released', ({ resentCount }) => {
    if (resentCount > 0) fact('sends resent');
  });
  kafka.on('failover.halted', ({ error }) => fact(`halted: ${error.message}`));
  kafka.on('listener.failed', ({ error }) => fact(`listener failed: ${error.message}`));
}
