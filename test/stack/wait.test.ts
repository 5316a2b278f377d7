import { describe, expect, it } from 'vitest';
import { WaitTimeoutError, waitFor } from '../../stack/wait.js';

describe('waitFor', () => {
  it('returns the value that passed', async () => {
    let count = 0;
    const value = await waitFor('the third read', () => (count += 1), {
      until: (each) => each === 3,
      everyMs: 1,
    });
    expect(value).toBe(3);
  });

  it('fails with the description and the value that it saw last', async () => {
    const waiting = waitFor('4 records', () => ({ records: 3 }), {
      until: ({ records }) => records === 4,
      timeoutMs: 20,
      everyMs: 1,
    });
    await expect(waiting).rejects.toThrow(
      'waited 20 ms in vain for: 4 records. Last seen: { records: 3 }',
    );
    await expect(waiting).rejects.toBeInstanceOf(WaitTimeoutError);
  });

  it('takes an error for "not yet", and shows it when it was the last', async () => {
    const refusing = (): never => {
      throw new Error('refused');
    };
    await expect(waitFor('an answer', refusing, { timeoutMs: 20, everyMs: 1 })).rejects.toThrow(
      'Last seen: an error: refused',
    );
  });

  it('is not held up by a read that never ends', async () => {
    const hanging = waitFor('an answer', () => new Promise(() => {}), { timeoutMs: 20 });
    await expect(hanging).rejects.toThrow('nothing was read; the last read did not end');
  });

  it.each([
    ['between two reads', () => false, 60_000],
    ['during a read', () => new Promise<boolean>(() => {}), 1],
  ])('rejects with the reason of its signal at once, %s', async (_when, read, everyMs) => {
    const told = new AbortController();
    const reason = new Error('enough');
    const waiting = waitFor('nothing', read, { everyMs, signal: told.signal });
    queueMicrotask(() => told.abort(reason));
    await expect(waiting).rejects.toBe(reason);
  });
});
