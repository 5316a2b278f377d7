import { describe, expect, it } from 'vitest';
import { FailoverEmitter } from '../src/emitter.js';
import type { FailoverEvents } from '../src/events.js';

/** An emitter whose stamps count up, and what came of `producer.held`. */
function harness() {
  let stampCount = 0;
  const emitter = new FailoverEmitter(() => {
    stampCount += 1;
    return { atMs: stampCount * 10, switchEpoch: stampCount };
  });
  return { emitter, stampCount: () => stampCount };
}

const held = { producer: 'producer-1', cluster: 'B' };

describe('an event', () => {
  it('carries when and in which epoch it happened beside its facts', () => {
    const { emitter } = harness();
    const seen: FailoverEvents['producer.held'][] = [];
    emitter.on('producer.held', (event) => seen.push(event));
    emitter.emit('producer.held', held);
    emitter.emit('producer.held', { producer: 'producer-2', cluster: 'B' });
    expect(seen).toEqual([
      { atMs: 10, switchEpoch: 1, ...held },
      { atMs: 20, switchEpoch: 2, producer: 'producer-2', cluster: 'B' },
    ]);
  });

  it('costs nothing where nobody listens', () => {
    const { emitter, stampCount } = harness();
    emitter.on('producer.hold-full', () => {});
    emitter.emit('producer.held', held);
    expect(stampCount()).toBe(0);
  });

  it('comes no more to who has left, and goes on coming to the others', () => {
    const { emitter } = harness();
    const seen: string[] = [];
    const leave = emitter.on('producer.held', () => seen.push('first'));
    emitter.on('producer.held', () => seen.push('second'));
    leave();
    leave();
    emitter.emit('producer.held', held);
    expect(seen).toEqual(['second']);
  });

  it('comes twice to a listener that was added twice, until each is taken back', () => {
    const { emitter } = harness();
    let count = 0;
    const listener = (): void => {
      count += 1;
    };
    const leave = emitter.on('producer.held', listener);
    emitter.on('producer.held', listener);
    emitter.emit('producer.held', held);
    leave();
    emitter.emit('producer.held', held);
    expect(count).toBe(3);
  });

  it('comes to nobody after the end', () => {
    const { emitter } = harness();
    const seen: string[] = [];
    emitter.on('producer.held', ({ producer }) => seen.push(producer));
    emitter.removeAll();
    emitter.emit('producer.held', held);
    expect(seen).toEqual([]);
  });
});

describe('a subscription', () => {
  type Loose = (...args: unknown[]) => unknown;
  const listener = (): void => {};

  it.each([
    [
      ['swich.started', listener],
      'on: "swich.started" is not an event. Did you mean "switch.started"?',
    ],
    [['switch-completed', listener], 'Did you mean "switch.completed"?'],
    [['consumer.crash.somewhere', listener], 'The events: switch.started, '],
    [[undefined, listener], 'on: "undefined" is not an event'],
    [['switch.started'], 'on: the listener of "switch.started" must be a function, got undefined'],
  ])('to what does not exist is refused: %j', (args, words) => {
    const { emitter } = harness();
    const on = emitter.on.bind(emitter) as unknown as Loose;
    expect(() => on(...args)).toThrow(
      expect.objectContaining({
        code: 'ERR_FAILOVER_OPTIONS',
        option: 'on',
        message: expect.stringContaining(words),
      }),
    );
  });
});

describe('a listener that throws', () => {
  it('keeps neither the others nor the emitting code from going on, and is reported with its error', () => {
    const { emitter } = harness();
    const error = new TypeError('a mistake');
    const seen: string[] = [];
    const failures: FailoverEvents['listener.failed'][] = [];
    emitter.on('listener.failed', (event) => failures.push(event));
    emitter.on('producer.held', () => {
      throw error;
    });
    emitter.on('producer.held', () => seen.push('second'));
    emitter.emit('producer.held', held);
    expect(seen).toEqual(['second']);
    expect(failures).toMatchObject([{ event: 'producer.held', error }]);
  });

  it('is reported with an Error, whatever it threw', () => {
    const { emitter } = harness();
    const failures: Error[] = [];
    emitter.on('listener.failed', (event) => failures.push(event.error));
    emitter.on('producer.held', () => {
      // A service may do so.
      throw 'a word';
    });
    emitter.emit('producer.held', held);
    expect(failures).toEqual([new Error('a word')]);
  });

  it('is not reported to itself: that would never end', () => {
    const { emitter } = harness();
    let callCount = 0;
    emitter.on('listener.failed', () => {
      callCount += 1;
      throw new Error('again');
    });
    emitter.on('producer.held', () => {
      throw new Error('first');
    });
    emitter.emit('producer.held', held);
    expect(callCount).toBe(1);
  });
});
