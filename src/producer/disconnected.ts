import type { KafkaJSError } from 'kafkajs';
import { kafka } from '../kafkajs.js';

/** @internal kafkajs's own error (`src/producer/messageProducer.js`) for a producer that is not connected. */
export function disconnectedError(): KafkaJSError {
  return new kafka.KafkaJSError('The producer is disconnected');
}

/** @internal kafkajs's own error for a producer whose `disconnect()` is under way. */
export function disconnectingError(): KafkaJSError {
  return new kafka.KafkaJSNonRetriableError(
    `The producer is disconnecting; therefore, it can't safely accept messages anymore`,
  );
}
