import type { Admin } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import type { FailoverKafkaConfig } from '../../src/options.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { consumeOrders, kafkaIn, until, write } from '../support/memory-service.js';
import { labelledWorld } from './support.js';

interface Rig {
  readonly memory: MemoryWorld;
  readonly kafka: FailoverKafka;
  readonly admin: Admin;
}

/** A service with an admin that is connected, on clusters that tell which one answers. */
async function withAdmin(
  work: (rig: Rig) => Promise<void>,
  config: Partial<FailoverKafkaConfig> = {},
): Promise<void> {
  const memory = labelledWorld();
  const kafka = kafkaIn(memory, config);
  await memory.run(async () => {
    const admin = kafka.admin();
    await admin.connect();
    await work({ memory, kafka, admin });
    await kafka.close();
    await memory.clock.sleep(1_000);
    expect(memory.cluster('A').connectionCount + memory.cluster('B').connectionCount).toBe(0);
  });
}

/** Begins a planned switch that waits long for the mirror; answers when it waits. */
async function longSwitch({ memory, kafka }: Rig): Promise<{ switching: Promise<unknown> }> {
  memory.mirror('A->B').pause();
  const handled = await consumeOrders(kafka);
  write(memory, 'A', ['a1']);
  await until(memory, 'the record is handled', () => handled.length > 0);
  const waiting = new Promise<void>((resolve) => {
    kafka.on('switch.phase-started', ({ phase }) => {
      if (phase === 'catch-up') resolve();
    });
  });
  const switching = kafka.switchTo('B');
  switching.catch(() => {});
  await waiting;
  return { switching };
}

describe('an admin that follows the active cluster', () => {
  it('works on the active cluster, before a switch and after it', async () => {
    await withAdmin(async ({ kafka, admin }) => {
      expect(await admin.listTopics()).toContain('only-on-A');
      await kafka.switchTo('B');
      expect(await admin.listTopics()).toContain('only-on-B');
      await kafka.switchTo('A', { planned: false });
      expect(await admin.listTopics()).toContain('only-on-A');
    });
  });

  it('carries out a call made in a switch on the new cluster', async () => {
    await withAdmin(async ({ memory, kafka, admin }) => {
      const calls: Promise<boolean>[] = [];
      const stop = kafka.on('cluster.fenced', () => {
        calls.push(admin.createTopics({ topics: [{ topic: 'made-in-a-switch' }] }));
      });
      await kafka.switchTo('B', { planned: false });
      stop();
      expect(await Promise.all(calls)).toEqual([true]);
      expect(memory.cluster('A').topicNames()).not.toContain('made-in-a-switch');
      expect(memory.cluster('B').topicNames()).toContain('made-in-a-switch');
    });
  });

  it('tells a call that the fence overtakes that its outcome is unknown, and why', async () => {
    await withAdmin(async ({ memory, kafka, admin }) => {
      memory.cluster('A').freeze();
      const call = expect(
        admin.createTopics({ topics: [{ topic: 'perhaps' }] }),
      ).rejects.toMatchObject({
        code: 'ERR_FAILOVER_OUTCOME_UNKNOWN',
        cluster: 'A',
        switchEpoch: 1,
        message: expect.stringMatching(/admin\.createTopics\(\) is unknown: .*\(A is frozen\)/),
      });
      await memory.clock.sleep(100);
      await kafka.switchTo('B', { planned: false, reason: 'A is frozen' });
      await call;
      expect(await admin.listTopics()).toContain('only-on-B');
    });
  });

  it('lets a call wait at most producer.holdMaxWaitMs, and says for which switch', async () => {
    await withAdmin(
      async (rig) => {
        const { switching } = await longSwitch(rig);
        const { clock } = rig.memory;
        const calledAtMs = clock.nowMs();
        await expect(rig.admin.listTopics()).rejects.toMatchObject({
          code: 'ERR_FAILOVER_HOLD_TIMEOUT',
          from: 'A',
          to: 'B',
          switchEpoch: 2,
          message: expect.stringContaining('for the switch from A to B (epoch 2) to end'),
        });
        expect(clock.nowMs() - calledAtMs).toBe(500);
        await switching;
        expect(await rig.admin.listTopics()).toContain('only-on-B');
      },
      { producer: { holdMaxWaitMs: 500 } },
    );
  });

  it('answers a call that waits for a switch when it is disconnected', async () => {
    await withAdmin(async (rig) => {
      const { switching } = await longSwitch(rig);
      const call = expect(rig.admin.listTopics()).rejects.toMatchObject({
        code: 'ERR_FAILOVER_CLOSED',
      });
      await rig.admin.disconnect();
      await call;
      await switching;
    });
  });

  it('refuses calls after its disconnect, and works again after another connect', async () => {
    await withAdmin(async ({ kafka, admin }) => {
      await admin.disconnect();
      await expect(admin.listTopics()).rejects.toMatchObject({ code: 'ERR_FAILOVER_CLOSED' });
      await admin.connect();
      expect(await admin.listTopics()).toContain('only-on-A');
      await kafka.switchTo('B');
      expect(await admin.listTopics()).toContain('only-on-B');
    });
  });

  it('tells its listeners of the connection on each cluster', async () => {
    await withAdmin(async ({ kafka, admin }) => {
      const heard: string[] = [];
      admin.on('admin.connect', ({ type }) => heard.push(type));
      await kafka.switchTo('B');
      await admin.listTopics();
      expect(heard).toEqual(['admin.connect']);
    });
  });

  it('leaves nothing open where it is disconnected while it connects', async () => {
    await withAdmin(async ({ memory, kafka }) => {
      const other = kafka.admin();
      memory.cluster('A').slow(200);
      const connecting = expect(other.connect()).rejects.toMatchObject({
        code: 'ERR_FAILOVER_CLOSED',
      });
      await memory.clock.sleep(50);
      await other.disconnect();
      await connecting;
      memory.cluster('A').slow(0);
      await expect(other.listTopics()).rejects.toMatchObject({ code: 'ERR_FAILOVER_CLOSED' });
    });
  });

  it('connects to the new cluster where a switch overtakes its connecting', async () => {
    await withAdmin(async ({ memory, kafka }) => {
      const other = kafka.admin();
      memory.cluster('A').freeze();
      const connecting = other.connect();
      await memory.clock.sleep(50);
      await kafka.switchTo('B', { planned: false });
      await connecting;
      expect(await other.listTopics()).toContain('only-on-B');
      memory.cluster('A').thaw();
    });
  });

  it('is closed within a few seconds although a call gets no answer, and the call hears why', async () => {
    await withAdmin(async ({ memory, kafka, admin }) => {
      memory.cluster('A').freeze();
      const call = expect(
        admin.createTopics({ topics: [{ topic: 'perhaps' }] }),
      ).rejects.toMatchObject({
        code: 'ERR_FAILOVER_OUTCOME_UNKNOWN',
        message: expect.stringMatching(/^((?!switch).)*closed.*may or may not/),
      });
      await memory.clock.sleep(100);
      const startedAtMs = memory.clock.nowMs();
      await kafka.close();
      await call;
      expect(memory.clock.nowMs() - startedAtMs).toBeLessThanOrEqual(5_500);
      memory.cluster('A').thaw();
    });
  });
});

