import { describe, expect, it } from 'vitest';
import { Gate } from '../../src/consumer/gate.js';
import { PartitionLock, PartitionLocks } from '../../src/consumer/locks.js';
import { manualWorld, settle } from '../support/manual-world.js';
import { controlled } from './support.js';

function waiter(heartbeat: () => Promise<void> = async () => {}) {
  const world = manualWorld();
  const gate = new Gate();
  return { world, gate, wait: { world, gate, heartbeat, paceMs: 3_000 } };
}

describe('the lock of a logical partition', () => {
  it('is given in the order of arrival', async () => {
    const lock = new PartitionLock();
    const { wait } = waiter();
    const order: number[] = [];
    await lock.acquire(wait);
    const others = [1, 2].map(async (number) => {
      await lock.acquire(wait);
      order.push(number);
      lock.release();
    });
    await settle();
    expect(order).toEqual([]);
    lock.release();
    await Promise.all(others);
    expect(order).toEqual([1, 2]);
    expect(lock.isBusy).toBe(false);
  });

  it('keeps the membership of who waits, and stops with the turn', async () => {
    const lock = new PartitionLock();
    let heartbeatCount = 0;
    const { wait, world } = waiter(async () => {
      heartbeatCount += 1;
    });
    await lock.acquire(wait);
    const waiting = lock.acquire(wait);
    await world.advance(9_000);
    expect(heartbeatCount).toBe(3);
    lock.release();
    await waiting;
    expect(world.timerCount).toBe(0);
  });

  it('lets go of who lost its membership, without losing a turn', async () => {
    const lock = new PartitionLock();
    const failing = waiter(() => Promise.reject(new Error('rebalance')));
    const patient = waiter();
    await lock.acquire(patient.wait);
    const lost = lock.acquire(failing.wait);
    const next = lock.acquire(patient.wait);
    lost.catch(() => {});
    await failing.world.advance(3_000);
    await expect(lost).rejects.toThrow('rebalance');
    lock.release();
    await next;
  });

  it('lets go of who waits when its gate is closed, also while a heartbeat hangs', async () => {
    const lock = new PartitionLock();
    const { wait, world, gate } = waiter(() => new Promise(() => {}));
    await lock.acquire(wait);
    const waiting = lock.acquire(wait);
    waiting.catch(() => {});
    await world.advance(3_000);
    gate.close(new Error('fenced'));
    await expect(waiting).rejects.toThrow('fenced');
    expect(world.timerCount).toBe(0);
    lock.release();
    expect(lock.isBusy).toBe(false);
  });

  it('is taken by a handler of an older epoch until that ends', async () => {
    const locks = new PartitionLocks();
    expect(locks.busy('orders', 0)).toBeUndefined();
    const old = controlled();
    locks.of('orders', 0).leftOver(old.promise, { isHolder: false });
    expect(locks.busy('orders', 0)?.isOlderRunning).toBe(true);
    expect(locks.busy('orders', 1)).toBeUndefined();
    old.reject(new Error('failed in the end'));
    await settle();
    expect(locks.busy('orders', 0)).toBeUndefined();
  });

  it('is taken until the last handler of an older epoch ends, whichever log it reads', async () => {
    const locks = new PartitionLocks();
    const lock = locks.of('orders', 0);
    const { wait } = waiter();
    const [ended, running] = [controlled(), controlled()];
    lock.leftOver(ended.promise, { isHolder: false });
    lock.leftOver(running.promise, { isHolder: false });
    let isGranted = false;
    const granted = lock.acquire(wait).then(() => {
      isGranted = true;
    });
    ended.resolve();
    await settle();
    expect(isGranted).toBe(false);
    expect(locks.busy('orders', 0)).toBe(lock);
    running.resolve();
    await granted;
    expect(lock.isBusy).toBe(true);
    lock.release();
    expect(lock.isBusy).toBe(false);
  });

  it('is not given away by its holder while a handler of an older epoch runs without it', async () => {
    const lock = new PartitionLock();
    const { wait } = waiter();
    await lock.acquire(wait);
    const loose = controlled();
    lock.leftOver(loose.promise, { isHolder: false });
    lock.release();
    expect(lock.isBusy).toBe(true);
    loose.resolve();
    await settle();
    expect(lock.isBusy).toBe(false);
  });
});
