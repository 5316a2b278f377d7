import { describe, expect, it } from 'vitest';
import { followStrategy } from '../../src/strategy/follow.js';
import { consume, hang, until } from '../support/memory-service.js';
import { Said } from '../support/said.js';
import { fleet, isOn, onStore, STATE, type Fleet, type Member } from './fleet-support.js';

describe('a fleet with an agreement', () => {
  it('goes together where an operator sends one of its processes', () =>
    fleet(async ({ memory, agreement, members }) => {
      const outcome = await members[1].kafka.switchTo('B', { reason: 'maintenance' });
      expect(outcome).toMatchObject({
        kind: 'switched',
        report: { to: 'B', planned: true, by: 'operator', agreedEpoch: 1 },
      });
      await until(memory, 'all are on B', isOn('B', members));
      expect(agreement.decisions).toEqual([
        { epoch: 1, cluster: 'B', mode: 'planned', reason: 'maintenance', by: 'operator' },
      ]);
      for (const { reports } of members) {
        expect(reports).toMatchObject([{ to: 'B', planned: true, reason: 'maintenance' }]);
      }
    }));

  it('makes one decision of opposite and equal orders at the same moment', () =>
    fleet(async ({ memory, agreement, members }) => {
      await members[0].kafka.switchTo('B');
      await until(memory, 'all are on B', isOn('B', members));
      const orders = [
        members[0].kafka.switchTo('A', { reason: 'one' }),
        members[1].kafka.switchTo('A', { planned: false, reason: 'two' }),
        members[2].kafka.switchTo('A', { reason: 'three' }),
      ];
      const outcomes = await Promise.all(orders);
      expect(outcomes.map(({ kind }) => kind)).toEqual(['switched', 'switched', 'switched']);
      await until(memory, 'all are on A', isOn('A', members));
      expect(agreement.decisions.map(({ epoch, cluster }) => [epoch, cluster])).toEqual([
        [1, 'B'],
        [2, 'A'],
      ]);
      for (const { kafka } of members) expect(kafka.status().agreement?.obeyedEpoch).toBe(2);
    }));

  it('leaves a dead cluster by one decision, that more than half of it wanted', () =>
    fleet(
      async ({ memory, agreement, members }) => {
        memory.cluster('A').down();
        await until(memory, 'all are on B', isOn('B', members));
        expect(agreement.decisions).toMatchObject([{ epoch: 1, cluster: 'B', by: 'health' }]);
        for (const { reports } of members) {
          expect(reports).toMatchObject([
            { to: 'B', planned: false, by: 'health', agreedEpoch: 1 },
          ]);
        }
      },
      { isByHealth: true },
    ));

  it('stays where one process alone has lost the cluster, and says so there', () =>
    fleet(
      async ({ memory, agreement, members }) => {
        const [one, two, three] = members;
        one.process.cut('A');
        await until(memory, 'it says why it stays', () => one.stayed.length > 0);
        expect(one.stayed).toMatchObject([{ because: 'no-quorum' }]);
        expect(one.stayed[0]?.detail).toMatch(/1 of 3 members heard want the same, 2 are needed$/);
        await memory.clock.sleep(60_000);
        expect(agreement.decisions).toEqual([]);
        // Another one is cut off as well: that is more than half.
        two.process.cut('A');
        await until(memory, 'all are on B', isOn('B', members));
        expect(three.reports).toMatchObject([{ to: 'B', by: 'health' }]);
        one.process.uncut('A');
        two.process.uncut('A');
      },
      { isByHealth: true },
    ));

  it('moves by one voice where that is enough', () =>
    fleet(
      async ({ memory, members }) => {
        members[0].process.cut('A');
        await until(memory, 'all are on B', isOn('B', members));
        members[0].process.uncut('A');
      },
      { isByHealth: true, limits: { quorum: { voices: 1 } } },
    ));

  it('counts only members that were heard lately', () =>
    fleet(
      async ({ memory, agreement, members }) => {
        const [one, two, three] = members;
        two.process.cut('A');
        agreement.cutOff('one');
        agreement.cutOff('three');
        await until(memory, 'two is left alone', isOn('B', [two]));
        expect(agreement.decisions).toMatchObject([{ cluster: 'B', by: 'health' }]);
        expect(isOn('A', [one, three])()).toBe(true);
        two.process.uncut('A');
      },
      { isByHealth: true },
    ));

  it('does not move by health where the decision in force is pinned', () =>
    fleet(
      async ({ memory, agreement, members }) => {
        agreement.write('{"cluster":"A","epoch":4,"mode":"pinned","reason":"B is being mended"}');
        await until(memory, 'all have heard it', () =>
          members.every(({ kafka }) => kafka.status().agreement?.obeyedEpoch === 4),
        );
        memory.cluster('A').down();
        await until(memory, 'they say why they stay', () =>
          members.every(({ stayed }) => stayed.some(({ because }) => because === 'pinned')),
        );
        expect(agreement.decisions).toEqual([]);
      },
      { isByHealth: true },
    ));

  it.each([
    ['garbage', '{"cluster":', 'no JSON'],
    ['an unknown alias', '{"cluster":"C","epoch":9}', 'which is none of the clusters'],
    ['no epoch', 'B', 'without an epoch'],
    ['a novel', 'B'.repeat(5_000), 'more than 4096'],
  ])('stays where somebody has written %s, says so once, and can decide anew', (_what, text, why) =>
    fleet(async ({ memory, agreement, members }) => {
      agreement.write(text);
      await memory.clock.sleep(30_000);
      for (const { heard } of members) {
        expect(heard).toHaveLength(1);
        expect(heard[0]).toMatch(/^refused: /);
        expect(heard[0]).toContain(why);
      }
      expect(isOn('A', members)()).toBe(true);
      await members[0].kafka.switchTo('B');
      await until(memory, 'all are on B', isOn('B', members));
    }),
  );

  it('obeys an operator although something else was decided that his process had not heard', () =>
    fleet(async ({ memory, agreement, members }) => {
      const [one, two] = members;
      const mend = agreement.cutOff('one');
      await two.kafka.switchTo('B');
      await two.kafka.switchTo('A');
      mend();
      await expect(one.kafka.switchTo('B')).resolves.toMatchObject({
        report: { to: 'B', agreedEpoch: 3 },
      });
      await until(memory, 'all are on B', isOn('B', members));
    }));

  it('begins where members are that have obeyed more than the agreement holds, and decides above that', () =>
    fleet(async ({ memory, agreement, members, join }) => {
      agreement.write('{"cluster":"B","epoch":7}');
      await until(memory, 'all are on B', isOn('B', members));
      agreement.write('{"cluster":"A","epoch":6}');
      const late = join('late');
      await late.kafka.producer().connect();
      expect(late.kafka.status()).toMatchObject({ active: 'B', agreement: { obeyedEpoch: 7 } });
      await memory.clock.sleep(600_000);
      expect(isOn('B', [...members, late])()).toBe(true);
      await expect(late.kafka.switchTo('A')).resolves.toMatchObject({ report: { agreedEpoch: 8 } });
      await until(memory, 'all are on A', isOn('A', members));
    }));

  it('does not go back where an old decision comes back, and decides above what it knows', () =>
    fleet(async ({ memory, agreement, members }) => {
      agreement.write('{"cluster":"B","epoch":7}');
      await until(memory, 'all are on B', isOn('B', members));
      agreement.write('{"cluster":"A","epoch":6}');
      await memory.clock.sleep(30_000);
      expect(isOn('B', members)()).toBe(true);
      await members[2].kafka.switchTo('A');
      await until(memory, 'all are on A', isOn('A', members));
      expect(agreement.decisions).toMatchObject([{ epoch: 8, cluster: 'A' }]);
    }));
});

