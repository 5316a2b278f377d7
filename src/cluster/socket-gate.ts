import type { Socket } from 'node:net';
import type { ISocketFactory } from 'kafkajs';
import { FencedError } from '../errors.js';
import { resetSocket } from '../transport.js';
import type { World } from '../world.js';
import { WrittenRequests } from './written-requests.js';
import type { Wire } from './session.js';
import { SocketLine } from './wire.js';

/** @internal What a gate needs. */
export interface SocketGateOptions {
  readonly world: Pick<World, 'nowMs' | 'after'>;
  /** Opens the sockets: the user's own factory for the cluster, or the world's. */
  readonly open: ISocketFactory;
  /** Called when a socket begins to wait for an answer. */
  readonly onWaiting?: (line: SocketLine) => void;
  /**
   * Asked for each socket before kafkajs may use it: is the cluster behind the name still the right one? Undefined: yes.
   * Never rejects; where the answer is no, the fence comes first.
   *
   * @param isAgain - there was a connection to this broker before: it may have been broken because the name was turned round.
   */
  readonly verify?: (isAgain: boolean) => Promise<void> | undefined;
  /** Called before anything is written; it may fence this gate. */
  readonly beforeWrite?: (() => void) | undefined;
  /** Called when a socket is closed, or could not be opened, before the fence. */
  readonly onClosed?: () => void;
}

/** A Produce request is handed to a socket: its id, and the very bytes. */
type OnProduce = (correlationId: number, frame: Buffer) => void;

/**
 * The one door through which a kafkajs client reaches its cluster: given to it as `socketFactory`.
 *
 * kafkajs cannot be stopped by its public methods: `disconnect()` resolves while a retrying `send()` reconnects and
 * writes later (measured; kafkajs issue 1639). So the door is shut instead.
 *
 * @internal
 */
export class SocketGate {
  readonly #options: SocketGateOptions;
  readonly #lines = new Map<Socket, SocketLine>();
  /** The brokers that were connected to in this session. */
  readonly #connected = new Set<string>();
  /** How many sockets were opened to each broker. */
  readonly #openCounts = new Map<string, number>();
  #fenced: FencedError | undefined;

  constructor(options: SocketGateOptions) {
    this.#options = options;
  }

  /** The account of each open socket. */
  lines(): Iterable<SocketLine> {
    return this.#lines.values();
  }

  /** Opens a socket for kafkajs. @throws {FencedError} ERR_FAILOVER_FENCED - after the fence. */
  readonly factory: ISocketFactory = (args) => this.#open(args, () => {});

  /** As {@link factory}, for one client: its Produce requests are counted, and known one by one. */
  countedFactory(): Wire & { readonly factory: ISocketFactory } {
    const account = new WrittenRequests();
    return {
      factory: (args) => this.#open(args, account.socketTo(`${args.host}:${args.port}`)),
      get produceRequestCount() {
        return account.count;
      },
      to: (broker) => account.to(broker),
    };
  }

