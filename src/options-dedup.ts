import type { Buffer } from 'node:buffer';
import type { KafkaMessage } from 'kafkajs';

/**
 * Where a record says which one it is: the name of a header, or a function, which answers undefined for a record without an id.
 *
 * @public
 */
export type MessageId =
  string | ((message: KafkaMessage, topic: string) => string | Buffer | null | undefined);

/**
 * The window of handled records of each consumer.
 *
 * @public
 */
export interface DedupOptions {
  /**
   * The header that holds the id of a message, or a function that tells it from the message and its original topic. You vouch that no two
   * messages of one partition have the same id: of two that have, only the first is handled. Records without an id, with an
   * empty one, or with one of more than 1024 bytes are handled as ever. Default: none; a record is known by its place (cluster, topic, partition,
   * offset) and its content, which finds it again on the same cluster only.
   */
  readonly messageId?: MessageId;
  /**
   * Records that are remembered, per consumer; beyond it those that were handled longest ago are forgotten, and may be handled
   * again. Default 100000, some 200 bytes each. At least 1, at most 1000000; there is no "unlimited".
   */
  readonly maxEntries?: number;
}

/** @internal The window of handled records, resolved. */
export interface DedupLimits {
  /** Undefined: by the place of the record. */
  readonly messageId: MessageId | undefined;
  readonly maxEntries: number;
}
