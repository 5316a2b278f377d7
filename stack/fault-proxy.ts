import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { nearest } from '../src/nearest.js';
import { StackError, hasCode } from './errors.js';
import { loopback } from './ports.js';
import { apiKeys } from './proxy/apis.js';
import type { ApiName } from './proxy/apis.js';
import type { AnswerableApi } from './proxy/answers.js';
import { ProxyConnection } from './proxy/connection.js';
import type { Address, ConnectionContext } from './proxy/connection.js';
import { EventLog } from './proxy/event-log.js';
import { Faults } from './proxy/faults.js';
import type { Fault } from './proxy/faults.js';
import type { ProxyClock } from './proxy/lane.js';
import type { Direction } from './proxy/rules.js';

/** @internal Options of {@link FaultProxy.start}. */
export interface FaultProxyOptions {
  /** The broker's own listener, the one that advertises the proxy's address. */
  target: Address;
  /** On loopback. Default: any that is free. */
  port?: number;
  /** How many of the newest frames the log keeps. Default 20000. */
  logLimit?: number;
  /** How many bytes wait in one direction of one connection before its sender is stopped. Default 64 MiB. */
  laneLimitBytes?: number;
  /** Default: the process's own. */
  clock?: ProxyClock;
}

/** @internal Which frames a fault is about. */
export interface FrameScope {
  /** Requests, or the answers to them. Default: all. */
  apiKeys?: readonly ApiName[];
  /** Default `both`. */
  direction?: Direction | 'both';
}

