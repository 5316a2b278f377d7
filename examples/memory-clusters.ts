import { readFile, writeFile } from 'node:fs/promises';
import { logLevel, type FailoverKafkaConfig, type Kafka } from 'kafkajs-failover';
import { createMemoryWorld } from 'kafkajs-failover/testing';

/** Two clusters, with MirrorMaker between them, in this process's memory and at ordinary speed. */
export interface MemoryClusters {
  /** What `new FailoverKafka(...)` is told of them. */
  readonly config: Required<Pick<FailoverKafkaConfig, 'clusters' | 'world' | 'mirror'>>;
  /** A plain kafkajs client of one cluster. */
  plainKafka(alias: 'A' | 'B'): Kafka;
  /** The cluster's processes are gone, as after `kill -9`. */
  kill(alias: 'A' | 'B'): void;
  restart(alias: 'A' | 'B'): void;
  /** MirrorMaker's flow from A to B ends, in order, or begins again. */
  mirrorToB(what: 'stop' | 'start'): void;
  close(): void;
}

/** Starts clusters in memory: the library's testing kit, without simulated time. */
export function startMemoryClusters({
  policy,
}: {
  policy: 'default' | 'identity';
}): MemoryClusters {
  const flows = policy === 'identity' ? (['A->B'] as const) : (['A->B', 'B->A'] as const);
  const memory = createMemoryWorld({ clock: 'real', mirror: { policy, flows } });
  return {
    config: {
      clusters: {
        A: { brokers: [...memory.cluster('A').brokers] },
        B: { brokers: [...memory.cluster('B').brokers] },
      },
      mirror: { policy },
      // Clusters and network are in memory; files are the machine's own.
      world: {
        ...memory.world,
        readText: readRealText,
        writeText: (path, text) => writeFile(path, text),
      },
    },
    plainKafka: (alias) =>
      memory.createKafka(alias, { clientId: 'examples', logLevel: logLevel.NOTHING }),
    kill: (alias) => memory.cluster(alias).down(),
    restart: (alias) => memory.cluster(alias).up(),
    mirrorToB: (what) => memory.mirror('A->B')[what](),
    close: () => memory.close(),
  };
}

async function readRealText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
