/**
 * A drop-in for kafkajs that keeps a service running when a whole Kafka cluster dies.
 *
 * kafkajs's own names come along by identity, so changing the import path is all that a service does.
 *
 * @packageDocumentation
 */
export * from 'kafkajs';
export {
  AmbiguousOffsetError,
  FailoverClosedError,
  FailoverError,
  FailoverHaltedError,
  FailoverOptionsError,
  FencedError,
  HoldBufferFullError,
  HoldTimeoutError,
  OutcomeUnknownError,
  PositionUnavailableError,
  StaleOffsetError,
  SwitchRefusedError,
  SwitchSupersededError,
  TransactionFencedError,
  WrongClusterError,
  isFailoverError,
  type FailoverErrorCode,
  type FailoverErrorDetails,
} from './errors.js';
