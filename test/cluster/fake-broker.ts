import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { HEARTBEAT, PRODUCE } from './frames.js';

const METADATA = 3;
const API_VERSIONS = 18;
const LEADER_NOT_AVAILABLE = 5;

/** What the fake broker does with a request. */
export type Manner = 'answers' | 'silent' | 'garbage';

/** A TCP server with just enough Kafka for a kafkajs producer to connect and to write a Produce request. */
export interface FakeBroker {
  readonly address: string;
  /** How requests are met from now on; the first two of a connection (ApiVersions, Metadata) included. */
  manner: Manner;
  /** True: it is not in its own list of brokers. */
  isFenced: boolean;
  /** Api keys of the requests that arrived. */
  readonly requests: number[];
  readonly connectionCount: number;
  close(): Promise<void>;
}

/** @param options.withLeaderless - adds a topic `broken` whose only partition has no leader. */
export async function fakeBroker(
  manner: Manner,
  { withLeaderless = false }: { withLeaderless?: boolean } = {},
): Promise<FakeBroker> {
  const sockets = new Set<Socket>();
  const requests: number[] = [];
  let connectionCount = 0;
  const server = createServer((socket) => {
    connectionCount += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      for (const request of framesOf(chunk)) {
        const apiKey = request.readInt16BE(4);
        requests.push(apiKey);
        if (broker.manner === 'garbage') socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
        if (broker.manner !== 'answers') continue;
        const { port } = server.address() as AddressInfo;
        if (apiKey === API_VERSIONS) socket.write(answer(request, apiVersions()));
        if (apiKey !== METADATA) continue;
        const body = metadata(port, { withLeaderless, isFenced: broker.isFenced });
        socket.write(answer(request, body));
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const broker: FakeBroker = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    manner,
    isFenced: false,
    requests,
    get connectionCount() {
      return connectionCount;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
  return broker;
}

/** Small requests over loopback arrive whole, but several may come at once. */
function framesOf(chunk: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < chunk.length;) {
    const end = at + 4 + chunk.readInt32BE(at);
    frames.push(chunk.subarray(at, end));
    at = end;
  }
  return frames;
}

const int8 = (value: number): Buffer => Buffer.from([value]);
const int16 = (value: number): Buffer => {
  const buffer = Buffer.alloc(2);
  buffer.writeInt16BE(value);
  return buffer;
};
const int32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
};
const string = (value: string): Buffer => Buffer.concat([int16(value.length), Buffer.from(value)]);
const array = (...items: Buffer[]): Buffer => Buffer.concat([int32(items.length), ...items]);

function answer(request: Buffer, body: Buffer): Buffer {
  const correlationId = request.subarray(8, 12);
  return Buffer.concat([int32(body.length + 4), correlationId, body]);
}

/** Error, the versions of each api, throttle time. */
function apiVersions(): Buffer {
  const version = (apiKey: number, max: number): Buffer =>
    Buffer.concat([int16(apiKey), int16(0), int16(max)]);
  return Buffer.concat([
    int16(0),
    array(
      version(PRODUCE, 7),
      version(METADATA, 6),
      version(HEARTBEAT, 3),
      version(API_VERSIONS, 2),
    ),
    int32(0),
  ]);
}

/** One broker, unless that is fenced; a topic `orders` with one partition. */
function metadata(
  port: number,
  { withLeaderless, isFenced }: { withLeaderless: boolean; isFenced: boolean },
): Buffer {
  const node = Buffer.concat([int32(1), string('127.0.0.1'), int32(port), int16(-1)]);
  const partition = (errorCode: number, leader: number): Buffer =>
    Buffer.concat([
      int16(errorCode),
      int32(0),
      int32(leader),
      array(int32(1)),
      array(int32(1)),
      array(),
    ]);
  const topic = (name: string, only: Buffer): Buffer =>
    Buffer.concat([int16(0), string(name), int8(0), array(only)]);
  const broken = topic('broken', partition(LEADER_NOT_AVAILABLE, -1));
  const topics = array(topic('orders', partition(0, 1)), ...(withLeaderless ? [broken] : []));
  const nodes = array(...(isFenced ? [] : [node]));
  return Buffer.concat([int32(0), nodes, string('fake-id'), int32(1), topics]);
}
