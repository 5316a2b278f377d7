import { FailoverKafka, logLevel } from 'kafkajs-failover';
import type { Control } from './control.js';
import type { ServiceSettings } from './messages.js';
import { strategyOf } from './strategies.js';

/**
 * Handles orders, as one of several members of a group. It is written for kafkajs: without the lines that mention
 * `control` only the import and the options `clusters` and `strategy` are new.
 */
export async function consumerService(settings: ServiceSettings, control: Control): Promise<void> {
  const kafka = new FailoverKafka({
    clientId: 'order-handling',
    logLevel: logLevel.NOTHING,
    ...settings.kafka,
    strategy: strategyOf(settings),
  });
  control.watch(kafka);

  const consumer = kafka.consumer({
    groupId: settings.groupId,
    // A member learns of a rebalance by its heartbeat: members that join one after the other wait for it.
    heartbeatInterval: 500,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [settings.topic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      const order = JSON.parse(String(message.value)) as { seq: number };
      control.handled(order);
    },
  });
  control.started();

  await control.stopped;
  await consumer.disconnect();
  await kafka.close();
}
