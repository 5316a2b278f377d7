import { expect } from 'vitest';
import type { FailoverEachMessagePayload } from '../../src/consumer/types.js';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import { REPLAY_HEADER, type ReplayReport } from '../../src/index.js';
import type { FailoverKafkaConfig } from '../../src/options.js';
import type { FailoverKafkaProducer } from '../../src/producer/failover-producer.js';
import type { MemoryRecord, MemoryWorld, MemoryWorldOptions } from '../../src/testing/index.js';
import { consume, kafkaIn, ordersWorld, until } from '../support/memory-service.js';

export const PARTITIONS = 2;
export const REPLAYS = '__kafkajs-failover.replays';

export interface Service {
  readonly memory: MemoryWorld;
  readonly kafka: FailoverKafka;
  readonly producer: FailoverKafkaProducer;
  readonly reports: ReplayReport[];
  /** What the group `billing` has handled: `v7@B`, in its order. */
  readonly handled: string[];
  sentCount: number;
}

export interface Setting {
  readonly onUnmirrored?: 'report' | 'replay' | 'hold';
  readonly world?: MemoryWorldOptions;
  readonly config?: Partial<FailoverKafkaConfig>;
}

/** A service that sends and consumes, on clusters that are mirrored. */
export async function withService(
  work: (service: Service) => Promise<void>,
  { onUnmirrored = 'replay', world = {}, config = {} }: Setting = {},
): Promise<void> {
  const cluster = { topics: { orders: PARTITIONS } };
  const memory = ordersWorld({ clusters: { A: cluster, B: cluster }, ...world });
  await memory.run(async () => {
    const policy = world.mirror?.policy ?? 'default';
    const kafka = kafkaIn(memory, { producer: { onUnmirrored }, mirror: { policy }, ...config });
    const reports: ReplayReport[] = [];
    kafka.on('unmirrored.replayed', ({ report }) => reports.push(report));
    const handled: string[] = [];
    await consume(kafka, noting(handled));
    const producer = kafka.producer();
    await producer.connect();
    await work({ memory, kafka, producer, reports, handled, sentCount: 0 });
    await kafka.close();
  });
}

export function noting(handled: string[]) {
  return ({ message, cluster }: FailoverEachMessagePayload): Promise<void> => {
    handled.push(`${String(message.value)}@${cluster}`);
    return Promise.resolve();
  };
}

export async function send(service: Service, count: number): Promise<string[]> {
  const { memory, producer } = service;
  const values: string[] = [];
  for (let left = count; left > 0; left -= 1) {
    service.sentCount += 1;
    const value = `v${service.sentCount}`;
    values.push(value);
    const partition = service.sentCount % PARTITIONS;
    await producer.send({
      topic: 'orders',
      messages: [{ partition, key: 'k', value, headers: { h: 'own' } }],
    });
    await memory.clock.sleep(7);
  }
  return values;
}

/** A dies with a tail that is not mirrored. Answers its values. */
export async function loseA(service: Service, count: number): Promise<string[]> {
  const { memory, kafka } = service;
  await send(service, 10);
  await memory.clock.sleep(3_000);
  memory.mirror('A->B').pause();
  const tail = await send(service, count);
  memory.cluster('A').down();
  await kafka.switchTo('B', { planned: false });
  return tail;
}

export const replayed = ({ memory, reports }: Service, count = 1): Promise<void> =>
  until(memory, 'it is replayed', () => reports.length >= count, 60_000);

/** The records of a topic that have the header, over all partitions. */
export function replaysIn(memory: MemoryWorld, cluster: string, topic = 'orders'): MemoryRecord[] {
  const length = memory.cluster(cluster).partitionCount(topic);
  return Array.from({ length }, (_, partition) => memory.cluster(cluster).records(topic, partition))
    .flat()
    .filter(({ headers }) => headers.some(([name]) => name === REPLAY_HEADER));
}

/** Why the first record that was not replayed was not. */
export const whyNot = (report: ReplayReport | undefined): string | undefined =>
  report?.logs.flatMap(({ notReplayed }) => notReplayed)[0]?.because;

/** It is announced on B, and not sent yet. */
export const announced = (memory: MemoryWorld): Promise<void> =>
  until(
    memory,
    'it is announced',
    () =>
      memory.cluster('B').partitionCount(REPLAYS) > 0 &&
      valuesOf(memory.cluster('B').records(REPLAYS, 0)).some((text) => text.includes('announced')),
    60_000,
  );

export const valuesOf = (records: readonly MemoryRecord[]): string[] =>
  records.map(({ value }) => String(value));

export const timesHandled = ({ handled }: Service): Map<string, number> => {
  const times = new Map<string, number>();
  for (const one of handled) {
    const [value = ''] = one.split('@');
    times.set(value, (times.get(value) ?? 0) + 1);
  }
  return times;
};

/** Every record that was sent was handled, once. */
export function expectEachOnce(service: Service): void {
  const times = timesHandled(service);
  const sent = Array.from({ length: service.sentCount }, (_, index) => `v${index + 1}`);
  expect(sent.map((value) => `${value}: ${times.get(value) ?? 0}`)).toEqual(
    sent.map((value) => `${value}: 1`),
  );
}

/** The mirror goes on, and brings A's tail. */
export async function bringTail({ memory }: Service): Promise<void> {
  memory.cluster('A').up();
  memory.mirror('A->B').resume();
  await until(
    memory,
    'A is mirrored',
    () => memory.mirror('A->B').pendingCount('orders') === 0,
    60_000,
  );
  await memory.clock.sleep(5_000);
}
