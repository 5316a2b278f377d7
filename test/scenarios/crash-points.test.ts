import { describe, expect, it } from 'vitest';
import type { FailoverEvents } from '../../src/events.js';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { Host } from '../simulation/hosts.js';
import { processWorld } from '../simulation/process-world.js';
import { consumeOrders, kafkaIn, ordersWorld, until, write } from '../support/memory-service.js';

/** One life of a process on its machine. */
interface Life {
  readonly kafka: FailoverKafka;
  readonly handled: readonly string[];
  readonly interrupted: readonly FailoverEvents['switch.interrupted'][];
}

interface LifeParts {
  readonly memory: MemoryWorld;
  readonly host: Host;
  /** What it does before its consumer connects. */
  readonly before?: (kafka: FailoverKafka) => Promise<unknown>;
  /** It dies as soon as this is in its state file. */
  readonly diesWith?: (kept: Kept) => boolean;
  readonly onDead?: () => void;
}

/** What is in a state file, as far as it matters here. */
interface Kept {
  readonly cluster: string;
  readonly run?: { readonly phase: string };
}

async function live({ memory, host, before, diesWith, onDead }: LifeParts): Promise<Life> {
  const process = processWorld({
    memory,
    host,
    activeCluster: '',
    onWrite: () => {},
    onKept(text) {
      if (diesWith?.(JSON.parse(text) as Kept) !== true) return;
      process.kill();
      onDead?.();
    },
  });
  const kafka = kafkaIn(memory, {
    world: process.world,
    stateFile: '/state',
    failback: { dwellMs: 0, lagMs: 2_000 },
  });
  const interrupted: FailoverEvents['switch.interrupted'][] = [];
  kafka.on('switch.interrupted', (event) => interrupted.push(event));
  await before?.(kafka);
  return { kafka, handled: await consumeOrders(kafka), interrupted };
}

const values = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

/** How a way begins, and where it leads. */
interface Way {
  readonly to: 'A' | 'B';
  begin(memory: MemoryWorld, kafka: FailoverKafka): Promise<unknown>;
}

const PLANNED: Way = { to: 'B', begin: (_memory, kafka) => kafka.switchTo('B') };
const UNPLANNED: Way = {
  to: 'B',
  begin(memory, kafka) {
    memory.cluster('A').down();
    return kafka.switchTo('B', { planned: false });
  },
};
const HOME: Way = { to: 'A', begin: (_memory, kafka) => kafka.failback({ waitMs: 60_000 }) };

const PLANNED_PHASES = [
  ...(['prepare', 'hold', 'drain', 'fence', 'catch-up', 'translate', 'open'] as const),
];
const UNPLANNED_PHASES = ['prepare', 'hold', 'fence', 'translate', 'open'] as const;

const POINTS = [
  ...PLANNED_PHASES.map((phase) => ['a planned switch', phase, PLANNED] as const),
  ...UNPLANNED_PHASES.map((phase) => ['an unplanned switch', phase, UNPLANNED] as const),
  ...PLANNED_PHASES.map((phase) => ['a failback', phase, HOME] as const),
];

/** A life that dies on its way; what it had handled. */
async function firstLife(
  { memory, host }: { memory: MemoryWorld; host: Host },
  way: Way,
  diesWith: (kept: Kept) => boolean,
): Promise<{ readonly handled: readonly string[]; readonly written: readonly string[] }> {
  let isArmed = false;
  let isDead = false;
  const life = await live({
    memory,
    host,
    diesWith: (kept) => isArmed && !isDead && diesWith(kept),
    onDead() {
      isDead = true;
    },
  });
  const written = values('a', 30);
  write(memory, 'A', written);
  await until(memory, 'A is read', () => life.handled.length === 30);
  if (way === HOME) {
    await life.kafka.switchTo('B');
    write(memory, 'B', values('b', 30));
    written.push(...values('b', 30));
    await until(memory, 'B is read', () => life.handled.length === 60);
  }
  isArmed = true;
  const under = way.begin(memory, life.kafka).catch(() => {});
  await until(memory, 'it is dead', () => isDead, 60_000);
  const handled = [...life.handled];
  await life.kafka.close();
  await under;
  return { handled, written };
}

describe('a process that dies in the middle', () => {
  it.each(POINTS)(
    'of %s, when %s is written down, goes on in its next life',
    (_what, phase, way) => {
      const memory = ordersWorld({ files: new Map() });
      return memory.run(async () => {
        const host = new Host(1);
        const from = way.to === 'B' ? 'A' : 'B';
        const first = await firstLife({ memory, host }, way, ({ run }) => run?.phase === phase);
        const written = [...first.written];

        // Where the target was not opened, nothing has happened: the order is given again.
        const again = (kafka: FailoverKafka): Promise<unknown> => way.begin(memory, kafka);
        const isDown = way === UNPLANNED;
        const second = await live({ memory, host, ...(isDown ? { before: again } : {}) });
        expect(second.interrupted).toMatchObject([{ from, to: way.to, phase, cluster: from }]);
        if (!isDown) {
          write(memory, from, values('after', 10));
          written.push(...values('after', 10));
          await again(second.kafka);
        }
        expect(second.kafka.status()).toMatchObject({ state: 'steady', active: way.to });
        write(memory, way.to, values('end', 10));
        written.push(...values('end', 10));
        const missing = (): string[] =>
          written.filter(
            (value) => !first.handled.includes(value) && !second.handled.includes(value),
          );
        await until(memory, 'all of it is handled', () => missing().length === 0, 120_000);
        await second.kafka.close();

        const third = await live({ memory, host });
        expect(third.interrupted).toEqual([]);
        expect(third.kafka.status().active).toBe(way.to);
        await third.kafka.close();
      });
    },
  );

  it('of the phase open, when the target was opened, has moved: that counts as a switch', () => {
    const memory = ordersWorld({ files: new Map() });
    return memory.run(async () => {
      const host = new Host(1);
      await firstLife({ memory, host }, PLANNED, ({ cluster }) => cluster === 'B');
      const second = await live({ memory, host });
      expect(second.interrupted).toMatchObject([
        { from: 'A', to: 'B', phase: 'open', cluster: 'B' },
      ]);
      // The stay away counts from that switch.
      expect(second.kafka.status().failback?.gates[0]?.detail).toMatch(/^away for \d+ ms/);
      write(memory, 'B', ['end']);
      await until(memory, 'it goes on', () => second.handled.includes('end'), 120_000);
      await second.kafka.close();
    });
  });
});
