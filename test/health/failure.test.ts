import { createRequire } from 'node:module';
import kafkajs from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { FencedError, HoldBufferFullError, OutcomeUnknownError } from '../../src/errors.js';
import { JUDGED_NAMES } from '../../src/health/failure-table.js';
import { judge } from '../../src/health/failure.js';
import { JUDGED_CODES } from '../../src/health/protocol-failures.js';

// The table must know every code that the installed kafkajs knows, and that list is not public.
const { errorCodes, createErrorFromCode } = createRequire(import.meta.url)(
  'kafkajs/src/protocol/error.js',
) as {
  errorCodes: readonly { type: string; code: number }[];
  createErrorFromCode: (code: number) => Error;
};

const {
  KafkaJSAggregateError,
  KafkaJSConnectionError,
  KafkaJSDeleteGroupsError,
  KafkaJSError,
  KafkaJSNonRetriableError,
  KafkaJSNumberOfRetriesExceeded,
  KafkaJSProtocolError,
  KafkaJSRequestTimeoutError,
} = kafkajs as unknown as Record<string, new (...args: unknown[]) => Error>;

type ErrorClass = new (...args: unknown[]) => Error;
const made = (make: ErrorClass | undefined, ...args: unknown[]): Error => {
  if (make === undefined) throw new Error('kafkajs lacks a class that this test needs');
  return new make(...args);
};

const errorClasses = Object.entries(kafkajs as unknown as Record<string, unknown>).filter(
  (entry): entry is [string, ErrorClass] =>
    typeof entry[1] === 'function' && entry[1].prototype instanceof Error,
);

/** Judged by what they carry, not by what they are. */
const WRAPPERS = [
  'KafkaJSError',
  'KafkaJSNonRetriableError',
  'KafkaJSProtocolError',
  'KafkaJSNumberOfRetriesExceeded',
  'KafkaJSOffsetOutOfRange',
  'KafkaJSMemberIdRequired',
  'KafkaJSCreateTopicError',
  'KafkaJSAlterPartitionReassignmentsError',
  'KafkaJSAggregateError',
  'KafkaJSDeleteGroupsError',
  'KafkaJSDeleteTopicRecordsError',
];

describe('judge: completeness against the installed kafkajs', () => {
  it('finds the 31 error classes of kafkajs 2.2.4', () => {
    expect(errorClasses).toHaveLength(31);
  });

  it.each(errorClasses)('knows %s, by name or as a wrapper', (name) => {
    expect(Object.hasOwn(JUDGED_NAMES, name) !== WRAPPERS.includes(name)).toBe(true);
  });

  it('names no kafkajs class that does not exist', () => {
    const known = errorClasses.map(([name]) => name);
    for (const name of Object.keys(JUDGED_NAMES)) {
      if (name.startsWith('KafkaJS')) expect(known).toContain(name);
    }
  });

  it('knows every protocol error of kafkajs, and no others', () => {
    const types = errorCodes.map(({ type }) => type);
    expect(types.length).toBeGreaterThan(85);
    expect(Object.keys(JUDGED_CODES).toSorted()).toEqual(
      [...types, 'KAFKAJS_UNKNOWN_ERROR_CODE'].toSorted(),
    );
  });

  it.each(errorCodes.map(({ type, code }) => [type, code] as const))(
    'judges %s (%d) as answered by a broker, bare and as the cause of exhausted retries',
    (type, code) => {
      const error = createErrorFromCode(code);
      const failure = judge(error);
      expect(failure.answered).toBe(true);
      expect(failure.about).not.toBe('unknown');
      const wrapped = made(KafkaJSNumberOfRetriesExceeded, error, { retryCount: 5, retryTime: 1 });
      expect(judge(wrapped)).toEqual(failure);
      expect(JUDGED_CODES[type]).toEqual(failure);
    },
  );

  it.each(errorClasses.filter(([name]) => Object.hasOwn(JUDGED_NAMES, name)))(
    'judges an instance of %s like its table entry',
    (name, make) => {
      expect(judge(made(make, 'message', {}))).toEqual(JUDGED_NAMES[name]);
    },
  );
});

