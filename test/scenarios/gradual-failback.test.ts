import { describe, expect, it } from 'vitest';
import type { FailbackStep } from '../../src/failback/steps.js';
import type { FailbackCallOptions } from '../../src/options-failback.js';
import { healthStrategy } from '../../src/strategy/health.js';
import { rejectionOf } from '../support/failures.js';
import { consume, kafkaIn, ordersWorld, until, write } from '../support/memory-service.js';
import {
  consumeApart,
  fleet,
  isOn,
  QUICK_WAY_HOME,
  type Fleet,
  type FleetOptions,
  type Member,
} from './fleet-support.js';

const GRADUALLY: FailbackCallOptions = { gradually: { steps: [25, 50], pauseMs: 5_000 } };

interface Scene extends Fleet {
  /** A fourth process; all have a group of their own, but the first, which leads the way. */
  readonly lead: Member;
  readonly readers: readonly [Member, Member, Member];
  /** What the group of each reader has handled. */
  readonly handled: ReadonlyMap<string, string[]>;
  readonly steps: FailbackStep[];
}

/** Three readers and a process that consumes nothing, all on B. */
function away(
  main: (scene: Scene) => Promise<void>,
  { isByHealth = false, config = {} }: Pick<FleetOptions, 'isByHealth' | 'config'> = {},
): Promise<void> {
  return fleet(
    async (all) => {
      const { memory, members, join } = all;
      const [one, two, three] = members;
      const lead = join('lead');
      await lead.kafka.producer().connect();
      const handled = await consumeApart([one, two, three]);
      write(memory, 'A', ['a1', 'a2']);
      await until(memory, 'A is read', () =>
        [...handled.values()].every((read) => read.length === 2),
      );
      await lead.kafka.switchTo('B');
      await until(memory, 'all are on B', isOn('B', [...members, lead]));
      write(memory, 'B', ['b1']);
      await until(memory, 'B is read', () =>
        [...handled.values()].every((read) => read.length === 3),
      );
      const steps: FailbackStep[] = [];
      lead.kafka.on('failback.step', ({ step }) => steps.push(step));
      await main({ ...all, lead, readers: [one, two, three], handled, steps });
    },
    { isByHealth, config: { failback: QUICK_WAY_HOME, ...config } },
  );
}

/** One group after the other goes home: of three readers one may at 34 %, two at 67 %. */
const THIRDS: FailbackCallOptions = { gradually: { steps: [34, 67], pauseMs: 5_000 } };

