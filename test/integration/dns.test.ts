import { describe, expect, it, onTestFinished } from 'vitest';
import { realDnsResolver } from '../../src/real-dns.js';
import { dnsSignal } from '../../src/signals/dns.js';
import { Dnsmasq, type DnsmasqOptions } from '../../stack/dnsmasq.js';
import { type DnsHarness, dnsContract } from '../signals/dns-contract.js';
import { realStage, value, watch } from '../signals/stage.js';
import { tinyDns } from '../signals/tiny-dns.js';

async function started(options: DnsmasqOptions = {}): Promise<Dnsmasq> {
  const dnsmasq = await Dnsmasq.start(options);
  onTestFinished(() => dnsmasq.stop());
  return dnsmasq;
}

async function realDns(): Promise<DnsHarness> {
  const dnsmasq = await started();
  return {
    ...realStage(),
    servers: [dnsmasq.address],
    put: (zone) => dnsmasq.put(zone),
    spoil: () => dnsmasq.server.pause(),
  };
}

dnsContract('dnsmasq', realDns);

describe('a DNS signal on dnsmasq', () => {
  const name = 'active.kafka.test';

  it('asks the next server while the first one hangs', async () => {
    const [first, second] = [await started(), await started()];
    const records = [{ name, type: 'TXT', text: 'B' }] as const;
    await first.put(records);
    await second.put(records);
    await first.server.pause();
    const servers = [first.address, second.address];
    const signal = dnsSignal({ name, type: 'TXT', servers, pollMs: 100, timeoutMs: 200 });
    const heard = watch(realStage(), signal);
    await heard.hears(value('B'));
    expect(heard.readings).toEqual([value('B')]);
  });

  it('fails where it is dead, and recovers with it', async () => {
    const dnsmasq = await started();
    await dnsmasq.put([{ name, type: 'TXT', text: 'B' }]);
    const servers = [dnsmasq.address];
    const signal = dnsSignal({ name, type: 'TXT', servers, pollMs: 100, timeoutMs: 500 });
    const heard = watch(realStage(), signal);
    await heard.hears(value('B'));
    await dnsmasq.server.kill();
    await heard.failure();
    await dnsmasq.server.start();
    await heard.hears(value('B'));
  });

  it.each([
    ['SERVFAIL', 'the name server failed (SERVFAIL)'],
    ['REFUSED', 'the name server refused to answer (REFUSED)'],
  ] as const)('says that the server behind it answered %s', async (manner, words) => {
    const upstream = await tinyDns();
    onTestFinished(() => upstream.close());
    upstream.manner = manner;
    const dnsmasq = await started({ upstream: upstream.address.replace(':', '#') });
    const servers = [dnsmasq.address];
    const signal = dnsSignal({ name: 'active.example.com', type: 'TXT', servers, pollMs: 100 });
    expect(await watch(realStage(), signal).failure()).toBe(words);
  });

  it('tells the TTL of addresses', async () => {
    const dnsmasq = await started({ ttlSeconds: 17 });
    await dnsmasq.put([{ name, type: 'A', text: '10.0.0.1' }]);
    const resolver = realDnsResolver({ servers: [dnsmasq.address], timeoutMs: 5_000 });
    expect(await resolver.resolve(name, 'A')).toEqual({ records: ['10.0.0.1'], ttlSeconds: 17 });
  });
});
