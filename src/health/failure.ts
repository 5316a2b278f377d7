import type { FailoverErrorCode } from '../errors.js';
import {
  JUDGED_MESSAGES,
  JUDGED_NAMES,
  JUDGED_OWN,
  JUDGED_OWN_REFUSAL,
  JUDGED_SOCKET_CODES,
} from './failure-table.js';
import { JUDGED_CODES } from './protocol-failures.js';

/**
 * What an error says, in the words that the library decides with.
 *
 * | about | means | the cluster is to blame |
 * |---|---|---|
 * | `cluster` | it, or our way to it, does not work | yes |
 * | `coordinator` | the broker that keeps a group or a transaction is away, moved or loading | perhaps |
 * | `partition` | one partition is away, moved or out of range | perhaps |
 * | `auth` | we are not let in, or do not trust what answers | no: the same credentials are refused again and again |
 * | `group` | membership: rejoin | no |
 * | `producer` | idempotence or transaction state: a new inner producer is needed | no |
 * | `request` | the request itself: it fails again if it is sent again | no |
 * | `client` | this process: a bug, a missing codec, no file descriptors, closed | no |
 * | `fenced` | our own fence | no |
 * | `unknown` | nothing is known: it moves nothing | unknown |
 *
 * @internal
 */
export type Verdict =
  | {
      readonly about: 'cluster';
      /**
       * `no-connection`: refused, reset, closed or not found. `silent`: no answer in time. `unwell`: a broker answered that it
       * cannot. `no-metadata`: kafkajs knows no broker to ask, which says little by itself.
       */
      readonly kind: 'no-connection' | 'silent' | 'unwell' | 'no-metadata';
    }
  | { readonly about: 'coordinator'; readonly kind: 'absent' | 'moved' | 'loading' }
  | {
      readonly about: 'partition';
      readonly kind: 'absent' | 'moved' | 'no-leader' | 'under-replicated' | 'out-of-range';
    }
  | { readonly about: 'auth'; readonly kind: 'credentials' | 'permission' | 'trust' }
  | { readonly about: 'group'; readonly kind: 'rebalance' | 'member' | 'refused' }
  | { readonly about: 'producer'; readonly kind: 'sequence' | 'transaction' }
  | { readonly about: 'request'; readonly kind: 'invalid' | 'too-large' | 'unsupported' }
  | {
      readonly about: 'client';
      readonly kind: 'bug' | 'unsupported' | 'resources' | 'cancelled' | 'own';
    }
  | { readonly about: 'fenced' }
  | { readonly about: 'unknown' };

/**
 * An error, judged.
 *
 * @internal
 */
export type Failure = Verdict & {
  /**
   * Whether the request was carried out, as far as *this* error tells: `no`, `yes`, or `maybe`. kafkajs retries, and an
   * earlier attempt may have been carried out although the last one was refused: only the wire's own account
   * (`producer/fate.ts`) can say that nothing left.
   */
  readonly executed: 'no' | 'maybe' | 'yes';
  /** True where a broker answered: the cluster lives, whatever else is wrong. */
  readonly answered: boolean;
  /** Why it was judged so, in words for people. */
  readonly because: string;
};

const UNKNOWN: Failure = {
  about: 'unknown',
  executed: 'maybe',
  answered: false,
  because: 'nothing is known of this error',
};

/** Deeper chains than this are not looked at; kafkajs nests about four. */
const MAX_DEPTH = 12;

/**
 * Of several failures at once, the one that matters most to the decision comes first.
 */
const GRAVITY: readonly Verdict['about'][] = [
  'fenced',
  'cluster',
  'coordinator',
  'partition',
  'auth',
  'producer',
  'group',
  'client',
  'request',
  'unknown',
];

/**
 * Judges any thrown value. Pure and total: it never throws, and what it cannot place is `unknown`.
 *
 * Only `name`, `type`, `code`, `cause` and (in two places) `message` are read, never `instanceof`: two copies of kafkajs
 * may be loaded.
 * The deepest error that says something wins, because kafkajs wraps the reason in `KafkaJSNumberOfRetriesExceeded` and
 * `KafkaJSNonRetriableError`, whose own names and `retriable` say nothing (measured: a send to a dead cluster rejects
 * with `KafkaJSNonRetriableError`, `retriable: false`, cause `KafkaJSConnectionError`).
 *
 * @internal
 */