describe('failback({ gradually })', () => {
  it('takes one group home after the other, each as a whole, and this process last', () =>
    away(async ({ memory, agreement, lead, readers, handled, steps, members }) => {
      const going = lead.kafka.failback(THIRDS);
      await until(memory, 'the first step', () => steps.length === 1);
      const home = readers.filter(({ kafka }) => kafka.status().active === 'A');
      expect(home.map(({ name }) => name)).toEqual(steps[0]?.members);
      expect(home).toHaveLength(1);
      expect(lead.kafka.status().active).toBe('B');
      // Both clusters are at work, and each group reads what comes on either.
      write(memory, 'A', ['a3']);
      write(memory, 'B', ['b2']);
      const outcome = await going;
      expect(outcome).toMatchObject({
        kind: 'done',
        steps: [{ percent: 34 }, { percent: 67 }],
        report: { from: 'B', to: 'A', planned: true },
      });
      await until(memory, 'all are home', isOn('A', [...members, lead]));
      write(memory, 'A', ['a4']);
      await until(memory, 'all is read', () =>
        [...handled.values()].every((read) => new Set(read).size === 6),
      );
      for (const read of handled.values()) {
        expect(read.toSorted()).toEqual(['a1', 'a2', 'a3', 'a4', 'b1', 'b2']);
      }
      expect(
        agreement.decisions.map(({ cluster, only }) => [cluster, only?.groups.length]),
      ).toEqual([
        ['B', undefined],
        ['A', 1],
        ['A', 2],
        ['A', undefined],
      ]);
    }));

  it('does not take a part of a group', () =>
    away(async ({ memory, lead, readers, members, join, steps }) => {
      const [one] = readers;
      for (const name of ['four', 'five', 'six']) {
        await consume(join(name).kafka, async () => {}, { groupId: `group-${one.name}` });
      }
      const { kafka } = lead;
      // Two of six may go at 34 %: the group of four has to wait.
      const outcome = await kafka.failback({ gradually: { steps: [34, 66], pauseMs: 1_000 } });
      expect(outcome).toMatchObject({ kind: 'done' });
      expect(steps.flatMap(({ part }) => part.groups)).not.toContain('group-one');
      await until(memory, 'all are home', isOn('A', members));
    }));

  it('stops where the members that are home want to leave, and health brings them back', () =>
    away(
      async ({ memory, lead, readers, steps, members, agreement }) => {
        const stops: string[] = [];
        lead.kafka.on('failback.stopped', ({ because }) => stops.push(because));
        const going = rejectionOf(
          lead.kafka.failback({
            gradually: { steps: [34, 67], pauseMs: 120_000 },
            accept: ['healthy'],
          }),
        );
        await until(memory, 'the first step', () => steps.length === 1, 60_000);
        const [moved] = readers.filter(({ kafka }) => kafka.status().active === 'A');
        memory.cluster('A').down();
        const error = await going;
        expect(error).toMatchObject({ code: 'ERR_FAILOVER_FAILBACK_STOPPED', cluster: 'A' });
        expect(stops).toHaveLength(1);
        await until(memory, 'it is back', isOn('B', [...members, lead]));
        expect(moved?.reports.at(-1)).toMatchObject({ to: 'B', planned: false, by: 'health' });
        expect(agreement.decisions.at(-1)).toMatchObject({ cluster: 'B', by: 'health' });
        memory.cluster('A').up();
      },
      { isByHealth: true },
    ));

  it('stops where a process dies that has gone home', () =>
    away(async ({ memory, lead, readers, steps, agreement }) => {
      const going = rejectionOf(
        lead.kafka.failback({ gradually: { steps: [34], pauseMs: 120_000 } }),
      );
      await until(memory, 'the first step', () => steps.length === 1, 60_000);
      const [name = ''] = steps[0]?.members ?? [];
      agreement.cutOff(name);
      const error = await going;
      expect(error).toMatchObject({ code: 'ERR_FAILOVER_FAILBACK_STOPPED' });
      expect(String(error)).toContain(`${name} went home and was not heard`);
      // The others stay where they are, until somebody says where all are to be.
      expect(readers.filter(({ kafka }) => kafka.status().active === 'B')).toHaveLength(2);
    }));

  it('stops where a gate closes between two steps, and a second call goes on from there', () =>
    away(async ({ memory, agreement, lead, readers, steps, members }) => {
      const going = rejectionOf(lead.kafka.failback(THIRDS));
      await until(memory, 'the first step', () => steps.length === 1);
      memory.cluster('A').down();
      const error = await going;
      expect(String(error)).toMatch(/not open any more: reachable/);
      memory.cluster('A').up();
      expect(readers.filter(({ kafka }) => kafka.status().active === 'A')).toHaveLength(1);
      const outcome = await lead.kafka.failback({ ...THIRDS, waitMs: 60_000 });
      expect(outcome).toMatchObject({ kind: 'done', steps: [{ percent: 67 }] });
      await until(memory, 'all are home', isOn('A', [...members, lead]));
      expect(agreement.decisions.map(({ only }) => only?.groups.length)).toEqual([
        undefined,
        1,
        2,
        undefined,
      ]);
    }));

  it('stops where somebody else decides meanwhile, and switchTo brings all back', () =>
    away(async ({ memory, lead, readers, steps, members }) => {
      const going = rejectionOf(lead.kafka.failback(THIRDS));
      await until(memory, 'the first step', () => steps.length === 1);
      const stayed = readers.find(({ kafka }) => kafka.status().active === 'B');
      await stayed?.kafka.switchTo('B', { reason: 'not today' });
      expect(String(await going)).toMatch(/decided for B meanwhile.*not today/);
      await until(memory, 'all are back', isOn('B', [...members, lead]));
    }));

  it('stops where a member does not arrive', () =>
    away(async ({ memory, lead, readers, steps }) => {
      for (const { process } of readers) process.cut('A');
      const error = await rejectionOf(
        lead.kafka.failback({ gradually: { steps: [34], pauseMs: 1_000, arriveMs: 2_000 } }),
      );
      expect(String(error)).toMatch(/not home in time \(arriveMs\): (one|two|three)/);
      expect(steps).toEqual([]);
      for (const { process } of readers) process.uncut('A');
      await lead.kafka.switchTo('B');
      await until(memory, 'all are back', isOn('B', readers));
    }));

  it('needs a fleet', () => {
    const memory = ordersWorld();
    return memory.run(async () => {
      const kafka = kafkaIn(memory);
      await kafka.producer().connect();
      await expect(kafka.failback(GRADUALLY)).rejects.toMatchObject({
        code: 'ERR_FAILOVER_OPTIONS',
        option: 'failback.gradually',
      });
      await kafka.close();
    });
  });

  it('is refused under the Identity policy: what is written at home would not reach those who are away', () =>
    fleet(
      async ({ members }) => {
        await expect(members[0].kafka.failback(GRADUALLY)).rejects.toMatchObject({
          code: 'ERR_FAILOVER_OPTIONS',
          option: 'failback.gradually',
        });
      },
      { config: { mirror: { policy: 'identity' } } },
    ));

  it.each([
    [{ steps: [] }, 'failback.gradually.steps'],
    [{ steps: [50, 10] }, 'failback.gradually.steps'],
    [{ steps: [0] }, 'failback.gradually.steps'],
    [{ steps: [100] }, 'failback.gradually.steps'],
    [{ pauseMs: -1 }, 'failback.gradually.pauseMs'],
    [{ stepz: [1] }, 'failback.gradually.stepz'],
  ])('refuses %j', (gradually, option) => {
    const memory = ordersWorld();
    return memory.run(async () => {
      const kafka = kafkaIn(memory);
      const error = await rejectionOf(kafka.failback({ gradually } as FailbackCallOptions));
      expect(error).toMatchObject({ code: 'ERR_FAILOVER_OPTIONS' });
      expect(String(error)).toContain(option);
      await kafka.close();
    });
  });
});

