import type { Socket } from 'node:net';
import type { MemoryWorld } from '../../src/testing/index.js';
import type { World } from '../../src/world.js';

/** Kafka's keys of the requests that change a cluster. */
const WRITES = new Map<number, 'Produce' | 'OffsetCommit'>([
  [0, 'Produce'],
  [8, 'OffsetCommit'],
]);

/** The environment variable that tells a process where the fleet is. */
export const ACTIVE_CLUSTER = 'KAFKA_ACTIVE_CLUSTER';

/** A service process as the rest of the world sees it: through its sockets. */
export interface ProcessWorld {
  readonly world: World;
  /** As kill -9 does: its connections are torn down, and no byte leaves it any more. */
  kill(): void;
}

/** What a process is told at its start, and who watches it. */
export interface ProcessWorldParts {
  readonly memory: MemoryWorld;
  readonly activeCluster: string;
  onWrite(cluster: string, apiName: 'Produce' | 'OffsetCommit'): void;
}

/** Gives one process its own door to the memory world. */
export function processWorld({ memory, activeCluster, onWrite }: ProcessWorldParts): ProcessWorld {
  const sockets = new Set<Socket>();
  const aliases = new Map(
    memory.clusters.flatMap(({ alias, brokers }) => brokers.map((broker) => [broker, alias])),
  );
  let isDead = false;
  const world: World = {
    ...memory.world,
    openSocket(args) {
      if (isDead) throw new Error('the process is dead');
      const socket = memory.world.openSocket(args);
      const cluster = aliases.get(`${args.host}:${args.port}`) ?? '';
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      const write = socket.write.bind(socket) as (...rest: unknown[]) => boolean;
      socket.write = (chunk: unknown, ...rest: unknown[]): boolean => {
        const apiName = Buffer.isBuffer(chunk) ? WRITES.get(chunk.readInt16BE(4)) : undefined;
        if (apiName !== undefined) onWrite(cluster, apiName);
        return write(chunk, ...rest);
      };
      return socket;
    },
    environment: (name) => (name === ACTIVE_CLUSTER ? activeCluster : undefined),
  };
  return {
    world,
    kill() {
      isDead = true;
      for (const socket of [...sockets]) socket.resetAndDestroy();
    },
  };
}
