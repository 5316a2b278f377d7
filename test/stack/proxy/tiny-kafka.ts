import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { ByteWriter } from '../../../src/replication/bytes.js';
import { resetSocket } from '../../../src/transport.js';
import { loopback } from '../../../stack/ports.js';
import { apiKeys, apiNameOf } from '../../../stack/proxy/apis.js';
import type { ApiName } from '../../../stack/proxy/apis.js';
import type { Address } from '../../../stack/proxy/connection.js';
import { FrameReader, readCorrelationId, readRequest } from '../../../stack/proxy/frames.js';

function framed(body: Buffer): Buffer {
  return Buffer.concat([new ByteWriter().int32(body.length).bytes(), body]);
}

function header(api: ApiName, version: number, correlationId: number): ByteWriter {
  return new ByteWriter()
    .int16(apiKeys[api])
    .int16(version)
    .int32(correlationId)
    .string('tiny-client');
}

/** A request with as many bytes of body, whose sense is not looked at. */
export function requestBytes(
  api: ApiName,
  correlationId: number,
  { version = 1, bodyBytes = 8 }: { version?: number; bodyBytes?: number } = {},
): Buffer {
  const head = header(api, version, correlationId).bytes();
  return framed(Buffer.concat([head, Buffer.alloc(bodyBytes, 0xff)]));
}

/** A Produce as kafkajs lays it out: partitions by their topic, three bytes in the place of records. */
export function produceBytes(
  correlationId: number,
  {
    version = 7,
    acks = -1,
    topics,
  }: { version?: number; acks?: number; topics: Readonly<Record<string, readonly number[]>> },
): Buffer {
  const request = header('Produce', version, correlationId);
  if (version >= 3) request.int16(-1);
  request.int16(acks).int32(30_000).int32(Object.keys(topics).length);
  for (const [topic, partitions] of Object.entries(topics)) {
    request.string(topic).int32(partitions.length);
    // An int32 length of 4, then four bytes.
    for (const partition of partitions) request.int32(partition).int32(4).int32(-1);
  }
  return framed(request.bytes());
}

/** An answer with nothing in it. */
export function answerBytes(correlationId: number): Buffer {
  return framed(new ByteWriter().int32(correlationId).bytes());
}

/** How a connection ended, seen from one of its ends. */
type End = 'open' | 'ended' | 'reset';

/** What one end of a connection has seen. */
interface Seen {
  state: End;
  /** Names of the requests that came, or correlation ids of the answers. */
  frames: (string | number)[];
}

function watch(socket: Socket, toFrame: (bytes: Buffer) => string | number): Seen {
  const seen: Seen = { state: 'open', frames: [] };
  const reader = new FrameReader();
  socket.on('data', (chunk: Buffer) => {
    for (const { bytes } of reader.read(chunk)) seen.frames.push(toFrame(bytes));
  });
  socket.on('end', () => (seen.state = 'ended'));
  socket.on('error', () => (seen.state = 'reset'));
  return seen;
}

/** Enough of a broker: it answers every request with its correlation id and counts what came. */
export interface TinyBroker extends Address {
  /** One for each connection, in their order; requests as `Produce 7`, with the correlation id. */
  readonly connections: Seen[];
  /** What came on all of them. */
  requests(): (string | number)[];
  /** FIN to every client. */
  end(): void;
  /** RST to every client. */
  reset(): void;
  close(): Promise<void>;
}

/** It closes its side of a connection when the client does, and all of it when the test is over. */
export async function tinyBroker(): Promise<TinyBroker> {
  const sockets: Socket[] = [];
  const connections: Seen[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    const seen = watch(socket, (bytes) => {
      const head = readRequest(bytes);
      if (head?.expectsAnswer === true) socket.write(answerBytes(head.correlationId));
      return `${apiNameOf(head?.apiKey ?? -1)} ${head?.correlationId}`;
    });
    connections.push(seen);
  });
  server.listen({ host: loopback, port: 0 });
  await once(server, 'listening');
  const broker: TinyBroker = {
    host: loopback,
    port: (server.address() as AddressInfo).port,
    connections,
    requests: () => connections.flatMap(({ frames }) => frames),
    end: () => sockets.forEach((socket) => void socket.end()),
    reset: () => sockets.forEach((socket) => resetSocket(socket, new Error('reset by the test'))),
    async close() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      sockets.forEach((socket) => void socket.destroy());
      await closed;
    },
  };
  onTestFinished(() => broker.close());
  return broker;
}

/** One connection, and the answers that came on it. */
export interface TinyClient extends Seen {
  send(...requests: Buffer[]): void;
  /** FIN, and no more sends. */
  end(): void;
  reset(): void;
}

/** @throws what `net` emits where nobody listens. */
export async function tinyClient({ host, port }: Address): Promise<TinyClient> {
  const socket = connect({ host, port, noDelay: true });
  await once(socket, 'connect');
  const seen = watch(socket, (bytes) => readCorrelationId(bytes) ?? -1);
  onTestFinished(() => void socket.destroy());
  return Object.assign(seen, {
    send: (...requests: Buffer[]) => void socket.write(Buffer.concat(requests)),
    end: () => void socket.end(),
    reset: () => resetSocket(socket, new Error('reset by the test')),
  });
}
