import type {
  Consumer,
  ConsumerRunConfig,
  EachBatchPayload,
  EachMessagePayload,
  TopicPartitionOffset,
  TopicPartitionOffsetAndMetadata,
} from 'kafkajs';

/**
 * Where a record was read, beside kafkajs's own fields in every payload. `topic` is the original name; these tell which
 * of its logs the record came from.
 *
 * @public
 */
export interface PhysicalSource {
  /** Topic on the cluster it was read from, for example `A.orders` on B. */
  readonly physicalTopic: string;
  /** Alias of that cluster. */
  readonly cluster: string;
  /** The activation in which it was delivered. Offsets belong to it. */
  readonly switchEpoch: number;
}

/** @public kafkajs's `EachMessagePayload`, and where the message was read. */
export type FailoverEachMessagePayload = EachMessagePayload & PhysicalSource;

/** @public kafkajs's `EachBatchPayload`, and where the batch was read. */
export type FailoverEachBatchPayload = EachBatchPayload & PhysicalSource;

/**
 * What an offset that user code hands back may say beside kafkajs's fields, so that nothing has to be guessed: both are
 * in the payload it came with.
 *
 * @public
 */
export interface OffsetOrigin {
  /** Which log of the topic is meant. Needed only where a topic stands for two logs and either could be meant. */
  readonly physicalTopic?: string | undefined;
  /** The activation in which it was delivered. Given, an offset of an older one is refused for certain. */
  readonly switchEpoch?: number | undefined;
}

/** @public kafkajs's `ConsumerRunConfig`, whose handlers are told where a record was read. */
export interface FailoverConsumerRunConfig extends Omit<
  ConsumerRunConfig,
  'eachBatch' | 'eachMessage'
> {
  /** Handles a batch; kafkajs's own payload, and where the batch was read. */
  eachBatch?: (payload: FailoverEachBatchPayload) => Promise<void>;
  /** Handles a message; kafkajs's own payload, and where the message was read. */
  eachMessage?: (payload: FailoverEachMessagePayload) => Promise<void>;
}

/**
 * A kafkajs `Consumer` that outlives its cluster.
 *
 * Differences from kafkajs, all of them: payloads have three more fields ({@link PhysicalSource}); pauses survive a
 * switch and kafkajs's own restarts (not `stop()`); `commitOffsets` rejects where kafkajs would drop a commit silently;
 * `commitOffsets` and `seek` refuse offsets of an older epoch; a consumer that crashes because its cluster fails is
 * started again; a RegExp is tested against original names, finds topics that appear later, and no internal ones; after
 * `stop()` resolved no handler is called.
 *
 * @public
 */
export interface FailoverKafkaConsumer extends Omit<Consumer, 'run' | 'commitOffsets' | 'seek'> {
  /** As kafkajs's `run`; the handlers also learn where what they handle was read. */
  run(config?: FailoverConsumerRunConfig): Promise<void>;
  /**
   * Commits, as kafkajs does. `topic` is the original name or the physical one.
   *
   * @throws StaleOffsetError ERR_FAILOVER_STALE_OFFSET - the offset was delivered in an older epoch.
   * @throws AmbiguousOffsetError ERR_FAILOVER_AMBIGUOUS_OFFSET - the topic stands for two logs, and both delivered it.
   * @throws FencedError ERR_FAILOVER_FENCED - a switch is under way; nothing is known to be committed.
   * @throws FailoverClosedError ERR_FAILOVER_CLOSED - the consumer is stopping; nothing was committed.
   */
  commitOffsets(
    topicPartitions: Array<TopicPartitionOffsetAndMetadata & OffsetOrigin>,
  ): Promise<void>;
  /**
   * Moves the position, as kafkajs does. `-1` and `-2` under an original name move all of its logs.
   *
   * @throws StaleOffsetError, AmbiguousOffsetError, FencedError as {@link FailoverKafkaConsumer.commitOffsets}.
   */
  seek(topicPartitionOffset: TopicPartitionOffset & OffsetOrigin): void;
}
