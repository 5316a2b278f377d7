import { FailoverKafka, healthStrategy, logLevel } from 'kafkajs-failover';
import { createMemoryWorld, type MemoryCluster, type MemoryWorld } from 'kafkajs-failover/testing';
import { Drowsiness } from './drowsiness.js';

/** @internal A switch that nothing was a reason for. */
export interface FalseSwitch {
  readonly seed: number;
  /** What was going on. */
  readonly noise: string;
  readonly reason: string;
}

interface Noise {
  readonly name: string;
  /** One wave of it, and the pause until the next. */
  wave(stage: Stage): Promise<void>;
}

interface Stage {
  readonly memory: MemoryWorld;
  readonly drowsiness: Drowsiness;
  /** The cluster that the service works with now. */
  active(): MemoryCluster;
}

const SEND_EVERY_MS = 200;
/** Six noises make an hour. */
const EACH_MS = 600_000;
const CALM_MS = 15_000;

const NOISES: readonly Noise[] = [
  {
    name: 'latency of 100 to 800 ms',
    async wave({ memory: { clock, random }, active }) {
      active().slow(100 + random.below(700));
      await clock.sleep(5_000 + random.below(20_000));
    },
  },
  {
    name: 'jitter of 0 to 900 ms',
    async wave({ memory: { clock, random }, active }) {
      active().slow(random.below(900));
      await clock.sleep(50 + random.below(500));
    },
  },
  { name: 'loss of everything, 1 s of 2', wave: (stage) => cutOff(stage, 1_000) },
  {
    name: 'loss of everything, half the time, in waves of 0.25 to 1.5 s',
    wave: (stage) => cutOff(stage, stage.memory.random.pick([250, 500, 750, 1_250, 1_500])),
  },
  {
    name: 'loss on the way to both clusters, half the time, in waves of 1 to 10 s',
    async wave({ memory: { clock, random, clusters } }) {
      const ms = 1_000 + random.below(9_000);
      for (const cluster of clusters) cluster.blackhole();
      await clock.sleep(ms);
      for (const cluster of clusters) cluster.heal();
      await clock.sleep(ms);
    },
  },
  {
    name: 'pauses of the process, 0.1 to 8 s',
    async wave({ memory: { clock, random }, drowsiness }) {
      await drowsiness.sleep(100 + random.below(7_900));
      await clock.sleep(random.below(10_000));
    },
  },
];

/**
 * Disturbs a service on clusters in memory for one simulated hour, and answers the switches that its health strategy has
 * made. Both clusters are alive all the time: none is right.
 *
 * @internal
 */
export async function measureNoise(seed: number): Promise<readonly FalseSwitch[]> {
  const topics = { orders: 3 };
  const memory = createMemoryWorld({
    seed,
    clusters: { A: { topics }, B: { topics } },
    mirror: {},
  });
  const drowsiness = new Drowsiness(memory);
  const found: FalseSwitch[] = [];
  let noise = 'calm';
  try {
    await memory.run(
      async () => {
        const kafka = await startService(memory, drowsiness);
        kafka.on('switch.started', ({ reason }) => found.push({ seed, noise, reason }));
        const active = (): MemoryCluster => memory.cluster(kafka.status().active ?? 'A');
        await memory.clock.sleep(CALM_MS);
        for (const { name, wave } of shuffled(NOISES, memory)) {
          noise = name;
          const endAtMs = memory.clock.nowMs() + EACH_MS - CALM_MS;
          while (memory.clock.nowMs() < endAtMs) await wave({ memory, drowsiness, active });
          for (const cluster of memory.clusters) {
            cluster.slow(0);
            cluster.heal();
          }
          await memory.clock.sleep(CALM_MS);
        }
        await kafka.close();
      },
      { limitMs: 3 * NOISES.length * EACH_MS },
    );
  } finally {
    memory.close();
  }
  return found;
}

async function cutOff({ memory: { clock }, active }: Stage, ms: number): Promise<void> {
  const cluster = active();
  cluster.blackhole();
  await clock.sleep(ms);
  cluster.heal();
  await clock.sleep(ms);
}

async function startService(memory: MemoryWorld, drowsiness: Drowsiness): Promise<FailoverKafka> {
  const { clock } = memory;
  const kafka = new FailoverKafka({
    clientId: 'service',
    logLevel: logLevel.NOTHING,
    clusters: {
      A: { brokers: [...memory.cluster('A').brokers] },
      B: { brokers: [...memory.cluster('B').brokers] },
    },
    // No limit hides a second switch behind a first one.
    strategy: healthStrategy({ cooldownMs: 0, maxSwitchesPerHour: 1_000 }),
    world: drowsiness.world,
  });
  const consumer = kafka.consumer({ groupId: 'billing' });
  await consumer.connect();
  await consumer.subscribe({ topic: 'orders', fromBeginning: true });
  await consumer.run({ eachMessage: () => Promise.resolve() });
  const producer = kafka.producer();
  await producer.connect();
  // One after the other: the broker in memory takes up a request when the one before is answered, so that a slow one would be
  // overloaded by sends that do not wait.
  const send = async (): Promise<void> => {
    while (kafka.status().state !== 'closed') {
      await producer.send({ topic: 'orders', messages: [{ value: 'order' }] }).catch(() => {});
      await clock.sleep(SEND_EVERY_MS);
    }
  };
  void send();
  return kafka;
}

function shuffled(noises: readonly Noise[], { random }: MemoryWorld): readonly Noise[] {
  const drawn = noises.map((noise) => ({ noise, place: random.next() }));
  return drawn.toSorted((one, other) => one.place - other.place).map(({ noise }) => noise);
}
