import { onTestFinished } from 'vitest';
import type { Reading, Signal } from '../../src/signals/signal.js';
import { realWorld, type World } from '../../src/world.js';
import { waitFor } from '../../stack/wait.js';
import { type ManualWorld, manualWorld } from '../support/manual-world.js';

/** Where a contract plays: in simulated time, or in real time. */
export interface Stage<TheWorld extends World = World> {
  readonly world: TheWorld;
  /** Waits until something is so; in simulated time, by moving time on. */
  until(what: string, isSo: () => boolean): Promise<void>;
}

const STEP_MS = 10;
const MAX_STEPS = 6_000;

/** Simulated time. */
export function manualStage(): Stage<ManualWorld> {
  const world = manualWorld();
  return {
    world,
    async until(what, isSo) {
      for (let step = 0; step < MAX_STEPS; step += 1) {
        if (isSo()) return;
        await world.advance(STEP_MS);
      }
      throw new Error(`waited ${MAX_STEPS * STEP_MS} simulated ms in vain for: ${what}`);
    },
  };
}

/** Real time. */
export function realStage(): Stage {
  return {
    world: realWorld(),
    until: async (what, isSo) => {
      await waitFor(what, isSo, { everyMs: 10 });
    },
  };
}

/** A watch, and everything that it told. */
export interface Watched {
  readonly readings: readonly Reading[];
  /** How often the source was asked and has answered, well or not. */
  readonly askedCount: number;
  /** Waits until it has told this last. */
  hears(reading: Reading): Promise<void>;
  /** Waits until it has told a failure last, and answers why. */
  failure(): Promise<string>;
  /** Waits until it has told a failure for this reason last. */
  fails(words: string): Promise<void>;
  /** Waits until the source has answered so many times more. */
  answers(count: number): Promise<void>;
  close(): void;
}

export const value = (text: string): Reading => ({ kind: 'value', text });
export const absent: Reading = { kind: 'absent' };

/** Watches a signal until the end of the test. */
export function watch(stage: Stage, signal: Signal): Watched {
  const readings: Reading[] = [];
  let askedCount = 0;
  const count = <T>(answer: Promise<T>): Promise<T> =>
    answer.finally(() => {
      askedCount += 1;
    });
  const { world } = stage;
  const counting: World = {
    ...world,
    readText: (path, options) => count(world.readText(path, options)),
    request: (request) => count(world.request(request)),
    dnsResolver: (options) => {
      const resolver = world.dnsResolver(options);
      return { ...resolver, resolve: (name, type) => count(resolver.resolve(name, type)) };
    },
  };
  const { close } = signal.watch(counting, (reading) => readings.push(reading));
  onTestFinished(close);
  return {
    readings,
    get askedCount() {
      return askedCount;
    },
    hears: (reading) =>
      stage.until(
        `the reading ${JSON.stringify(reading)}`,
        () => JSON.stringify(readings.at(-1)) === JSON.stringify(reading),
      ),
    async failure() {
      await stage.until('a failure', () => readings.at(-1)?.kind === 'failed');
      const reading = readings.at(-1);
      return reading?.kind === 'failed' ? reading.because : '';
    },
    fails: (words) =>
      stage.until(`a failure: ${words}`, () => {
        const reading = readings.at(-1);
        return reading?.kind === 'failed' && reading.because.includes(words);
      }),
    answers(wantedCount) {
      const before = askedCount;
      return stage.until('more answers', () => askedCount >= before + wantedCount);
    },
    close,
  };
}
