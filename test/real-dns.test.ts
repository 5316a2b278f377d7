import { describe, expect, it, onTestFinished } from 'vitest';
import { realDnsResolver } from '../src/real-dns.js';
import type { DnsRecordType } from '../src/world.js';
import { type TinyDns, tinyDns } from './signals/tiny-dns.js';

async function started(): Promise<TinyDns> {
  const server = await tinyDns();
  onTestFinished(() => server.close());
  return server;
}

const name = 'active.kafka.test';
const resolverOf = (...servers: TinyDns[]) =>
  realDnsResolver({ servers: servers.map(({ address }) => address), timeoutMs: 300 });

describe('a real resolver', () => {
  it.each([
    ['TXT', 'kafka=A', undefined],
    ['TXT', 'x'.repeat(600), undefined],
    ['CNAME', 'kafka-a.kafka.test', undefined],
    ['SRV', 'a1.kafka.test:9092', undefined],
    ['A', '10.0.0.1', 7],
    ['AAAA', '2001:db8::a', 7],
  ] as const)('reads a record of type %s: %s', async (type, text, ttlSeconds) => {
    const server = await started();
    server.zone = [{ name, type, text }];
    server.ttlSeconds = 7;
    const answer = await resolverOf(server).resolve(name, type);
    expect(answer).toEqual({ records: [text], ttlSeconds });
  });

  it('keeps nothing: each question reaches the server', async () => {
    const server = await started();
    server.zone = [{ name, type: 'A', text: '10.0.0.1' }];
    server.ttlSeconds = 3_600;
    const resolver = resolverOf(server);
    await resolver.resolve(name, 'A');
    server.zone = [{ name, type: 'A', text: '10.0.0.2' }];
    expect((await resolver.resolve(name, 'A')).records).toEqual(['10.0.0.2']);
    expect(server.questionCount).toBe(2);
  });

  it('asks the next server where one does not answer', async () => {
    const [silent, healthy] = [await started(), await started()];
    silent.manner = 'silent';
    healthy.zone = [{ name, type: 'TXT', text: 'B' }];
    const { records } = await resolverOf(silent, healthy).resolve(name, 'TXT');
    expect(records).toEqual(['B']);
    expect(silent.questionCount).toBe(1);
  });

  it.each([
    ['no such name', 'answers', 'ENOTFOUND'],
    ['a server that fails', 'SERVFAIL', 'ESERVFAIL'],
    ['a server that refuses', 'REFUSED', 'EREFUSED'],
    ['a server that is silent', 'silent', 'ETIMEOUT'],
  ] as const)('rejects with the code of Node: %s', async (_what, manner, code) => {
    const server = await started();
    server.manner = manner;
    await expect(resolverOf(server).resolve(name, 'TXT')).rejects.toMatchObject({ code });
  });

  it('rejects with the code of Node: no such record', async () => {
    const server = await started();
    server.zone = [{ name, type: 'A', text: '10.0.0.1' }];
    const types: readonly DnsRecordType[] = ['TXT', 'CNAME', 'SRV', 'AAAA'];
    for (const type of types) {
      const asked = resolverOf(server).resolve(name, type);
      await expect(asked).rejects.toMatchObject({ code: 'ENODATA' });
    }
  });

  it('ends what is under way when it is cancelled', async () => {
    const server = await started();
    server.manner = 'silent';
    const resolver = realDnsResolver({ servers: [server.address], timeoutMs: 60_000 });
    const asked = expect(resolver.resolve(name, 'TXT')).rejects.toMatchObject({
      code: 'ECANCELLED',
    });
    resolver.cancel();
    await asked;
  });

  it('asks the servers of the system where none is named', () => {
    expect(() => realDnsResolver({ timeoutMs: 300 }).cancel()).not.toThrow();
  });
});
