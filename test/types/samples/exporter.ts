/** A metrics exporter: it is given clients that others made, and listens to all that they report. */
import {
  Kafka,
  type Admin,
  type Consumer,
  type ConsumerCommitOffsetsEvent,
  type ConsumerHeartbeatEvent,
  type InstrumentationEvent,
  type Producer,
  type RemoveInstrumentationEventListener,
  type RequestEvent,
  type RequestQueueSizeEvent,
} from 'kafkajs';
import { kafkaConfig } from './config.js';

type Observe = (name: string, value: number, labels?: Readonly<Record<string, string>>) => void;

function watchRequests(observe: Observe) {
  return ({ payload }: RequestEvent): void => {
    observe('request_duration_ms', payload.duration, {
      broker: payload.broker,
      api: payload.apiName,
    });
  };
}

export function exportProducer(producer: Producer, observe: Observe): () => void {
  const { CONNECT, DISCONNECT, REQUEST, REQUEST_TIMEOUT, REQUEST_QUEUE_SIZE } = producer.events;
  const removers = [
    producer.on(CONNECT, () => observe('connections', 1)),
    producer.on(DISCONNECT, () => observe('connections', -1)),
    producer.on(REQUEST, watchRequests(observe)),
    producer.on(REQUEST_TIMEOUT, ({ payload }) =>
      observe('timeouts', 1, { broker: payload.broker }),
    ),
    producer.on(REQUEST_QUEUE_SIZE, ({ payload }: RequestQueueSizeEvent) => {
      observe('queue', payload.queueSize);
    }),
  ];
  return () => removers.forEach((remove) => remove());
}

export function exportConsumer(consumer: Consumer, observe: Observe): () => void {
  const { events } = consumer;
  const removers: RemoveInstrumentationEventListener<string>[] = [
    consumer.on(events.HEARTBEAT, ({ payload }: ConsumerHeartbeatEvent) => {
      observe('heartbeats', 1, { group: payload.groupId, member: payload.memberId });
    }),
    consumer.on(events.COMMIT_OFFSETS, ({ payload }: ConsumerCommitOffsetsEvent) => {
      for (const { topic, partitions } of payload.topics) {
        for (const { partition, offset } of partitions) {
          observe('committed', Number(offset), { topic, partition: String(partition) });
        }
      }
    }),
    consumer.on(events.GROUP_JOIN, ({ payload }) => {
      observe('joins', payload.duration, { leader: String(payload.isLeader) });
    }),
    consumer.on(events.FETCH_START, () => observe('fetches', 1)),
    consumer.on(events.FETCH, ({ payload }) => observe('batches', payload.numberOfBatches)),
    consumer.on(events.START_BATCH_PROCESS, ({ payload }) => {
      observe('lag', Number(payload.offsetLag), { topic: payload.topic });
    }),
    consumer.on(events.END_BATCH_PROCESS, ({ payload }) => {
      observe('batch_duration_ms', payload.duration);
    }),
    consumer.on(events.STOP, () => observe('stops', 1)),
    consumer.on(events.CRASH, ({ payload }) => {
      observe('crashes', 1, { restart: String(payload.restart), error: payload.error.name });
    }),
    consumer.on(events.REBALANCING, ({ payload }) => {
      observe('rebalances', 1, { group: payload.groupId });
    }),
    consumer.on(events.RECEIVED_UNSUBSCRIBED_TOPICS, ({ payload }) => {
      observe('unsubscribed', payload.topicsNotSubscribed.length);
    }),
    consumer.on(events.REQUEST, watchRequests(observe)),
  ];
  return () => removers.forEach((remove) => remove());
}

export function exportAdmin(admin: Admin, observe: Observe): () => void {
  const count = ({ type }: InstrumentationEvent<unknown>): void => observe(type, 1);
  return admin.on(admin.events.REQUEST, count);
}

const kafka = new Kafka(kafkaConfig);
const print: Observe = (name, value) => console.log(name, value);
exportProducer(kafka.producer(), print);
exportConsumer(kafka.consumer({ groupId: 'watched' }), print);
exportAdmin(kafka.admin(), print);
kafka.logger().info('exporting', { samples: 3 });
