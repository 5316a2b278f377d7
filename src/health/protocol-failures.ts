import type { Failure } from './failure.js';
import {
  credentials,
  doubtful,
  invalid,
  moved,
  noLeader,
  permission,
  refused,
  sequence,
  transaction,
  underReplicated,
  unwell,
} from './verdicts.js';

/**
 * Every protocol error that kafkajs knows (`src/protocol/error.js`), by `type`. The reasons are those of Kafka's
 * `Errors.java` and of the broker code that raises them; `executed` is `maybe` where the broker can raise the error
 * after it has appended (acks=all waits in purgatory: `DelayedProduce` answers with the partition's error of that moment).
 *
 * @internal
 */
export const JUDGED_CODES: Readonly<Record<string, Failure>> = {
  UNKNOWN: doubtful(unwell, 'the broker met an unexpected error'),
  OFFSET_OUT_OF_RANGE: refused(
    { about: 'partition', kind: 'out-of-range' },
    'the log does not hold this offset: records were deleted, or the offset belongs to another log',
  ),
  CORRUPT_MESSAGE: refused(invalid, 'the batch failed its checksum or is malformed'),
  UNKNOWN_TOPIC_OR_PARTITION: doubtful(
    { about: 'partition', kind: 'absent' },
    'the broker does not host it: no such topic, or it was moved away, perhaps while a send waited for replicas',
  ),
  INVALID_FETCH_SIZE: refused(invalid, 'the fetch size is invalid'),
  LEADER_NOT_AVAILABLE: refused(noLeader, 'an election is running, or every replica is offline'),
  NOT_LEADER_FOR_PARTITION: doubtful(
    moved,
    'leadership moved; a send that waited for replicas may survive on the new leader',
  ),
  REQUEST_TIMED_OUT: doubtful(
    underReplicated,
    'the broker waited in vain for its replicas; the records stand in its own log',
  ),
  BROKER_NOT_AVAILABLE: refused(unwell, 'the broker says that it is not available'),
  REPLICA_NOT_AVAILABLE: refused(noLeader, 'a replica is not available'),
  MESSAGE_TOO_LARGE: refused(
    { about: 'request', kind: 'too-large' },
    'a record exceeds max.message.bytes',
  ),
  STALE_CONTROLLER_EPOCH: refused(unwell, 'the controller is moving'),
  OFFSET_METADATA_TOO_LARGE: refused(
    { about: 'request', kind: 'too-large' },
    'the commit metadata exceeds offset.metadata.max.bytes',
  ),
  NETWORK_EXCEPTION: doubtful(unwell, 'the broker lost its connection to another one'),
  GROUP_LOAD_IN_PROGRESS: refused(
    { about: 'coordinator', kind: 'loading' },
    'the coordinator is reading its log after a move or a restart',
  ),
  GROUP_COORDINATOR_NOT_AVAILABLE: doubtful(
    { about: 'coordinator', kind: 'absent' },
    'no coordinator now; also the answer where an append to its log timed out',
  ),
  NOT_COORDINATOR_FOR_GROUP: doubtful(
    { about: 'coordinator', kind: 'moved' },
    'another broker is the coordinator; also the answer where leadership was lost during the append',
  ),
  INVALID_TOPIC_EXCEPTION: refused(invalid, 'the topic name is not allowed'),
  RECORD_LIST_TOO_LARGE: refused(
    { about: 'request', kind: 'too-large' },
    'the batch exceeds segment.bytes',
  ),
  NOT_ENOUGH_REPLICAS: refused(
    underReplicated,
    'fewer replicas in sync than min.insync.replicas; checked before the append',
  ),
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: doubtful(
    underReplicated,
    'appended by the leader, then too few replicas in sync',
  ),
  INVALID_REQUIRED_ACKS: refused(invalid, 'acks must be -1, 0 or 1'),
  ILLEGAL_GENERATION: refused(
    { about: 'group', kind: 'member' },
    'the group has moved on to a newer generation',
  ),
  INCONSISTENT_GROUP_PROTOCOL: refused(
    { about: 'group', kind: 'refused' },
    'the members of the group share no assignment protocol',
  ),
  INVALID_GROUP_ID: refused(invalid, 'the group id is not allowed'),
  UNKNOWN_MEMBER_ID: refused(
    { about: 'group', kind: 'member' },
    'not a member (any more); for a commit without membership: the group has live members',
  ),
  INVALID_SESSION_TIMEOUT: refused(invalid, 'the session timeout is outside the broker’s limits'),
  REBALANCE_IN_PROGRESS: refused({ about: 'group', kind: 'rebalance' }, 'the group is rebalancing'),
  INVALID_COMMIT_OFFSET_SIZE: refused(
    { about: 'request', kind: 'too-large' },
    'the commit is larger than the offsets topic allows',
  ),
  TOPIC_AUTHORIZATION_FAILED: refused(permission, 'no permission for the topic'),
  GROUP_AUTHORIZATION_FAILED: refused(permission, 'no permission for the group'),
  CLUSTER_AUTHORIZATION_FAILED: refused(permission, 'no permission for the cluster operation'),
  INVALID_TIMESTAMP: refused(invalid, 'the record’s timestamp is outside the topic’s limits'),
  UNSUPPORTED_SASL_MECHANISM: refused(credentials, 'the broker does not offer the SASL mechanism'),
  ILLEGAL_SASL_STATE: refused(credentials, 'the SASL exchange is out of step'),
  UNSUPPORTED_VERSION: refused(
    { about: 'request', kind: 'unsupported' },
    'the broker does not know this version of the request',
  ),
  TOPIC_ALREADY_EXISTS: refused(invalid, 'the topic exists already'),
  INVALID_PARTITIONS: refused(invalid, 'the number of partitions is invalid'),
  INVALID_REPLICATION_FACTOR: refused(invalid, 'more replicas than brokers, or fewer than one'),
  INVALID_REPLICA_ASSIGNMENT: refused(invalid, 'the replica assignment is invalid'),
  INVALID_CONFIG: refused(invalid, 'the configuration is invalid'),
  NOT_CONTROLLER: refused(
    unwell,
    'the controller is elsewhere: metadata is stale, or it is moving',
  ),
  INVALID_REQUEST: refused(invalid, 'the broker could not make sense of the request'),
  UNSUPPORTED_FOR_MESSAGE_FORMAT: refused(
    { about: 'request', kind: 'unsupported' },
    'the log’s message format is too old for this',
  ),
  POLICY_VIOLATION: refused(invalid, 'a policy of the cluster forbids it'),
  OUT_OF_ORDER_SEQUENCE_NUMBER: refused(
    sequence,
    'a gap in the producer’s sequence: an earlier batch is missing',
  ),
  DUPLICATE_SEQUENCE_NUMBER: {
    ...sequence,
    executed: 'yes',
    answered: true,
    because: 'the batch stands in the log already: an earlier attempt was carried out',
  },
  INVALID_PRODUCER_EPOCH: refused(transaction, 'a newer producer with the same id took over'),
  INVALID_TXN_STATE: refused(transaction, 'the transaction is not in a state that allows this'),
  INVALID_PRODUCER_ID_MAPPING: refused(
    transaction,
    'the producer id does not belong to the transactional id (expired)',
  ),
  INVALID_TRANSACTION_TIMEOUT: refused(
    invalid,
    'the transaction timeout exceeds the broker’s limit',
  ),
  CONCURRENT_TRANSACTIONS: refused(transaction, 'the previous transaction is still being ended'),
  TRANSACTION_COORDINATOR_FENCED: refused(transaction, 'the transaction coordinator moved'),
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: refused(
    permission,
    'no permission for the transactional id',
  ),
  SECURITY_DISABLED: refused(
    { about: 'request', kind: 'unsupported' },
    'the cluster has no authorizer',
  ),
  OPERATION_NOT_ATTEMPTED: refused(invalid, 'another part of the same request was wrong'),
  KAFKA_STORAGE_ERROR: doubtful(unwell, 'a disk of the broker failed, perhaps after the append'),
  LOG_DIR_NOT_FOUND: refused(invalid, 'no such log directory on the broker'),
  SASL_AUTHENTICATION_FAILED: refused(credentials, 'the credentials were refused'),
  UNKNOWN_PRODUCER_ID: refused(sequence, 'the broker has forgotten the producer (retention)'),
  REASSIGNMENT_IN_PROGRESS: refused(invalid, 'a reassignment of the partition is running'),
  DELEGATION_TOKEN_AUTH_DISABLED: refused(credentials, 'delegation tokens are switched off'),
  DELEGATION_TOKEN_NOT_FOUND: refused(credentials, 'the delegation token is not known'),
  DELEGATION_TOKEN_OWNER_MISMATCH: refused(credentials, 'the token belongs to another principal'),
  DELEGATION_TOKEN_REQUEST_NOT_ALLOWED: refused(
    credentials,
    'delegation tokens are not given on this kind of connection',
  ),
  DELEGATION_TOKEN_AUTHORIZATION_FAILED: refused(permission, 'no permission for the token'),
  DELEGATION_TOKEN_EXPIRED: refused(credentials, 'the delegation token has expired'),
  INVALID_PRINCIPAL_TYPE: refused(credentials, 'the principal type is not supported'),
  NON_EMPTY_GROUP: refused({ about: 'group', kind: 'refused' }, 'the group has members'),
  GROUP_ID_NOT_FOUND: refused({ about: 'group', kind: 'refused' }, 'there is no such group'),
  FETCH_SESSION_ID_NOT_FOUND: refused(moved, 'the broker has dropped the fetch session'),
  INVALID_FETCH_SESSION_EPOCH: refused(moved, 'the fetch session is out of step'),
  LISTENER_NOT_FOUND: refused(noLeader, 'the leader has no listener of this name (rolling change)'),
  TOPIC_DELETION_DISABLED: refused(invalid, 'the cluster does not allow topic deletion'),
  FENCED_LEADER_EPOCH: refused(moved, 'our leader epoch is older than the broker’s'),
  UNKNOWN_LEADER_EPOCH: refused(moved, 'our leader epoch is newer than the broker’s'),
  UNSUPPORTED_COMPRESSION_TYPE: refused(
    { about: 'request', kind: 'unsupported' },
    'the compression type is not supported by this version of the request',
  ),
  STALE_BROKER_EPOCH: refused(unwell, 'the broker is registering itself anew'),
  OFFSET_NOT_AVAILABLE: refused(noLeader, 'the new leader does not know its high watermark yet'),
  MEMBER_ID_REQUIRED: refused(
    { about: 'group', kind: 'member' },
    'the first step of a join: the coordinator hands out a member id',
  ),
  PREFERRED_LEADER_NOT_AVAILABLE: refused(noLeader, 'the preferred leader is away'),
  GROUP_MAX_SIZE_REACHED: refused({ about: 'group', kind: 'refused' }, 'the group is full'),
  FENCED_INSTANCE_ID: refused(
    { about: 'group', kind: 'refused' },
    'another consumer uses the same group instance id',
  ),
  ELIGIBLE_LEADERS_NOT_AVAILABLE: refused(noLeader, 'no replica can become leader'),
  ELECTION_NOT_NEEDED: refused(invalid, 'there is nothing to elect'),
  NO_REASSIGNMENT_IN_PROGRESS: refused(invalid, 'no reassignment of the partition is running'),
  GROUP_SUBSCRIBED_TO_TOPIC: refused(
    { about: 'group', kind: 'refused' },
    'the group is subscribed to the topic whose offsets should go',
  ),
  INVALID_RECORD: refused(invalid, 'the broker’s validation refused a record'),
  UNSTABLE_OFFSET_COMMIT: refused(
    transaction,
    'a transaction with offsets of this group is not ended yet',
  ),
  KAFKAJS_UNKNOWN_ERROR_CODE: doubtful(
    { about: 'unknown' },
    'the broker answered with an error code newer than kafkajs',
  ),
};
