/**
 * Proofs for the compiler: what the library makes stands where kafkajs's own is expected. The file is never run; each
 * expected error shows that the line above it does not hold by being `any`.
 */
import type {
  Admin,
  AdminConfig,
  Consumer,
  ConsumerConfig,
  Kafka,
  KafkaConfig,
  KafkaJSError,
  KafkaJSNonRetriableError,
  Logger,
  Producer,
  ProducerConfig,
} from 'kafkajs';
import { FailoverKafka } from '../../src/failover-kafka.js';
import { isFailoverError, type FailoverError } from '../../src/errors.js';
import { manualStrategy } from '../../src/strategy/manual.js';

const failover: FailoverKafka = new FailoverKafka({
  clusters: { A: { brokers: ['a:9092'] }, B: { brokers: async () => ['b:9092'] } },
  strategy: manualStrategy({ initial: 'A' }),
  clientId: 'service',
});

// The whole, where a Kafka is expected, and each client, where kafkajs's is expected.
const kafka: Kafka = failover;
const producer: Producer = failover.producer();
const consumer: Consumer = failover.consumer({ groupId: 'group' });
const admin: Admin = failover.admin();
const logger: Logger = failover.logger();
export const values: readonly unknown[] = [kafka, producer, consumer, admin, logger];

// @ts-expect-error a FailoverKafka is not a client: it is not `any`
export const notAProducer: Producer = failover;
// @ts-expect-error a producer is not a consumer: it is not `any`
export const notAConsumer: Consumer = failover.producer();
// @ts-expect-error a group id is required, as with kafkajs
failover.consumer({});

// Every configuration that kafkajs's factories take is taken.
declare const producerConfig: ProducerConfig;
declare const consumerConfig: ConsumerConfig;
declare const adminConfig: AdminConfig;
export const configured: readonly unknown[] = [
  failover.producer(producerConfig),
  failover.consumer(consumerConfig),
  failover.admin(adminConfig),
  failover.admin({ ...adminConfig, cluster: 'B' }),
];

// Frameworks give kafkajs's whole configuration, brokers included, beside the clusters.
declare const kafkaConfig: KafkaConfig;
export const inFramework: FailoverKafka = new FailoverKafka({
  ...kafkaConfig,
  clusters: { A: { brokers: ['a:9092'], ssl: true }, B: { brokers: ['b:9092'] } },
});

// @ts-expect-error clusters are required
export const withoutClusters: FailoverKafka = new FailoverKafka({ brokers: ['a:9092'] });
export const misspelt: FailoverKafka = new FailoverKafka({
  // @ts-expect-error a misspelt option is an error of the compiler too
  clusters: { A: { broker: ['a:9092'] }, B: { brokers: ['b:9092'] } },
});

// Errors are kafkajs errors, and the guard narrows to the code.
declare const error: FailoverError;
export const asKafkajs: KafkaJSError = error;
export const asNonRetriable: KafkaJSNonRetriableError = error;
export function judge(thrown: unknown): 'full' | 'other' {
  if (!isFailoverError(thrown)) return 'other';
  return thrown.code === 'ERR_FAILOVER_HOLD_FULL' ? 'full' : 'other';
}

// Own events are typed by name.
failover.on('switch.completed', ({ report, switchEpoch, atMs }) => {
  const facts: readonly [string, string, number, number] = [
    report.from,
    report.to,
    switchEpoch,
    atMs,
  ];
  logger.info('switched', { facts });
});
// @ts-expect-error there is no such event
failover.on('switch.complete', () => {});
