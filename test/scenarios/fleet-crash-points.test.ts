import { describe, expect, it } from 'vitest';
import type { SwitchPhase } from '../../src/events.js';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import { phasesOf } from '../../src/switch/phase-lists.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { Host } from '../simulation/hosts.js';
import { processWorld, type ProcessWorld } from '../simulation/process-world.js';
import { memoryAgreement, type MemoryAgreement } from '../support/memory-agreement.js';
import { consume, kafkaIn, ordersWorld, until } from '../support/memory-service.js';

/** A member of the fleet: a machine on which one process runs after the other. */
interface Member {
  readonly name: string;
  readonly host: Host;
  life: Life;
}

interface Life {
  readonly kafka: FailoverKafka;
  readonly process: ProcessWorld;
}

interface Stage {
  readonly memory: MemoryWorld;
  readonly agreement: MemoryAgreement;
  /** What any life of any member has handled. */
  readonly handled: Set<string>;
  /** What was written, wherever. */
  readonly written: string[];
}

/** What is in a state file, as far as it matters here. */
interface Kept {
  readonly run?: { readonly phase: string };
}

const PARTITIONS = 3;

/** So slow that something is left to be handled when the group leaves. */
const HANDLER_MS = 20;

/** Time in which the mirror copies. */
const MIRRORED_MS = 50;

/** A life that ends, as with kill -9, as soon as this is in its state file. */
async function live(
  { memory, agreement, handled }: Stage,
  { name, host }: Pick<Member, 'name' | 'host'>,
  endsWith: (kept: Kept) => boolean = () => false,
): Promise<Life> {
  const process = processWorld({
    memory,
    host,
    activeCluster: '',
    onWrite: () => {},
    onKept(text) {
      if (endsWith(JSON.parse(text) as Kept)) process.kill();
    },
  });
  const kafka = kafkaIn(memory, {
    world: process.world,
    stateFile: '/state',
    agreement: agreement.with({ instance: name }),
    failback: { dwellMs: 0, everyMs: 1_000, lagMs: 2_000 },
  });
  try {
    await consume(kafka, async ({ message }) => {
      await memory.clock.sleep(HANDLER_MS);
      handled.add(String(message.value));
    });
  } catch (error) {
    await kafka.close();
    throw error;
  }
  return { kafka, process };
}

/** Started again until it stays, as an orchestrator does: where its cluster is dead and nobody has decided yet it does not. */
async function restarted(stage: Stage, member: Member): Promise<Life> {
  for (;;) {
    try {
      return await live(stage, member);
    } catch {
      await stage.memory.clock.sleep(1_000);
    }
  }
}

/** Records in every partition of the service's topic. */
function write({ memory, written }: Stage, cluster: string, prefix: string): void {
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    const values = Array.from({ length: 10 }, (_, index) => `${prefix}-${partition}-${index}`);
    written.push(...values);
    memory.cluster(cluster).append(
      'orders',
      partition,
      values.map((value) => ({ value })),
    );
  }
}

/** Nothing is missing: what was written is handled, by whomever. */
function isAllHandled({ handled, written }: Stage): boolean {
  return written.every((value) => handled.has(value));
}

/** How a switch is ordered, and where it leads. */
interface Way {
  readonly to: 'A' | 'B';
  readonly planned: boolean;
  order(kafka: FailoverKafka): Promise<unknown>;
}

const PLANNED: Way = { to: 'B', planned: true, order: (kafka) => kafka.switchTo('B') };
const UNPLANNED: Way = {
  to: 'B',
  planned: false,
  order: (kafka) => kafka.switchTo('B', { planned: false }),
};
const HOME: Way = {
  to: 'A',
  planned: true,
  order: (kafka) => kafka.failback({ waitMs: 20_000 }),
};

type Point = readonly [what: string, phase: SwitchPhase, who: 'ordered' | 'follower', way: Way];

