import { getEventListeners } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  abortable,
  answerByDeadline,
  retry,
  sleep,
  untilAborted,
  untilDeadline,
  withinDeadline,
} from '../src/wait.js';
import { manualWorld, settle } from './support/manual-world.js';

const noListeners = (signal: AbortSignal): boolean =>
  getEventListeners(signal, 'abort').length === 0;

/** How a promise stands: vitest has nothing for "still pending". */
async function stateOf(promise: Promise<unknown>): Promise<unknown> {
  let state: unknown = 'pending';
  promise.then(
    (value: unknown) => {
      state = { value };
    },
    (error: unknown) => {
      state = { error };
    },
  );
  await settle();
  return state;
}

describe('a sleep', () => {
  it('ends at its time and not before, and lets go of the signal', async () => {
    const world = manualWorld();
    const { signal } = new AbortController();
    const sleeping = sleep(world, 100, { signal });
    await world.advance(99);
    expect(await stateOf(sleeping)).toBe('pending');
    await world.advance(1);
    await sleeping;
    expect(noListeners(signal)).toBe(true);
  });

  it('ends at once with the reason of an abort, and leaves no timer', async () => {
    const world = manualWorld();
    const end = new AbortController();
    const sleeping = sleep(world, 100, { signal: end.signal });
    const reason = new Error('enough');
    end.abort(reason);
    expect(await stateOf(sleeping)).toEqual({ error: reason });
    expect(world.timerCount).toBe(0);
  });

  it('does not begin where the abort was before', async () => {
    const world = manualWorld();
    const reason = new Error('too late');
    const sleeping = sleep(world, 100, { signal: AbortSignal.abort(reason) });
    expect(await stateOf(sleeping)).toEqual({ error: reason });
    expect(world.timerCount).toBe(0);
  });
});

describe('an end that many wait for', () => {
  it('has room for them: Node takes more than ten for a leak, and warns', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    onTestFinished(() => void process.off('warning', onWarning));
    const { signal } = abortable();
    for (let count = 0; count < 20; count += 1) signal.addEventListener('abort', () => {});
    // Node warns in the next tick.
    await settle();
    expect(warnings).toEqual([]);
  });
});

describe('waiting until an abort', () => {
  it.each([
    ['value', () => Promise.resolve(7), { value: 7 }],
    ['error', () => Promise.reject(new Error('broken')), { error: new Error('broken') }],
  ])('gives the %s of the work, and lets go of the signal', async (_what, work, expected) => {
    const { signal } = new AbortController();
    expect(await stateOf(untilAborted<unknown>(signal, work()))).toEqual(expected);
    expect(noListeners(signal)).toBe(true);
  });

  it('ends at once with the reason, whatever becomes of the work', async () => {
    const end = new AbortController();
    const reason = new Error('fenced');
    let fail = (_error: Error): void => {};
    const work = new Promise<never>((_resolve, reject) => {
      fail = reject;
    });
    const waiting = untilAborted(end.signal, work);
    end.abort(reason);
    expect(await stateOf(waiting)).toEqual({ error: reason });
    // An unhandled rejection would fail the run.
    fail(new Error('kafkajs gave up later'));
    await settle();
    expect(noListeners(end.signal)).toBe(true);
  });

  it('does not wait where the abort was before, and ignores the rejection of the work', async () => {
    const reason = new Error('fenced');
    const work = Promise.reject(new Error('later'));
    const waiting = untilAborted(AbortSignal.abort(reason), work);
    expect(await stateOf(waiting)).toEqual({ error: reason });
  });
});

describe('waiting until a deadline', () => {
  it('gives what the work gives in time, and leaves no timer', async () => {
    const world = manualWorld();
    const waiting = untilDeadline(
      world,
      100,
      sleep(world, 99).then(() => 'done'),
    );
    await world.advance(99);
    expect(await stateOf(waiting)).toEqual({ value: { kind: 'settled', value: 'done' } });
    expect(world.timerCount).toBe(0);
  });

  it('rejects where the work rejects in time, and leaves no timer', async () => {
    const world = manualWorld();
    const error = new Error('broken');
    expect(await stateOf(untilDeadline(world, 100, Promise.reject(error)))).toEqual({ error });
    expect(world.timerCount).toBe(0);
  });

  it('is overrun at the deadline, and ignores how the work ends', async () => {
    const world = manualWorld();
    const late = sleep(world, 101).then(() => Promise.reject(new Error('too late')));
    const waiting = untilDeadline(world, 100, late);
    await world.advance(99);
    expect(await stateOf(waiting)).toBe('pending');
    await world.advance(1);
    expect(await stateOf(waiting)).toEqual({ value: { kind: 'overrun' } });
    await world.advance(1);
  });

  it('is overrun at once where the deadline has passed', async () => {
    const world = manualWorld();
    await world.advance(50);
    const waiting = untilDeadline(world, 10, new Promise(() => {}));
    await world.advance(0);
    expect(await stateOf(waiting)).toEqual({ value: { kind: 'overrun' } });
  });
});

/** Goes on until it is called off, and answers late then: with the reason. */
async function lateAnswer(
  world: ReturnType<typeof manualWorld>,
  signal: AbortSignal,
): Promise<string> {
  await sleep(world, 1_000, { signal }).catch(() => {});
  await sleep(world, 10);
  return String(signal.reason);
}

