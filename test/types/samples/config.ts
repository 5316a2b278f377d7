import type { KafkaConfig } from 'kafkajs';

/** What a service gives to `new Kafka(...)`. The one file that names clusters when the service moves to two of them. */
export const kafkaConfig: KafkaConfig = {
  clientId: 'orders-service',
  brokers: ['a1.example:9092', 'a2.example:9092'],
};