/** Each phase of each kind of switch, of the member that was told to go and of one that follows it. */
function pointsOf(what: string, way: Way): readonly Point[] {
  const { planned } = way;
  return [
    ...phasesOf(planned, 'propose').map((phase) => [what, phase, 'ordered', way] as const),
    ...phasesOf(planned, 'agreed').map((phase) => [what, phase, 'follower', way] as const),
  ];
}

const POINTS: readonly Point[] = [
  ...pointsOf('a planned switch', PLANNED),
  ...pointsOf('an unplanned switch', UNPLANNED),
  ...pointsOf('a failback', HOME),
];

/** How long an operator waits for a fleet before the order is given once more, in milliseconds. */
const PATIENCE_MS = 15_000;

function isOn(cluster: string, members: readonly Member[]): boolean {
  return members.every(({ life }) => {
    const { state, active } = life.kafka.status();
    return state === 'steady' && active === cluster;
  });
}

/** Nobody may have decided: then the order is given again, to whoever lives. */
async function arrive({ memory }: Stage, members: readonly Member[], way: Way): Promise<void> {
  for (let attempts = 0; attempts < 4; attempts += 1) {
    const giveUpAtMs = memory.clock.nowMs() + PATIENCE_MS;
    while (memory.clock.nowMs() < giveUpAtMs) {
      if (isOn(way.to, members)) return;
      await memory.clock.sleep(50);
    }
    const astray = members.find((member) => !isOn(way.to, [member]));
    if (astray !== undefined) void way.order(astray.life.kafka).catch(() => {});
  }
  expect(members.map(({ life }) => life.kafka.status())).toMatchObject(
    members.map(() => ({ state: 'steady', active: way.to })),
  );
}

describe('a member of a fleet that dies in the middle', () => {
  it.each(POINTS)(
    'of %s, when %s is written down by the %s, comes back, and all go on together',
    (_what, phase, who, way) => {
      const topics = { orders: PARTITIONS };
      const memory = ordersWorld({ clusters: { A: { topics }, B: { topics } } });
      const stage: Stage = {
        memory,
        agreement: memoryAgreement(),
        handled: new Set(),
        written: [],
      };
      return memory.run(async () => {
        let isArmed = false;
        let isDead = false;
        const dies = ({ run }: Kept): boolean => {
          isDead ||= isArmed && run?.phase === phase;
          return isDead;
        };
        const from = way.to === 'A' ? 'B' : 'A';
        const members: Member[] = [];
        for (const name of ['ordered', 'follower', 'other']) {
          const host = new Host(members.length + 1);
          const life = await live(stage, { name, host }, name === who ? dies : undefined);
          members.push({ name, host, life });
        }
        const [ordered] = members;
        const victim = members.find(({ name }) => name === who);
        if (ordered === undefined || victim === undefined) throw new Error('nobody is there');
        write(stage, 'A', 'a');
        await until(memory, 'A is read', () => isAllHandled(stage));
        if (way === HOME) {
          await ordered.life.kafka.switchTo('B');
          await until(memory, 'all are away', () => isOn('B', members));
          write(stage, 'B', 'b');
          await until(memory, 'B is read', () => isAllHandled(stage), 60_000);
        }
        await until(memory, 'all have heard each other', () =>
          members.every(({ life }) => life.kafka.status().agreement?.members.length === 3),
        );

        isArmed = true;
        write(stage, from, 'late');
        await memory.clock.sleep(MIRRORED_MS);
        if (way === UNPLANNED) memory.cluster('A').down();
        const under = way.order(ordered.life.kafka).catch(() => {});
        await until(memory, 'it is dead', () => isDead, 60_000);
        const dead = victim.life;
        const back = restarted(stage, victim);
        const others = members.filter((member) => member !== victim);
        await arrive(stage, others, way);
        victim.life = await back;
        await arrive(stage, members, way);

        write(stage, way.to, 'end');
        await until(memory, 'nothing is missing', () => isAllHandled(stage), 120_000);
        expect(isOn(way.to, members)).toBe(true);
        await Promise.all(members.map(({ life }) => life.kafka.close()));
        await dead.kafka.close();
        await under;
      });
    },
  );
});
