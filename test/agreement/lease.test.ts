import { describe, expect, it } from 'vitest';
import { Lease } from '../../src/agreement/lease.js';
import { manualWorld } from '../support/manual-world.js';

function lease(leaseMs: number | undefined) {
  const world = manualWorld();
  const log: string[] = [];
  const made = new Lease(world, leaseMs, {
    onEnded: () => log.push(`ended at ${world.nowMs()}`),
    onRenewed: () => log.push(`renewed at ${world.nowMs()}`),
  });
  made.start();
  return { world, log, lease: made };
}

describe('a lease', () => {
  it('ends so long after the process began to speak, not after it was answered', async () => {
    const { world, log, lease: one } = lease(6_000);
    await world.advance(2_000);
    one.renew(1_000);
    await world.advance(10_000);
    expect(log).toEqual(['ended at 7000']);
  });

  it('is renewed by the next contact', async () => {
    const { world, log, lease: one } = lease(6_000);
    await world.advance(8_000);
    one.renew(7_500);
    expect(log).toEqual(['ended at 6000', 'renewed at 8000']);
    await world.advance(5_499);
    expect(log).toHaveLength(2);
    await world.advance(1);
    expect(log.at(-1)).toBe('ended at 13500');
  });

  it('is not renewed by a contact that took longer than it', async () => {
    const { world, log, lease: one } = lease(6_000);
    await world.advance(8_000);
    one.renew(2_000);
    expect(log).toEqual(['ended at 6000']);
  });

  it('ends where it is asked after its time, also before its timer fires', () => {
    const { world, log, lease: one } = lease(6_000);
    world.sleep(5_999);
    one.check();
    expect(log).toEqual([]);
    world.sleep(1);
    one.check();
    one.check();
    expect(log).toEqual(['ended at 6000']);
  });

  it('goes on while it is paused, and is over without a word where that took too long', async () => {
    const { world, log, lease: one } = lease(6_000);
    one.pause();
    await world.advance(5_000);
    one.start();
    await world.advance(999);
    one.pause();
    expect(one.isOver).toBe(false);
    await world.advance(60_000);
    one.start();
    expect(one.isOver).toBe(true);
    expect(log).toEqual([]);
    one.renew(world.nowMs());
    expect(one.isOver).toBe(false);
    expect(world.timerCount).toBe(1);
  });

  it('never ends where there is none, and leaves no timer where it is stopped', async () => {
    const endless = lease(undefined);
    await endless.world.advance(1_000_000);
    expect(endless.log).toEqual([]);
    const stopped = lease(6_000);
    stopped.lease.callOff();
    await stopped.world.advance(1_000_000);
    expect(stopped.log).toEqual([]);
  });
});
