import { kafka } from '../../kafkajs.js';
import type { Int64, ProducedRecord, Protocol } from '../protocol.js';
import { produceFrame, type ProducedContent } from './produce-frame.js';
import { type Mailroom, readTicket, requestFrame, type RequestHead } from '../wire.js';

/**
 * The answer of a broker that refuses a whole request. Where kafkajs would decode an answer it finds this, and throws the
 * error that the code stands for.
 *
 * @internal
 */
export class RefusedAnswer {
  readonly errorCode: number;

  constructor(errorCode: number) {
    this.errorCode = errorCode;
  }
}

/** One request as kafkajs's protocol modules describe it (`src/protocol/requests/<name>/index.js`). */
interface ProtocolRequest {
  request: {
    apiKey: number;
    apiName: string;
    apiVersion: number;
    encode(): Promise<unknown>;
    /** Ours: the request itself, which takes the place of its encoding. */
    content?: unknown;
    /** Ours: what a real client would have written; of Produce requests. */
    realFrame?: Buffer;
  };
  response: { decode(payload: unknown): Promise<unknown>; parse(decoded: unknown): unknown };
}

interface RequestDefinition {
  versions: readonly string[];
  protocol(options: { version: number }): (content: unknown) => ProtocolRequest;
}

/** @internal What `src/protocol/requests/index.js` exports. */
export interface RequestsModule {
  requests: Record<string, RequestDefinition>;
  lookup: unknown;
}

/** @internal What `src/protocol/error.js` exports, as far as it is used here. */
export interface ErrorModule {
  createErrorFromCode(code: number): Error;
}

/**
 * kafkajs's requests, with the encoders and decoders taken out: the request goes as it is, and so does the answer. What
 * kafkajs makes of an answer (`parse`), its limits and its errors stay its own.
 *
 * @internal
 */
export function unencodedRequests(
  original: RequestsModule,
  errors: ErrorModule,
  mailroom: Pick<Mailroom, 'take'>,
): RequestsModule {
  const decode = (payload: unknown): Promise<unknown> => {
    const answer = Buffer.isBuffer(payload) ? mailroom.take(readTicket(payload)) : undefined;
    return answer instanceof RefusedAnswer
      ? Promise.reject(errors.createErrorFromCode(answer.errorCode))
      : Promise.resolve(answer);
  };
  const requests = mapValues(original.requests, (definition): RequestDefinition => ({
    versions: definition.versions,
    protocol(options) {
      const describe = definition.protocol(options);
      return (content) => {
        // Made anew for each request, so it can be changed: copies of it would cost more than the frame.
        const described = describe(content);
        described.request.content = content;
        // Called as ever, for whoever stands around it; nothing is made of it.
        described.request.encode = () => Promise.resolve();
        described.response = { decode, parse: described.response.parse };
        return described;
      };
    },
  }));
  return { requests, lookup: original.lookup };
}

/**
 * Takes the place of `src/protocol/request.js`, which makes a frame of a header and an encoded request.
 *
 * @internal
 */
export function frameWriter(mailroom: Pick<Mailroom, 'post'>, wallMs: () => number): unknown {
  return ({
    correlationId,
    clientId,
    request,
  }: {
    correlationId: number;
    clientId: string;
    request: ProtocolRequest['request'];
  }): Promise<{ buffer: Buffer }> => {
    // In a promise, as kafkajs's own: what an encoder throws rejects the send.
    return new Promise((resolve) => {
      void request.encode();
      const { head, letter } = packed(request, wallMs);
      if (head.kind === 'produce') request.realFrame = produceFrame(letter as ProducedContent);
      const { apiKey, apiVersion } = request;
      const header = { apiKey, apiVersion, correlationId, clientId };
      resolve({ buffer: requestFrame(header, head, mailroom.post(letter)) });
    });
  };
}

/** What a watcher of sockets may read of a request, and the request itself. */
function packed(
  { apiName, content }: ProtocolRequest['request'],
  wallMs: () => number,
): { head: RequestHead; letter: unknown } {
  // Kafkajs's own name of a request says what its content is.
  switch (apiName) {
    case 'Produce': {
      const produce = content as ProduceContent;
      return { head: produceHead(produce), letter: producedBytes(produce, wallMs()) };
    }
    case 'Fetch': {
      const { maxWaitTime, minBytes } = content as Protocol['Fetch']['request'];
      return { head: { kind: 'fetch', maxWaitMs: maxWaitTime, minBytes }, letter: content };
    }
    case 'JoinGroup': {
      const join = content as Protocol['JoinGroup']['request'];
      const { groupId, sessionTimeout, rebalanceTimeout } = join;
      const head = {
        kind: 'join-group',
        groupId,
        sessionTimeoutMs: sessionTimeout,
        rebalanceTimeoutMs: rebalanceTimeout,
      } as const;
      return { head, letter: content };
    }
    default:
      return { head: { kind: 'none' }, letter: content };
  }
}

/** What kafkajs's `Broker.produce` takes. */
interface ProduceContent {
  acks: number;
  timeout?: number;
  transactionalId?: string | null;
  producerId: Int64;
  producerEpoch: number;
  compression?: number;
  topicData: {
    topic: string;
    partitions: { partition: number; firstSequence: number; messages: readonly UserMessage[] }[];
  }[];
}

interface UserMessage {
  key?: unknown;
  value?: unknown;
  headers?: Record<string, unknown>;
  timestamp?: unknown;
}

const DEFAULT_PRODUCE_TIMEOUT_MS = 30_000;

function produceHead({ acks, timeout, transactionalId }: ProduceContent): RequestHead {
  return {
    kind: 'produce',
    acks,
    timeoutMs: timeout ?? DEFAULT_PRODUCE_TIMEOUT_MS,
    transactionalId: transactionalId ?? null,
  };
}

/** Copies keys, values and headers to bytes, as encoding would: the caller may change its objects afterwards. */
function producedBytes(content: ProduceContent, nowMs: number): unknown {
  requireCodec(content.compression ?? 0);
  return {
    ...content,
    transactionalId: content.transactionalId ?? null,
    topicData: content.topicData.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition, firstSequence, messages }) => ({
        partition,
        firstSequence,
        messages: messages.map((message) => recordOf(message, nowMs)),
      })),
    })),
  };
}

/** A codec that is not installed throws KafkaJSNotImplemented here, as it does when kafkajs compresses. */
function requireCodec(compression: number): void {
  if (compression === 0) return;
  const codecs: Record<number, (() => unknown) | undefined> = kafka.CompressionCodecs;
  codecs[compression]?.();
}

function recordOf(
  { key, value, headers = {}, timestamp }: UserMessage,
  nowMs: number,
): ProducedRecord {
  return {
    key: toBytes(key),
    value: toBytes(value),
    headers: Object.entries(headers).flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map((one) => [name, headerBytes(one)] as const),
    ),
    timestampMs: Number(timestamp ?? 0) || nowMs,
  };
}

/** kafkajs writes what is neither bytes nor null as its text (`src/protocol/encoder.js`), after measuring it as it is. */
function toBytes(value: unknown): Buffer | null {
  if (value === null || value === undefined) return null;
  return headerBytes(value);
}

function headerBytes(value: unknown): Buffer {
  if (Buffer.isBuffer(value)) return Buffer.from(value);
  // Throws a TypeError for what kafkajs cannot send either: numbers, objects, and null as a header.
  // Exactly to learn whether it is one.
  Buffer.byteLength(value as string);
  return Buffer.from(String(value));
}

function mapValues<T, U>(
  record: Readonly<Record<string, T>>,
  map: (value: T) => U,
): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
