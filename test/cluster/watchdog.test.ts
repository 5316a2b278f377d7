import { describe, expect, it } from 'vitest';
import { SocketLine } from '../../src/cluster/wire.js';
import { Watchdog } from '../../src/cluster/watchdog.js';
import { manualWorld, type ManualWorld } from '../support/manual-world.js';
import { answerFrame, FETCH, PRODUCE, requestFrame } from './frames.js';

function watched(): {
  world: ManualWorld;
  watchdog: Watchdog;
  newLine: (broker: string) => SocketLine;
  reports: string[];
} {
  const world = manualWorld();
  const lines: SocketLine[] = [];
  const reports: string[] = [];
  const watchdog = new Watchdog({
    world,
    lines: () => lines,
    stalledAfterMs: 3000,
    report: (line) => reports.push(`${line.broker} after ${line.waitingMs()}`),
  });
  const newLine = (broker: string): SocketLine => {
    const line = new SocketLine(
      broker,
      () => world.nowMs(),
      (waiting) => watchdog.wake(waiting),
    );
    lines.push(line);
    return line;
  };
  return { world, watchdog, newLine, reports };
}

const fetchOf = (maxWaitMs: number): Buffer => {
  const body = Buffer.alloc(8);
  body.writeInt32BE(maxWaitMs, 4);
  return requestFrame(FETCH, body);
};

describe('Watchdog', () => {
  it('keeps no timer while nothing is awaited', async () => {
    const { world, newLine, reports } = watched();
    const line = newLine('a:1');
    expect(world.timerCount).toBe(0);
    line.wrote(requestFrame(PRODUCE));
    expect(world.timerCount).toBe(1);
    line.received(answerFrame(5));
    await world.advance(10_000);
    expect(world.timerCount).toBe(0);
    expect(reports).toEqual([]);
  });

  it('reports a stall once, and a second one after something was received', async () => {
    const { world, newLine, reports } = watched();
    const line = newLine('a:1');
    line.wrote(requestFrame(PRODUCE));
    line.wrote(requestFrame(PRODUCE));
    await world.advance(2999);
    expect(reports).toEqual([]);
    await world.advance(60_000);
    expect(reports).toEqual(['a:1 after 3000']);
    expect(world.timerCount).toBe(0);
    line.received(answerFrame(5));
    await world.advance(60_000);
    expect(reports).toEqual(['a:1 after 3000', 'a:1 after 65999']);
  });

  it('does not call a socket stalled that answers slowly but steadily', async () => {
    const { world, newLine, reports } = watched();
    const line = newLine('a:1');
    const answer = answerFrame(100);
    line.wrote(requestFrame(PRODUCE));
    for (let at = 0; at < answer.length; at += 10) {
      await world.advance(2500);
      line.received(answer.subarray(at, at + 10));
    }
    await world.advance(10_000);
    expect(reports).toEqual([]);
  });

  it('sees a stalled Produce on one socket behind a patient Fetch on another', async () => {
    const { world, newLine, reports } = watched();
    newLine('a:1').wrote(fetchOf(30_000));
    await world.advance(1000);
    newLine('b:1').wrote(requestFrame(PRODUCE));
    await world.advance(3000);
    expect(reports).toEqual(['b:1 after 3000']);
    await world.advance(60_000);
    expect(reports).toEqual(['b:1 after 3000', 'a:1 after 33000']);
  });

  it.each([
    { answered: true, expected: [] },
    { answered: false, expected: ['blamed'] },
  ])(
    'gives a blocked process one more look before it blames the broker (answer unread in the kernel: $answered)',
    async ({ answered, expected }) => {
      const world = manualWorld();
      const reports: string[] = [];
      const blockedMs = { value: 0 };
      const nowMs = (): number => world.nowMs() + blockedMs.value;
      const line = new SocketLine('a:1', nowMs, () => {});
      const watchdog = new Watchdog({
        world: { nowMs, after: (delayMs, callback) => world.after(delayMs, callback) },
        lines: () => [line],
        stalledAfterMs: 3000,
        report: () => reports.push('blamed'),
      });
      line.wrote(requestFrame(PRODUCE));
      watchdog.wake(line);
      await world.advance(2999);
      blockedMs.value = 2000;
      await world.advance(1);
      expect(reports).toEqual([]);
      if (answered) line.received(answerFrame(5));
      await world.advance(60_000);
      expect(reports).toEqual(expected);
    },
  );

  it('reports nothing and keeps no timer once it was stopped', async () => {
    const { world, watchdog, newLine, reports } = watched();
    const line = newLine('a:1');
    line.wrote(requestFrame(PRODUCE));
    watchdog.stop();
    expect(world.timerCount).toBe(0);
    line.received(answerFrame(1));
    line.wrote(requestFrame(PRODUCE));
    await world.advance(60_000);
    expect(world.timerCount).toBe(0);
    expect(reports).toEqual([]);
  });
});
