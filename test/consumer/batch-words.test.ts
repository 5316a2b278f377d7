import { describe, expect, it } from 'vitest';
import { BatchWords } from '../../src/consumer/batch-words.js';
import { PartitionProgress } from '../../src/consumer/progress.js';

/** A partition whose handler resolves by hand: `eachBatchAutoResolve: false`. */
function partition() {
  const progress = new PartitionProgress('orders', 'orders', 0);
  const words = new BatchWords();
  progress.words = words;
  return {
    progress,
    /** @param last - where the batch ends; more than its last message where a transaction ends there. */
    gives(first: number, lastMessage: number, last = lastMessage): void {
      progress.delivers(String(first), String(last));
      progress.endCoversAll = false;
      words.begins(String(lastMessage), String(last));
    },
    /** @param resolved - the last record that it has resolved. */
    endsWell(resolved?: number): void {
      progress.resolved = resolved === undefined ? undefined : String(resolved);
      progress.outcome = undefined;
      words.settles();
    },
    fails(resolved?: number): void {
      progress.resolved = resolved === undefined ? undefined : String(resolved);
    },
  };
}

describe('a handler that says of each batch how far it came', () => {
  it('may have handled all of it while it runs, or where it fails', () => {
    const one = partition();
    one.gives(10, 19);
    expect(one.progress.triedBelow()).toBe(20n);
    one.fails(13);
    expect(one.progress.triedBelow()).toBe(20n);
  });

  it('has handled what it resolved, and no more, where it ended well', () => {
    const one = partition();
    one.gives(10, 19);
    one.endsWell(13);
    expect(one.progress.handled()).toBe(14n);
    expect(one.progress.triedBelow()).toBe(14n);
    one.gives(14, 25);
    one.endsWell();
    expect(one.progress.triedBelow()).toBe(14n);
  });

  it('may have handled what an earlier call was given that failed, until the position is there', () => {
    const one = partition();
    one.gives(10, 19);
    one.fails(13);
    one.gives(14, 16);
    one.endsWell(15);
    expect(one.progress.triedBelow()).toBe(20n);
    one.gives(16, 30);
    one.endsWell(24);
    expect(one.progress.triedBelow()).toBe(25n);
  });

  it('may have handled what it was given before a seek', () => {
    const one = partition();
    one.gives(10, 19);
    one.endsWell(19);
    one.progress.seek(12n);
    expect(one.progress.triedBelow()).toBe(20n);
    one.gives(12, 14);
    one.endsWell(14);
    expect(one.progress.triedBelow()).toBe(20n);
  });

  it('has handled the batch to its end where it resolved the last record: what follows nobody is given', () => {
    const one = partition();
    one.gives(10, 19, 20);
    one.endsWell(18);
    expect(one.progress.handled()).toBe(19n);
    one.gives(19, 19, 20);
    one.endsWell(19);
    expect(one.progress.handled()).toBe(21n);
    expect(one.progress.triedBelow()).toBe(21n);
  });
});