const realClock: ProxyClock = {
  nowMs: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/**
 * A TCP proxy in front of one broker's listener, which knows Kafka's frames: it can stall only Produce, lose the answer
 * to an OffsetCommit that the broker has applied, cut one direction. Faults are set and cleared while connections live;
 * each is in force until its {@link Fault.clear} or {@link heal}.
 *
 * What a fault keeps goes on in its order when it is cleared, on the same connections: it heals in place. Within one
 * connection and direction, a frame that is kept holds back whatever stands behind it, of any api: Kafka works on one
 * request of a connection at a time, and so does a broker that is stuck in one. Other connections pass. (kafkajs has
 * two connections to a broker for each client, one of them for Fetch only.)
 *
 * A client that leaves in order while its requests are kept is followed by them when they are released, as over a
 * network that comes back; one that resets its connection takes them along.
 *
 * Of faults that stall, drop or answer, the newest that is about a frame decides alone. Delays and limits come on top.
 *
 * @example
 * const stalled = proxy.stall({ apiKeys: ['Produce'] });
 * await expect(producer.send(record)).rejects.toThrow();
 * stalled.clear();
 * @internal
 */
export class FaultProxy {
  readonly host: string = loopback;
  readonly log: EventLog;
  readonly #home: Address;
  readonly #context: ConnectionContext;
  readonly #faults: Faults;
  readonly #connections = new Set<ProxyConnection>();
  #target: Address;
  #port: number;
  #server: Server | undefined;
  #connectionCount = 0;

  private constructor({ target, port = 0, logLimit, laneLimitBytes, clock }: FaultProxyOptions) {
    this.#home = target;
    this.#target = target;
    this.#port = port;
    this.log = new EventLog(logLimit ?? 20_000);
    this.#faults = new Faults(() => this.#pump());
    this.#context = {
      faults: this.#faults,
      log: this.log,
      clock: clock ?? realClock,
      laneLimitBytes: laneLimitBytes ?? 64 * 1024 * 1024,
      target: () => this.#target,
      onGone: (connection) => this.#connections.delete(connection),
    };
  }

  /**
   * Listens, and passes everything on.
   *
   * @throws StackError - the port is taken.
   */
  static async start(options: FaultProxyOptions): Promise<FaultProxy> {
    const proxy = new FaultProxy(options);
    await proxy.accept();
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  /** `host:port`, as in a list of bootstrap brokers. */
  get address(): string {
    return `${this.host}:${this.#port}`;
  }

  /** Where new connections go now. */
  get target(): Address {
    return this.#target;
  }

  /** How many connections of clients there are, half-closed ones and those that a cut keeps included. */
  get openCount(): number {
    return this.#connections.size;
  }

  /** How many connections were accepted since the start. */
  get acceptedCount(): number {
    return this.#connectionCount;
  }

  /**
   * Keeps matching frames until it is cleared. With `both`, a request that came before waits in its answer, a later one
   * itself.
   */
  stall(scope: FrameScope = {}): Fault {
    return this.#faults.set({ kind: 'stall', ...toScope(scope) });
  }

  /**
   * Throws matching answers away: the broker has applied the request, and the client does not hear of it. Later answers
   * on the same connection pass, which kafkajs does not mind and Java clients do.
   *
   * @param options.times - so many answers, then no more. Default: all until it is cleared.
   */
  drop({
    apiKeys,
    times = Infinity,
  }: {
    apiKeys: readonly ApiName[];
    direction?: 'response';
    times?: number;
  }): Fault {
    const scope = toScope({ apiKeys, direction: 'response' });
    return this.#faults.set({ kind: 'drop', timesLeft: checkCount('times', times), ...scope });
  }

  /**
   * Hands matching frames on later. Each waits from its own arrival, in its place: frames that come together go
   * together. With `both`, a request and its answer wait once each.
   *
   * @param options.ms - how long, in milliseconds.
   * @param options.jitterMs - up to so much more or less, evenly spread. Default 0.
   * @param options.random - numbers in [0, 1) for the jitter. Default `Math.random`.
   */
  delay({
    ms,
    jitterMs = 0,
    random = Math.random,
    ...scope
  }: FrameScope & { ms: number; jitterMs?: number; random?: () => number }): Fault {
    checkPositive('ms', ms);
    return this.#faults.set({ kind: 'delay', ms, jitterMs, random, ...toScope(scope) });
  }

  /**
   * Makes the line slow, for each direction and for all connections together. A frame is handed on whole, when its last
   * byte would have passed.
   */
  limit({
    bytesPerSecond,
    direction = 'both',
  }: {
    bytesPerSecond: number;
    direction?: Direction | 'both';
  }): Fault {
    checkPositive('bytesPerSecond', bytesPerSecond);
    return this.#faults.set({ kind: 'limit', bytesPerSecond, ...toScope({ direction }) });
  }

  /**
   * Refuses requests in the broker's place, which does not see them; every partition of a Produce gets the code. Produce
   * up to version 7 and FindCoordinator up to version 2, the newest that kafkajs sends. A request of a later version has
   * its connection reset, and the log says `unsupported`.
   *
   * @param options.errorCode - of the protocol: 7 is REQUEST_TIMED_OUT, 19 NOT_ENOUGH_REPLICAS.
   * @param options.times - so many requests, then no more. Default: all until it is cleared.
   */
  answerWith({
    apiKeys,
    errorCode,
    times = Infinity,
  }: {
    apiKeys: readonly AnswerableApi[];
    errorCode: number;
    times?: number;
  }): Fault {
    const scope = toScope({ apiKeys, direction: 'request' });
    const timesLeft = checkCount('times', times);
    return this.#faults.set({ kind: 'answer', errorCode, timesLeft, ...scope });
  }

  /** Silence both ways. Connections are accepted, by this proxy alone; the broker sees them when it is cleared. */
  blackhole(): Fault {
    return this.#faults.set({ kind: 'cut', ...toScope({}) });
  }

  /** Nothing reaches the broker, ends and resets of connections included. What it sends comes through. */
  cutTowardsBroker(): Fault {
    return this.#faults.set({ kind: 'cut', ...toScope({ direction: 'request' }) });
  }

  /** Nothing reaches the client. What it sends arrives, and is applied. */
  cutTowardsClient(): Fault {
    return this.#faults.set({ kind: 'cut', ...toScope({ direction: 'response' }) });
  }

  /** Closes the listener: new connections get ECONNREFUSED, those that exist go on. {@link accept} ends it. */
  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    // The port is free at once; the callback would wait for every connection.
    server?.close();
  }

  /** Listens again, on the same port. Does nothing where it does. */
  async accept(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#onConnection(socket));
    this.#server = server;
    server.listen({ host: this.host, port: this.#port, exclusive: true });
    try {
      await once(server, 'listening');
    } catch (error) {
      this.#server = undefined;
      if (!hasCode(error, 'EADDRINUSE')) throw error;
      throw new StackError(
        `The fault proxy cannot listen on port ${this.#port}: another process does. Stop it, or choose another port.`,
        { cause: error },
      );
    }
    this.#port = (server.address() as AddressInfo).port;
  }

  /** RST of every connection, to both ends, whatever else is in force. New ones are accepted. */
  reset(): void {
    for (const connection of [...this.#connections]) connection.reset();
  }

  /**
   * New connections go elsewhere, as behind a load balancer or a name.
   *
   * @param options.sessions - `keep`: connections that exist stay where they are; `kill`: they are reset.
   */
  redirectTo(target: Address, { sessions }: { sessions: 'keep' | 'kill' }): void {
    this.#target = { host: target.host, port: target.port };
    if (sessions === 'kill') this.reset();
  }

  /** Ends every fault, accepts again, and leads new connections home. What was kept goes on; nothing is reset. */
  async heal(): Promise<void> {
    this.#target = this.#home;
    this.#faults.clearAll();
    await this.accept();
  }

  /** Ends the proxy and every connection through it. May be called again. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = server && once(server, 'close');
    server?.close();
    this.reset();
    await closed;
  }

  #onConnection(socket: Socket): void {
    this.#connectionCount += 1;
    this.#connections.add(new ProxyConnection(this.#context, this.#connectionCount, socket));
  }

  #pump(): void {
    for (const connection of [...this.#connections]) connection.pump();
  }
}

interface Scope {
  direction: Direction | 'both';
  apiKeys: ReadonlySet<ApiName> | undefined;
}

function toScope({ apiKeys: wanted, direction = 'both' }: FrameScope): Scope {
  const known = Object.keys(apiKeys) as ApiName[];
  const wrong = wanted?.find((name) => !known.includes(name));
  if (wrong !== undefined) {
    const best = nearest(wrong, known);
    throw new StackError(
      `apiKeys are Kafka's names of requests, got "${wrong}".${best === undefined ? '' : ` Did you mean ${best}?`}`,
    );
  }
  return { direction, apiKeys: wanted && new Set(wanted) };
}

function checkCount(option: string, value: number): number {
  if (value === Infinity || (Number.isInteger(value) && value > 0)) return value;
  throw new StackError(`${option} must be an integer > 0 or Infinity, got ${value}.`);
}

function checkPositive(option: string, value: number): void {
  if (!Number.isFinite(value) || value <= 0) {
    throw new StackError(`${option} must be a number > 0, got ${value}.`);
  }
}