describe('a member that does not reach the agreement', () => {
  it('stays, refuses orders with the reason, and obeys what was decided when it hears it', () =>
    fleet(async ({ memory, agreement, members }) => {
      const [one, two, three] = members;
      const mend = agreement.cutOff('one');
      await two.kafka.switchTo('B');
      await until(memory, 'the others are on B', isOn('B', [two, three]));
      await memory.clock.sleep(10_000);
      expect(isOn('A', [one])()).toBe(true);
      expect(one.heard).toEqual(['failed: the agreement does not answer']);
      await expect(one.kafka.switchTo('B')).rejects.toMatchObject({
        code: 'ERR_FAILOVER_SWITCH_REFUSED',
        reasons: [expect.stringMatching(/agreement \(memory\) was not reached/)],
      });
      mend();
      await until(memory, 'it is on B, too', isOn('B', [one]));
    }));

  it('can be moved alone, and stays so until there is a newer decision', () =>
    fleet(async ({ memory, agreement, members }) => {
      const [one, two] = members;
      await two.kafka.switchTo('B');
      await until(memory, 'all are on B', isOn('B', members));
      const mend = agreement.cutOff();
      await one.kafka.switchTo('A', { planned: false, alone: true });
      expect(isOn('A', [one])()).toBe(true);
      mend();
      await memory.clock.sleep(30_000);
      expect(isOn('A', [one])()).toBe(true);
      await two.kafka.switchTo('A');
      await two.kafka.switchTo('B');
      await until(memory, 'all are on B', isOn('B', members));
    }));

  it('tells the fleet where it is by an order to stay', () =>
    fleet(async ({ memory, agreement, members, join }) => {
      const [one] = members;
      const mend = agreement.cutOff();
      for (const { kafka } of members) {
        await kafka.switchTo('B', { planned: false, alone: true });
      }
      await expect(one.kafka.switchTo('B')).rejects.toMatchObject({
        code: 'ERR_FAILOVER_SWITCH_REFUSED',
      });
      mend();
      await memory.clock.sleep(5_000);
      expect(await one.kafka.switchTo('B', { reason: 'we are here' })).toMatchObject({
        kind: 'already-active',
      });
      expect(agreement.decisions).toMatchObject([{ cluster: 'B', reason: 'we are here' }]);
      const late = join('late');
      await late.kafka.producer().connect();
      expect(late.kafka.status().active).toBe('B');
      expect(isOn('B', members)()).toBe(true);
    }));

  it('stops writing after its lease, and goes on when it hears the agreement again', () =>
    fleet(
      async ({ memory, agreement, members }) => {
        const [one, two, three] = members;
        const producer = one.kafka.producer();
        await producer.connect();
        const mend = agreement.cutOff('one');
        await until(memory, 'it has stopped itself', () => one.kafka.status().state === 'halted');
        expect(one.kafka.status().haltedBecause).toMatchObject({
          code: 'ERR_FAILOVER_AGREEMENT_LOST',
        });
        const send = () => producer.send({ topic: 'orders', messages: [{ value: 'x' }] });
        await expect(send()).rejects.toMatchObject({ code: 'ERR_FAILOVER_HALTED' });
        expect(isOn('A', [two, three])()).toBe(true);
        mend();
        await until(memory, 'it works again', isOn('A', [one]));
        await expect(send()).resolves.toHaveLength(1);
        expect(one.reports).toMatchObject([{ from: 'A', to: 'A', by: 'agreement' }]);
      },
      { limits: { leaseMs: 6_000 } },
    ));

  it('writes nothing after its lease, also where it was asleep and no timer of it has fired yet', () =>
    fleet(
      async ({ memory, members }) => {
        const [one, two] = members;
        const producer = one.kafka.producer({ retry: { retries: 0 } });
        await producer.connect();
        const send = () => producer.send({ topic: 'orders', messages: [{ value: 'x' }] });
        await send();
        one.process.sleep(20_000);
        await two.kafka.switchTo('B', { planned: false });
        await memory.clock.sleep(19_000);
        one.writes.length = 0;
        await expect(send()).rejects.toThrow();
        expect(one.writes).toEqual([]);
        await until(memory, 'all are on B', isOn('B', members));
        await send();
        expect(one.writes).toEqual(['B']);
      },
      { limits: { leaseMs: 6_000 } },
    ));

  it('writes nothing when it wakes after its lease, before it has heard the agreement again', () =>
    fleet(
      async ({ memory, agreement, members }) => {
        const [one, two] = members;
        const producer = one.kafka.producer({ retry: { retries: 0 } });
        await producer.connect();
        const send = () => producer.send({ topic: 'orders', messages: [{ value: 'x' }] });
        one.process.sleep(20_000);
        const mend = agreement.cutOff('one');
        await two.kafka.switchTo('B', { planned: false });
        await until(memory, 'it has stopped itself', () => one.kafka.status().state === 'halted');
        one.writes.length = 0;
        await memory.clock.sleep(200);
        await expect(send()).rejects.toThrow();
        await memory.clock.sleep(10_000);
        await expect(send()).rejects.toThrow();
        expect(one.writes).toEqual([]);
        expect(one.kafka.status().state).toBe('halted');
        mend();
        await until(memory, 'all are on B', isOn('B', members));
        expect(one.reports).toMatchObject([{ to: 'B', agreedEpoch: 1 }]);
      },
      { limits: { leaseMs: 6_000 }, isByHealth: true },
    ));

  it('does not go on when it wakes and has not heard the agreement yet', () =>
    fleet(
      async ({ memory, agreement, members }) => {
        const [one] = members;
        const producer = one.kafka.producer({ retry: { retries: 0 } });
        await producer.connect();
        const send = () => producer.send({ topic: 'orders', messages: [{ value: 'x' }] });
        await send();
        one.process.sleep(20_000);
        const mend = agreement.cutOff('one');
        await memory.clock.sleep(19_000);
        one.writes.length = 0;
        await expect(send()).rejects.toThrow();
        await memory.clock.sleep(5_000);
        await expect(send()).rejects.toMatchObject({ code: 'ERR_FAILOVER_HALTED' });
        expect(one.writes).toEqual([]);
        mend();
        await until(memory, 'it works again', isOn('A', [one]));
        await send();
        expect(one.writes).toEqual(['A']);
      },
      { limits: { leaseMs: 6_000 } },
    ));

  it('that had stopped goes nowhere before it was heard itself, although it hears decisions', () =>
    fleet(
      async ({ memory, agreement, members, join }) => {
        let isMute = false;
        const whole = agreement.with({ instance: 'late', leaseMs: 6_000 });
        const late = join('late', {
          agreement: onStore(whole, (store) => ({
            exchange: (self, signal) =>
              isMute ? Promise.reject(new Error('403')) : store.exchange(self, signal),
          })),
        });
        await late.kafka.producer().connect();
        isMute = true;
        await until(memory, 'it has stopped itself', () => late.kafka.status().state === 'halted');
        await members[0].kafka.switchTo('B', { planned: false });
        await expect(late.kafka.switchTo('B')).rejects.toMatchObject({
          code: 'ERR_FAILOVER_SWITCH_REFUSED',
        });
        await memory.clock.sleep(10_000);
        expect(late.heard).toContain('1 B by operator');
        expect(late.kafka.status().state).toBe('halted');
        isMute = false;
        await until(memory, 'it is on B, too', isOn('B', [late]));
      },
      { limits: { leaseMs: 6_000 } },
    ));

  it('follows what its source said while all had stopped: to go on is no switch', async () => {
    const said = new Said({ kind: 'value', text: '{"cluster":"A","epoch":1}' });
    await fleet(
      async ({ memory, agreement, members }) => {
        const mend = agreement.cutOff();
        said.say('{"cluster":"B","epoch":2}');
        await until(memory, 'all have stopped themselves', () =>
          members.every(({ kafka }) => kafka.status().state === 'halted'),
        );
        mend();
        await until(memory, 'the fleet follows', isOn('B', members));
        expect(members.flatMap(({ reports }) => reports).some(({ by }) => by === 'agreement')).toBe(
          true,
        );
      },
      { limits: { leaseMs: 6_000 }, config: { strategy: followStrategy(said) } },
    );
  });

  it('goes on to where it was going when it stopped, not back', () =>
    fleet(
      async ({ memory, agreement, members, join }) => {
        const late = join('late');
        await consume(late.kafka, async () => {});
        const heal = hang(memory.cluster('B'), 'OffsetFetch');
        await members[0].kafka.switchTo('B', { planned: false });
        await until(
          memory,
          'it looks for positions',
          () => late.kafka.status().phase === 'translate',
        );
        const mend = agreement.cutOff('late');
        await until(memory, 'it has stopped itself', () => late.kafka.status().state === 'halted');
        heal();
        mend();
        await until(memory, 'it works again', () => late.kafka.status().state === 'steady');
        expect(late.kafka.status().active).toBe('B');
      },
      { limits: { leaseMs: 6_000 } },
    ));

  it('does not go on to where it was going where the fleet has gone back meanwhile', () =>
    fleet(
      async ({ memory, members, join }) => {
        const late = join('late');
        await consume(late.kafka, async () => {});
        hang(memory.cluster('B'), 'OffsetFetch');
        await members[0].kafka.switchTo('B', { planned: false });
        await until(memory, 'it is on its way', () => late.kafka.status().phase === 'translate');
        late.process.sleep(8_000);
        await memory.clock.sleep(1_000);
        await members[0].kafka.switchTo('A', { planned: false });
        await until(memory, 'the others are on A', isOn('A', members));
        await until(memory, 'it is on A, too', isOn('A', [late]));
        await memory.clock.sleep(60_000);
        expect(isOn('A', [...members, late])()).toBe(true);
      },
      { limits: { leaseMs: 6_000 } },
    ));

  it('that had stopped goes where the fleet has gone meanwhile', () =>
    fleet(
      async ({ memory, agreement, members }) => {
        const [one, two] = members;
        const mend = agreement.cutOff('one');
        await until(memory, 'it has stopped itself', () => one.kafka.status().state === 'halted');
        await two.kafka.switchTo('B', { planned: false });
        mend();
        await until(memory, 'all are on B', isOn('B', members));
      },
      { limits: { leaseMs: 6_000 } },
    ));
});

