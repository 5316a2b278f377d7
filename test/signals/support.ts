import type { ConsulSignalOptions } from '../../src/options-consul.js';
import { consulSignal } from '../../src/signals/consul.js';
import type { Reading, SignalWatch } from '../../src/signals/signal.js';
import { type Clock, createMemoryWorld, type MemoryWorld } from '../../src/testing/index.js';
import { FakeConsul } from './fake-consul.js';

/** The key that everything here is about. */
export const key = 'kafka/active';

export const value = (text: string): Reading => ({ kind: 'value', text });
export const absent: Reading = { kind: 'absent' };

/** A reading, and when it was told. */
export interface Told {
  readonly atMs: number;
  readonly reading: Reading;
}

/** A watched fake Consul in simulated time, where an answer takes no time. */
export interface Simulation {
  readonly memory: MemoryWorld;
  readonly clock: Clock;
  readonly consul: FakeConsul;
  readonly told: readonly Told[];
  readonly readings: () => readonly Reading[];
  /** Begins to watch. */
  watch(options?: Partial<ConsulSignalOptions>): SignalWatch;
}

/** A world in simulated time in which nothing but a Consul answers. */
export function consulWorld({
  seed = 1,
  environment = {},
  files = new Map<string, string>(),
}: {
  seed?: number;
  environment?: Record<string, string>;
  files?: Map<string, string>;
} = {}): { memory: MemoryWorld; consul: FakeConsul } {
  const memory = createMemoryWorld({
    seed,
    clusters: {},
    environment: new Map(Object.entries(environment)),
    files,
    http: (request) => consul.handle(request),
  });
  const { clock, random } = memory;
  const consul = new FakeConsul({
    nowMs: () => clock.nowMs(),
    after: (delayMs, callback) => clock.after(delayMs, callback),
    random: () => random.next(),
  });
  return { memory, consul };
}

/** Runs `body` in simulated time, and ends its watches. */
export async function simulate(
  body: (simulation: Simulation) => Promise<void>,
  options: Parameters<typeof consulWorld>[0] = {},
): Promise<void> {
  const { memory, consul } = consulWorld(options);
  const { clock } = memory;
  const told: Told[] = [];
  const watches: SignalWatch[] = [];
  const watch = (options: Partial<ConsulSignalOptions> = {}): SignalWatch => {
    const begun = consulSignal({ key, ...options }).watch(memory.world, (reading) =>
      told.push({ atMs: clock.nowMs(), reading }),
    );
    watches.push(begun);
    return begun;
  };
  const readings = (): readonly Reading[] => told.map(({ reading }) => reading);
  try {
    await memory.run(() => body({ memory, clock, consul, told, readings, watch }));
  } finally {
    for (const each of watches) each.close();
    memory.close();
  }
}
