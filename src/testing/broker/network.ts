import type { ISocketFactory } from 'kafkajs';
import { type Listener, MemorySocket } from './memory-socket.js';

/**
 * Which broker listens at which address.
 *
 * @internal
 */
export class Network {
  readonly #listeners = new Map<string, Listener>();

  /** @param address - `host:port`. Replaces who listened there before: a name may come to mean another cluster. */
  listen(address: string, listener: Listener): void {
    this.#listeners.set(address, listener);
  }

  /** Opens sockets that end in this network. kafkajs's `socketFactory`. */
  readonly openSocket: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    const socket: unknown = new MemorySocket({
      host,
      port,
      isSecure: isTls(ssl),
      onConnect,
      listener: this.#listeners.get(`${host}:${port}`),
    });
    // As much of a socket as its callers use, by test.
    return socket as ReturnType<ISocketFactory>;
  };
}

function isTls(ssl: unknown): boolean {
  return ssl !== null && ssl !== undefined && ssl !== false;
}
