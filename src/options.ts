/* Resolved shapes; the validation stands below once written. */
import type { ISocketFactory, KafkaConfig } from 'kafkajs';
import type { MissingPosition } from './position/plan.js';

/** @public Connection options of one cluster: kafkajs's own names and meanings. */
export interface ClusterOptions extends Pick<
  KafkaConfig,
  'brokers' | 'ssl' | 'sasl' | 'connectionTimeout' | 'authenticationTimeout' | 'requestTimeout'
> {
  /** Opens this cluster's sockets. Default: kafkajs's own way (TCP or TLS, keep-alive 60 s). The fence wraps it. */
  readonly socketFactory?: ISocketFactory;
  /** The id that the cluster must have. Default: learned at the first connection and kept for the process's life. */
  readonly clusterId?: string;
}

/** @internal Options of the producer wrapper, resolved. */
export interface ProducerLimits {
  readonly holdMaxBytes: number;
  readonly holdMaxWaitMs: number;
  /** undefined: `resend`, but `reject` where the producer is idempotent. */
  readonly onUnknownOutcome: 'resend' | 'reject' | undefined;
}

/** @internal Options of the consumer wrapper, resolved. */
export interface ConsumerLimits {
  readonly onMissingPosition: MissingPosition;
  /** How often a subscription is resolved anew to find remote topics that appeared later. */
  readonly topicRefreshMs: number;
}
