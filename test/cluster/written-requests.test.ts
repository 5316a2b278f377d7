import { describe, expect, it } from 'vitest';
import { WrittenRequests } from '../../src/cluster/written-requests.js';

describe('what was written', () => {
  it('knows a request by its broker and its correlation id, once', () => {
    const account = new WrittenRequests();
    const [first, second] = [{ written: false }, { written: false }];
    account.expect('a:1', 7, first);
    account.expect('b:1', 7, second);
    account.wrote('a:1', 8);
    expect([first.written, second.written]).toEqual([false, false]);
    account.wrote('b:1', 7);
    expect([first.written, second.written, account.count]).toEqual([false, true, 2]);
  });

  it('forgets one that can come no more', () => {
    const requests = new WrittenRequests();
    const request = { written: false };
    requests.expect('a:1', 0, request)();
    requests.wrote('a:1', 0);
    expect(request.written).toBe(false);
  });

  it('takes the older of two under one id for written, and does not forget the newer one with it', () => {
    const requests = new WrittenRequests();
    const [first, second] = [{ written: false }, { written: false }];
    const forget = requests.expect('a:1', 0, first);
    requests.expect('a:1', 0, second);
    expect([first.written, second.written]).toEqual([true, false]);
    forget();
    requests.wrote('a:1', 0);
    expect(second.written).toBe(true);
  });
});
