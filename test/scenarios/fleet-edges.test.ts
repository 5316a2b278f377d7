import { describe, expect, it } from 'vitest';
import { kafkaAgreement } from '../../src/agreement/kafka.js';
import { followStrategy } from '../../src/strategy/follow.js';
import type { Signal } from '../../src/signals/signal.js';
import { clustersOf, consume, hang, turnableName, until } from '../support/memory-service.js';
import { fleet, isOn, onStore, STATE, type Member } from './fleet-support.js';

/** A promise that is resolved by hand. */
function openLater(): { readonly opened: Promise<void>; open(): void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

describe('a process of a fleet', () => {
  it('does not start without the agreement where it has a lease', () =>
    fleet(
      async ({ memory, agreement, members, join }) => {
        agreement.cutOff('late');
        await members[0].kafka.switchTo('B');
        const late = join('late');
        const producer = late.kafka.producer();
        await expect(producer.connect()).rejects.toMatchObject({
          code: 'ERR_FAILOVER_AGREEMENT_LOST',
        });
        await producer.send({ topic: 'orders', messages: [{ value: 'x' }] }).catch(() => {});
        await memory.clock.sleep(1_000);
        expect(late.writes).toEqual([]);
      },
      { limits: { leaseMs: 6_000 } },
    ));

  it('gets no new lease by connecting anew', () =>
    fleet(
      async ({ memory, agreement, members, join }) => {
        const late = join('late');
        const job = async () => {
          const producer = late.kafka.producer({ retry: { retries: 0 } });
          await producer.connect();
          await producer.send({ topic: 'orders', messages: [{ value: 'x' }] });
          await producer.disconnect();
        };
        await job();
        agreement.cutOff('late');
        await members[0].kafka.switchTo('B', { planned: false });
        for (let count = 0; count < 10; count += 1) {
          await memory.clock.sleep(3_000);
          if (count === 5) late.writes.length = 0;
          await job().catch(() => {});
        }
        expect(late.writes).toEqual([]);
      },
      { limits: { leaseMs: 6_000 } },
    ));

  it('is not halted where nobody has used it for longer than its lease', () =>
    fleet(
      async ({ memory, join }) => {
        const late = join('late');
        const halted: unknown[] = [];
        late.kafka.on('failover.halted', (event) => halted.push(event));
        for (let use = 0; use < 3; use += 1) {
          const producer = late.kafka.producer();
          await producer.connect();
          await producer.send({ topic: 'orders', messages: [{ value: 'x' }] });
          await producer.disconnect();
          await memory.clock.sleep(20_000);
        }
        expect(halted).toEqual([]);
        expect(late.reports).toEqual([]);
      },
      { limits: { leaseMs: 6_000 } },
    ));

  it('waits for no word of the agreement when it is closed', () =>
    fleet(async ({ memory, agreement, join }) => {
      const late = join('late');
      const producer = late.kafka.producer();
      await producer.connect();
      await producer.disconnect();
      const mend = agreement.cutOff();
      const connecting = late.kafka
        .producer()
        .connect()
        .catch(() => {});
      await memory.clock.sleep(100);
      const closedAtMs = memory.clock.nowMs();
      await late.kafka.close();
      await connecting;
      expect(memory.clock.nowMs() - closedAtMs).toBeLessThan(1_000);
      mend();
    }));

  it('obeys an order that is given through a process without clients', () =>
    fleet(async ({ memory, members, join }) => {
      const tool = join('tool');
      await tool.kafka.switchTo('B');
      await until(memory, 'all are on B', isOn('B', members));
    }));

  it('leaves no member behind where a disconnect overtakes the start', () =>
    fleet(async ({ memory, agreement, join }) => {
      const late = join('late');
      const producer = late.kafka.producer();
      const connecting = producer.connect().catch(() => {});
      await producer.disconnect();
      await connecting;
      await memory.clock.sleep(10_000);
      expect(agreement.members.has('late')).toBe(false);
    }));

  it('goes on after its lease where a person has moved it alone', () =>
    fleet(
      async ({ memory, agreement, members }) => {
        const [one] = members;
        agreement.cutOff();
        await memory.clock.sleep(2_000);
        await one.kafka.switchTo('B', { planned: false, alone: true });
        await memory.clock.sleep(10_000);
        expect(isOn('B', [one])()).toBe(true);
      },
      { limits: { leaseMs: 6_000 } },
    ));

  it('begins where the fleet is when it is used again', () =>
    fleet(async ({ memory, members, join }) => {
      const late = join('late');
      const first = late.kafka.producer();
      await first.connect();
      await first.disconnect();
      await members[0].kafka.switchTo('B');
      await until(memory, 'all are on B', isOn('B', members));
      await memory.clock.sleep(60_000);
      const second = late.kafka.producer();
      await second.connect();
      await second.send({ topic: 'orders', messages: [{ value: 'x' }] });
      expect(late.writes).toEqual(['B']);
    }));

  it('leaves no source open where a close overtakes the start', () => {
    let open = 0;
    const signal: Signal = {
      name: 'flag',
      watch: () => {
        open += 1;
        return {
          close: () => {
            open -= 1;
          },
        };
      },
    };
    return fleet(async ({ memory, agreement, join }) => {
      agreement.cutOff('late');
      const late = join('late', { strategy: followStrategy(signal) });
      const connecting = late.kafka
        .producer()
        .connect()
        .catch(() => {});
      await memory.clock.sleep(1_000);
      await late.kafka.close();
      await connecting;
      await memory.clock.sleep(20_000);
      expect(open).toBe(0);
    });
  });

  it('leaves no member behind where a close overtakes the reading of its state file', () =>
    fleet(async ({ memory, agreement, join }) => {
      const world = {
        ...memory.world,
        async readText() {
          await memory.clock.sleep(50);
          return undefined;
        },
      };
      const late = join('late', { stateFile: STATE, world });
      const connecting = late.kafka
        .producer()
        .connect()
        .catch(() => {});
      await memory.clock.sleep(10);
      await late.kafka.close();
      await connecting;
      await memory.clock.sleep(20_000);
      expect(agreement.members.has('late')).toBe(false);
    }));

  it('leaves no member behind where a disconnect overtakes the reading of its state file', () =>
    fleet(async ({ memory, agreement, join }) => {
      const world = {
        ...memory.world,
        async readText() {
          await memory.clock.sleep(50);
          return undefined;
        },
      };
      const late = join('late', { stateFile: STATE, world });
      const producer = late.kafka.producer();
      const connecting = producer.connect().catch(() => {});
      await memory.clock.sleep(10);
      await producer.disconnect();
      await connecting;
      await memory.clock.sleep(20_000);
      expect(agreement.members.has('late')).toBe(false);
    }));

  it('hears what both clusters hold before it begins, with kafkaAgreement', () =>
    fleet(async ({ memory, join }) => {
      const own = (instance: string) => ({ agreement: kafkaAgreement({ instance }) });
      const first = join('k1', own('k1'));
      await first.kafka.producer().connect();
      await first.kafka.switchTo('B');
      await first.kafka.switchTo('A');
      await memory.clock.sleep(5_000);
      const late = join('k2', own('k2'));
      late.process.cut('A');
      const producer = late.kafka.producer();
      const connecting = producer.connect();
      await memory.clock.sleep(400);
      late.process.uncut('A');
      await connecting;
      const at = late.kafka.status().active;
      await memory.clock.sleep(20_000);
      expect(at).toBe('A');
    }));

  it('counts no voice of the dead', () =>
    fleet(
      async ({ memory, agreement, members, join }) => {
        const [, , three] = members;
        three.process.cut('A');
        await until(memory, 'it wants', () => three.stayed.length > 0);
        agreement.cutOff('three');
        three.process.kill();
        await memory.clock.sleep(60_000);
        const late = join('late');
        await late.kafka.producer().connect();
        late.process.cut('A');
        await memory.clock.sleep(20_000);
        expect(agreement.decisions).toEqual([]);
        late.process.uncut('A');
      },
      { isByHealth: true, limits: { quorum: { voices: 2 } } },
    ));

  it('writes nothing where it is restarted after its lease and does not hear the agreement', () =>
    fleet(
      async ({ memory, agreement, members, join }) => {
        const files = { stateFile: STATE };
        const first = join('late', files);
        await first.kafka.producer().connect();
        agreement.cutOff('late');
        await members[0].kafka.switchTo('B', { planned: false });
        await until(memory, 'halted', () => first.kafka.status().state === 'halted');
        await first.kafka.close();
        const second = join('late', files);
        const producer = second.kafka.producer();
        await producer.connect().catch(() => {});
        await producer.send({ topic: 'orders', messages: [{ value: 'x' }] }).catch(() => {});
        expect(second.writes).toEqual([]);
      },
      { limits: { leaseMs: 6_000 } },
    ));

  it('leaves nothing running after an order to stay', () =>
    fleet(async ({ memory, agreement, join }) => {
      const tool = join('tool');
      await tool.kafka.switchTo('A');
      await memory.clock.sleep(10_000);
      expect(agreement.members.has('tool')).toBe(false);
    }));

  it('obeys an order that is given between two uses', () =>
    fleet(async ({ memory, members, join }) => {
      const tool = join('tool');
      const producer = tool.kafka.producer();
      await producer.connect();
      await producer.disconnect();
      await memory.clock.sleep(1_000);
      await tool.kafka.switchTo('B');
      await until(memory, 'all are on B', isOn('B', members));
    }));

  it('counts no voice of a member that has stopped itself', () =>
    fleet(
      async ({ memory, agreement, members, join }) => {
        const [one, two] = members;
        const name = turnableName(memory, 'B', (args) => late.process.world.openSocket(args));
        const late = join('late', {
          clusters: clustersOf(memory, { A: { socketFactory: name.socketFactory } }),
        });
        await late.kafka.producer().connect();
        await memory.clock.sleep(5_000);
        late.process.cut('A');
        await until(
          memory,
          'it wants',
          () => one.kafka.status().agreement?.members.some(({ wants }) => wants === 'B') === true,
        );
        name.isTurned = true;
        await until(memory, 'it halts', () => late.kafka.status().state === 'halted', 60_000);
        await memory.clock.sleep(120_000);
        two.process.cut('A');
        await memory.clock.sleep(10_000);
        expect(agreement.decisions).toEqual([]);
        two.process.uncut('A');
      },
      { isByHealth: true, limits: { quorum: { voices: 2 } } },
    ));

  it('goes on where it was when the agreement is heard at the second try', () =>
    fleet(
      async ({ memory, agreement, members, join }) => {
        const first = join('late', { stateFile: STATE });
        await first.kafka.producer().connect();
        await members[0].kafka.switchTo('B');
        await until(memory, 'all are on B', isOn('B', [...members, first]));
        await first.kafka.close();
        const mend = agreement.cutOff('late');
        const second = join('late', { stateFile: STATE });
        const producer = second.kafka.producer();
        const connecting = producer.connect().catch(() => {});
        await memory.clock.sleep(2_500);
        mend();
        await connecting;
        await producer.connect().catch(() => {});
        await memory.clock.sleep(60_000);
        expect(isOn('B', [...members, second])()).toBe(true);
      },
      { limits: { leaseMs: 2_000, heartbeatMs: 500 } },
    ));

  it('has left when it is closed, with kafkaAgreement', () =>
    fleet(async ({ memory, join }) => {
      const own = (instance: string) => ({ agreement: kafkaAgreement({ instance }) });
      const first = join('k1', own('k1'));
      await first.kafka.producer().connect();
      const late = join('k2', own('k2'));
      await late.kafka.producer().connect();
      const seen = () => first.kafka.status().agreement?.members.map(({ instance }) => instance);
      await until(memory, 'seen', () => seen()?.length === 2);
      await memory.clock.sleep(5_000);
      await late.kafka.close();
      late.process.kill();
      await memory.clock.sleep(2_000);
      expect(seen()).toEqual(['k1']);
    }));

  it('is heard where it was restarted under the same name, on a machine whose clock is behind', () =>
    fleet(async ({ memory, members, join }) => {
      const first = join('late');
      await first.kafka.producer().connect();
      const seen = ({ kafka }: Member) =>
        kafka.status().agreement?.members.find(({ instance }) => instance === 'late');
      await until(memory, 'it is heard', () => members.every((one) => seen(one) !== undefined));
      // It says nothing any more.
      first.process.sleep(300_000);
      const second = join('late');
      second.process.jumpWall(-3_600_000);
      await second.kafka.producer().connect();
      await members[0].kafka.switchTo('B');
      await until(memory, 'it says where it is', () =>
        members.every((one) => seen(one)?.cluster === 'B' && seen(one)?.obeyedEpoch === 1),
      );
    }));

  it('obeys what is decided while it starts before it works', () =>
    fleet(async ({ memory, members, join }) => {
      const late = join('late');
      late.process.cut('A');
      const producer = late.kafka.producer();
      const connecting = producer.connect();
      await memory.clock.sleep(500);
      await members[0].kafka.switchTo('B', { planned: false });
      await memory.clock.sleep(500);
      late.process.uncut('A');
      await connecting;
      await producer.send({ topic: 'orders', messages: [{ value: 'x' }] });
      expect(late.writes).toEqual(['B']);
    }));

  it('can be connected anew after its lease, once the agreement answers', () =>
    fleet(
      async ({ memory, agreement, join }) => {
        const late = join('late');
        const producer = late.kafka.producer();
        await producer.connect();
        const mend = agreement.cutOff('late');
        await until(memory, 'halted', () => late.kafka.status().state === 'halted');
        await producer.disconnect();
        mend();
        let last = '';
        for (let count = 0; count < 60 && last !== 'connected'; count += 1) {
          await memory.clock.sleep(1_000);
          const again = late.kafka.producer();
          last = await again.connect().then(
            () => 'connected',
            (error: Error) => error.message,
          );
          if (last !== 'connected') await again.disconnect();
        }
        expect(last).toBe('connected');
      },
      { limits: { leaseMs: 6_000 } },
    ));

  it('leaves nothing running where its start is refused', () =>
    fleet(async ({ memory, agreement, join }) => {
      const mend = agreement.cutOff('late');
      const late = join('late', {
        agreement: agreement.with({ instance: 'late', onUnknownAtStart: 'fail' }),
      });
      await expect(late.kafka.producer().connect()).rejects.toThrow();
      mend();
      await memory.clock.sleep(10_000);
      expect(agreement.members.has('late')).toBe(false);
    }));

  it('does not wait for the agreement any more where a person moves it alone meanwhile', () =>
    fleet(async ({ memory, agreement, members }) => {
      const [one] = members;
      agreement.cutOff();
      const asked = one.kafka.switchTo('B', { planned: false });
      await until(memory, 'agree', () => one.kafka.status().phase === 'agree');
      const alone = await one.kafka.switchTo('B', { planned: false, alone: true });
      expect(alone).toMatchObject({ kind: 'switched', report: { agreedEpoch: undefined } });
      // The report says that nobody has agreed.
      expect(await asked).toEqual(alone);
      expect(one.kafka.status().active).toBe('B');
    }));

  it('has the fleet come after it where an order to all has joined a move alone', () =>
    fleet(async ({ memory, members }) => {
      const [one] = members;
      await consume(one.kafka, async () => {});
      const heal = hang(memory.cluster('B'), 'OffsetFetch');
      const alone = one.kafka.switchTo('B', { planned: false, alone: true });
      await until(memory, 'translate', () => one.kafka.status().phase === 'translate');
      const all = one.kafka.switchTo('B', { planned: false });
      heal();
      await Promise.all([alone, all]);
      await until(memory, 'all are on B', isOn('B', members));
    }));

  it('gathers those that were moved alone where an order says to stay', () =>
    fleet(async ({ memory, agreement, members }) => {
      const [one, two] = members;
      await two.kafka.switchTo('B');
      await until(memory, 'all are on B', isOn('B', members));
      const mend = agreement.cutOff();
      await one.kafka.switchTo('A', { planned: false, alone: true });
      mend();
      const isHeardOnA = (): boolean =>
        two.kafka.status().agreement?.members.some(({ cluster }) => cluster === 'A') === true;
      await until(memory, 'two has heard it', isHeardOnA);
      await two.kafka.switchTo('B');
      await until(memory, 'all are on B again', isOn('B', members));
    }));

  it('carries out what was decided while it went elsewhere, also where it had asked for that itself', () =>
    fleet(async ({ memory, agreement, members }) => {
      const [one, two] = members;
      await consume(one.kafka, async () => {});
      const go = two.kafka.switchTo('B', { planned: false });
      await until(memory, 'two asks', () => two.kafka.status().phase === 'agree');
      const stay = one.kafka.switchTo('A', { planned: false });
      await Promise.allSettled([go, stay]);
      await until(memory, 'all are on A', isOn('A', members));
      expect(agreement.decisions.map(({ cluster }) => cluster)).toEqual(['B', 'A']);
    }));

  it('does not speak for all where it is the first that is heard after everybody was cut off', () =>
    fleet(
      async ({ memory, agreement, members }) => {
        const [one] = members;
        const mends = members.map(({ name }) => agreement.cutOff(name));
        await memory.clock.sleep(30_000);
        one.process.cut('A');
        await memory.clock.sleep(10_000);
        mends[0]?.();
        // The others count until they were silent for three heartbeats, six seconds, of contact; up to three of them passed before.
        await memory.clock.sleep(2_500);
        expect(agreement.decisions).toEqual([]);
      },
      { isByHealth: true },
    ));

  it('stays where a person has moved it alone, also where it is used anew', () =>
    fleet(
      async ({ memory, agreement, join }) => {
        const late = join('late');
        const producer = late.kafka.producer();
        await producer.connect();
        agreement.cutOff('late');
        await late.kafka.switchTo('B', { planned: false, alone: true });
        await producer.disconnect();
        await late.kafka.producer().connect();
        await memory.clock.sleep(30_000);
        expect(late.kafka.status()).toMatchObject({ state: 'steady', active: 'B' });
      },
      { limits: { leaseMs: 6_000 } },
    ));

  it('does not begin where it hears, and is not heard, with a lease', () =>
    fleet(
      async ({ memory, agreement, members, join }) => {
        await members[0].kafka.switchTo('B');
        const plain = agreement.with({ instance: 'late', leaseMs: 6_000 });
        const late = join('late', {
          agreement: onStore(plain, (_store, { tell }) => ({
            async exchange() {
              for (const decision of agreement.decisions) tell({ kind: 'decision', decision });
              await memory.clock.sleep(10);
              throw new Error('403');
            },
          })),
        });
        await expect(late.kafka.producer().connect()).rejects.toMatchObject({
          code: 'ERR_FAILOVER_AGREEMENT_LOST',
        });
        expect(late.writes).toEqual([]);
      },
      { limits: { leaseMs: 6_000 } },
    ));

  it('has nothing decided later that a person has cut short', () =>
    fleet(async ({ memory, agreement, members, join }) => {
      const plain = agreement.with({ instance: 'late' });
      const gate = openLater();
      let count = 0;
      const late = join('late', {
        agreement: onStore(plain, (store) => ({
          async propose(proposal, after, signal) {
            count += 1;
            if (count === 1) await gate.opened;
            signal.throwIfAborted();
            return store.propose(proposal, after, signal);
          },
        })),
      });
      await late.kafka.producer().connect();
      await memory.clock.sleep(3_000);
      const all = [...members, late];
      const asked = late.kafka.switchTo('B', { planned: false });
      await until(memory, 'it asks', () => late.kafka.status().phase === 'agree');
      await late.kafka.switchTo('B', { planned: false, alone: true });
      await asked;
      await until(memory, 'all are on B', isOn('B', all));
      await late.kafka.switchTo('A', { planned: false });
      await until(memory, 'all are on A', isOn('A', all));
      gate.open();
      await memory.clock.sleep(20_000);
      expect(agreement.decisions.map(({ cluster }) => cluster)).toEqual(['B', 'A']);
      expect(isOn('A', all)()).toBe(true);
    }));

  it('leaves a dead cluster although every second word of it is not taken, and the others have died', () =>
    fleet(
      async ({ memory, agreement, members, join }) => {
        const plain = agreement.with({ instance: 'late' });
        let count = 0;
        const late = join('late', {
          agreement: onStore(plain, (store) => ({
            async exchange(self, signal) {
              count += 1;
              if (count > 10 && count % 2 === 0) throw new Error('503');
              await store.exchange(self, signal);
            },
          })),
        });
        await late.kafka.producer().connect();
        await memory.clock.sleep(40_000);
        for (const { name, process } of members) {
          agreement.cutOff(name);
          process.kill();
        }
        await memory.clock.sleep(60_000);
        memory.cluster('A').down();
        await until(memory, 'it is on B', () => late.kafka.status().active === 'B');
      },
      { isByHealth: true },
    ));

  it('is moved alone although its lease ends on the way', () =>
    fleet(
      async ({ memory, agreement, members }) => {
        const [one] = members;
        await consume(one.kafka, async () => {});
        const heal = hang(memory.cluster('B'), 'OffsetFetch');
        agreement.cutOff();
        await memory.clock.sleep(2_000);
        const alone = one.kafka.switchTo('B', { planned: false, alone: true });
        await memory.clock.sleep(8_000);
        heal();
        expect(await alone).toMatchObject({ kind: 'switched' });
        await memory.clock.sleep(30_000);
        expect(isOn('B', [one])()).toBe(true);
      },
      { limits: { leaseMs: 6_000 } },
    ));

  it('decides nothing anew where it is told to stay and somebody is starting', () =>
    fleet(async ({ memory, agreement, members, join }) => {
      const [one] = members;
      const pinned = { cluster: 'B', epoch: 3, mode: 'pinned', reason: 'keep' };
      agreement.write(JSON.stringify(pinned));
      await until(memory, 'all are on B', isOn('B', members));
      await memory.clock.sleep(5_000);
      const late = join('late');
      late.process.cut('B');
      const connecting = late.kafka.producer().connect();
      const isStarting = (): boolean =>
        one.kafka
          .status()
          .agreement?.members.some(
            ({ cluster, obeyedEpoch }) => cluster === '' && obeyedEpoch === 3,
          ) === true;
      await until(memory, 'it is heard', isStarting);
      await one.kafka.switchTo('B');
      expect(agreement.decisions).toEqual([]);
      late.process.uncut('B');
      await connecting;
    }));
});
