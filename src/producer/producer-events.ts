import type { ProducerEvents } from 'kafkajs';

/**
 * kafkajs's event map of producers, which it gives out through producer objects only (`src/producer/instrumentationEvents.js`).
 * The wrapper needs it before there is one.
 *
 * @internal
 */
export const PRODUCER_EVENTS: ProducerEvents = {
  CONNECT: 'producer.connect',
  DISCONNECT: 'producer.disconnect',
  REQUEST: 'producer.network.request',
  REQUEST_TIMEOUT: 'producer.network.request_timeout',
  REQUEST_QUEUE_SIZE: 'producer.network.request_queue_size',
};