describe('the start of a member', () => {
  it('is on the cluster that the fleet has decided for', () =>
    fleet(async ({ memory, members, join }) => {
      await members[0].kafka.switchTo('B');
      const late = join('late');
      await late.kafka.producer().connect();
      expect(late.kafka.status()).toMatchObject({ active: 'B', agreement: { obeyedEpoch: 1 } });
      await until(memory, 'all are on B', isOn('B', members));
    }));

  it('comes back to where it was by its state file, while the agreement does not answer', () =>
    fleet(async ({ memory, agreement, members, join }) => {
      const first = join('late', { stateFile: STATE });
      await first.kafka.producer().connect();
      await members[0].kafka.switchTo('B');
      await until(memory, 'all are on B', isOn('B', [...members, first]));
      await first.kafka.close();
      const mend = agreement.cutOff();
      const second = join('late', { stateFile: STATE });
      await second.kafka.producer().connect();
      expect(second.kafka.status()).toMatchObject({ active: 'B', agreement: { obeyedEpoch: 1 } });
      mend();
    }));

  it('is not taken back by what its source said before the fleet had moved without it', () =>
    fleet(async ({ memory, members, join }) => {
      const said = new Said({ kind: 'value', text: '{"cluster":"A","epoch":1}' });
      const config = { stateFile: STATE, strategy: followStrategy(said) };
      const first = join('late', config);
      await first.kafka.producer().connect();
      await first.kafka.close();
      await members[0].kafka.switchTo('B');
      const second = join('late', config);
      await second.kafka.producer().connect();
      await memory.clock.sleep(60_000);
      expect(isOn('B', [...members, second])()).toBe(true);
      said.say('{"cluster":"A","epoch":2}');
      await until(memory, 'the fleet follows news', isOn('A', [...members, second]));
    }));

  /**
   * A process that follows a source dies in the middle of decision 1, which leads to B, having heard the source want A after it.
   *
   * @returns how the next life of it begins.
   */
  async function diesOnItsWay(
    { memory, members, join }: Fleet,
    said: Said,
  ): Promise<(name: string) => Promise<Member>> {
    const follow = (stateFile: string) => ({ stateFile, strategy: followStrategy(said) });
    const first = join('first', follow(STATE));
    await consume(first.kafka, async () => {});
    hang(memory.cluster('B'), 'OffsetFetch');
    await members[0].kafka.switchTo('B', { planned: false });
    await until(memory, 'it is on its way', () => first.kafka.status().phase === 'translate');
    said.say('{"cluster":"A","epoch":2}');
    await memory.clock.sleep(100);
    first.process.sleep(600_000);
    const copy = `${STATE}.copy`;
    return async (name) => {
      const next = join(name, follow(copy));
      await next.process.world.writeText(copy, first.kept.at(-1) ?? '');
      await next.kafka.producer().connect();
      return next;
    };
  }

  const wantsA = (): Said => new Said({ kind: 'value', text: '{"cluster":"A","epoch":1}' });

  it('follows what its source said after the decision, also where it dies before it has carried that out', () =>
    fleet(async (all) => {
      const startAgain = await diesOnItsWay(all, wantsA());
      const second = await startAgain('second');
      await until(all.memory, 'the fleet follows', isOn('A', [...all.members, second]));
    }));

  it.each(['can', 'cannot'])(
    'follows it also where it obeys that decision late, while its source %s be read',
    (can) =>
      fleet(async (all) => {
        const { memory, agreement, members } = all;
        const said = wantsA();
        const startAgain = await diesOnItsWay(all, said);
        if (can === 'cannot') said.tell({ kind: 'failed', because: 'nobody answers' });
        const mend = agreement.cutOff();
        const second = await startAgain('second');
        expect(isOn('A', [second])()).toBe(true);
        mend();
        await until(memory, 'it obeys the decision', () =>
          second.reports.some(({ to }) => to === 'B'),
        );
        said.say('{"cluster":"A","epoch":2}');
        await until(memory, 'the fleet follows', isOn('A', [...members, second]));
      }),
  );

  it('does not take the fleet back by a word that comes late, behind the decision that it has led to', () =>
    fleet(async ({ memory, members, join }) => {
      const said = wantsA();
      const late = join('late', { strategy: followStrategy(said) });
      await consume(late.kafka, async () => {});
      const heal = hang(memory.cluster('B'), 'OffsetFetch');
      await members[0].kafka.switchTo('B', { planned: false });
      await until(memory, 'it is on its way', () => late.kafka.status().phase === 'translate');
      await members[0].kafka.switchTo('A', { planned: false });
      await until(
        memory,
        'it knows the second decision',
        () => late.kafka.status().agreement?.decision?.epoch === 2,
      );
      said.say('{"cluster":"B","epoch":2}');
      heal();
      await until(memory, 'it is on A', isOn('A', [...members, late]));
      await memory.clock.sleep(60_000);
      expect(isOn('A', [...members, late])()).toBe(true);
    }));

  it('is on the cluster that it was ordered to, also where the fleet answers the order with that decision', () =>
    fleet(async (all) => {
      const { memory, agreement, members } = all;
      const said = wantsA();
      const startAgain = await diesOnItsWay(all, said);
      said.tell({ kind: 'failed', because: 'nobody answers' });
      const mend = agreement.cutOff();
      const second = await startAgain('second');
      const ordered = second.kafka.switchTo('B', { planned: false });
      mend();
      await ordered;
      said.say('{"cluster":"A","epoch":2}');
      await memory.clock.sleep(20_000);
      const orders = second.reports.map(({ to, by, agreedEpoch }) => ({ to, by, agreedEpoch }));
      expect(orders).toEqual([{ to: 'B', by: 'operator', agreedEpoch: 1 }]);
      expect(isOn('B', [...members, second])()).toBe(true);
    }));

  it('follows what its source said while the agreement was not heard, by a process that had obeyed', () =>
    fleet(async ({ memory, agreement, members, join }) => {
      const said = wantsA();
      const config = { stateFile: STATE, strategy: followStrategy(said) };
      const first = join('first', config);
      await first.kafka.producer().connect();
      await members[0].kafka.switchTo('B');
      await until(memory, 'all are on B', isOn('B', [...members, first]));
      await first.kafka.close();
      const mend = agreement.cutOff();
      const second = join('first', config);
      await second.kafka.producer().connect();
      expect(isOn('B', [second])()).toBe(true);
      said.say('{"cluster":"A","epoch":2}');
      await memory.clock.sleep(5_000);
      await second.kafka.close();
      mend();
      const third = join('first', config);
      await third.kafka.producer().connect();
      await until(memory, 'the fleet follows', isOn('A', [...members, third]));
    }));

  it('keeps a decision as not obeyed until it has a session on its cluster', () =>
    fleet(async ({ memory, members, join }) => {
      const late = join('late', { stateFile: STATE });
      await consume(late.kafka, async () => {});
      const heal = hang(memory.cluster('B'), 'OffsetFetch');
      await members[0].kafka.switchTo('B', { planned: false });
      await until(
        memory,
        'it looks for positions',
        () => late.kafka.status().phase === 'translate',
      );
      await memory.clock.sleep(3_000);
      const kept = late.kept.map((text) => JSON.parse(text) as Record<string, unknown>);
      expect(kept.at(-1)).toMatchObject({ cluster: 'A', agreedEpoch: 0 });
      heal();
      await until(memory, 'it is on B', isOn('B', [late]));
      expect(JSON.parse(late.kept.at(-1) ?? '')).toMatchObject({ cluster: 'B', agreedEpoch: 1 });
    }));

  it('is refused while the agreement does not answer, where the options say so', () =>
    fleet(async ({ agreement, join }) => {
      const mend = agreement.cutOff();
      const late = join('late', {
        agreement: agreement.with({ instance: 'late', onUnknownAtStart: 'fail' }),
      });
      await expect(late.kafka.producer().connect()).rejects.toMatchObject({
        code: 'ERR_FAILOVER_OPTIONS',
        option: 'agreement.onUnknownAtStart',
      });
      mend();
    }));
});

