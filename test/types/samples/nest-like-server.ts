/** Uses kafkajs as the microservice transport of NestJS does: options merged, events watched, payloads extended. */
import {
  Kafka,
  logLevel,
  type Consumer,
  type ConsumerConfig,
  type ConsumerRunConfig,
  type ConsumerSubscribeTopics,
  type EachMessagePayload,
  type KafkaMessage,
  type LogEntry,
  type Producer,
  type ProducerConfig,
  type ProducerRecord,
} from 'kafkajs';
import { kafkaConfig } from './config.js';

interface ServerOptions {
  readonly postfixId?: string;
  readonly client?: Partial<ConstructorParameters<typeof Kafka>[0]>;
  readonly consumer?: Partial<ConsumerConfig>;
  readonly producer?: ProducerConfig;
  readonly run?: Omit<ConsumerRunConfig, 'eachBatch' | 'eachMessage'>;
  readonly subscribe?: Omit<ConsumerSubscribeTopics, 'topics'>;
  readonly send?: Omit<ProducerRecord, 'topic' | 'messages'>;
}

type IncomingMessage = KafkaMessage & { topic: string; partition: number };
type Handler = (
  message: IncomingMessage,
  context: { consumer: Consumer; producer: Producer; heartbeat: () => Promise<void> },
) => Promise<string | undefined>;

export class MicroserviceServer {
  private client: Kafka | null = null;
  private consumer: Consumer | null = null;
  private producer: Producer | null = null;
  private readonly handlers = new Map<string | RegExp, Handler>();
  status: 'connected' | 'disconnected' | 'rebalancing' | 'stopped' | 'crashed' = 'disconnected';

  private readonly options: ServerOptions;

  constructor(options: ServerOptions) {
    this.options = options;
  }

  addHandler(pattern: string | RegExp, handler: Handler): void {
    this.handlers.set(pattern, handler);
  }

  createClient(): Kafka {
    const logCreator =
      () =>
      ({ namespace, level, label, log }: LogEntry): void => {
        const print = level === logLevel.ERROR ? console.error : console.log;
        print(`[${label}] ${namespace} ${log.message}`);
      };
    return new Kafka({
      ...kafkaConfig,
      logCreator,
      ...this.options.client,
      clientId: `orders${this.options.postfixId ?? '-server'}`,
      brokers: ['localhost:9092'],
    });
  }

  async listen(): Promise<void> {
    this.client = this.createClient();
    const consumer = this.client.consumer({
      ...this.options.consumer,
      groupId: `billing${this.options.postfixId ?? '-server'}`,
    });
    const producer = this.client.producer(this.options.producer);
    this.consumer = consumer;
    this.producer = producer;
    this.watch(consumer);
    await consumer.connect();
    await producer.connect();
    await consumer.subscribe({ ...this.options.subscribe, topics: [...this.handlers.keys()] });
    await consumer.run({
      ...this.options.run,
      eachMessage: (payload) => this.handleMessage(payload),
    });
  }

  private watch(consumer: Consumer): void {
    consumer.on(consumer.events.CONNECT, () => (this.status = 'connected'));
    consumer.on(consumer.events.DISCONNECT, () => (this.status = 'disconnected'));
    consumer.on(consumer.events.REBALANCING, () => (this.status = 'rebalancing'));
    consumer.on(consumer.events.STOP, () => (this.status = 'stopped'));
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      this.status = 'crashed';
      console.error(payload.groupId, payload.restart, payload.error.message);
    });
    consumer.on(consumer.events.GROUP_JOIN, ({ payload: { memberAssignment } }) => {
      for (const [topic, partitions] of Object.entries(memberAssignment)) {
        console.log(topic, Math.min(...partitions));
      }
    });
  }

  async handleMessage(payload: EachMessagePayload): Promise<void> {
    const consumer = this.consumer;
    const producer = this.producer;
    if (consumer === null || producer === null) return;
    const message = Object.assign(payload.message, {
      topic: payload.topic,
      partition: payload.partition,
    });
    const handler = this.handlers.get(payload.topic);
    const reply = await handler?.(message, { consumer, producer, heartbeat: payload.heartbeat });
    const replyTopic = payload.message.headers?.['kafka_replyTopic'];
    if (reply === undefined || replyTopic === undefined) return;
    await producer.send({
      ...this.options.send,
      topic: replyTopic.toString(),
      messages: [
        {
          value: reply,
          partition: 0,
          headers: { kafka_correlationId: payload.message.headers?.['kafka_correlationId'] },
        },
      ],
    });
    await consumer.commitOffsets([
      {
        topic: payload.topic,
        partition: payload.partition,
        offset: (BigInt(payload.message.offset) + 1n).toString(),
      },
    ]);
  }

  async close(): Promise<void> {
    await this.consumer?.disconnect();
    await this.producer?.disconnect();
    this.consumer = null;
    this.producer = null;
    this.client = null;
  }
}
