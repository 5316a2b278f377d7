import { describe, expect, it } from 'vitest';
import { type Look, watchByPolling } from '../../src/signals/polling.js';
import { spread } from '../../src/wait.js';
import type { Reading } from '../../src/signals/signal.js';
import { controlled } from '../support/controlled.js';
import { manualWorld, settle } from '../support/manual-world.js';
import { value } from './stage.js';

const failure: Reading = { kind: 'failed', because: 'it burns' };

/** A source whose looks are written down; the last one repeats. */
function script(...readings: (Reading | undefined | Error)[]) {
  const world = manualWorld();
  const told: Reading[] = [];
  let lookCount = 0;
  const look = async (): Promise<Look> => {
    const reading = readings[Math.min(lookCount, readings.length - 1)];
    lookCount += 1;
    if (reading instanceof Error) throw reading;
    return { reading, restMs: 100 };
  };
  const watch = watchByPolling(world, { look, pollMs: 200 }, (reading) => told.push(reading));
  return { world, told, watch, lookCount: () => lookCount };
}

describe('polling', () => {
  it('tells the first reading at once, and then only what has changed', async () => {
    const { world, told } = script(value('A'), value('A'), undefined, value('B'), value('B'));
    await settle();
    expect(told).toEqual([value('A')]);
    await world.advance(1_000);
    expect(told).toEqual([value('A'), value('B')]);
  });

  it('tells each failure, and afterwards the value that was known before', async () => {
    const { world, told } = script(value('A'), failure, failure, value('A'), value('A'));
    await world.advance(1_000);
    expect(told).toEqual([value('A'), failure, failure, value('A')]);
  });

  it('takes what a look rejects with for a failure, in one line of a readable length', async () => {
    const { world, told } = script(new Error(`it\nburns ${'x'.repeat(1_000)}`), value('A'));
    await world.advance(199);
    expect(told).toEqual([{ kind: 'failed', because: `it burns ${'x'.repeat(291)}...` }]);
    await world.advance(1);
    expect(told.at(-1)).toEqual(value('A'));
  });

  it('never looks twice at a time', async () => {
    const world = manualWorld();
    const slow = controlled<Look>();
    let lookCount = 0;
    const look = (): Promise<Look> => {
      lookCount += 1;
      return slow.promise;
    };
    const watch = watchByPolling(world, { look, pollMs: 100 }, () => {});
    await world.advance(10_000);
    expect(lookCount).toBe(1);
    watch.close();
  });

  it('tells nothing after the close, also of a look that was under way, and leaves no timer', async () => {
    const world = manualWorld();
    const slow = controlled<Look>();
    const told: Reading[] = [];
    let wasAborted = false;
    const look = (signal: AbortSignal): Promise<Look> => {
      signal.addEventListener('abort', () => (wasAborted = true));
      return slow.promise;
    };
    const watch = watchByPolling(world, { look, pollMs: 100 }, (reading) => told.push(reading));
    watch.close();
    watch.close();
    expect(wasAborted).toBe(true);
    slow.resolve({ reading: value('A'), restMs: 100 });
    await world.advance(1_000);
    expect(told).toEqual([]);
    expect(world.timerCount).toBe(0);
  });

  it('ends its rest at the close', async () => {
    const { world, watch, lookCount } = script(value('A'));
    await settle();
    expect(world.timerCount).toBe(1);
    watch.close();
    await settle();
    expect(world.timerCount).toBe(0);
    await world.advance(1_000);
    expect(lookCount()).toBe(1);
  });

  it('may be closed by whoever is told', async () => {
    const world = manualWorld();
    const look = async (): Promise<Look> => ({ reading: failure, restMs: 100 });
    let toldCount = 0;
    const watch = watchByPolling(world, { look, pollMs: 100 }, () => {
      toldCount += 1;
      watch.close();
    });
    await world.advance(1_000);
    expect(toldCount).toBe(1);
    expect(world.timerCount).toBe(0);
  });

  it.each([
    [0, 90],
    [0.5, 100],
    [0.999, 109.98],
  ])('spreads its rests by a tenth: random %d gives %d ms', (random, restMs) => {
    const world = manualWorld();
    world.randomValue = random;
    expect(spread(world, 100)).toBeCloseTo(restMs);
  });
});