export function judge(error: unknown): Failure {
  return judgeChain(error, 0) ?? UNKNOWN;
}

function judgeChain(error: unknown, depth: number): Failure | undefined {
  if (depth >= MAX_DEPTH || typeof error !== 'object' || error === null) return undefined;
  // The library's own errors are settled verdicts: what caused them was judged when they were made.
  const own = judgeOwn(error);
  if (own !== undefined) return own;
  const parts = partsOf(error);
  if (parts.length > 0) return gravest(parts.map((part) => judgeChain(part, depth + 1) ?? UNKNOWN));
  return judgeChain(read(error, 'cause'), depth + 1) ?? judgeOne(error);
}

function judgeOwn(error: object): Failure | undefined {
  const code = read(error, 'code');
  if (typeof code !== 'string' || !code.startsWith('ERR_FAILOVER_')) return undefined;
  return JUDGED_OWN[code as FailoverErrorCode] ?? JUDGED_OWN_REFUSAL;
}

function judgeOne(error: object): Failure | undefined {
  // Of what a fenced socket factory threw only the text gets through kafkajs (`cluster/socket-gate.ts`).
  const text = read(error, 'message');
  if (typeof text === 'string' && text.includes('(ERR_FAILOVER_FENCED)')) {
    return JUDGED_OWN.ERR_FAILOVER_FENCED;
  }
  const names = [constructorName(error), read(error, 'name')].filter(
    (name) => typeof name === 'string',
  );
  // Socket codes and protocol types count on kafkajs's own errors only: a handler's refused database connection reaches
  // us as the cause of a crash, with the very same `code: 'ECONNREFUSED'`, and is no fault of the cluster.
  if (names.some((name) => name.startsWith('KafkaJS'))) {
    const coded = judgeKafkaJs(error);
    if (coded !== undefined) return coded;
  }
  for (const name of names) if (Object.hasOwn(JUDGED_NAMES, name)) return JUDGED_NAMES[name];
  const message = read(error, 'message');
  if (typeof message !== 'string' || !Object.hasOwn(JUDGED_MESSAGES, message)) return undefined;
  return JUDGED_MESSAGES[message];
}

function judgeKafkaJs(error: object): Failure | undefined {
  const type = read(error, 'type');
  if (typeof type === 'string' && Object.hasOwn(JUDGED_CODES, type)) return JUDGED_CODES[type];
  const code = read(error, 'code');
  if (typeof code !== 'string') return undefined;
  if (Object.hasOwn(JUDGED_SOCKET_CODES, code)) return JUDGED_SOCKET_CODES[code];
  return /^(ERR_(SSL|TLS)_|CERT_|UNABLE_TO_)/.test(code)
    ? JUDGED_SOCKET_CODES['EPROTO']
    : undefined;
}

/** The errors that stand side by side inside one: aggregates, deletions of several groups or partitions. */
function partsOf(error: object): readonly unknown[] {
  const errors = read(error, 'errors');
  if (Array.isArray(errors)) return errors;
  for (const list of [read(error, 'groups'), read(error, 'partitions')]) {
    if (!Array.isArray(list)) continue;
    const inner = list.map((entry) =>
      typeof entry === 'object' && entry !== null ? read(entry, 'error') : undefined,
    );
    return inner.filter((entry) => typeof entry === 'object' && entry !== null);
  }
  return [];
}

function gravest(failures: readonly Failure[]): Failure | undefined {
  const [first] = failures.toSorted((a, b) => GRAVITY.indexOf(a.about) - GRAVITY.indexOf(b.about));
  if (first === undefined) return undefined;
  const sure = failures.every((failure) => failure.executed === first.executed);
  return {
    ...first,
    executed: sure ? first.executed : 'maybe',
    answered: failures.some((failure) => failure.answered),
  };
}

/** The class's name where it is telling: `KafkaJSFetcherRebalanceError` sets no `name` of its own. */
function constructorName(error: object): unknown {
  const made = read(error, 'constructor');
  return typeof made === 'function' ? made.name : undefined;
}

/** Reads a property of a foreign value; a getter that throws reads as undefined. */
function read(value: object, key: string): unknown {
  try {
    return Reflect.get(value, key);
  } catch {
    return undefined;
  }
}
