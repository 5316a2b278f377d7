import type { FailoverKafka } from '../../src/failover-kafka.js';
import type { FailoverEvents, ReconciliationReport, UnmirroredReport } from '../../src/index.js';
import { manualStrategy } from '../../src/index.js';
import type { ProducerFailoverOptions } from '../../src/options-producer.js';
import type { FailoverKafkaProducer } from '../../src/producer/failover-producer.js';
import { memoryFiles } from '../../src/testing/memory-files.js';
import type { MemoryWorld, MemoryWorldOptions } from '../../src/testing/index.js';
import type { World } from '../../src/world.js';
import { kafkaIn, ordersWorld, until } from '../support/memory-service.js';

export const SPOOL = '/spool';

/** What outlives a process. */
export interface Disk {
  readonly texts: Map<string, string>;
  readonly bytes: Map<string, Uint8Array>;
}

export const emptyDisk = (): Disk => ({ texts: new Map(), bytes: new Map() });

/** What is on it in this instant: what a process finds that is started after a kill -9. */
export const asItIs = ({ texts, bytes }: Disk): Disk => ({
  texts: new Map(texts),
  bytes: new Map(bytes),
});

export const segmentFiles = ({ bytes }: Disk): string[] => [...bytes.keys()].toSorted();

/** One life of a service. */
export interface Life {
  readonly kafka: FailoverKafka;
  readonly producer: FailoverKafkaProducer;
  readonly reports: UnmirroredReport[];
  readonly reconciled: ReconciliationReport[];
  readonly failures: FailoverEvents['unmirrored.spool-failed'][];
}

export interface LifeOptions {
  readonly active?: string;
  readonly producer?: Omit<ProducerFailoverOptions, 'ledgerSpool'>;
  readonly fsync?: 'always' | 'interval' | 'never';
  readonly directory?: string;
  /** In the place of what the disk does. */
  readonly world?: Partial<World>;
}

export async function live(
  memory: MemoryWorld,
  disk: Disk,
  {
    active = 'A',
    producer: options = {},
    fsync = 'interval',
    directory = SPOOL,
    world = {},
  }: LifeOptions = {},
): Promise<Life> {
  const kafka = kafkaIn(memory, {
    strategy: manualStrategy({ initial: active }),
    producer: { ...options, ledgerSpool: { directory, fsync } },
    world: {
      ...memory.world,
      readText: async (path) => disk.texts.get(path),
      writeText: async (path, text) => void disk.texts.set(path, text),
      ...memoryFiles(disk.bytes),
      ...world,
    },
  });
  const life: Omit<Life, 'producer'> = { kafka, reports: [], reconciled: [], failures: [] };
  const { reports, reconciled, failures } = life;
  kafka.on('unmirrored.searched', ({ report }) => reports.push(report));
  kafka.on('unmirrored.reconciled', ({ report }) => reconciled.push(report));
  kafka.on('unmirrored.spool-failed', (failure) => failures.push(failure));
  const producer = kafka.producer();
  await producer.connect();
  return { ...life, producer };
}

/** Sends records with these values, and waits for each. */
export async function send(
  memory: MemoryWorld,
  { producer }: Life,
  values: readonly string[],
): Promise<void> {
  for (const value of values) {
    await producer.send({ topic: 'orders', messages: [{ value }] });
    await memory.clock.sleep(7);
  }
}

/** `p0 p1 p2`: so many values. */
export const values = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

/** The values of `orders` on A that a report names. */
export function named(memory: MemoryWorld, report: UnmirroredReport | undefined): string[] {
  const records = new Map(
    memory
      .cluster('A')
      .records('orders', 0)
      .map(({ offset, value }) => [Number(offset), String(value)]),
  );
  return (report?.logs ?? []).flatMap(({ ranges }) =>
    ranges.flatMap(({ first, last }) =>
      Array.from(
        { length: Number(last) - Number(first) + 1 },
        (_, index) => records.get(Number(first) + index) ?? 'nothing',
      ),
    ),
  );
}

/** The report that comes by itself. */
export async function told(memory: MemoryWorld, { reports }: Life): Promise<UnmirroredReport> {
  await until(memory, 'what is missing is told', () => reports.length > 0);
  const [report] = reports;
  if (report === undefined) throw new Error('no report');
  return report;
}

export interface Before {
  readonly memory: MemoryWorld;
  readonly disk: Disk;
  /** The first life of the service; A mirrors nothing any more. */
  readonly life: Life;
}

/** A service that has sent five records that are mirrored, and three that are not. */
export async function afterSends(
  work: (before: Before) => Promise<void>,
  options: Parameters<typeof live>[2] = {},
  world: MemoryWorldOptions = {},
): Promise<void> {
  const memory = ordersWorld(world);
  const disk = emptyDisk();
  await memory.run(async () => {
    const life = await live(memory, disk, options);
    await send(memory, life, values('mirrored', 5));
    await memory.clock.sleep(1_000);
    memory.mirror('A->B').pause();
    await send(memory, life, values('lost', 3));
    await memory.clock.sleep(50);
    await work({ memory, disk, life });
    await life.kafka.close();
  });
}

/** Damages the only file that there is. */
export function damage({ bytes }: Disk, how: (file: Uint8Array) => Uint8Array): string {
  const [path = ''] = bytes.keys();
  const file = bytes.get(path) ?? new Uint8Array();
  bytes.set(path, how(Uint8Array.from(file)));
  return path;
}

/** What a full disk says. */
export const full = (): never => {
  throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
};

/** Answers after five seconds. */
export const slowly =
  <Args extends unknown[], T>(
    { clock }: MemoryWorld,
    work: (...args: Args) => Promise<T>,
  ): ((...args: Args) => Promise<T>) =>
  async (...args) => {
    await clock.sleep(5_000);
    return work(...args);
  };

/** As a disk does it that works. */
export function memoryAppend(disk: Disk, path: string): ReturnType<World['appendTo']> {
  return memoryFiles(disk.bytes).appendTo(path);
}
