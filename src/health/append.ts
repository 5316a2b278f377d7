import { JUDGED_CODES } from './protocol-failures.js';

/** Numbers of the errors that a Produce answer may hold (kafka.common.protocol.Errors), by kafkajs's names of them. */
const PRODUCE_ERRORS: Readonly<Record<number, string>> = {
  2: 'CORRUPT_MESSAGE',
  3: 'UNKNOWN_TOPIC_OR_PARTITION',
  5: 'LEADER_NOT_AVAILABLE',
  6: 'NOT_LEADER_FOR_PARTITION',
  7: 'REQUEST_TIMED_OUT',
  10: 'MESSAGE_TOO_LARGE',
  17: 'INVALID_TOPIC_EXCEPTION',
  18: 'RECORD_LIST_TOO_LARGE',
  19: 'NOT_ENOUGH_REPLICAS',
  20: 'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  21: 'INVALID_REQUIRED_ACKS',
  29: 'TOPIC_AUTHORIZATION_FAILED',
  31: 'CLUSTER_AUTHORIZATION_FAILED',
  32: 'INVALID_TIMESTAMP',
  43: 'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  45: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
  46: 'DUPLICATE_SEQUENCE_NUMBER',
  47: 'INVALID_PRODUCER_EPOCH',
  56: 'KAFKA_STORAGE_ERROR',
  59: 'UNKNOWN_PRODUCER_ID',
  87: 'INVALID_RECORD',
};

/**
 * Whether a broker that answers a Produce request with this error has appended nothing, for certain. After any other one the records may be in the
 * log. False for a number that is not known.
 *
 * @internal
 */
export function isRefusedBeforeAppend(errorCode: number): boolean {
  return JUDGED_CODES[PRODUCE_ERRORS[errorCode] ?? '']?.executed === 'no';
}