describe('while a fleet goes home gradually', () => {
  it('a process that is started again goes where its group is', () =>
    away(async ({ memory, lead, readers, steps, handled, join }) => {
      const going = rejectionOf(
        lead.kafka.failback({ gradually: { steps: [34], pauseMs: 600_000 } }),
      );
      await until(memory, 'the first step', () => steps.length === 1);
      const [name = ''] = steps[0]?.members ?? [];
      const moved = readers.find((one) => one.name === name);
      await moved?.kafka.close();
      const again = join(`${name}-again`);
      const values = handled.get(name) ?? [];
      await consume(again.kafka, async ({ message }) => void values.push(String(message.value)), {
        groupId: `group-${name}`,
      });
      await until(memory, 'it is home', isOn('A', [again]));
      write(memory, 'A', ['a3']);
      write(memory, 'B', ['b2']);
      await until(memory, 'it reads', () => new Set(values).size === 5);
      expect(values.toSorted()).toEqual(['a1', 'a2', 'a3', 'b1', 'b2']);
      await lead.kafka.switchTo('A');
      await going;
    }));

  it('a group that is read elsewhere is not begun in a process that others keep here', () =>
    away(async ({ memory, lead, readers, steps }) => {
      const going = rejectionOf(
        lead.kafka.failback({ gradually: { steps: [34], pauseMs: 600_000 } }),
      );
      await until(memory, 'the first step', () => steps.length === 1);
      const [name = ''] = steps[0]?.members ?? [];
      const stayed = readers.find(({ kafka }) => kafka.status().active === 'B');
      if (stayed === undefined) throw new Error('nobody has stayed');
      const consumer = stayed.kafka.consumer({ groupId: `group-${name}` });
      await consumer.connect();
      await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
      const read: string[] = [];
      const error = await rejectionOf(
        consumer.run({ eachMessage: async ({ message }) => void read.push(String(message.value)) }),
      );
      expect(error).toMatchObject({ code: 'ERR_FAILOVER_GROUP_ELSEWHERE', cluster: 'B' });
      expect(read).toEqual([]);
      expect(stayed.kafka.status().active).toBe('B');
      await consumer.disconnect();
      await lead.kafka.switchTo('A');
      await going;
    }));

  it('nobody goes home by health beside that', () =>
    away(
      async ({ memory, lead, readers, steps }) => {
        const going = rejectionOf(
          lead.kafka.failback({
            gradually: { steps: [34], pauseMs: 60_000 },
            accept: ['healthy', 'dwell'],
          }),
        );
        await until(memory, 'the first step', () => steps.length === 1, 60_000);
        const isOpen = (): boolean =>
          readers.every(({ kafka }) => kafka.status().failback?.isOpen ?? true);
        await until(memory, 'the way home is open', isOpen, 60_000);
        await memory.clock.sleep(10_000);
        expect(readers.filter(({ kafka }) => kafka.status().active === 'A')).toHaveLength(1);
        await lead.kafka.switchTo('A');
        await going;
      },
      {
        isByHealth: true,
        config: {
          strategy: healthStrategy({ failback: 'automatic', stableMs: 0, cooldownMs: 0 }),
          failback: { dwellMs: 20_000, everyMs: 2_000, lagMs: 1_000 },
        },
      },
    ));
});
