import { describe, expect, it } from 'vitest';
import { writeDecision } from '../../src/agreement/decision.js';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import { sleep } from '../../src/wait.js';
import { healthStrategy } from '../../src/strategy/health.js';
import { rejectionOf } from '../support/failures.js';
import { consume, until } from '../support/memory-service.js';
import {
  consumeApart,
  fleet,
  isOn,
  onStore,
  QUICK_WAY_HOME,
  type Fleet,
  type Member,
} from './fleet-support.js';

/** Three processes, each with a group of its own, and one that leads the way, all on B. */
function onB(main: (scene: Fleet & { readonly lead: Member }) => Promise<void>): Promise<void> {
  return fleet(
    async (all) => {
      const { memory, members, join } = all;
      const lead = join('lead');
      await lead.kafka.producer().connect();
      await consumeApart(members);
      await lead.kafka.switchTo('B');
      await until(memory, 'all are on B', isOn('B', [...members, lead]));
      await main({ ...all, lead });
    },
    { config: { failback: QUICK_WAY_HOME } },
  );
}

const ONE_HOME = {
  epoch: 2,
  cluster: 'A',
  mode: 'planned',
  reason: 'a step',
  by: 'operator',
  only: { groups: ['group-one'], instances: [] },
} as const;

/** The clusters on which members of a group are at work. */
function clustersOf(groupId: string, kafkas: readonly FailoverKafka[]): readonly string[] {
  const all = kafkas.flatMap((kafka) =>
    kafka
      .status()
      .consumers.filter((one) => one.groupId === groupId && one.state === 'running')
      .flatMap(({ cluster }) => cluster ?? []),
  );
  return [...new Set(all)].toSorted();
}

