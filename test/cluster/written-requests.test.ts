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

  it('takes the older of two with one id for written, and does not forget the newer one with it', () => {
    const requests = new WrittenRequests();
    const [first, second] = [request(0), request(0)];
    const expected = requests.to('a:1');
    expected.expect(first);
    expected.expect(second);
    expect([first.written, second.written]).toEqual([true, false]);
    expect(first.frame).toBe(undefined);
    expected.forget(first);
    requests.socketTo('a:1')(0, FRAME);
    expect(second.written).toBe(true);
  });

  it('is known of each one, however many are on their way, in whatever order they are written', () => {
    const requests = new WrittenRequests();
    const expected = requests.to('a:1');
    const all = Array.from({ length: 5_000 }, (_, id) => request(id));
    for (const one of all) expected.expect(one);
    for (const one of all.slice(0, 100)) expected.forget(one);
    for (const { correlationId } of all.toReversed()) {
      requests.socketTo('a:1')(correlationId, Buffer.from(String(correlationId)));
    }
    expect(all.slice(0, 100).filter(({ written }) => written)).toEqual([]);
    const others = all.slice(100);
    expect(others.map(({ frame }) => String(frame))).toEqual(
      others.map(({ correlationId }) => String(correlationId)),
    );
  });

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
