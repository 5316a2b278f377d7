import type { Admin, AdminConfig, InstrumentationEvent, Logger } from 'kafkajs';
import type { ClusterSession } from '../cluster/session.js';
import { FailoverClosedError, HoldTimeoutError, OutcomeUnknownError } from '../errors.js';
import type { EventSink } from '../events.js';
import { InstrumentationRelay } from '../instrumentation.js';
import type { ActiveCluster } from '../switch/active.js';
import type { Participant } from '../switch/participant.js';
import { untilAborted, untilDeadline } from '../wait.js';
import type { World } from '../world.js';

/** @internal What an admin that follows the active cluster is made of. */
export interface FailoverAdminParts {
  readonly id: string;
  readonly config: AdminConfig | undefined;
  readonly world: World;
  readonly events: EventSink;
  readonly active: ActiveCluster;
  readonly logger: Logger;
  /** Longest wait of one call during a switch, in milliseconds. */
  readonly maxWaitMs: number;
}

/** @internal An admin, as the composition root has it. */
export interface FailoverAdmin {
  /** What the user gets: kafkajs's own surface. */
  readonly admin: Admin;
  readonly participant: Participant;
  /** An admin has nothing to report. */
  status(): undefined;
  close(): Promise<void>;
}

/** kafkajs's admin calls, all of them asynchronous. The type check below keeps the list complete. */
const CALLS = [
  'listTopics',
  'createTopics',
  'deleteTopics',
  'createPartitions',
  'fetchTopicMetadata',
  'fetchOffsets',
  'fetchTopicOffsets',
  'fetchTopicOffsetsByTimestamp',
  'describeCluster',
  'setOffsets',
  'resetOffsets',
  'describeConfigs',
  'alterConfigs',
  'listGroups',
  'deleteGroups',
  'describeGroups',
  'describeAcls',
  'deleteAcls',
  'createAcls',
  'deleteTopicRecords',
  'alterPartitionReassignments',
  'listPartitionReassignments',
] as const;
type Call = (typeof CALLS)[number];
type Rest = Exclude<keyof Admin, 'connect' | 'disconnect' | 'logger' | 'on' | 'events'>;
const complete: [Rest] extends [Call] ? true : never = true;
void complete;

const ADMIN_EVENTS: Admin['events'] = {
  CONNECT: 'admin.connect',
  DISCONNECT: 'admin.disconnect',
  REQUEST: 'admin.network.request',
  REQUEST_TIMEOUT: 'admin.network.request_timeout',
  REQUEST_QUEUE_SIZE: 'admin.network.request_queue_size',
};

/**
 * A kafkajs admin that always works on the active cluster. A call made during a switch waits for the new cluster; one
 * that is overtaken by the fence is rejected as unknown, because it may have been carried out.
 *
 * @internal
 */
export function createFailoverAdmin(parts: FailoverAdminParts): FailoverAdmin {
  const route = new AdminRoute(parts);
  const relay = route.relay;
  const calls = Object.fromEntries(
    CALLS.map((name) => [name, (...args: unknown[]) => route.call(name, args)]),
  );
  const admin = {
    ...calls,
    connect: () => route.connect(),
    disconnect: () => route.disconnect(),
    logger: () => parts.logger,
    events: ADMIN_EVENTS,
    on: (name: string, listener: (event: InstrumentationEvent<unknown>) => unknown) =>
      relay.on(name, listener),
  };
  // The calls are made from the list above, which the compiler has compared with kafkajs's own type.
  return {
    admin: admin as unknown as Admin,
    participant: route,
    status: () => undefined,
    close: () => route.disconnect().catch(() => {}),
  };
}

class AdminRoute implements Participant {
  readonly id: string;
  readonly usesOthers: boolean = false;
  readonly relay: InstrumentationRelay;
  readonly #parts: FailoverAdminParts;
  #inner: { readonly session: ClusterSession; readonly admin: Admin } | undefined;
  #connected = false;
  #failure: Error | undefined;
  #wake: { promise: Promise<void>; resolve: () => void } = newWake();

  constructor(parts: FailoverAdminParts) {
    this.id = parts.id;
    this.#parts = parts;
    this.relay = new InstrumentationRelay({
      events: ADMIN_EVENTS,
      client: 'admin',
      contained: () => false,
      onListenerFailed: (event, error) => parts.events.emit('listener.failed', { event, error }),
    });
  }

  async connect(): Promise<void> {
    // An admin may be connected again after its disconnect, as with kafkajs.
    this.#failure = undefined;
    this.#parts.active.register(this);
    await this.#parts.active.started();
    const { admin } = await this.#current();
    this.#connected = true;
    await admin.connect();
  }

  async disconnect(): Promise<void> {
    this.#parts.active.unregister(this);
    this.#failure = new FailoverClosedError('The admin was disconnected');
    this.#wakeUp();
    const inner = this.#inner;
    this.#inner = undefined;
    this.#connected = false;
    if (inner !== undefined) await inner.admin.disconnect();
    this.relay.detach();
  }

  async call(name: Call, args: readonly unknown[]): Promise<unknown> {
    const { admin, session } = await this.#current();
    const method = admin[name] as (...values: readonly unknown[]) => Promise<unknown>;
    try {
      return await untilAborted(session.signal, method(...args));
    } catch (error) {
      if (!session.signal.aborted) throw error;
      throw new OutcomeUnknownError(
        `admin.${name}() was overtaken by a switch away from cluster ${session.alias}: it may or may not have been ` +
          `carried out there. Look before repeating it.`,
        { cause: error, cluster: session.alias, switchEpoch: session.switchEpoch },
      );
    }
  }

  hold(): void {}

  async drain(): Promise<void> {}

  async detach(): Promise<void> {
    this.#inner = undefined;
    this.relay.detach();
  }

  need(): undefined {
    return undefined;
  }

  async attach(): Promise<void> {
    this.#failure = undefined;
    this.#wakeUp();
  }

  halt(error: Error): void {
    this.#inner = undefined;
    this.#failure = error;
    this.#wakeUp();
  }

  /** The admin of the session in force, made and connected when the first call needs it. */
  async #current(): Promise<{ session: ClusterSession; admin: Admin }> {
    const session = await this.#session();
    if (this.#inner?.session === session) return this.#inner;
    const inner = { session, admin: session.kafka.admin(this.#parts.config) };
    this.#inner = inner;
    this.relay.attach(inner.admin);
    if (this.#connected) await untilAborted(session.signal, inner.admin.connect());
    return inner;
  }

  async #session(): Promise<ClusterSession> {
    const { world, active, maxWaitMs } = this.#parts;
    const deadlineAtMs = world.nowMs() + maxWaitMs;
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const session = active.session();
      if (session !== undefined) return session;
      const waited = await untilDeadline(world, deadlineAtMs, this.#wake.promise);
      if (waited.kind === 'overrun') {
        throw new HoldTimeoutError(
          `The admin call waited ${maxWaitMs} ms for a switch to end (producer.holdMaxWaitMs). It was not carried out.`,
        );
      }
    }
  }

  #wakeUp(): void {
    this.#wake.resolve();
    this.#wake = newWake();
  }
}

function newWake(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
