import { describe, expect, it } from 'vitest';
import { clustersOf, consume, hang, kafkaIn, until } from '../support/memory-service.js';
import {
  PARTITIONS,
  announced,
  bringTail,
  expectEachOnce,
  loseA,
  noting,
  replayed,
  replaysIn,
  whyNot,
  withService,
} from './replay-support.js';

describe('a replay', () => {
  it('stands for one record, also where its log was made anew and the place has another one', async () => {
    await withService(async (service) => {
      const { memory, kafka, producer, handled } = service;
      await memory.clock.sleep(1_000);
      memory.mirror('A->B').pause();
      hang(memory.cluster('A'), 'Fetch');
      await memory.clock.sleep(1_000);
      const sendAll = async (values: readonly string[]): Promise<void> => {
        for (const value of values) {
          await producer.send({ topic: 'orders', messages: [{ partition: 0, value }] });
        }
      };
      await sendAll(['old0', 'old1', 'old2']);
      await memory.clock.sleep(50);
      memory.cluster('A').deleteTopic('orders');
      memory.cluster('A').createTopic('orders', PARTITIONS);
      await memory.clock.sleep(5_000);
      await sendAll(['new0', 'new1', 'new2', 'new3', 'new4']);
      memory.cluster('A').down();
      await kafka.switchTo('B', { planned: false });
      await replayed(service);
      await memory.clock.sleep(10_000);
      const values = ['old0', 'old1', 'old2', 'new0', 'new1', 'new2', 'new3', 'new4'];
      expect(handled.toSorted()).toEqual(values.map((value) => `${value}@B`).toSorted());
    });
  });

  it('is handled where the group has come past its place in a log that was made anew since', async () => {
    await withService(async (service) => {
      const { memory, kafka, producer, handled } = service;
      await memory.clock.sleep(1_000);
      memory.mirror('A->B').pause();
      const goOn = hang(memory.cluster('A'), 'Fetch');
      await memory.clock.sleep(1_000);
      for (const value of ['old0', 'old1', 'old2']) {
        await producer.send({ topic: 'orders', messages: [{ partition: 0, value }] });
      }
      await memory.clock.sleep(50);
      memory.cluster('A').deleteTopic('orders');
      memory.cluster('A').createTopic('orders', PARTITIONS);
      goOn();
      await memory.clock.sleep(5_000);
      for (const value of ['new0', 'new1', 'new2', 'new3', 'new4']) {
        await producer.send({ topic: 'orders', messages: [{ partition: 0, value }] });
      }
      await until(memory, 'the new ones are handled', () => handled.length >= 5, 60_000);
      memory.cluster('A').down();
      await kafka.switchTo('B', { planned: false });
      await replayed(service);
      await memory.clock.sleep(10_000);
      for (const value of ['old0', 'old1', 'old2']) expect(handled).toContain(`${value}@B`);
    });
  });

  it('takes nothing from a group that has begun behind it', async () => {
    await withService(async (service) => {
      const { memory } = service;
      await loseA(service, 9);
      await replayed(service);
      await memory.clock.sleep(2_000);
      const { A, B } = clustersOf(memory);
      const other = kafkaIn(memory, {
        producer: { onUnmirrored: 'replay' },
        clusters: { B, A },
      });
      const handled: string[] = [];
      await consume(other, noting(handled), { groupId: 'audit', fromBeginning: false });
      await memory.clock.sleep(5_000);
      await bringTail(service);
      expectEachOnce({ ...service, handled });
      await other.close();
    });
  });

  it('takes nothing from a group that finds it gone', async () => {
    await withService(async (service) => {
      const { memory } = service;
      await loseA(service, 8);
      await replayed(service);
      await memory.clock.sleep(2_000);
      const onB = memory.cluster('B');
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        onB.trim('orders', partition, onB.range('orders', partition).high);
      }
      await bringTail(service);
      const { A, B } = clustersOf(memory);
      const other = kafkaIn(memory, {
        producer: { onUnmirrored: 'replay' },
        clusters: { B, A },
      });
      const handled: string[] = [];
      await consume(other, noting(handled), { groupId: 'audit' });
      await memory.clock.sleep(5_000);
      expectEachOnce({ ...service, handled });
      await other.close();
    });
  });

  it('is not seen in a new record that looks like one that was announced', async () => {
    await withService(async (service) => {
      const { memory, kafka, producer, handled } = service;
      const same = { partition: 0, value: 'same', timestamp: '1000' };
      hang(memory.cluster('A'), 'Fetch');
      await memory.clock.sleep(1_000);
      memory.mirror('A->B').pause();
      await producer.send({ topic: 'orders', messages: [same] });
      memory.cluster('A').down();
      await kafka.switchTo('B', { planned: false });
      await announced(memory);
      memory.cluster('A').up();
      memory.mirror('A->B').resume();
      await replayed(service);
      await memory.clock.sleep(2_000);
      await producer.send({ topic: 'orders', messages: [same] });
      await memory.clock.sleep(5_000);
      expect(handled).toEqual(['same@B', 'same@B']);
    });
  });

  it('is not made of a record whose time the broker gives: its mirrored copy could not be told from others', async () => {
    const config = { 'message.timestamp.type': 'LogAppendTime' };
    const topics = { orders: { partitions: PARTITIONS, config } };
    await withService(
      async (service) => {
        await loseA(service, 4);
        await replayed(service);
        expect(service.reports).toMatchObject([{ replayedCount: 0, notReplayedCount: 4 }]);
        expect(whyNot(service.reports[0])).toMatch(/LogAppendTime/);
        expect(replaysIn(service.memory, 'B')).toEqual([]);
      },
      { world: { clusters: { A: { topics }, B: { topics } } } },
    );
  });
});
