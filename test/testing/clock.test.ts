import { describe, expect, it } from 'vitest';
import { realClock, SimulatedClock } from '../../src/testing/index.js';

describe('a simulated clock', () => {
  it('fires timers by their due time, and those of one instant in the order of their start', async () => {
    const clock = new SimulatedClock();
    const fired: string[] = [];
    clock.after(20, () => fired.push('20'));
    clock.after(10, () => fired.push('10 first'));
    clock.after(10, () => fired.push('10 second'));
    clock.after(-5, () => fired.push('at once'));
    await clock.advance(15);
    expect(fired).toEqual(['at once', '10 first', '10 second']);
    expect(clock.nowMs()).toBe(15);
    expect(clock.timerCount).toBe(1);
    await clock.advance(5);
    expect(fired.at(-1)).toBe('20');
  });

  it('lets everything settle between two timers, however many promises stand in line', async () => {
    const clock = new SimulatedClock();
    const events: string[] = [];
    clock.after(1, () => {
      void (async () => {
        for (let turn = 0; turn < 1000; turn += 1) await Promise.resolve();
        events.push('settled');
      })();
    });
    clock.after(1, () => events.push('next timer'));
    await clock.advance(1);
    expect(events).toEqual(['settled', 'next timer']);
  });

  it('does not fire what was cancelled, and cancelling late or twice is no harm', async () => {
    const clock = new SimulatedClock();
    const fired: string[] = [];
    const cancel = clock.after(5, () => fired.push('cancelled'));
    const late = clock.after(5, () => fired.push('fired'));
    cancel();
    cancel();
    await clock.advance(10);
    late();
    expect(fired).toEqual(['fired']);
    expect(clock.timerCount).toBe(0);
  });

  it('runs an hour with ten thousand timers to its end', async () => {
    const clock = new SimulatedClock();
    let count = 0;
    const answer = await clock.run(async () => {
      for (; count < 10_000; count += 1) await clock.sleep(360);
      return 'done';
    });
    expect(answer).toBe('done');
    expect(clock.firedCount).toBe(10_000);
    expect(clock.nowMs()).toBe(3_600_000);
  });

  it('ends as its main function ends', async () => {
    const clock = new SimulatedClock();
    const failing = clock.run(async () => {
      await clock.sleep(5);
      throw new Error('of main');
    });
    await expect(failing).rejects.toThrow('of main');
    await expect(clock.run(() => Promise.resolve(7))).resolves.toBe(7);
  });

  it('fails with what a timer threw', async () => {
    const clock = new SimulatedClock();
    const failing = clock.run(async () => {
      clock.after(1, () => {
        throw new Error('of a timer');
      });
      await clock.sleep(5);
    });
    await expect(failing).rejects.toThrow('of a timer');
  });

  it('notices that nothing can happen any more', async () => {
    const clock = new SimulatedClock();
    await expect(clock.run(() => new Promise(() => {}))).rejects.toThrow('waits for ever');
  });

  it('gives up at its limit', async () => {
    const clock = new SimulatedClock();
    const tick = (): void => void clock.after(100, tick);
    tick();
    const stuck = clock.run(() => new Promise(() => {}), { limitMs: 5000 });
    await expect(stuck).rejects.toThrow('within 5000 simulated ms');
    expect(clock.nowMs()).toBeLessThanOrEqual(5000);
  });

  it('is driven by one at a time', async () => {
    const clock = new SimulatedClock();
    const nested = clock.run(() => clock.advance(5));
    await expect(nested).rejects.toThrow('already running');
  });

  it('lets the wall clock jump without disturbing what is measured', async () => {
    const clock = new SimulatedClock({ wallStartMs: 1000 });
    await clock.advance(50);
    expect(clock.wallMs()).toBe(1050);
    clock.jumpWall(-500);
    expect([clock.nowMs(), clock.wallMs()]).toEqual([50, 550]);
  });
});

describe('the real clock', () => {
  it('calls back, and not what was cancelled', async () => {
    const clock = realClock();
    const fired: string[] = [];
    clock.after(1, () => fired.push('kept'), { keepAlive: true });
    clock.after(1, () => fired.push('cancelled'))();
    // Node fires timers of one length in the order in which they were set: both had their turn.
    await clock.sleep(1);
    expect(fired).toEqual(['kept']);
  });

  it('shows the wall clock of the machine', () => {
    const clock = realClock();
    const beforeMs = Date.now();
    const wallMs = clock.wallMs();
    expect(wallMs).toBeGreaterThanOrEqual(beforeMs);
    expect(wallMs).toBeLessThanOrEqual(Date.now());
  });
});