describe('an admin and a halt', () => {
  /** B's name leads to A's cluster, as after a mistake in DNS, and the library halts when it finds out; then it is corrected. */
  async function withHalt(work: (rig: Rig & { halt(): Promise<void> }) => Promise<void>) {
    const memory = labelledWorld();
    const [a, b] = [[...memory.cluster('A').brokers], [...memory.cluster('B').brokers]];
    let lookUp = (_brokers: string[]): void => {};
    let found = new Promise<string[]>((resolve) => {
      lookUp = resolve;
    });
    const kafka = kafkaIn(memory, {
      clusters: { A: { brokers: a }, B: { brokers: () => found } },
    });
    const halt = async (): Promise<void> => {
      const halted = new Promise((resolve) => {
        kafka.on('failover.halted', resolve);
      });
      lookUp(a);
      await halted;
      found = Promise.resolve(b);
    };
    await memory.run(async () => {
      await work({ memory, kafka, admin: kafka.admin(), halt });
      await kafka.close();
    });
  }

  const HALTED = { code: 'ERR_FAILOVER_HALTED' };

  it('refuses to connect, and connects once an order has ended the halt', async () => {
    await withHalt(async ({ kafka, admin, halt }) => {
      await kafka.producer().connect();
      await halt();
      await expect(admin.connect()).rejects.toMatchObject(HALTED);
      await kafka.switchTo('B', { planned: false });
      await admin.connect();
      expect(await admin.listTopics()).toContain('only-on-B');
    });
  });

  it('is not over for an admin that connects once more while it lasts', async () => {
    await withHalt(async ({ admin, halt }) => {
      await admin.connect();
      await halt();
      await expect(admin.connect()).rejects.toMatchObject(HALTED);
      await expect(admin.listTopics()).rejects.toMatchObject(HALTED);
    });
  });

  it('rejects calls while it lasts, and lets them wait for the switch that ends it', async () => {
    await withHalt(async ({ kafka, admin, halt }) => {
      await admin.connect();
      await halt();
      await expect(admin.listTopics()).rejects.toMatchObject(HALTED);
      const calls: Promise<string[]>[] = [];
      kafka.on('switch.phase-started', ({ phase }) => {
        if (phase === 'fence') calls.push(admin.listTopics());
      });
      await kafka.switchTo('B', { planned: false });
      expect(await Promise.all(calls)).toEqual([expect.arrayContaining(['only-on-B'])]);
    });
  });
});