  #open(args: Parameters<ISocketFactory>[0], onProduce: OnProduce): Socket {
    const fenced = this.#fenced;
    if (fenced !== undefined) throw finalRefusal(fenced);
    const broker = `${args.host}:${args.port}`;
    this.#openCounts.set(broker, (this.#openCounts.get(broker) ?? 0) + 1);
    const attempt = new ConnectAttempt(args.onConnect);
    const socket: Socket = this.#options.open({
      ...args,
      onConnect: () => this.#onConnect(broker, attempt, () => socket),
    });
    this.#endAttempts(socket, attempt, broker);
    const line = new SocketLine(
      broker,
      () => this.#options.world.nowMs(),
      this.#options.onWaiting ?? (() => {}),
    );
    this.#lines.set(socket, line);
    // Each send to a dead broker that fails has kafkajs call `unref` on its last socket, which listens for a connection then: no leak, and nothing that Node should warn of.
    socket.setMaxListeners(0);
    socket.once('close', () => {
      this.#lines.delete(socket);
      if (this.#fenced === undefined) this.#options.onClosed?.();
    });
    // kafkajs has its own listener; this one keeps an Error that comes before or after it from ending the process.
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => line.received(chunk));
    this.#guardWrites(socket, line, onProduce);
    return socket;
  }

  /** kafkajs writes nothing before it hears of the connection. */
  #onConnect(broker: string, attempt: ConnectAttempt, socketOf: () => Socket): void {
    const isAgain = this.#connected.has(broker);
    this.#connected.add(broker);
    const verifying = this.#options.verify?.(isAgain);
    if (verifying === undefined) {
      attempt.succeed();
      return;
    }
    void verifying.then(() => {
      if (this.#fenced !== undefined || !attempt.succeed()) return;
      // Its end came before kafkajs heard of its beginning: kafkajs would take it for connected, and write to it for ever.
      const socket = socketOf();
      if (socket.destroyed) socket.emit('end');
    });
  }

  /**
   * Ends an attempt to connect when its socket is ended, instead of leaving it to its time limit. kafkajs 2.2.4 has no other
   * end for it, and so a producer may never connect again:
   *
   * 1. One send fails to connect within `connectionTimeout`; its lock passes to the next one, which begins to connect.
   * 2. The first one disconnects the broker (`brokerPool.js`, `findConnectedBroker`), and with it the socket of the second.
   * 3. The second one hears of nothing, fails at its own time limit, and does the same to the third.
   *
   * It goes on so for as long as new sends come. An attempt whose own limit has ended it needs no word; there may be a newer
   * socket by then, which an error would hit.
   */
  #endAttempts(socket: Socket, attempt: ConnectAttempt, broker: string): void {
    const end = socket.end.bind(socket) as (...args: unknown[]) => Socket;
    const guarded = (...args: unknown[]): Socket => {
      if (attempt.end()) {
        const openCount = this.#openCounts.get(broker);
        this.#options.world.after(0, () => {
          if (this.#fenced !== undefined || this.#openCounts.get(broker) !== openCount) return;
          const error = new Error(
            'the attempt to connect was ended by another one that had failed',
          );
          if (socket.destroyed) socket.emit('error', error);
          else socket.destroy(error);
        });
      }
      return end(...args);
    };
    Object.assign(socket, { end: guarded });
  }

  /**
   * Shuts the door: every open socket is reset with the Error, later connects throw, later writes are dropped.
   * Synchronous and idempotent.
   *
   * @returns how many sockets were open.
   */
  fence(reason: FencedError): number {
    if (this.#fenced !== undefined) return 0;
    this.#fenced = reason;
    const sockets = [...this.#lines.keys()];
    for (const socket of sockets) resetSocket(socket, reason);
    this.#lines.clear();
    return sockets.length;
  }

  /**
   * Counts what is written, and drops it after the fence: a user's own kind of socket may take its time to be destroyed.
   * An own property of this one socket, so that no prototype is touched and nothing is looked up twice.
   */
  #guardWrites(socket: Socket, line: SocketLine, onProduce: OnProduce): void {
    const write = socket.write.bind(socket) as (...args: unknown[]) => boolean;
    const { beforeWrite } = this.#options;
    const guarded = (chunk: unknown, ...rest: unknown[]): boolean => {
      beforeWrite?.();
      if (this.#fenced !== undefined) {
        const done = rest.at(-1);
        if (typeof done === 'function') queueMicrotask(() => done(this.#fenced));
        return false;
      }
      const produced = line.wrote(chunk);
      if (produced !== undefined) onProduce(produced, chunk as Buffer);
      return write(chunk, ...rest);
    };
    socket.write = guarded;
  }
}

/** An attempt to connect: kafkajs hears of its success, or ends it. */
class ConnectAttempt {
  readonly #onConnect: () => void;
  #isOver = false;

  constructor(onConnect: () => void) {
    this.#onConnect = onConnect;
  }

  /** @returns false where kafkajs has ended it: it must not hear that it is connected. */
  succeed(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#onConnect();
    return true;
  }

  /** @returns true where it was under way. */
  end(): boolean {
    const wasUnderWay = !this.#isOver;
    this.#isOver = true;
    return wasUnderWay;
  }
}

/**
 * What a fenced door throws. kafkajs catches it to make a retriable "Failed to connect: <message>" of it, and its retries
 * would then keep timers, and so the process, alive for half a minute (measured). Reading this message throws a RangeError
 * instead, which kafkajs 2.2.4 does not retry (`src/retry/index.js`): pending work ends at once, and nothing restarts.
 *
 * It leans on the `catch` in kafkajs's `Connection.connect`; a test with a real client pins it. The token tells
 * `health/failure.ts` what it was.
 */
function finalRefusal({ message, cluster, switchEpoch }: FencedError): FencedError {
  const text = `${message} (ERR_FAILOVER_FENCED)`;
  const refusal = new FencedError(text, { cluster, switchEpoch });
  Object.defineProperty(refusal, 'message', {
    get() {
      throw new RangeError(text);
    },
  });
  return refusal;
}
