import type { Playground, PlaygroundOptions } from './playground.js';

export async function memoryPlayground(_options: PlaygroundOptions): Promise<Playground> {
  throw new Error('not yet');
}