describe('work that is called off at a deadline', () => {
  it('is left alone then, and is told', async () => {
    const world = manualWorld();
    const answers: string[] = [];
    const { signal } = new AbortController();
    const waiting = withinDeadline(
      world,
      100,
      async (limit) => void answers.push(await lateAnswer(world, limit)),
      { signal },
    );
    await world.advance(100);
    expect(await stateOf(waiting)).toEqual({ value: { kind: 'overrun' } });
    expect(noListeners(signal)).toBe(true);
    await world.advance(10);
    expect(answers).toEqual(['Error: it took too long']);
  });

  it('is waited for where it answers then', async () => {
    const world = manualWorld();
    const { signal } = new AbortController();
    const work = (limit: AbortSignal) => lateAnswer(world, limit);
    const waiting = answerByDeadline(world, 100, work, { signal });
    await world.advance(109);
    expect(await stateOf(waiting)).toBe('pending');
    await world.advance(1);
    expect(await stateOf(waiting)).toEqual({ value: 'Error: it took too long' });
    expect(world.timerCount).toBe(0);
    expect(noListeners(signal)).toBe(true);
  });

  it.each(['during the work', 'before it'])(
    'ends early where the caller calls it off %s, with the reason',
    async (when) => {
      const world = manualWorld();
      const end = new AbortController();
      const reason = new Error('fenced');
      if (when === 'before it') end.abort(reason);
      const work = (limit: AbortSignal) => lateAnswer(world, limit);
      const answer = answerByDeadline(world, 100, work, { signal: end.signal });
      const bounded = withinDeadline(world, 100, work, { signal: end.signal });
      bounded.catch(() => {});
      end.abort(reason);
      expect(await stateOf(bounded)).toEqual({ error: reason });
      await world.advance(10);
      expect(await stateOf(answer)).toEqual({ value: 'Error: fenced' });
      expect(world.timerCount).toBe(0);
      expect(noListeners(end.signal)).toBe(true);
    },
  );

  it('gives its answer, or its error, where that is there in time', async () => {
    const world = manualWorld();
    const error = new Error('broken');
    expect(await answerByDeadline(world, 100, () => Promise.resolve(7))).toBe(7);
    const broken = answerByDeadline(world, 100, () => Promise.reject(error));
    expect(await stateOf(broken)).toEqual({ error });
    expect(world.timerCount).toBe(0);
  });
});

describe('a retry', () => {
  const policy = { firstDelayMs: 100, maxDelayMs: 300, retries: 4 };

  /** Fails always, and notes when it was tried. The world's random numbers are all 0.5: pauses are half of their limits. */
  function failing(world: ReturnType<typeof manualWorld>) {
    const triedAtMs: number[] = [];
    const attempt = (attemptCount: number): Promise<never> => {
      triedAtMs.push(world.nowMs());
      return Promise.reject(new Error(`attempt ${attemptCount}`));
    };
    return { triedAtMs, attempt };
  }

  it('pauses twice as long each time up to the longest pause, and ends with the last error', async () => {
    const world = manualWorld();
    const { triedAtMs, attempt } = failing(world);
    const counts: number[] = [];
    const retrying = retry(
      world,
      { ...policy, onFailedAttempt: (_error, attemptCount) => counts.push(attemptCount) },
      attempt,
    );
    const ended = stateOf(retrying);
    await world.advance(10_000);
    await ended;
    expect(triedAtMs).toEqual([0, 50, 150, 300, 450]);
    expect(counts).toEqual([1, 2, 3, 4, 5]);
    expect(await stateOf(retrying)).toEqual({ error: new Error('attempt 5') });
    expect(world.timerCount).toBe(0);
  });

  it('gives the value of the first attempt that succeeds', async () => {
    const world = manualWorld();
    const retrying = retry(world, policy, (attemptCount) =>
      attemptCount < 3 ? Promise.reject(new Error('not yet')) : Promise.resolve(attemptCount),
    );
    await world.advance(150);
    expect(await stateOf(retrying)).toEqual({ value: 3 });
  });

  it.each([new TypeError('undefined has no map'), 'no Error at all', undefined])(
    'takes %s for a failure like others, and gives it back as it is in the end',
    async (thrown) => {
      const world = manualWorld();
      let attemptCount = 0;
      const policy = { firstDelayMs: 10, maxDelayMs: 10, retries: 1 };
      const outcome = retry(world, policy, () => {
        attemptCount += 1;
        return Promise.reject(thrown);
      }).catch((error: unknown) => ({ error }));
      await world.advance(10);
      expect(await outcome).toEqual({ error: thrown });
      expect(attemptCount).toBe(2);
    },
  );

  it('ends with an error that is not to be retried, without a pause', async () => {
    const world = manualWorld();
    const { triedAtMs, attempt } = failing(world);
    const retrying = retry(
      world,
      { ...policy, shouldRetry: ({ message }) => message !== 'attempt 2' },
      attempt,
    );
    const ended = stateOf(retrying);
    await world.advance(50);
    await ended;
    expect(await stateOf(retrying)).toEqual({ error: new Error('attempt 2') });
    expect(triedAtMs).toEqual([0, 50]);
    expect(world.timerCount).toBe(0);
  });

  it('ends with the reason of an abort in the middle of a pause, and leaves no timer', async () => {
    const world = manualWorld();
    const end = new AbortController();
    const { triedAtMs, attempt } = failing(world);
    const retrying = retry(world, { ...policy, retries: Infinity, signal: end.signal }, attempt);
    const ended = stateOf(retrying);
    await world.advance(60);
    await ended;
    const reason = new Error('closed');
    end.abort(reason);
    expect(await stateOf(retrying)).toEqual({ error: reason });
    expect(world.timerCount).toBe(0);
    await world.advance(10_000);
    expect(triedAtMs).toEqual([0, 50]);
    expect(noListeners(end.signal)).toBe(true);
  });
});
