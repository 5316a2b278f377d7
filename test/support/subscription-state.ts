import { createRequire } from 'node:module';
import type { PausedTopic } from '../../src/consumer/pauses.js';

interface KafkajsState {
  assign(topicPartitions: { topic: string; partitions: number[] }[]): void;
  pause(list: PausedTopic[]): void;
  resume(list: PausedTopic[]): void;
  isPaused(topic: string, partition: number): boolean;
}

/** kafkajs's own record of what is paused, which it does not export. */
export const SubscriptionState = createRequire(import.meta.url)(
  'kafkajs/src/consumer/subscriptionState',
) as new () => KafkajsState;
