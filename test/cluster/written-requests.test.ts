import { describe, expect, it } from 'vitest';
import { WrittenRequests } from '../../src/cluster/written-requests.js';

const FRAME = Buffer.from('frame');

const request = (correlationId: number) => ({
  correlationId,
  written: false,
  frame: undefined as Buffer | undefined,
  wrote(frame: Buffer | undefined): void {
    this.written = true;
    this.frame = frame;
  },
});

describe('what was written', () => {
  it('is known by its broker and its correlation id, once', () => {
    const requests = new WrittenRequests();
    const [first, second] = [request(7), request(7)];
    requests.to('a:1').expect(first);
    requests.to('b:1').expect(second);
    requests.socketTo('a:1')(8, FRAME);
    expect([first.written, second.written]).toEqual([false, false]);
    requests.socketTo('b:1')(7, FRAME);
    expect([first.written, second.written, requests.count]).toEqual([false, true, 2]);
    expect(second.frame).toBe(FRAME);
  });

  it('is not known of one that can come no more', () => {
    const requests = new WrittenRequests();
    const one = request(0);
    requests.to('a:1').expect(one);
    requests.to('a:1').forget(one);
    requests.socketTo('a:1')(0, FRAME);
    expect(one.written).toBe(false);
  });

  it.each([0, 1024, 4 * 1024])(
    'takes the older of two that cannot be told apart for written, and does not forget the newer one with it (id %i)',
    (correlationId) => {
      const requests = new WrittenRequests();
      const [first, second] = [request(0), request(correlationId)];
      const expected = requests.to('a:1');
      expected.expect(first);
      expected.expect(second);
      expect([first.written, second.written]).toEqual([true, false]);
      expect(first.frame).toBe(undefined);
      expected.forget(first);
      requests.socketTo('a:1')(correlationId, FRAME);
      expect(second.written).toBe(true);
    },
  );

  it('keeps nothing of what was written', () => {
    const requests = new WrittenRequests();
    const one = request(3);
    requests.to('a:1').expect(one);
    requests.socketTo('a:1')(3, FRAME);
    one.written = false;
    requests.socketTo('a:1')(3, FRAME);
    expect(one.written).toBe(false);
  });
});