describe('judge', () => {
  const connection = (code?: string): Error =>
    made(KafkaJSConnectionError, 'Connection error', { broker: 'a:9092', code });

  it('walks causes: a send to a dead cluster arrives as a non-retriable error', () => {
    const error = made(KafkaJSNonRetriableError, 'x', { cause: connection('ECONNREFUSED') });
    expect(judge(error)).toMatchObject({
      about: 'cluster',
      kind: 'no-connection',
      executed: 'maybe',
    });
  });

  it('tells silence from refusal', () => {
    const timeout = made(KafkaJSRequestTimeoutError, 'Request Produce timed out', {});
    const error = made(KafkaJSNumberOfRetriesExceeded, timeout, { retryCount: 5, retryTime: 1 });
    expect(judge(error)).toMatchObject({ about: 'cluster', kind: 'silent', answered: false });
  });

  it('knows what a new client gets from a frozen broker: a plain Error', async () => {
    const KafkaJsBroker = createRequire(import.meta.url)('kafkajs/src/broker/index.js') as new (
      options: object,
    ) => { metadata(topics: readonly string[]): Promise<unknown> };
    const logger = { namespace: () => ({}) };
    const broker = new KafkaJsBroker({ connectionPool: { connectionTimeout: 1 }, logger });
    const error = await broker.metadata([]).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'Error', message: 'Broker not connected' });
    expect(judge(error)).toMatchObject({ about: 'cluster', kind: 'silent', executed: 'no' });
  });

  it.each([
    ['EMFILE', 'client'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'auth'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'auth'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'auth'],
    ['CERT_HAS_EXPIRED', 'auth'],
    ['ENOTFOUND', 'cluster'],
    ['ESOMETHINGNEW', 'cluster'],
  ])('judges a connection error with the code %s as %s', (code, about) => {
    expect(judge(connection(code)).about).toBe(about);
  });

  it('does not blame the cluster for a handler’s own refused connection', () => {
    const database = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:5432'), {
      code: 'ECONNREFUSED',
    });
    const crash = made(KafkaJSNumberOfRetriesExceeded, database, { retryCount: 5, retryTime: 1 });
    expect(judge(database).about).toBe('unknown');
    expect(judge(crash).about).toBe('unknown');
  });

  it('knows a programming error in a handler, also as the cause of a crash', () => {
    const bug = new TypeError("Cannot read properties of undefined (reading 'id')");
    const crash = made(KafkaJSNonRetriableError, bug, { cause: bug });
    expect(judge(crash)).toMatchObject({ about: 'client', kind: 'bug' });
  });

  it('knows the fence in all its disguises', () => {
    const fenced = new FencedError('cluster A was fenced', { cluster: 'A', switchEpoch: 2 });
    const destroyed = made(KafkaJSConnectionError, `Connection error: ${fenced.message}`, {
      code: fenced.code,
    });
    const refused = made(
      KafkaJSConnectionError,
      'Failed to connect: cluster A was fenced (ERR_FAILOVER_FENCED)',
      {},
    );
    const exhausted = made(KafkaJSNumberOfRetriesExceeded, refused, {
      retryCount: 1,
      retryTime: 1,
    });
    for (const error of [fenced, destroyed, refused, exhausted]) {
      expect(judge(error)).toMatchObject({ about: 'fenced', executed: 'maybe' });
    }
  });

  it('takes the library’s own errors as settled, whatever caused them', () => {
    const unknown = new OutcomeUnknownError('x', { cause: connection('ECONNRESET') });
    expect(judge(unknown)).toMatchObject({ about: 'client', kind: 'own', executed: 'maybe' });
    const full = new HoldBufferFullError('x');
    expect(judge(full)).toMatchObject({ about: 'client', kind: 'own', executed: 'no' });
  });

  it('takes the gravest of several errors, and is sure of the outcome only if all agree', () => {
    const notLeader = createErrorFromCode(6);
    const tooLarge = createErrorFromCode(10);
    const aggregate = made(KafkaJSAggregateError, 'several', [tooLarge, notLeader]);
    expect(judge(aggregate)).toMatchObject({
      about: 'partition',
      kind: 'moved',
      executed: 'maybe',
    });
    expect(judge(new AggregateError([tooLarge, tooLarge]))).toMatchObject({
      about: 'request',
      executed: 'no',
    });
    const groups = made(KafkaJSDeleteGroupsError, 'x', [
      { groupId: 'g', errorCode: 68, error: createErrorFromCode(68) },
    ]);
    expect(judge(groups)).toMatchObject({ about: 'group', kind: 'refused' });
  });

  it('says that a duplicate sequence number proves the earlier attempt', () => {
    expect(judge(createErrorFromCode(46)).executed).toBe('yes');
  });

  it('never says "not carried out" where the broker may answer after its append', () => {
    for (const code of [-1, 3, 6, 7, 13, 15, 16, 20, 56]) {
      expect([code, judge(createErrorFromCode(code)).executed]).toEqual([code, 'maybe']);
    }
  });

  it('is total: anything that can be thrown is judged, and nothing is thrown back', () => {
    const loop: { cause?: unknown; name: string } = { name: 'KafkaJSError' };
    loop.cause = loop;
    const hostile = {
      get message(): string {
        throw new RangeError('no message');
      },
      get cause(): unknown {
        throw new RangeError('no cause');
      },
    };
    const anything = [undefined, null, 0, 'text', Symbol('s'), {}, [], loop, hostile, () => {}];
    for (const value of [...anything, new Error('plain'), made(KafkaJSError, 'x')]) {
      expect(judge(value).about).toBe('unknown');
    }
    expect(judge(made(KafkaJSProtocolError, { type: 'NEW', code: 900 })).about).toBe('unknown');
  });
});
