import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { resetSocket } from '../../src/transport.js';
import { refusalOf } from './answers.js';
import { FrameReader, PendingRequests, readRequest } from './frames.js';
import type { Answered, RequestHead } from './frames.js';
import { Lane } from './lane.js';
import type { LaneContext } from './lane.js';

/** @internal Where a broker listens. */
export interface Address {
  host: string;
  port: number;
}

/** @internal What a connection needs of its proxy. */
export interface ConnectionContext extends LaneContext {
  /** Where connections to the broker go now. */
  target(): Address;
  /** Both ends are gone and nothing is kept any more. */
  onGone(connection: ProxyConnection): void;
}

/**
 * A client's connection, and the one to the broker that belongs to it.
 *
 * Ends travel like bytes, in their place in the stream: a client that closes in order (FIN) while its requests are kept
 * is followed by them later, as with a network that comes back; one that resets (RST) takes them along. Beyond a cut
 * neither is heard of until it is cleared.
 *
 * @internal
 */
export class ProxyConnection {
  readonly #context: ConnectionContext;
  readonly #client: Socket;
  readonly #requests: Lane;
  readonly #responses: Lane;
  readonly #pending = new PendingRequests();
  /** Undefined before the first moment in which the way to the broker is open. */
  #broker: Socket | undefined;
  #isDestroyed = false;

  /** @param client - made with `allowHalfOpen`. */
  constructor(context: ConnectionContext, id: number, client: Socket) {
    this.#context = context;
    this.#client = client;
    this.#requests = new Lane(context, id, 'request', {
      write: (bytes) => this.#broker?.write(bytes) ?? true,
      end: () => this.#broker?.end(),
      reset: () => reset(this.#broker),
      passes: (head) => head && this.#pending.sent(head),
      answer: (frame, head, errorCode) => this.#answer(frame, head, errorCode),
      pauseSender: () => client.pause(),
      resumeSender: () => client.resume(),
    });
    this.#responses = new Lane(context, id, 'response', {
      write: (bytes) => client.write(bytes),
      end: () => client.end(),
      reset: () => reset(client),
      passes: () => {},
      answer: () => false, // Rules that answer are about requests.
      pauseSender: () => this.#broker?.pause(),
      resumeSender: () => this.#broker?.resume(),
    });
    this.#listenToClient();
    this.pump();
  }

  /** Lets everything go on that may now. */
  pump(): void {
    if (this.#isDestroyed) return;
    // A client that has left before the way was open has nobody to be told of.
    if (this.#context.faults.cutOf('request') === undefined && !this.#isForgotten) {
      this.#broker ??= this.#connectBroker();
    }
    this.#requests.pump();
    this.#responses.pump();
    this.#checkGone();
  }

  /** RST to both ends, whatever waits. */
  reset(): void {
    this.#isDestroyed = true;
    this.#requests.close();
    this.#responses.close();
    reset(this.#client);
    reset(this.#broker);
    this.#checkGone();
  }

  #listenToClient(): void {
    const reader = new FrameReader();
    const { pass, end } = follow(this.#client, reader, this.#requests, (frame) =>
      this.#requests.frame(frame, readRequest(frame)),
    );
    this.#client.setNoDelay(true);
    this.#client.on('data', pass).on('end', end);
    this.#client.on('drain', () => this.#responses.drained());
    this.#client.on('error', () => {}); // 'close' follows, and says so.
    this.#client.on('close', () => {
      this.#responses.close();
      if (!this.#client.readableEnded) this.#requests.reset();
      this.#checkGone();
    });
  }

  #connectBroker(): Socket {
    const broker = connect({ ...this.#context.target(), allowHalfOpen: true });
    const reader = new FrameReader();
    const { pass, end } = follow(broker, reader, this.#responses, (frame) => {
      for (const answered of this.#pending.answered(frame)) this.#toClient(answered);
    });
    broker.setNoDelay(true);
    broker.on('data', pass).on('end', end);
    broker.on('drain', () => this.#requests.drained());
    broker.on('error', () => {});
    broker.on('close', () => {
      this.#requests.close();
      if (!broker.readableEnded) this.#responses.reset();
      this.#checkGone();
    });
    return broker;
  }

  #answer(frame: Buffer, head: RequestHead | undefined, errorCode: number): boolean {
    const answer = head && refusalOf(frame, head, errorCode);
    if (head === undefined || answer === undefined) {
      this.reset();
      return false;
    }
    if (!head.expectsAnswer) return true;
    for (const answered of this.#pending.madeUp(head, answer)) this.#toClient(answered);
    return true;
  }

  #toClient({ head, answer }: Answered): void {
    this.#responses.frame(answer, head);
  }

  /** The client has reset its connection before there was one to the broker. */
  get #isForgotten(): boolean {
    return this.#client.destroyed && !this.#client.readableEnded && this.#broker === undefined;
  }

  #checkGone(): void {
    const isBrokerGone = this.#broker === undefined ? this.#isForgotten : this.#broker.destroyed;
    if (this.#client.destroyed && (this.#isDestroyed || isBrokerGone)) this.#context.onGone(this);
  }
}

/** How what a socket receives gets into its lane: frames by `onFrame`, what is none as it is, and the end behind it. */
function follow(
  socket: Socket,
  reader: FrameReader,
  lane: Lane,
  onFrame: (frame: Buffer) => void,
): { pass: (chunk: Buffer) => void; end: () => void } {
  return {
    pass(chunk) {
      for (const { kind, bytes } of reader.read(chunk)) {
        if (kind === 'frame') onFrame(bytes);
        else lane.bytes(bytes);
        if (socket.destroyed) return;
      }
    },
    end() {
      for (const { bytes } of reader.end()) lane.bytes(bytes);
      lane.end();
    },
  };
}

/** RST; a socket that is not connected yet is given up. */
function reset(socket: Socket | undefined): void {
  if (socket !== undefined) resetSocket(socket, new Error('reset by the fault proxy'));
}
