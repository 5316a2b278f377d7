import { startMemoryClusters } from '../memory-clusters.js';
import { launchHere } from './launch.js';
import type { Playground, PlaygroundOptions } from './playground.js';

/** The library's testing kit in the place of servers; the services run in this process. */
export async function memoryPlayground({ policy }: PlaygroundOptions): Promise<Playground> {
  const memory = startMemoryClusters({ policy });
  return {
    description: `clusters in memory are up, with a simulated MirrorMaker 2 (${policy} policy)`,
    kafka: memory.config,
    plainKafka: (alias) => memory.plainKafka(alias),
    launch: launchHere,
    kill: async (alias) => memory.kill(alias),
    restart: async (alias) => memory.restart(alias),
    mirrorToB: async (what) => memory.mirrorToB(what),
    close: async () => memory.close(),
  };
}
