import { describe, expect, it } from 'vitest';
import { createMemoryWorld } from '../../src/testing/index.js';
import { rejectionOf } from '../support/failures.js';

const url = 'http://agent:8500/v1/kv/x';
const answer = { status: 200, headers: { 'x-consul-index': '1' }, body: 'hello' };

describe('the HTTP requests of a memory world', () => {
  it('meet nobody unless there is a server', async () => {
    const { world } = createMemoryWorld();
    const error = await rejectionOf(world.request({ url, timeoutMs: 1_000 }));
    expect(error).toMatchObject({
      code: 'ECONNREFUSED',
      message: 'connect ECONNREFUSED agent:8500',
    });
  });

  it('reach the function that stands for it', async () => {
    const urls: string[] = [];
    const { world } = createMemoryWorld({
      http: async (request) => {
        urls.push(request.url);
        return answer;
      },
    });
    expect(await world.request({ url, timeoutMs: 1_000 })).toEqual(answer);
    expect(urls).toEqual([url]);
  });

  it('end at their limit on the simulated clock, and the function hears of it', async () => {
    const reasons: unknown[] = [];
    const { world, clock, run } = createMemoryWorld({
      http: ({ signal }) => {
        signal?.addEventListener('abort', () => reasons.push(signal.reason));
        return new Promise(() => {});
      },
    });
    await run(async () => {
      const error = await rejectionOf(world.request({ url, timeoutMs: 60_000 }));
      expect(error).toMatchObject({ code: 'ERR_HTTP_TIMEOUT' });
      expect(clock.nowMs()).toBe(60_000);
      expect(reasons).toHaveLength(1);
    });
  });

  it("end with their signal's reason, and the function hears of it", async () => {
    let isGone = false;
    const { world, run } = createMemoryWorld({
      http: ({ signal }) => {
        signal?.addEventListener('abort', () => {
          isGone = true;
        });
        return new Promise(() => {});
      },
    });
    const told = new AbortController();
    await run(async () => {
      const waiting = world.request({ url, timeoutMs: 60_000, signal: told.signal });
      told.abort(new Error('enough'));
      await expect(waiting).rejects.toThrow('enough');
    });
    expect(isGone).toBe(true);
    await expect(world.request({ url, timeoutMs: 60_000, signal: told.signal })).rejects.toThrow(
      'enough',
    );
  });

  it('take no longer answer than they may', async () => {
    const { world } = createMemoryWorld({ http: async () => ({ ...answer, body: 'grün' }) });
    const error = await rejectionOf(world.request({ url, timeoutMs: 1_000, maxBytes: 4 }));
    expect(error).toMatchObject({ code: 'ERR_HTTP_TOO_LARGE' });
    expect(await world.request({ url, timeoutMs: 1_000, maxBytes: 5 })).toMatchObject({
      body: 'grün',
    });
  });
});
