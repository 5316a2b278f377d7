import { describe, expect, it } from 'vitest';
import { PartitionProgress } from '../../src/consumer/progress.js';

const progress = (): PartitionProgress => new PartitionProgress('orders', 'orders', 0);

describe('the progress of a partition', () => {
  it('is unknown until something was delivered', () => {
    expect(progress().handled()).toBeUndefined();
    expect(progress().delivered()).toBeUndefined();
  });

  it('is a lower bound while a handler runs, and exact when it has ended', async () => {
    const one = progress();
    one.delivers('5', '5');
    one.outcome = Promise.resolve();
    expect(one.handled()).toBe(5n);
    await one.ended();
    expect(one.handled()).toBe(6n);
    one.delivers('6', '6');
    one.outcome = Promise.reject(new Error('bad'));
    await one.ended();
    expect(one.handled()).toBe(6n);
  });

  it('does not take the end of one call for the end of the next', async () => {
    const one = progress();
    one.delivers('5', '5');
    one.outcome = Promise.resolve();
    await one.ended();
    one.delivers('6', '6');
    one.outcome = new Promise(() => {});
    expect(one.handled()).toBe(6n);
  });

  it('counts a handler that returns no promise when it returned, and not one that threw', () => {
    const one = progress();
    one.delivers('5', '5');
    one.outcome = undefined;
    expect(one.handled()).toBe(6n);
    one.delivers('6', '6');
    // It threw before its outcome could be kept.
    expect(one.handled()).toBe(6n);
  });

  it('is the same for one record as for a batch of one', async () => {
    const one = progress();
    one.deliversOne('5');
    expect(one.handled()).toBe(5n);
    one.outcome = undefined;
    expect(one.handled()).toBe(6n);
    one.seek(2n);
    one.deliversOne('2');
    expect(one.handled()).toBe(2n);
    expect(one.delivered()).toEqual({ first: 2n, last: 5n });
  });

  it('follows a seek until the next delivery', () => {
    const one = progress();
    one.delivers('5', '5');
    one.outcome = undefined;
    one.seek(2n);
    expect(one.handled()).toBe(2n);
    one.delivers('2', '2');
    expect(one.handled()).toBe(2n);
    one.seek(-1n);
    expect(one.handled()).toBeUndefined();
  });

  it('remembers everything that was delivered, over seeks and rejoins, but not over a revocation', () => {
    const one = progress();
    one.delivers('100', '109');
    one.seek(50n);
    one.delivers('50', '55');
    one.rejoined();
    one.delivers('60', '61');
    expect(one.delivered()).toEqual({ first: 50n, last: 109n });
    one.revoked();
    expect(one.delivered()).toBeUndefined();
    expect(one.handled()).toBeUndefined();
  });

  it('remembers over a revocation, and over another inner consumer, what user code may still hold offsets of', () => {
    const one = progress();
    expect(one.everDelivered()).toBeUndefined();
    one.delivers('100', '109');
    one.revoked();
    expect(one.everDelivered()).toEqual({ first: 100n, last: 109n });
    one.deliversOne('120');
    const after = progress();
    after.continues(one.carry());
    after.revoked();
    expect(after.everDelivered()).toEqual({ first: 100n, last: 120n });
  });

  it('is one that another member may have gone on with, also for the next inner consumer', () => {
    const one = progress();
    one.othersMayHaveHandled();
    const after = progress();
    after.continues(one.carry());
    expect(after.mayOthersHaveHandledMore).toBe(true);
  });

  it('knows the highest record that any handler was given, also before the partition went and came back', () => {
    const one = progress();
    expect(one.deliveredBelow()).toBeUndefined();
    one.delivers('100', '109');
    one.seek(50n);
    one.deliversOne('50');
    expect(one.deliveredBelow()).toBe(110n);
    one.revoked();
    one.deliversOne('60');
    expect(one.deliveredBelow()).toBe(110n);
    const after = progress();
    after.continues(one.carry());
    after.deliversOne('61');
    expect(after.deliveredBelow()).toBe(110n);
    after.deliversOne('110');
    expect(after.deliveredBelow()).toBe(111n);
  });

  it('is moved back by user code for as long as nothing else is known, and not by a plan, but for the commits that it voids', () => {
    const [one, other, voiding] = [progress(), progress(), progress()];
    one.seek(3n);
    expect(one.rewoundBelow()).toBeGreaterThan(10n ** 18n);
    other.seek(3n, { voidedUpTo: undefined });
    expect(other.rewoundBelow()).toBeUndefined();
    expect(other.position()).toBe(3n);
    voiding.seek(3n, { voidedUpTo: 9n });
    expect(voiding.rewoundBelow()).toBe(9n);
  });

  it('knows how far commits may reach that are older than a seek back, until it is there again', () => {
    const one = progress();
    one.delivers('0', '9');
    one.outcome = undefined;
    one.confirms(10n);
    expect(one.rewoundBelow()).toBeUndefined();
    one.seek(3n);
    expect(one.rewoundBelow()).toBe(10n);
    // kafkajs commits what it had resolved, control records included, before it goes back.
    one.confirms(12n);
    expect(one.rewoundBelow()).toBe(12n);
    one.delivers('3', '10');
    expect(one.rewoundBelow()).toBe(12n);
    const after = progress();
    after.continues(one.carry());
    expect(after.rewoundBelow()).toBe(12n);
    one.delivers('11', '11');
    one.outcome = undefined;
    expect(one.rewoundBelow()).toBeUndefined();
    one.seek(40n);
    expect(one.rewoundBelow()).toBeUndefined();
  });

  it('keeps a seek that kafkajs has not carried out, until a commit says the same', () => {
    const one = progress();
    one.deliversOne('9');
    one.seek(3n);
    const after = progress();
    after.continues(one.carry());
    expect(after.pendingSeek()).toBe('3');
    expect(after.position()).toBe(3n);
    after.confirms(3n);
    expect(after.pendingSeek()).toBeUndefined();
    one.seek(-1n);
    expect(one.pendingSeek()).toBe('-1');
    one.seek(-2n);
    expect(one.pendingSeek()).toBe('-2');
    one.deliversOne('0');
    expect(one.pendingSeek()).toBeUndefined();
  });

  it('leaves to commit what was handled, or sought', () => {
    const one = progress();
    expect(one.uncommitted()).toBeUndefined();
    one.deliversOne('5');
    expect(one.uncommitted()).toBeUndefined();
    one.outcome = undefined;
    expect(one.uncommitted()).toBe(6n);
    one.confirms(6n);
    expect(one.uncommitted()).toBeUndefined();
    one.deliversOne('6');
    one.outcome = undefined;
    // The same member: nobody else had the partition, whatever is delivered again from the commit on.
    one.rejoined();
    one.deliversOne('6');
    expect(one.uncommitted()).toBe(7n);
    expect(one.position()).toBe(7n);
    one.revoked();
    expect(one.uncommitted()).toBeUndefined();
    one.deliversOne('20');
    one.outcome = undefined;
    expect(one.uncommitted()).toBe(21n);
    one.seek(3n);
    expect(one.uncommitted()).toBe(3n);
    one.seek(-2n);
    expect(one.uncommitted()).toBeUndefined();
  });

  it('begins anew where kafkajs goes on below what was committed: the topic was made anew, or the group set back', () => {
    const one = progress();
    let movedBackCount = 0;
    one.onMovedBack = () => {
      movedBackCount += 1;
    };
    one.deliversOne('99');
    one.outcome = undefined;
    one.confirms(100n);
    one.rejoined();
    one.deliversOne('0');
    one.outcome = undefined;
    expect(one.position()).toBe(1n);
    expect(one.delivered()).toEqual({ first: 0n, last: 0n });
    expect(one.everDelivered()).toEqual({ first: 0n, last: 99n });
    expect(movedBackCount).toBe(1);
  });

  it('knows what was delivered before user code moved back, although the commit of before is confirmed late', () => {
    const one = progress();
    one.onMovedBack = () => {
      throw new Error('it is the same log');
    };
    for (const offset of ['0', '59']) {
      one.deliversOne(offset);
      one.outcome = undefined;
    }
    one.seek(10n);
    one.confirms(60n);
    one.deliversOne('10');
    one.outcome = undefined;
    expect(one.everDelivered()).toEqual({ first: 0n, last: 59n });
    expect(one.deliveredBelow()).toBe(60n);
    expect(one.position()).toBe(11n);
  });

  it('is where kafkajs has gone back to by itself, because the log ended before its place', () => {
    const one = progress();
    one.deliversOne('99');
    one.outcome = undefined;
    one.confirms(100n);
    one.rejoined();
    one.deliversOne('100');
    one.outcome = undefined;
    one.confirms(101n);
    one.deliversOne('0');
    one.outcome = undefined;
    expect(one.position()).toBe(1n);
  });

  it('goes beyond what was handled where kafkajs committed records that no handler sees', () => {
    const one = progress();
    one.confirms(4n);
    expect(one.position()).toBe(4n);
    one.delivers('5', '5');
    one.outcome = undefined;
    one.confirms(9n);
    expect(one.handled()).toBe(6n);
    expect(one.position()).toBe(9n);
    // But not where user code moved back meanwhile.
    one.seek(2n);
    expect(one.position()).toBe(2n);
    one.seek(-1n);
    expect(one.position()).toBeUndefined();
    // Below the beginning there is nothing to handle, wherever that is.
    one.seek(-2n);
    expect(one.position()).toBe(0n);
  });

  it('does not take a commit from before a seek back for progress after it', async () => {
    const one = progress();
    one.deliversOne('9');
    one.outcome = Promise.resolve();
    // The handler moves back and returns; only then kafkajs tells that it committed what the handler was given.
    one.seek(9n);
    await one.ended();
    one.confirms(10n);
    expect(one.position()).toBe(9n);
    one.deliversOne('9');
    expect(one.position()).toBe(9n);
    one.outcome = Promise.reject(new Error('bad'));
    await one.ended();
    expect(one.position()).toBe(9n);
    expect(one.carry().handled).toBe(9n);
  });

  it('counts nothing between a seek back and what was delivered before it, however late it was committed', () => {
    const one = progress();
    one.deliversOne('9');
    one.outcome = undefined;
    one.seek(5n);
    one.deliversOne('5');
    one.outcome = undefined;
    one.confirms(10n);
    expect(one.position()).toBe(6n);
    one.confirms(12n);
    expect(one.position()).toBe(12n);
  });

  it('is not beyond a record that is being handled, or failed, whatever was committed', async () => {
    const one = progress();
    one.deliversOne('9');
    one.confirms(10n);
    expect(one.position()).toBe(9n);
    one.outcome = Promise.reject(new Error('bad'));
    await one.ended();
    expect(one.position()).toBe(9n);
    expect(one.committed).toBe(10n);
  });

  it('goes on where another inner consumer of the same epoch ended', () => {
    const before = progress();
    before.delivers('5', '7');
    before.outcome = undefined;
    before.confirms(6n);
    const after = progress();
    after.continues(before.carry());
    expect(after.handled()).toBe(8n);
    expect(after.delivered()).toEqual({ first: 5n, last: 7n });
    expect(after.committed).toBe(6n);
  });
});
