import { describe, expect, it } from 'vitest';
import { Pace } from '../../src/signals/pace.js';
import { manualWorld } from '../support/manual-world.js';

function paced(options: { burst: number; everyMs: number }) {
  const world = manualWorld();
  const pace = new Pace(world, options);
  const { signal } = new AbortController();
  const atMs: number[] = [];
  const go = async (): Promise<void> => {
    await pace.next({ signal });
    atMs.push(world.nowMs());
  };
  return { world, pace, atMs, go };
}

describe('a pace', () => {
  it('lets a burst pass at once, and the others one by one', async () => {
    const { world, atMs, go } = paced({ burst: 2, everyMs: 1_000 });
    const going = Promise.all(Array.from({ length: 5 }, go));
    await world.advance(10_000);
    await going;
    expect(atMs).toEqual([0, 0, 1_000, 2_000, 3_000]);
  });

  it('holds up nobody who is slower', async () => {
    const { world, atMs, go } = paced({ burst: 2, everyMs: 1_000 });
    for (let each = 0; each < 5; each += 1) {
      void go();
      await world.advance(1_000);
    }
    expect(atMs).toEqual([0, 1_000, 2_000, 3_000, 4_000]);
  });

  it('saves up a burst, and no more', async () => {
    const { world, atMs, go } = paced({ burst: 2, everyMs: 1_000 });
    await world.advance(60_000);
    const going = Promise.all(Array.from({ length: 3 }, go));
    await world.advance(10_000);
    await going;
    expect(atMs).toEqual([60_000, 60_000, 61_000]);
  });

  it('ends the wait with the reason of its signal, and its timer', async () => {
    const { world, pace } = paced({ burst: 1, everyMs: 1_000 });
    const told = new AbortController();
    await pace.next({ signal: told.signal });
    const waiting = pace.next({ signal: told.signal });
    told.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    expect(world.timerCount).toBe(0);
  });
});
