// oxlint-disable-next-line typescript/no-restricted-imports -- the base class of Node's own sockets, without their I/O
import { EventEmitter } from 'node:events';
import type { Direction, Link } from './link.js';

/** @internal The broker's end of a connection. */
export interface ServerEnd {
  /** Bytes from the client, in order. */
  receive(bytes: Buffer): void;
  /** The client has closed; nothing that is sent now arrives. */
  closed(): void;
}

/** @internal What a broker does with its end. */
export interface ClientEnd {
  send(frame: Buffer): void;
  /** `end` is an orderly close, `reset` a connection torn down with data under way (ECONNRESET). */
  close(how: 'end' | 'reset'): void;
}

/** @internal Who listens at an address. */
export interface Listener {
  readonly link: Link;
  /** Undefined refuses the connection. */
  accept(client: ClientEnd): ServerEnd | undefined;
  /** Hears what a client hands to its socket, at once and whether or not it will arrive. */
  written(bytes: Buffer): void;
}

/** @internal */
export interface MemorySocketOptions {
  readonly host: string;
  readonly port: number;
  /** TLS is taken as done: only the name of the event differs. */
  readonly isSecure: boolean;
  readonly onConnect: () => void;
  readonly listener: Listener | undefined;
}

/**
 * The client's end of a connection to a memory cluster: as much of `net.Socket` as kafkajs, its socket factories and
 * whatever watches a socket use. Bytes travel over the cluster's link and arrive as `data`.
 *
 * @internal
 */
export class MemorySocket extends EventEmitter {
  connecting = true;
  destroyed = false;
  bytesWritten = 0;
  bytesRead = 0;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly #toServer: Direction = { lastArrivalAtMs: 0 };
  readonly #toClient: Direction = { lastArrivalAtMs: 0 };
  readonly #listener: Listener | undefined;
  readonly #isSecure: boolean;
  #server: ServerEnd | undefined;
  #isEnded = false;
  #isReset = false;
  #unsent: Buffer[] = [];

  constructor({ host, port, isSecure, onConnect, listener }: MemorySocketOptions) {
    super();
    this.remoteAddress = host;
    this.remotePort = port;
    this.#isSecure = isSecure;
    this.#listener = listener;
    this.once(isSecure ? 'secureConnect' : 'connect', onConnect);
    this.#connect();
  }

  get writable(): boolean {
    return !this.destroyed && !this.#isEnded;
  }

  get readyState(): 'opening' | 'open' | 'closed' {
    if (this.connecting) return 'opening';
    return this.destroyed ? 'closed' : 'open';
  }

  write(data: Buffer | string, encoding?: BufferEncoding | (() => void)): boolean {
    if (!this.writable) return false;
    const isEncoding = typeof encoding === 'string';
    const bytes =
      typeof data === 'string' ? Buffer.from(data, isEncoding ? encoding : 'utf8') : data;
    this.bytesWritten += bytes.length;
    this.#listener?.written(bytes);
    if (this.connecting) this.#unsent.push(bytes);
    else this.#send(bytes);
    return true;
  }

  /** Closes in order: what was written before still arrives. */
  end(): this {
    if (!this.writable) return this;
    this.#isEnded = true;
    if (this.connecting) return this.destroy();
    this.#carry(this.#toServer, () => {
      this.#hangUp();
      this.#carry(this.#toClient, () => this.#close());
    });
    return this;
  }

  /** Closes at once. With an error, `error` is emitted before `close`; without one, only `close`, as in Node. */
  destroy(error?: Error): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.connecting = false;
    this.#carry(this.#toServer, () => this.#hangUp());
    queueMicrotask(() => {
      if (error !== undefined) this.emit('error', error);
      this.emit('close', error !== undefined);
    });
    return this;
  }

  /** Closes at once; what was written and is still under way is thrown away. */
  resetAndDestroy(): this {
    if (!this.destroyed) this.#isReset = true;
    return this.destroy();
  }

  setKeepAlive(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  setEncoding(): this {
    return this;
  }

  pause(): this {
    return this;
  }

  resume(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  #connect(): void {
    const listener = this.#listener;
    if (listener === undefined) {
      const { remoteAddress: host } = this;
      // After this turn, so that the caller has its listeners in place.
      queueMicrotask(() => this.destroy(systemError('getaddrinfo', 'ENOTFOUND', host)));
      return;
    }
    this.#carry(this.#toServer, () => {
      if (this.destroyed) return;
      this.#server = listener.accept({
        send: (frame) => this.#carry(this.#toClient, () => this.#receive(frame)),
        close: (how) => this.#carry(this.#toClient, () => this.#closedByServer(how)),
      });
      const isAccepted = this.#server !== undefined;
      this.#carry(this.#toClient, () => (isAccepted ? this.#connected() : this.#refused()));
    });
  }

  #connected(): void {
    if (this.destroyed) return;
    this.connecting = false;
    this.emit('connect');
    if (this.#isSecure) this.emit('secureConnect');
    this.emit('ready');
    for (const bytes of this.#unsent.splice(0)) this.#send(bytes);
  }

  #refused(): void {
    const address = `${this.remoteAddress}:${this.remotePort}`;
    this.destroy(systemError('connect', 'ECONNREFUSED', address));
  }

  #send(bytes: Buffer): void {
    this.#carry(this.#toServer, () => {
      if (!this.#isReset) this.#server?.receive(bytes);
    });
  }

  #receive(frame: Buffer): void {
    if (this.destroyed) return;
    this.bytesRead += frame.length;
    this.emit('data', frame);
  }

  #closedByServer(how: 'end' | 'reset'): void {
    if (this.destroyed) return;
    this.#server = undefined;
    if (how === 'reset') this.destroy(systemError('read', 'ECONNRESET'));
    else this.#close();
  }

  #close(): void {
    if (this.destroyed) return;
    this.emit('end');
    this.destroy();
  }

  #hangUp(): void {
    this.#server?.closed();
    this.#server = undefined;
  }

  #carry(direction: Direction, arrive: () => void): void {
    this.#listener?.link.carry(direction, arrive);
  }
}

/** An error as Node's sockets make it: the code is what kafkajs and users look at. */
function systemError(syscall: string, code: string, where?: string): Error {
  const message = where === undefined ? `${syscall} ${code}` : `${syscall} ${code} ${where}`;
  return Object.assign(new Error(message), { code, syscall });
}
