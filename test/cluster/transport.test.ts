import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { resetSocket, TRANSPORT } from '../../src/transport.js';
import { realWorld } from '../../src/world.js';

const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Unlike `once`, it does not reject where an error comes first. */
function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve());
  });
}

interface Peer {
  readonly port: number;
  readonly accepted: Promise<Socket>;
  receivedBytes(): number;
}

/** A peer that reads only when it is told to, like a stopped broker. */
async function peer(): Promise<Peer> {
  let receivedBytes = 0;
  let accept = (_socket: Socket): void => {};
  const accepted = new Promise<Socket>((resolve) => {
    accept = resolve;
  });
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.push(socket);
    socket.on('data', (chunk) => {
      receivedBytes += chunk.length;
    });
    socket.on('error', () => {});
    accept(socket);
  });
  const port = await listen(server);
  return { port, accepted, receivedBytes: () => receivedBytes };
}

/** Writes until the kernels take no more. @returns how many bytes they hold. */
async function fill(socket: Socket): Promise<number> {
  const chunk = Buffer.alloc(65_536);
  let heldBytes = 0;
  const writeOn = (): void => {
    socket.write(chunk, (error) => {
      if (error) return;
      heldBytes += chunk.length;
      writeOn();
    });
  };
  writeOn();
  let before = -1;
  await vi.waitUntil(
    () => {
      const isFull = before === heldBytes;
      before = heldBytes;
      return isFull;
    },
    { interval: 200, timeout: 10_000 },
  );
  return heldBytes;
}

const key = Buffer.from('0123456789abcdef');
const psk = { ciphers: 'PSK', maxVersion: 'TLSv1.2' } as const;

/** A TLS server (with a shared key, so that no certificate is needed) behind a TCP relay that can stop reading. */
async function tlsFront(): Promise<Peer> {
  const server = createTlsServer({ ...psk, pskCallback: () => key }, (secure) => {
    secure.on('error', () => {});
    secure.resume();
  });
  const tlsPort = await listen(server);
  let receivedBytes = 0;
  let accept = (_socket: Socket): void => {};
  const accepted = new Promise<Socket>((resolve) => {
    accept = resolve;
  });
  const relay = createServer((socket) => {
    const back = connect(tlsPort, '127.0.0.1');
    sockets.push(socket, back);
    back.on('error', () => {});
    socket.on('error', () => {});
    back.pipe(socket);
    socket.on('data', (chunk) => {
      receivedBytes += chunk.length;
      back.write(chunk);
    });
    accept(socket);
  });
  return { port: await listen(relay), accepted, receivedBytes: () => receivedBytes };
}

function openTls(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = realWorld().openSocket({
      host: '127.0.0.1',
      port,
      ssl: {
        ...psk,
        pskCallback: () => ({ psk: key, identity: 'test' }),
        checkServerIdentity: () => undefined,
      },
      onConnect: () => resolve(socket),
    });
    sockets.push(socket);
  });
}

/** Resets a socket whose peer reads nothing; ends when the peer has woken and seen the end. */
async function resetAsleep(socket: Socket, other: Socket): Promise<void> {
  const closed = closeOf(socket);
  resetSocket(socket, new Error('fenced'));
  await closed;
  const otherClosed = closeOf(other);
  other.resume();
  await otherClosed;
}

describe('resetSocket', () => {
  it('discards what the kernel holds: a peer that wakes later does not get it', async () => {
    const { port, accepted, receivedBytes } = await peer();
    const socket = connect(port, '127.0.0.1');
    const errors: string[] = [];
    socket.on('error', (error) => errors.push(error.message));
    await once(socket, 'connect');
    const other = await accepted;
    const heldBytes = await fill(socket);

    await resetAsleep(socket, other);

    expect(receivedBytes()).toBeLessThan(heldBytes);
    expect(errors).toEqual(['fenced']);
  });

  it('discards it below TLS too, where the world opened the socket', async () => {
    const front = await tlsFront();
    const socket = await openTls(front.port);
    const errors: string[] = [];
    socket.on('error', (error) => errors.push(error.message));
    const other = await front.accepted;
    other.pause();
    const before = front.receivedBytes();
    const heldBytes = await fill(socket);

    await resetAsleep(socket, other);

    expect(front.receivedBytes() - before).toBeLessThan(heldBytes);
    expect(errors).toEqual(['fenced']);
  });

  // Pulling the TCP socket away from under an idle TLS socket ended the process with SIGSEGV (Node 20.20).
  it.each(['idle', 'just ended', 'ended'])('survives TLS that is %s', async (state) => {
    const front = await tlsFront();
    const socket = await openTls(front.port);
    const errors: string[] = [];
    socket.on('error', (error) => errors.push(error.message));
    if (state !== 'idle') socket.end();
    if (state === 'ended') await once(socket, 'finish');
    const closed = closeOf(socket);
    resetSocket(socket, new Error('fenced'));
    socket.write('too late');
    socket.end();
    await closed;
    expect(errors.includes('fenced') || state === 'ended').toBe(true);
  });

  it('reports a refused TLS connection as kafkajs expects it: by an error event with its code', async () => {
    const server = createServer();
    const port = await listen(server);
    server.close();
    await once(server, 'close');
    const socket = realWorld().openSocket({
      host: '127.0.0.1',
      port,
      ssl: {},
      onConnect: () => {},
    });
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });

  it('closes a socket that is just being shut down, without losing its handle', async () => {
    const { port } = await peer();
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    const closed = closeOf(socket);
    socket.end();
    await new Promise((resolve) => {
      process.nextTick(resolve);
    });
    resetSocket(socket, new Error('fenced'));
    await closed;
    expect(socket.destroyed).toBe(true);
  });

  it.each([false, true])('stops a socket that has not connected yet (TLS: %s)', async (secure) => {
    // 192.0.2.0/24 is never routed (RFC 5737).
    const socket = realWorld().openSocket({
      host: '192.0.2.1',
      port: 9092,
      // kafkajs passes null where there is no TLS, whatever its types say.
      ...({ ssl: secure ? {} : null } as { ssl: object }),
      onConnect: () => {},
    });
    const errors: string[] = [];
    socket.on('error', (error) => errors.push(error.message));
    const closed = closeOf(socket);
    resetSocket(socket, new Error('fenced'));
    await closed;
    expect(errors).toEqual(['fenced']);
    expect((socket as { [TRANSPORT]?: Socket })[TRANSPORT]?.destroyed ?? true).toBe(true);
  });
});
