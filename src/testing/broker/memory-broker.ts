import { RefusedAnswer } from '../client/protocol-bridge.js';
import type { Clock } from '../clock.js';
import type { ApiName } from '../protocol-codes.js';
import { answerFrame, FrameReader, type Mailroom, readRequest } from '../wire.js';
import type { BrokerTimers } from './broker-timers.js';
import type { ClusterState, Interception, Interceptor, ObservedRequest } from './faults.js';
import type { ObservedWrite } from '../memory-cluster.js';
import type { Handlers } from './handlers.js';
import type { Link } from './link.js';
import type { ClientEnd, Listener, ServerEnd } from './memory-socket.js';
import { apiNameOf } from './topic-api.js';

/** A correlation id that no client has given. */
const NOBODYS_ID = -1;

/** A ticket under which nothing waits. */
const NO_LETTER = 0;

/** @internal What a broker is made of. */
export interface BrokerParts {
  readonly clock: Clock;
  readonly mailroom: Mailroom;
  readonly link: Link;
  readonly timers: BrokerTimers;
  readonly handlers: Handlers;
}

/**
 * The process that listens at a cluster's address: connections, one request at a time on each, and everything that can go
 * wrong with them.
 *
 * @internal
 */
export class MemoryBroker implements Listener {
  readonly link: Link;
  readonly #interceptors = new Set<Interceptor>();
  readonly observers: Set<(request: ObservedRequest) => void> = new Set();
  readonly writeObservers: Set<(write: ObservedWrite) => void> = new Set();
  readonly #parts: BrokerParts;
  readonly #connections = new Set<Connection>();
  #state: ClusterState = 'up';
  /** Milliseconds that each answer takes beside the network's. */
  slowByMs = 0;

  constructor(parts: BrokerParts) {
    this.#parts = parts;
    this.link = parts.link;
  }

  get state(): ClusterState {
    return this.#state;
  }

