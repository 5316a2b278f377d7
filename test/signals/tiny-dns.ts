import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { unreachable } from '../../src/unreachable.js';
import type { DnsRecordType } from '../../src/world.js';
import { type Zone, lookUp } from './zone.js';

/** Response codes and types of records (RFC 1035, sections 4.1.1 and 3.2.2; RFC 3596; RFC 2782). */
const CODES = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;
const TYPES: Readonly<Record<DnsRecordType, number>> = {
  A: 1,
  CNAME: 5,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
};

/** How the server meets questions beside answering from its zone. */
export type TinyDnsManner = 'answers' | 'silent' | 'SERVFAIL' | 'REFUSED';

/** A DNS server on loopback, over UDP, that answers from a zone. */
export interface TinyDns {
  /** `address:port`. */
  readonly address: string;
  zone: Zone;
  manner: TinyDnsManner;
  ttlSeconds: number;
  readonly questionCount: number;
  close(): Promise<void>;
}

export async function tinyDns(): Promise<TinyDns> {
  const socket = createSocket('udp4');
  let questionCount = 0;
  const server: TinyDns = {
    address: '',
    zone: [],
    manner: 'answers',
    ttlSeconds: 1,
    get questionCount() {
      return questionCount;
    },
    async close() {
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    },
  };
  socket.on('message', (question, { port, address }) => {
    questionCount += 1;
    if (server.manner !== 'silent') socket.send(answerTo(question, server), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return Object.assign(server, { address: `127.0.0.1:${socket.address().port}` });
}

function answerTo(message: Buffer, { zone, manner, ttlSeconds }: TinyDns): Buffer {
  const { name, end } = readName(message, 12);
  const question = message.subarray(12, end + 4);
  const typeNumber = message.readUInt16BE(end);
  const [type] = Object.entries(TYPES).find(([, number]) => number === typeNumber) ?? [];
  const found = lookUp(zone, name, (type ?? 'A') as DnsRecordType);
  const records = manner === 'answers' && found !== 'NXDOMAIN' ? found : [];
  const negative = found === 'NXDOMAIN' ? CODES.NXDOMAIN : CODES.NOERROR;
  const code = manner === 'SERVFAIL' || manner === 'REFUSED' ? CODES[manner] : negative;
  const header = Buffer.alloc(12);
  header.writeUInt16BE(message.readUInt16BE(0), 0);
  header.writeUInt16BE(0x8580 | code, 2); // An answer, authoritative, recursion desired and available.
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(records.length, 6);
  const answers = records.map((text) => {
    const data = encode((type ?? 'A') as DnsRecordType, text);
    const head = Buffer.alloc(12);
    head.writeUInt16BE(0xc00c, 0); // The name is that of the question.
    head.writeUInt16BE(typeNumber, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt32BE(ttlSeconds, 6);
    head.writeUInt16BE(data.length, 10);
    return Buffer.concat([head, data]);
  });
  return Buffer.concat([header, question, ...answers]);
}

function readName(message: Buffer, at: number): { name: string; end: number } {
  const labels: string[] = [];
  let end = at;
  for (let length = message[end] ?? 0; length > 0; length = message[end] ?? 0) {
    labels.push(message.toString('latin1', end + 1, end + 1 + length));
    end += 1 + length;
  }
  return { name: labels.join('.'), end: end + 1 };
}

function encode(type: DnsRecordType, text: string): Buffer {
  switch (type) {
    case 'A':
      return Buffer.from(text.split('.').map(Number));
    case 'AAAA':
      return encodeIpv6(text);
    case 'CNAME':
      return encodeName(text);
    case 'TXT':
      return Buffer.concat(chunksOf(Buffer.from(text)).map(withLength));
    case 'SRV': {
      const [host = '', port = ''] = text.split(':');
      const head = Buffer.alloc(6);
      head.writeUInt16BE(Number(port), 4);
      return Buffer.concat([head, encodeName(host)]);
    }
    default:
      return unreachable(type);
  }
}

function encodeName(name: string): Buffer {
  const labels = name.replace(/\.$/, '').split('.');
  return Buffer.concat([...labels.map((label) => withLength(Buffer.from(label))), Buffer.of(0)]);
}

function encodeIpv6(text: string): Buffer {
  const [head = '', tail = ''] = text.split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const missing = 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array.from({ length: missing }, () => '0'), ...groups(tail)];
  return Buffer.concat(all.map((group) => Buffer.from(group.padStart(4, '0'), 'hex')));
}

/** A text of a TXT record holds at most 255 bytes; longer ones come in parts. */
function chunksOf(bytes: Buffer): Buffer[] {
  const count = Math.max(1, Math.ceil(bytes.length / 255));
  return Array.from({ length: count }, (_, index) =>
    bytes.subarray(index * 255, (index + 1) * 255),
  );
}

function withLength(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}
