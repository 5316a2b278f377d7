import type { Admin, AdminConfig, InstrumentationEvent, Logger } from 'kafkajs';
import type { ClusterSession } from '../cluster/session.js';
import { FailoverClosedError, HoldTimeoutError } from '../errors.js';
import type { EventSink } from '../events.js';
import { InstrumentationRelay } from '../instrumentation.js';
import type { ActiveCluster } from '../switch/active.js';
import { endOf, factsOf, type Participant, type SwitchTurn } from '../switch/participant.js';
import { untilAborted, untilDeadline } from '../wait.js';
import type { World } from '../world.js';
import { adminOf, callOn, overtaken, type AdminCall } from './admin-calls.js';

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

/** Longest wait of `close()` for calls under way, in milliseconds: a cluster that is frozen answers them never. */
export const CLOSE_MAX_MS = 5_000;

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
  const on = (
    name: string,
    listener: (event: InstrumentationEvent<unknown>) => unknown,
  ): (() => void) => relay.on(name, listener);
  const admin = adminOf((name, args) => route.call(name, args), {
    connect: () => route.connect(),
    disconnect: () => route.disconnect(),
    logger: () => parts.logger,
    events: ADMIN_EVENTS,
    on: on as Admin['on'],
  });
  return { admin, participant: route, status: () => undefined, close: () => route.close() };
}

/** The inner admin of one session. */
interface Inner {
  readonly session: ClusterSession;
  readonly admin: Admin;
  /** Its `connect()`; undefined where nobody has asked for that yet, or it failed. */
  connecting: Promise<void> | undefined;
}

class AdminRoute implements Participant {
  readonly id: string;
  readonly usesOthers: boolean = false;
  readonly relay: InstrumentationRelay;
  readonly #parts: FailoverAdminParts;
  #inner: Inner | undefined;
  #connected = false;
  #failure: Error | undefined;
  /** The newest switch that it has heard of. */
  #turn: SwitchTurn | undefined;
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
    const { active } = this.#parts;
    const wasConnected = this.#connected;
    // An admin may be connected again after its disconnect, as with kafkajs. A halt goes on.
    if (!wasConnected) this.#failure = undefined;
    active.register(this);
    try {
      await active.started();
      if (this.#failure !== undefined) throw this.#failure;
      this.#connected = true;
      if (this.#inner !== undefined) this.#inner.connecting = undefined;
      await this.#current();
    } catch (error) {
      // As if it had not been called. Who is not registered hears of no end either, so no halt is kept in mind.
      if (!wasConnected && !this.#isOver()) {
        this.#connected = false;
        this.#failure = undefined;
        active.unregister(this);
      }
      throw error;
    }
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

  /** Disconnects, bounded. Never rejects. */
  async close(): Promise<void> {
    const { world } = this.#parts;
    await untilDeadline(world, world.nowMs() + CLOSE_MAX_MS, this.disconnect()).catch(() => {});
  }

  async call(name: AdminCall, args: readonly unknown[]): Promise<unknown> {
    const { admin, session } = await this.#current();
    const { signal, alias, switchEpoch } = session;
    try {
      return await untilAborted(signal, callOn(admin, name, args));
    } catch (error) {
      if (!signal.aborted) throw error;
      throw overtaken(name, alias, { cause: signal.reason, switchEpoch });
    }
  }

  hold(turn: SwitchTurn): void {
    // The way out of a halt is a switch like any other: calls wait for its end.
    this.#failure = undefined;
    this.#turn = turn;
  }

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

  /** The admin of the session in force, made when the first call needs it, and connected where the user has connected. */
  async #current(): Promise<Inner> {
    const { world, maxWaitMs } = this.#parts;
    const deadlineAtMs = world.nowMs() + maxWaitMs;
    for (;;) {
      const inner = this.#innerOf(await this.#session(deadlineAtMs));
      if (!this.#connected) return inner;
      const { signal } = inner.session;
      try {
        inner.connecting ??= inner.admin.connect();
        await untilAborted(signal, inner.connecting);
        if (this.#inner === inner) return inner;
        // Left meanwhile: nobody else would disconnect it.
        void inner.admin.disconnect().catch(() => {});
      } catch (error) {
        inner.connecting = undefined;
        // Overtaken before anything was asked of it: the next cluster will do.
        if (!signal.aborted) throw error;
      }
    }
  }

  #innerOf(session: ClusterSession): Inner {
    if (this.#inner?.session === session) return this.#inner;
    const admin = session.kafka.admin(this.#parts.config);
    this.#inner = { session, admin, connecting: undefined };
    this.relay.attach(admin);
    return this.#inner;
  }

  async #session(deadlineAtMs: number): Promise<ClusterSession> {
    const { world, active, maxWaitMs } = this.#parts;
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const session = active.session();
      if (session !== undefined) return session;
      const waited = await untilDeadline(world, deadlineAtMs, this.#wake.promise);
      if (waited.kind === 'overrun' && active.session() === undefined) {
        throw new HoldTimeoutError(
          `The admin call waited ${maxWaitMs} ms (producer.holdMaxWaitMs) for ${endOf(this.#turn)}. It was not carried out.`,
          factsOf(this.#turn),
        );
      }
    }
  }

  /** It was disconnected, or the whole was closed. */
  #isOver(): boolean {
    return this.#failure instanceof FailoverClosedError;
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