  get connectionCount(): number {
    return [...this.#connections].filter(({ isOpen }) => isOpen).length;
  }

  /** Whether requests are taken up. */
  get isProcessing(): boolean {
    return this.#state === 'up' || this.#state === 'refusing';
  }

  accept(client: ClientEnd): ServerEnd | undefined {
    if (this.#state === 'down' || this.#state === 'refusing') return undefined;
    const connection = new Connection(this, this.#parts, client);
    this.#connections.add(connection);
    return connection;
  }

  written(bytes: Buffer): void {
    if (this.writeObservers.size === 0) return;
    const apiName = bytes.length < 6 ? undefined : apiNameOf(bytes.readInt16BE(4));
    const write = { atMs: this.#parts.clock.nowMs(), apiName };
    for (const observe of this.writeObservers) observe(write);
  }

  forget(connection: Connection): void {
    this.#connections.delete(connection);
  }

  kill(): void {
    this.#state = 'down';
    for (const connection of [...this.#connections]) connection.breakOff();
    this.#parts.timers.clear();
  }

  freeze(): void {
    this.#state = 'frozen';
    this.#parts.timers.freeze();
  }

  refuse(): void {
    this.#state = 'refusing';
  }

  /** Back to normal, from any state. */
  resume(): void {
    const wasFrozen = this.#state === 'frozen';
    this.#state = 'up';
    if (!wasFrozen) return;
    this.#parts.timers.thaw();
    for (const connection of [...this.#connections]) connection.work();
  }

  /** Returns the way to remove it. What it kept from being taken up is decided about again then. */
  intercept(interceptor: Interceptor): () => void {
    this.#interceptors.add(interceptor);
    return () => {
      if (!this.#interceptors.delete(interceptor)) return;
      for (const connection of [...this.#connections]) connection.release(interceptor);
    };
  }

  /** What is done with a request, and who wants it. */
  interception(request: ObservedRequest): readonly [Interception, Interceptor] | [] {
    for (const intercept of this.#interceptors) {
      const interception = intercept(request);
      if (interception !== undefined) return [interception, intercept];
    }
    return [];
  }
}

/** A request that has arrived. */
interface Received {
  readonly correlationId: number;
  readonly clientId: string;
  /** Undefined where Kafka has no such request. */
  readonly apiName: ApiName | undefined;
  readonly content: unknown;
}

/** The broker's end of one connection. As in Kafka, the next request is taken up when the one before is answered. */
class Connection implements ServerEnd {
  readonly #broker: MemoryBroker;
  readonly #parts: BrokerParts;
  readonly #client: ClientEnd;
  readonly #reader = new FrameReader();
  readonly #waiting: Received[] = [];
  /** What is not processed, nor anything behind it, as long as this interceptor is there. */
  #hanging: { readonly received: Received; readonly by: Interceptor | undefined } | undefined;
  #isBusy = false;
  /** The loop of {@link work} runs: what is answered at once does not begin another one inside it. */
  #isWorking = false;
  #isOpen = true;
  /** A request that is no long poll is under way: then a killed process tears the connection down. */
  #isOwing = false;

  constructor(broker: MemoryBroker, parts: BrokerParts, client: ClientEnd) {
    this.#broker = broker;
    this.#parts = parts;
    this.#client = client;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  receive(bytes: Buffer): void {
    for (const frame of this.#reader.push(bytes)) {
      const { apiKey, correlationId, clientId, ticket } = readRequest(frame);
      const content = this.#parts.mailroom.take(ticket);
      this.#waiting.push({ correlationId, clientId, apiName: apiNameOf(apiKey), content });
    }
    this.work();
  }

  /** The client is gone. What it had sent is still processed: it lies in the operating system's buffer. */
  closed(): void {
    this.#isOpen = false;
    this.#forgetIfDone();
  }

  breakOff(): void {
    const isTorn = this.#isOwing || this.#hanging !== undefined || this.#waiting.length > 0;
    this.#drop(isTorn ? 'reset' : 'end');
  }

  /** This interceptor is gone. */
  release(by: Interceptor): void {
    if (this.#hanging?.by !== by) return;
    this.#waiting.unshift(this.#hanging.received);
    this.#hanging = undefined;
    this.work();
  }

  work(): void {
    if (this.#isWorking) return;
    this.#isWorking = true;
    try {
      while (!this.#isBusy && this.#hanging === undefined && this.#broker.isProcessing) {
        const received = this.#waiting.shift();
        if (received === undefined) break;
        this.#process(received);
      }
    } finally {
      this.#isWorking = false;
    }
    if (!this.#isOpen) this.#forgetIfDone();
  }

  #process(received: Received): void {
    const { apiName, clientId, content, correlationId } = received;
    if (apiName === undefined) return this.#drop('end');
    const request: ObservedRequest = {
      atMs: this.#parts.clock.nowMs(),
      apiName,
      clientId,
      groupId: groupOf(content),
      topics: topicsOf(content),
    };
    const [interception, by] = this.#broker.interception(request);
    if (interception?.kind === 'hang') {
      this.#hanging = { received, by };
      return;
    }
    for (const observe of this.#broker.observers) observe(request);
    if (interception?.kind === 'reset') return this.#drop('reset');
    this.#isBusy = true;
    this.#isOwing = apiName !== 'Fetch' && apiName !== 'JoinGroup';
    const finish = (answer: unknown): void => {
      if (!this.#broker.isProcessing) {
        // A test has written to the log of a stopped broker: whoever waits for it hears when the broker goes on.
        this.#parts.timers.after(0, () => finish(answer));
        return;
      }
      this.#isBusy = false;
      this.#isOwing = false;
      if (interception?.kind === 'reset-after') this.#drop('reset');
      else if (interception?.kind === 'lose-answer') this.#loseAnswer(answer);
      else this.#answer(correlationId, answer);
      this.work();
    };
    if (interception?.kind === 'refuse') return finish(new RefusedAnswer(interception.errorCode));
    const extraMs = interception?.kind === 'delay' ? interception.delayMs : 0;
    const delayMs = extraMs + this.#broker.slowByMs;
    const isAnswered = !isUnacknowledged(apiName, content);
    const handle = (): void => {
      const reply = isAnswered ? finish : (): void => finish(undefined);
      // The request's name says what its content is.
      this.#parts.handlers[apiName](content as never, reply, { clientId });
    };
    if (delayMs > 0) this.#parts.timers.after(delayMs, handle);
    else handle();
  }

  #answer(correlationId: number, answer: unknown): void {
    if (!this.#isOpen || answer === undefined) return;
    this.#client.send(answerFrame(correlationId, this.#parts.mailroom.post(answer)));
  }

  /** The client gets as much as an answer takes, and does not know what it is: the count of its answers stays right. */
  #loseAnswer(answer: unknown): void {
    if (this.#isOpen && answer !== undefined) this.#client.send(answerFrame(NOBODYS_ID, NO_LETTER));
  }

  #drop(how: 'end' | 'reset'): void {
    if (this.#isOpen) this.#client.close(how);
    this.#isOpen = false;
    this.#hanging = undefined;
    this.#waiting.length = 0;
    this.#broker.forget(this);
  }

  #forgetIfDone(): void {
    if (this.#hanging === undefined && this.#waiting.length === 0) this.#broker.forget(this);
  }
}

/** `acks: 0` asks for no answer. */
function isUnacknowledged(apiName: string, content: unknown): boolean {
  return apiName === 'Produce' && property(content, 'acks') === 0;
}

function groupOf(content: unknown): string | undefined {
  const groupId = property(content, 'groupId');
  return typeof groupId === 'string' ? groupId : undefined;
}

function topicsOf(content: unknown): readonly string[] {
  const topics = property(content, 'topicData') ?? property(content, 'topics');
  if (!Array.isArray(topics)) return [];
  return topics
    .map((topic: unknown) => (typeof topic === 'string' ? topic : property(topic, 'topic')))
    .filter((topic) => typeof topic === 'string');
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