describe('a group of several members', () => {
  it.each([true, false])(
    'handles nothing on the target while a member still handles on the source (planned: %s)',
    (planned) =>
      fleet(async ({ memory, members }) => {
        const [one, two] = members;
        const log: string[] = [];
        let release = (): void => {};
        const released = new Promise<void>((resolve) => {
          release = resolve;
        });
        for (const member of [one, two]) {
          await consume(member.kafka, async ({ message }) => {
            const value = String(message.value);
            log.push(`begin ${value}`);
            if (value === 'slow') await released;
            log.push(`end ${value}`);
          });
        }
        // Both have joined: a rebalance would hand the slow record to the other one as well.
        await memory.clock.sleep(10_000);
        memory.cluster('A').append('orders', 0, [{ value: 'slow' }]);
        await until(memory, 'a slow record is being handled', () => log.length === 1);
        memory.cluster('B').append('orders', 0, [{ value: 'there' }]);
        const switching = one.kafka.switchTo('B', { planned });
        await memory.clock.sleep(2_000);
        expect(log).toEqual(['begin slow']);
        release();
        await switching;
        await until(memory, 'the record of B is handled', () => log.includes('end there'));
        expect(log.indexOf('end slow')).toBeLessThan(log.indexOf('begin there'));
      }),
  );

  it('does not wait for ever for a member that is silent', () =>
    fleet(async ({ memory, agreement, members }) => {
      const [one, two, three] = members;
      const handled: string[] = [];
      for (const { kafka } of members) {
        await consume(kafka, async ({ message }) => {
          handled.push(String(message.value));
        });
      }
      await memory.clock.sleep(5_000);
      agreement.cutOff('three');
      await one.kafka.switchTo('B', { planned: false });
      memory.cluster('B').append('orders', 0, [{ value: 'there' }]);
      await until(memory, 'the record of B is handled', () => handled.includes('there'));
      await until(memory, 'the others are on B', isOn('B', [one, two]));
      expect(isOn('A', [three])()).toBe(true);
    }));
});
