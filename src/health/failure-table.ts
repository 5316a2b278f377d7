import type { FailoverErrorCode } from '../errors.js';
import type { Failure } from './failure.js';
import {
  bug,
  credentials,
  moved,
  noConnection,
  noCoordinator,
  noMetadata,
  notAsked,
  own,
  rebalancing,
  refused,
  resources,
  silent,
  trust,
  unanswered,
  unreadable,
  unsupported,
} from './verdicts.js';

/**
 * Errors known by their class alone: kafkajs's own that carry no protocol type, and the language's.
 * `KafkaJSError`, `KafkaJSNonRetriableError`, `KafkaJSNumberOfRetriesExceeded` and the two aggregates are wrappers: what
 * they wrap is judged, and alone they say nothing.
 *
 * @internal
 */
export const JUDGED_NAMES: Readonly<Record<string, Failure>> = {
  KafkaJSConnectionError: unanswered(noConnection, 'the connection failed'),
  KafkaJSConnectionClosedError: unanswered(noConnection, 'the broker closed the connection'),
  KafkaJSRequestTimeoutError: unanswered(silent, 'no answer within the request timeout'),
  KafkaJSTimeout: unanswered(silent, 'kafkajs waited in vain for the cluster'),
  KafkaJSLockTimeout: unanswered(silent, 'kafkajs waited in vain for its own connection attempt'),
  KafkaJSBrokerNotFound: notAsked(noMetadata, 'kafkajs knows no such broker (any more)'),
  KafkaJSNoBrokerAvailableError: notAsked(noMetadata, 'kafkajs knows no broker'),
  KafkaJSMetadataNotLoaded: notAsked(noMetadata, 'kafkajs has no metadata of the topic'),
  KafkaJSTopicMetadataNotLoaded: notAsked(noMetadata, 'kafkajs has no metadata of the topic'),
  KafkaJSStaleTopicMetadataAssignment: notAsked(
    moved,
    'the group’s leader assigned partitions that kafkajs does not know yet',
  ),
  // kafkajs asks one broker after another and drops their errors, so it carries no cause, whatever the reason was.
  KafkaJSGroupCoordinatorNotFound: notAsked(
    noCoordinator,
    'no broker told who coordinates the group: each was down, fenced or had none',
  ),
  // A connection lost during the exchange looks the same: kafkajs keeps the message only.
  KafkaJSSASLAuthenticationError: refused(credentials, 'SASL authentication failed'),
  KafkaJSFetcherRebalanceError: notAsked(rebalancing, 'kafkajs stops its fetchers for a rebalance'),
  KafkaJSServerDoesNotSupportApiKey: notAsked(
    unsupported,
    'the broker does not offer this request',
  ),
  KafkaJSNotImplemented: unreadable(
    'kafkajs lacks it: most often a compression codec that is missing in CompressionCodecs',
  ),
  KafkaJSPartialMessageError: unreadable('a record was cut off'),
  KafkaJSUnsupportedMagicByteInMessageSet: unreadable('two message formats in one answer'),
  // Both carry the name 'KafkaJSNonRetriableError'; their class names tell them apart.
  KafkaJSInvalidVarIntError: unreadable('a number in the answer is malformed'),
  KafkaJSInvalidLongError: unreadable('a number in the answer is malformed'),
  KafkaJSInvariantViolation: unanswered(bug, 'a bug in kafkajs'),
  TypeError: unanswered(bug, 'a programming error'),
  RangeError: unanswered(bug, 'a programming error'),
  ReferenceError: unanswered(bug, 'a programming error'),
  SyntaxError: unanswered(bug, 'a programming error'),
  AbortError: unanswered({ about: 'client', kind: 'cancelled' }, 'cancelled by its caller'),
};

/**
 * The one plain `Error` of kafkajs that matters, known by its message alone (`src/broker/index.js`): a broker accepts the
 * connection and does not answer the first request, kafkajs tries again, finds the socket open, takes it for a working
 * connection and asks without knowing the broker's versions. So it is what a frozen broker looks like to a new client.
 *
 * @internal
 */
export const JUDGED_MESSAGES: Readonly<Record<string, Failure>> = {
  'Broker not connected': notAsked(silent, 'the broker accepts connections and answers nothing'),
};

/**
 * Socket codes on kafkajs's connection errors (`errno(3)`, Node's DNS and TLS codes).
 *
 * @internal
 */
export const JUDGED_SOCKET_CODES: Readonly<Record<string, Failure>> = {
  ECONNREFUSED: unanswered(noConnection, 'nothing listens on the broker’s port'),
  ECONNRESET: unanswered(noConnection, 'the broker’s host reset the connection'),
  ECONNABORTED: unanswered(noConnection, 'the connection was given up'),
  EPIPE: unanswered(noConnection, 'the broker closed the connection while we wrote'),
  EHOSTUNREACH: unanswered(noConnection, 'no route to the broker’s host'),
  EHOSTDOWN: unanswered(noConnection, 'the broker’s host is down'),
  ENETUNREACH: unanswered(noConnection, 'no route to the broker’s network'),
  ENETDOWN: unanswered(noConnection, 'the network is down'),
  ENOTFOUND: unanswered(noConnection, 'the broker’s name is not known to DNS'),
  EAI_AGAIN: unanswered(noConnection, 'DNS does not answer'),
  ETIMEDOUT: unanswered(silent, 'the network gave up waiting'),
  // The peer is there, but TLS fails: another cluster would not change our certificates.
  EPROTO: unanswered(trust, 'the TLS handshake failed'),
  DEPTH_ZERO_SELF_SIGNED_CERT: unanswered(trust, 'the certificate is not trusted'),
  SELF_SIGNED_CERT_IN_CHAIN: unanswered(trust, 'the certificate is not trusted'),
  // Our own limits: the cluster is not to blame.
  EMFILE: unanswered(resources, 'this process has no file left'),
  ENFILE: unanswered(resources, 'this machine has no file left'),
  ENOMEM: unanswered(resources, 'this machine has no memory left'),
  ENOBUFS: unanswered(resources, 'this machine has no buffer left'),
  EADDRNOTAVAIL: unanswered(resources, 'no local port is left'),
  EACCES: unanswered(resources, 'this host forbids the connection'),
  EPERM: unanswered(resources, 'this host forbids the connection'),
};

/**
 * The library's own errors: settled already, told apart only because they may travel through kafkajs. Every code that is
 * not listed refuses before anything is sent ({@link JUDGED_OWN_REFUSAL}).
 *
 * @internal
 */
export const JUDGED_OWN: Readonly<Partial<Record<FailoverErrorCode, Failure>>> = {
  // The fence says that nothing leaves from now on, not that nothing had left.
  ERR_FAILOVER_FENCED: unanswered({ about: 'fenced' }, 'the session was fenced by a switch'),
  ERR_FAILOVER_TRANSACTION_FENCED: unanswered(
    { about: 'fenced' },
    'a switch ended the transaction',
  ),
  ERR_FAILOVER_OUTCOME_UNKNOWN: unanswered(
    own,
    'a switch overtook the send; its outcome is unknown',
  ),
};

/** @internal See {@link JUDGED_OWN}. */
export const JUDGED_OWN_REFUSAL: Failure = notAsked(
  own,
  'the library refused before anything was sent',
);
