import { describe, expect, it } from 'vitest';
import { SessionWork } from '../src/session-work.js';
import { manualWorld } from './support/manual-world.js';

const answer = (partition: number, baseOffset: string, topicName = 'orders') => ({
  topicName,
  partition,
  baseOffset,
  errorCode: 0,
});

describe('what a process has done on a cluster', () => {
  it('reaches as far as the highest acknowledged record, at least', () => {
    const work = new SessionWork(manualWorld());
    work.acknowledged([answer(0, '99')], 3);
    // Answers may overtake each other.
    work.acknowledged([answer(0, '100')], 1);
    work.acknowledged([answer(0, '98')], 1);
    // How a batch was divided is not known.
    work.acknowledged([answer(0, '110'), answer(1, '7')], 10);
    expect(work.acknowledgedEnds()).toEqual([
      { topic: 'orders', partition: 0, end: 111n },
      { topic: 'orders', partition: 1, end: 8n },
    ]);
  });

  it('is nothing where nobody has acknowledged anything', () => {
    const work = new SessionWork(manualWorld());
    work.acknowledged([], 5);
    work.acknowledged(undefined, 5);
    work.acknowledged([answer(0, '-1')], 1);
    expect(work.acknowledgedEnds()).toEqual([]);
  });

  it('tells of the first acknowledgement and of the first new record, once each', async () => {
    const world = manualWorld();
    const work = new SessionWork(world);
    let newsCount = 0;
    work.onNews(() => (newsCount += 1));
    await world.advance(5);
    work.acknowledged([answer(0, '1')], 1);
    await world.advance(5);
    work.acknowledged([answer(0, '2')], 1);
    work.committed();
    expect(newsCount).toBe(1);
    expect(work).toMatchObject({ firstAcknowledgedAtMs: 5, lastAcknowledgedAtMs: 10 });
    work.handlesNew();
    await world.advance(5);
    work.handlesNew();
    expect(work.firstNewAtMs).toBe(10);
  });

  it('looks at the clock once in ten milliseconds while records are handled', async () => {
    const world = manualWorld();
    const work = new SessionWork(world);
    await world.advance(100);
    work.handles();
    await world.advance(9);
    work.handles();
    expect(work.lastHandledAtMs).toBe(100);
    await world.advance(2);
    work.handles();
    expect(work.lastHandledAtMs).toBe(111);
  });
});