describe('a fleet that works with both clusters', () => {
  it('does not read a group on both clusters where a decision names only another one of a process that has both', () =>
    onB(async ({ memory, agreement, members }) => {
      const [one, two] = members;
      const consumer = await consume(one.kafka, async () => {}, { groupId: 'group-two' });
      const crashes: Error[] = [];
      consumer.on('consumer.crash', ({ payload }) => crashes.push(payload.error));
      await memory.clock.sleep(5_000);
      agreement.write(writeDecision(ONE_HOME));
      await until(memory, 'one is home', isOn('A', [one]));
      await memory.clock.sleep(20_000);
      expect(crashes).toMatchObject([{ code: 'ERR_FAILOVER_GROUP_ELSEWHERE', cluster: 'A' }]);
      expect(clustersOf('group-one', [one.kafka])).toEqual(['A']);
      expect(clustersOf('group-two', [one.kafka, two.kafka])).toEqual(['B']);
    }));

  it('does not begin a consumer that starts while its process goes home, and whose group does not', () =>
    onB(async ({ memory, agreement, members }) => {
      const [one, two] = members;
      const consumer = one.kafka.consumer({ groupId: 'group-two' });
      await consumer.connect();
      await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
      one.kafka.on('switch.phase-started', ({ phase }) => {
        if (phase !== 'translate') return;
        void consumer.run({ eachMessage: async () => {} }).catch(() => {});
      });
      agreement.write(writeDecision(ONE_HOME));
      await until(memory, 'one is home', isOn('A', [one]));
      await memory.clock.sleep(20_000);
      expect(clustersOf('group-two', [one.kafka, two.kafka])).toEqual(['B']);
    }));

  it('does not begin a consumer that was stopped, and runs again, where its group is no more', () =>
    fleet(async ({ memory, agreement, members }) => {
      const [one, two] = members;
      await consume(one.kafka, async () => {}, { groupId: 'group-one' });
      await consume(two.kafka, async () => {}, { groupId: 'group-two' });
      const consumer = await consume(one.kafka, async () => {}, { groupId: 'group-two' });
      await memory.clock.sleep(5_000);
      await consumer.stop();
      await memory.clock.sleep(5_000);
      // Everybody is on A; group-two goes to B.
      agreement.write(
        writeDecision({
          ...ONE_HOME,
          cluster: 'B',
          only: { groups: ['group-two'], instances: [] },
        }),
      );
      await until(memory, 'two is on B', isOn('B', [two]));
      void consumer.run({ eachMessage: async () => {} }).catch(() => {});
      await memory.clock.sleep(20_000);
      expect(clustersOf('group-two', [one.kafka, two.kafka])).toEqual(['B']);
    }));

  it('takes a process that starts where its group is, also where the store has lost the decision', () =>
    onB(async ({ memory, agreement, members, join }) => {
      const [one, two, three] = members;
      agreement.write(writeDecision(ONE_HOME));
      await until(memory, 'one is home', isOn('A', [one]));
      await memory.clock.sleep(5_000);
      agreement.write(
        writeDecision({ epoch: 1, cluster: 'B', mode: 'planned', reason: 'x', by: 'operator' }),
      );
      await memory.clock.sleep(5_000);
      const more = [join('two-more'), join('three-more'), join('one-more')] as const;
      for (const [index, name] of ['two', 'three', 'one'].entries()) {
        const kafka = more[index]?.kafka;
        if (kafka !== undefined) void consume(kafka, async () => {}, { groupId: `group-${name}` });
      }
      await memory.clock.sleep(40_000);
      expect(clustersOf('group-two', [more[0].kafka, two.kafka])).toEqual(['B']);
      expect(clustersOf('group-three', [more[1].kafka, three.kafka])).toEqual(['B']);
      expect(clustersOf('group-one', [more[2].kafka, one.kafka])).toEqual(['A']);
    }));

  it('leaves a process where a person has moved it, alone', () =>
    onB(async ({ memory, agreement, members }) => {
      const [one] = members;
      agreement.write(writeDecision(ONE_HOME));
      await until(memory, 'one is home', isOn('A', [one]));
      await memory.clock.sleep(5_000);
      await one.kafka.switchTo('B', { alone: true });
      await memory.clock.sleep(10_000);
      expect(one.kafka.status().active).toBe('B');
    }));

  it('takes nobody away from home where only the process that leads is away', () =>
    fleet(
      async ({ memory, members, join }) => {
        await consumeApart(members);
        const lead = join('lead');
        await lead.kafka.producer().connect();
        await members[0].kafka.switchTo('B');
        await until(memory, 'all are on B', isOn('B', [...members, lead]));
        await members[0].kafka.switchTo('A');
        await until(memory, 'all are on A', isOn('A', [...members, lead]));
        await memory.clock.sleep(5_000);
        await lead.kafka.switchTo('B', { alone: true });
        const before = members.map(({ reports }) => reports.length);
        await lead.kafka.failback({ gradually: { steps: [34], pauseMs: 1_000 } });
        await memory.clock.sleep(5_000);
        expect(members.map(({ reports }) => reports.length)).toEqual(before);
      },
      { config: { failback: QUICK_WAY_HOME } },
    ));

  it('does not give one process that has lost its cluster the voices of those who are elsewhere', () =>
    fleet(
      async ({ memory, agreement, members }) => {
        const [one, two, three] = members;
        await consumeApart(members);
        await one.kafka.switchTo('B');
        await until(memory, 'all are on B', isOn('B', members));
        agreement.write(writeDecision(ONE_HOME));
        await until(memory, 'one is home', isOn('A', [one]));
        await memory.clock.sleep(5_000);
        two.process.cut('B');
        const isHeard = (): boolean =>
          three.kafka.status().agreement?.members.some(({ wants }) => wants === 'A') === true;
        await until(memory, 'it wants to leave', isHeard);
        await memory.clock.sleep(5_000);
        expect(three.kafka.status().active).toBe('B');
        two.process.uncut('B');
      },
      { isByHealth: true, config: { strategy: healthStrategy({ cooldownMs: 0 }) } },
    ));

  it('says that it is not known what was decided, where the answer is lost', () =>
    fleet(
      async ({ memory, agreement, members, join }) => {
        await consumeApart(members);
        let isBad = false;
        const lead = join('lead', {
          agreement: onStore(agreement.with({ instance: 'lead' }), (store, { world }) => ({
            async propose(proposal, after, signal) {
              if (!isBad) return store.propose(proposal, after, signal);
              void store.propose(proposal, after, signal);
              await sleep(world, 1, { signal });
              throw new Error('the connection was lost');
            },
          })),
        });
        await lead.kafka.producer().connect();
        await lead.kafka.switchTo('B');
        await until(memory, 'all are on B', isOn('B', [...members, lead]));
        isBad = true;
        const error = await rejectionOf(
          lead.kafka.failback({ gradually: { steps: [34], pauseMs: 1_000 } }),
        );
        expect(error).toMatchObject({ code: 'ERR_FAILOVER_FAILBACK_STOPPED' });
        expect(String(error)).toMatch(
          /whether the fleet has decided is not known: the connection was lost\. By decision 1, the newest that is known here/,
        );
        await until(
          memory,
          'it was decided all the same',
          () => lead.kafka.status().agreement?.decision?.only !== undefined,
        );
      },
      { config: { failback: QUICK_WAY_HOME } },
    ));

  it('says what was taken home where the last switch is refused', () =>
    onB(async ({ memory, members, lead }) => {
      const going = rejectionOf(
        lead.kafka.failback({ gradually: { steps: [34], pauseMs: 1_000 } }),
      );
      const stops: string[] = [];
      lead.kafka.on('failback.stopped', ({ because }) => stops.push(because));
      lead.kafka.on('failback.step', () => {
        lead.kafka.on('switch.started', () => memory.cluster('A').down());
      });
      const error = await going;
      expect(error).toMatchObject({
        code: 'ERR_FAILOVER_FAILBACK_STOPPED',
        steps: [{ percent: 34 }],
        cause: { code: 'ERR_FAILOVER_SWITCH_REFUSED' },
      });
      expect(stops).toHaveLength(1);
      expect(members.filter(({ kafka }) => kafka.status().active === 'A')).toHaveLength(1);
      memory.cluster('A').up();
    }));

  it('says in a process that is home already that the others are not', () =>
    onB(async ({ memory, agreement, members }) => {
      const [one] = members;
      agreement.write(writeDecision(ONE_HOME));
      await until(memory, 'one is home', isOn('A', [one]));
      await memory.clock.sleep(5_000);
      for (const options of [{ gradually: { steps: [50] } }, {}]) {
        const error = await rejectionOf(one.kafka.failback(options));
        expect(error).toMatchObject({ code: 'ERR_FAILOVER_FAILBACK_STOPPED' });
        expect(String(error)).toMatch(/this process is home.*decision 2.*both clusters/);
      }
    }));
});
