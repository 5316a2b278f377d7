/**
 * The smallest service: sends a greeting every second and handles what arrives, until it is told to end.
 *
 *   npx tsx examples/minimal-service.ts                                        on clusters in memory
 *   A_BROKERS=host:port B_BROKERS=host:port npx tsx examples/minimal-service.ts   on real ones
 */
import { FailoverKafka, logLevel } from 'kafkajs-failover';
import { openClusters } from './clusters.js';
import { untilToldToStop } from './service.js';

async function main(): Promise<void> {
  const clusters = await openClusters();
  await clusters.createTopic('greetings');

  const kafka = new FailoverKafka({
    clientId: 'minimal-service',
    logLevel: logLevel.ERROR,
    ...clusters.config, // clusters: { A: { brokers: [...] }, B: { brokers: [...] } }
  });
  const producer = kafka.producer();
  const consumer = kafka.consumer({ groupId: 'minimal-service' });
  let timer: NodeJS.Timeout | undefined;

  await untilToldToStop({
    start: async () => {
      await producer.connect();
      await consumer.connect();
      await consumer.subscribe({ topics: ['greetings'], fromBeginning: true });
      await consumer.run({
        eachMessage: async ({ topic, partition, message }) => {
          console.log(`${topic}-${partition}: ${String(message.value)}`);
        },
      });
      timer = setInterval(() => void greet(), 1000);
    },
    stop: async () => {
      clearInterval(timer);
      await kafka.close();
      await clusters.close();
    },
  });

  async function greet(): Promise<void> {
    try {
      await producer.send({ topic: 'greetings', messages: [{ value: 'hello' }] });
    } catch (error) {
      console.error(error);
    }
  }
}

void main();
