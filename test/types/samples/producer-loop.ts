/** A producer that sends in a loop and judges errors by class, as services of large installations do. */
import {
  CompressionTypes,
  Kafka,
  KafkaJSError,
  KafkaJSNumberOfRetriesExceeded,
  KafkaJSProtocolError,
  logLevel,
  type IHeaders,
  type Message,
  type RecordMetadata,
  type RequestTimeoutEvent,
  type TopicMessages,
} from 'kafkajs';
import { kafkaConfig } from './config.js';

interface Order {
  readonly id: string;
  readonly customer: string;
  readonly amount: number;
}

const kafka = new Kafka({ ...kafkaConfig, logLevel: logLevel.WARN, retry: { retries: 8 } });
const producer = kafka.producer({
  idempotent: true,
  maxInFlightRequests: 5,
  allowAutoTopicCreation: false,
  metadataMaxAge: 60_000,
});

function toMessage(order: Order): Message {
  const headers: IHeaders = { source: 'orders', attempt: ['1', Buffer.from('x')] };
  return {
    key: order.customer,
    value: JSON.stringify(order),
    headers,
    timestamp: Date.now().toString(),
  };
}

export async function produce(orders: AsyncIterable<readonly Order[]>): Promise<number> {
  let acknowledged = 0;
  const stopWatching = producer.on(
    producer.events.REQUEST_TIMEOUT,
    ({ payload }: RequestTimeoutEvent) => {
      producer.logger().warn('slow broker', { broker: payload.broker, api: payload.apiName });
    },
  );
  await producer.connect();
  try {
    for await (const batch of orders) acknowledged += await sendOnce(batch);
  } finally {
    stopWatching();
    await producer.disconnect();
  }
  return acknowledged;
}

async function sendOnce(batch: readonly Order[]): Promise<number> {
  try {
    const results: RecordMetadata[] = await producer.send({
      topic: 'orders',
      acks: -1,
      timeout: 10_000,
      compression: CompressionTypes.GZIP,
      messages: batch.map(toMessage),
    });
    for (const { topicName, partition, baseOffset, errorCode } of results) {
      console.log(`${topicName}-${partition} ${baseOffset ?? '?'} ${errorCode}`);
    }
    const audit: TopicMessages = { topic: 'audit', messages: [{ value: `${batch.length}` }] };
    await producer.sendBatch({ topicMessages: [audit], compression: CompressionTypes.None });
    return batch.length;
  } catch (error) {
    if (error instanceof KafkaJSNumberOfRetriesExceeded) {
      console.error(error.retryCount, error.retryTime, error.cause);
    } else if (error instanceof KafkaJSProtocolError) {
      console.error(error.type, error.code, error.retriable);
    } else if (error instanceof KafkaJSError && !error.retriable) {
      console.error(error.name, error.message, producer.isIdempotent());
    }
    return 0;
  }
}
