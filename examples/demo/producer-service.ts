import { setTimeout as sleep } from 'node:timers/promises';
import { FailoverKafka, logLevel } from 'kafkajs-failover';
import type { Control } from './control.js';
import type { ServiceSettings } from './messages.js';
import { strategyOf } from './strategies.js';

const ORDERS_PER_SEND = 5;
const SEND_EVERY_MS = 15;

/**
 * Takes orders and writes them to Kafka, about 300 a second, each with a number of its own. It is written for kafkajs:
 * without the lines that mention `control` only the import and the options `clusters` and `strategy` are new.
 */
export async function producerService(settings: ServiceSettings, control: Control): Promise<void> {
  const kafka = new FailoverKafka({
    clientId: 'order-entry',
    logLevel: logLevel.NOTHING,
    ...settings.kafka,
    strategy: strategyOf(settings),
  });
  control.watch(kafka);

  const producer = kafka.producer();
  await producer.connect();
  control.started();

  const inFlight = new Set<Promise<void>>();
  for (let seq = 0; !control.stopping; seq += ORDERS_PER_SEND) {
    const orders = takeOrders(seq);
    const sent = producer
      .send({
        topic: settings.topic,
        messages: orders.map((order) => ({ key: order.customer, value: JSON.stringify(order) })),
      })
      .then(
        () => control.acknowledged(orders),
        (error: unknown) => control.rejected(orders, error),
      )
      .finally(() => inFlight.delete(sent));
    inFlight.add(sent);
    await sleep(SEND_EVERY_MS);
  }

  await Promise.all(inFlight);
  await producer.disconnect();
  await kafka.close();
}

/** One order. */
interface Order {
  readonly seq: number;
  readonly customer: string;
  readonly cents: number;
}

function takeOrders(firstSeq: number): readonly Order[] {
  return Array.from({ length: ORDERS_PER_SEND }, (_, index) => {
    const seq = firstSeq + index;
    return { seq, customer: `customer-${seq % 97}`, cents: 100 + (seq % 900) };
  });
}
