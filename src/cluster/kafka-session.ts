import type { ISocketFactory, Kafka, KafkaConfig } from 'kafkajs';
import type { FencedError } from '../errors.js';
import type { EventSink } from '../events.js';
import { Traffic } from '../health/traffic.js';
import type { ClusterOptions } from '../options.js';
import { SessionWork } from '../session-work.js';
import type { World } from '../world.js';
import { shareSentOffsets } from './kafkajs-cluster.js';
import { logCreatorFor, oneForEachLevel, type SessionStage } from './log-creator.js';
import type { ClusterSession } from './session.js';
import { SocketGate, type SocketGateOptions } from './socket-gate.js';
import { Watchdog } from './watchdog.js';
import { abortable } from '../wait.js';

/** @internal What {@link openSession} needs. */
export interface SessionOptions {
  readonly alias: string;
  readonly switchEpoch: number;
  /** See {@link ClusterSession.isStandby}. What goes wrong meanwhile is told by those who work with it, and nobody else hears of it. */
  readonly isStandby?: boolean;
  readonly clusterOptions: ClusterOptions;
  /** What the clusters share. `clusterOptions` outranks it. */
  readonly kafkaConfig: Omit<KafkaConfig, 'brokers'>;
  readonly world: World;
  readonly events: EventSink;
  /** How long a request may wait, with nothing received, before `socket.stalled` is reported, in milliseconds. */
  readonly stalledAfterMs: number;
  /** As {@link SocketGateOptions.verify}. */
  readonly verify?: SocketGateOptions['verify'];
  /** As {@link SocketGateOptions.beforeWrite}. */
  readonly beforeWrite?: SocketGateOptions['beforeWrite'];
  /** A socket was closed by the other side, or stalls: the earliest signs of a death. */
  readonly onSuspicion?: () => void;
}

/**
 * Makes the session of a cluster for one epoch. Opens no connection by itself: the inner clients made from
 * {@link ClusterSession.kafka} and {@link ClusterSession.countedClient} do, each through this session's gate.
 *
 * @internal
 */
export function openSession(options: SessionOptions): ClusterSession {
  const { alias, clusterOptions, kafkaConfig, world, events } = options;
  const controller = abortable();
  const gate: SocketGate = new SocketGate({
    world,
    open: clusterOptions.socketFactory ?? kafkaConfig.socketFactory ?? world.openSocket,
    onWaiting: (line) => watchdog.wake(line),
    onClosed: () => suspect(),
    beforeWrite: options.beforeWrite,
    verify: (isAgain) => options.verify?.(isAgain),
  });
  const watchdog = new Watchdog({
    world,
    lines: () => gate.lines(),
    stalledAfterMs: options.stalledAfterMs,
    report: (line) => {
      if (isStandby()) return;
      suspect();
      const facts = { cluster: alias, broker: line.broker, waitingMs: line.waitingMs() };
      events.emit('socket.stalled', facts, options);
    },
  });
  const isStandby = (): boolean => options.isStandby === true;
  const suspect = (): void => {
    if (!isStandby()) options.onSuspicion?.();
  };
  let isDraining = false;
  const stage = (): SessionStage => {
    if (controller.signal.aborted || isStandby()) return 'fenced';
    return isDraining ? 'draining' : 'in-use';
  };
  const logCreator = oneForEachLevel(logCreatorFor(alias, kafkaConfig.logCreator, stage));
  const clientThrough = (socketFactory: ISocketFactory): Kafka =>
    world.createKafka({ ...clusterConfig(kafkaConfig, clusterOptions), socketFactory, logCreator });
  const kafka = clientThrough(gate.factory);
  return {
    alias,
    get switchEpoch() {
      return options.switchEpoch;
    },
    get isStandby() {
      return isStandby();
    },
    kafka,
    countedClient() {
      const wire = gate.countedFactory();
      const client = clientThrough(wire.factory);
      shareSentOffsets(kafka, client);
      return { kafka: client, wire };
    },
    signal: controller.signal,
    traffic: new Traffic(),
    work: new SessionWork(world),
    produceWaitingMs: (sinceMs) =>
      Math.max(0, ...[...gate.lines()].map((line) => line.produceWaitingMs(sinceMs))),
    drains() {
      isDraining = true;
    },
    fence(reason: FencedError): void {
      if (controller.signal.aborted) return;
      watchdog.stop();
      const socketCount = gate.fence(reason);
      controller.abort(reason);
      if (isStandby()) return;
      events.emit('cluster.fenced', { cluster: alias, socketCount, reason: reason.message });
    },
  };
}

/**
 * kafkajs's options for one cluster: what the clusters share, then what is the cluster's own, and nothing that is not
 * kafkajs's. An option given as undefined leaves the shared one in force.
 *
 * @internal
 */
export function clusterConfig(
  shared: Omit<KafkaConfig, 'brokers'>,
  { brokers, clusterId: _clusterId, socketFactory: _socketFactory, ...own }: ClusterOptions,
): KafkaConfig {
  const given = Object.entries(own).filter(([, value]) => value !== undefined);
  return { ...shared, ...Object.fromEntries(given), brokers };
}
