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
  const transport = (socket as Layered)[TRANSPORT] ?? socket;
  // While it connects there is nothing to discard, and a reset would wait for the connection. A user's own kind of socket
  // may know no reset at all.
  if (transport.connecting || typeof transport.resetAndDestroy !== 'function') {
    socket.destroy(error);
    return;
  }
  queueMicrotask(() => socket.emit('error', error));
  // libuv refuses to reset while a shutdown is under way (`uv_tcp_close_reset`: EINVAL), and Node then loses the handle,
  // which keeps the process busy for ever. The shutdown is over within a turn of the event loop; nothing can be written
  // in between.
  const isShuttingDown =
    socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
  if (isShuttingDown) socket.once('finish', () => resetNow(socket, transport));
  else resetNow(socket, transport);
}

function resetNow(socket: Socket, transport: Socket): void {
  try {
    if (!transport.destroyed) transport.resetAndDestroy();
  } catch {
    // A TLS socket that hides its TCP socket (ERR_INVALID_HANDLE_TYPE): closed, which is the most that can be done.
  }
  socket.destroy();
}
