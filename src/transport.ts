import type { Socket } from 'node:net';

/**
 * Where a TLS socket carries the TCP socket below it. Node refuses to reset a TLS socket
 * (`ERR_INVALID_HANDLE_TYPE`), so whoever layers one over the other leaves the way down open: `World.openSocket` does,
 * and a user's own `socketFactory` may (`Symbol.for('kafkajs-failover.transport')`).
 *
 * @internal
 */
export const TRANSPORT: unique symbol = Symbol.for('kafkajs-failover.transport') as never;

/** A socket that may know the TCP socket below it. */
type Layered = Socket & { readonly [TRANSPORT]?: Socket };

/** Node's own mark (since 18.3, `net.js`) that a socket's coming destruction is to be a reset. */
type Resettable = Socket & { resetAndClosing?: boolean };

/**
 * Destroys a socket so that what it still holds is *not* delivered, and lets its `'error'` listeners know.
 *
 * A mere `destroy()` closes the file, and the kernel goes on to deliver what was written before: measured against a peer
 * that did not read, 3.9 MB arrived after the destroy, against 0.2 MB (what the peer's own kernel held already) after a
 * reset. On a network that comes back after a minute those bytes would be Produce requests on a fenced cluster.
 *
 * kafkajs listens to `'error'` and not to `'close'`: destroyed without an Error, its pending requests hang until their
 * time limit. The Error is emitted after the caller's own work, never inside it.
 *
 * @internal
 */
export function resetSocket(socket: Socket, error: Error): void {
  if (socket.destroyed) return;
  const transport: Resettable = (socket as Layered)[TRANSPORT] ?? socket;
  // libuv refuses to reset while a shutdown is under way (`uv_tcp_close_reset`: EINVAL), and Node then loses the handle,
  // which keeps the process busy for ever. The shutdown is over within a turn of the event loop, and nothing can be
  // written in between.
  if (socket.writableEnded && !socket.writableFinished && socket.writableLength === 0) {
    socket.once('finish', () => reset(socket, transport));
    queueMicrotask(() => socket.emit('error', error));
    return;
  }
  reset(socket, transport, error);
}

/**
 * The mark instead of `resetAndDestroy()`, which takes no Error, and which under TLS pulls the TCP socket away from
 * below: the next write or destroy of the TLS socket then ended the process (SIGSEGV, Node 20.20). Where Node does not
 * know the mark, or the TCP socket is not known, this is a plain destroy.
 */
function reset(socket: Socket, transport: Resettable, error?: Error): void {
  // While it connects there is nothing to discard.
  if (!transport.connecting) transport.resetAndClosing = isTcp(transport);
  socket.destroy(error);
  if (transport !== socket && transport.connecting) transport.destroy();
}

/** A TLS socket has the method too, but its handle knows no reset, and Node would throw a TypeError. */
function isTcp(socket: Socket): boolean {
  return typeof socket.resetAndDestroy === 'function' && !('encrypted' in socket);
}
