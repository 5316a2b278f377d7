import { describe, expect, it } from 'vitest';
import { createMemoryWorld } from '../../src/testing/index.js';

describe('a memory world without servers', () => {
  it('can reach none of them', async () => {
    const { world } = createMemoryWorld();
    await expect(world.request({ url: 'http://x/', timeoutMs: 100 })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
    const resolver = world.dnsResolver({ timeoutMs: 100 });
    await expect(resolver.resolve('x.test', 'TXT')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});

describe('a memory world', () => {
  it('answers requests and questions by what the test says', async () => {
    const { world } = createMemoryWorld({
      http: async ({ url }) => ({ status: 200, headers: {}, body: `this is ${url}` }),
      dns: async (name, type) => ({ records: [`${type} of ${name}`], ttlSeconds: 5 }),
    });
    const { body } = await world.request({ url: 'http://x/', timeoutMs: 100 });
    expect(body).toBe('this is http://x/');
    const answer = await world.dnsResolver({ timeoutMs: 100 }).resolve('x.test', 'A');
    expect(answer).toEqual({ records: ['A of x.test'], ttlSeconds: 5 });
  });

  it('ends a request that is not answered at its limit, on its own clock', async () => {
    const { world, clock, run } = createMemoryWorld({ http: () => new Promise(() => {}) });
    await run(async () => {
      const request = world.request({ url: 'http://x/', timeoutMs: 3_000 });
      await expect(request).rejects.toThrow('no answer within 3000 ms');
      expect(clock.nowMs()).toBe(3_000);
    });
  });

  it('ends a request at its abort, also where that was before', async () => {
    let askedCount = 0;
    const { world } = createMemoryWorld({
      http: () => {
        askedCount += 1;
        return new Promise(() => {});
      },
    });
    const end = new AbortController();
    const ask = (): Promise<unknown> =>
      world.request({ url: 'http://x/', timeoutMs: 3_000, signal: end.signal });
    const asked = expect(ask()).rejects.toThrow('enough');
    end.abort(new Error('enough'));
    await asked;
    await expect(ask()).rejects.toThrow('enough');
    expect(askedCount).toBe(1);
  });

  it('ends a question that is cancelled', async () => {
    const { world } = createMemoryWorld({ dns: () => new Promise(() => {}) });
    const resolver = world.dnsResolver({ timeoutMs: 3_000 });
    const asked = expect(resolver.resolve('x.test', 'A')).rejects.toMatchObject({
      code: 'ECANCELLED',
    });
    resolver.cancel();
    await asked;
  });

  it('bounds what is read of a file', async () => {
    const files = new Map([['/flag', 'ü'.repeat(50)]]);
    const { world } = createMemoryWorld({ files });
    expect(await world.readText('/flag', { maxBytes: 100 })).toHaveLength(50);
    await expect(world.readText('/flag', { maxBytes: 99 })).rejects.toThrow('more than 99 bytes');
    expect(await world.readText('/other', { maxBytes: 1 })).toBeUndefined();
  });
});

describe('files of bytes in a memory world', () => {
  it('are those of its map', async () => {
    const byteFiles = new Map<string, Uint8Array>([['/d/old', Uint8Array.of(1)]]);
    const { world } = createMemoryWorld({ byteFiles });
    const file = await world.appendTo('/d/old');
    await file.write(Uint8Array.of(2, 3));
    await file.sync();
    await file.close();
    await (await world.appendTo('/d/new/one')).close();
    expect([...(byteFiles.get('/d/old') ?? [])]).toEqual([1, 2, 3]);
    expect(await world.readBytes('/d/old')).toEqual(byteFiles.get('/d/old'));
    expect(await world.readBytes('/d/no')).toBeUndefined();
    expect(await world.listFiles('/d')).toEqual(['old']);
    expect(await world.listFiles('/d/new')).toEqual(['one']);
    await world.removeFile('/d/old');
    expect([...byteFiles.keys()]).toEqual(['/d/new/one']);
  });

  it('cannot be written where there are none', async () => {
    const { world } = createMemoryWorld();
    await expect(world.appendTo('/d/file')).rejects.toThrow('there are no files in this world');
    await expect(world.listFiles('/d')).rejects.toThrow('there are no files in this world (/d)');
  });
});
