import { describe, expect, it, onTestFinished } from 'vitest';
import { dnsSignal } from '../../src/signals/dns.js';
import type { DnsAnswer } from '../../src/world.js';
import { controlled } from '../support/controlled.js';
import { type DnsHarness, dnsContract } from './dns-contract.js';
import { absent, manualStage, realStage, value, watch } from './stage.js';
import { tinyDns } from './tiny-dns.js';
import { type Zone, lookUp } from './zone.js';

function withCode(code: string): Error {
  return Object.assign(new Error(`queryTxt ${code} x`), { code });
}

async function memoryDns(): Promise<DnsHarness> {
  const stage = manualStage();
  let zone: Zone | undefined = [];
  stage.world.dns = async (name, type) => {
    if (zone === undefined) throw withCode('ESERVFAIL');
    const records = lookUp(zone, name, type);
    if (records === 'NXDOMAIN') throw withCode('ENOTFOUND');
    if (records.length === 0) throw withCode('ENODATA');
    return { records, ttlSeconds: undefined };
  };
  return {
    ...stage,
    servers: undefined,
    async put(next) {
      zone = next;
    },
    async spoil() {
      zone = undefined;
    },
  };
}

async function realDns(): Promise<DnsHarness> {
  const server = await tinyDns();
  onTestFinished(() => server.close());
  return {
    ...realStage(),
    servers: [server.address],
    async put(zone) {
      server.zone = zone;
      server.manner = 'answers';
    },
    async spoil() {
      server.manner = 'SERVFAIL';
    },
  };
}

dnsContract('a simulated name server', memoryDns);
dnsContract('a small real name server', realDns);

/** A signal in simulated time on answers that a test writes down; the last one repeats. */
function script(
  options: Omit<Parameters<typeof dnsSignal>[0], 'name'>,
  ...answers: (readonly string[] | Error)[]
) {
  const stage = manualStage();
  const askedAtMs: number[] = [];
  let ttlSeconds: number | undefined;
  stage.world.dns = async () => {
    const answer = answers[Math.min(askedAtMs.length, answers.length - 1)] ?? [];
    askedAtMs.push(stage.world.nowMs());
    if (answer instanceof Error) throw answer;
    return { records: answer, ttlSeconds };
  };
  const heard = watch(stage, dnsSignal({ name: 'active.example.com', ...options }));
  return {
    ...stage,
    askedAtMs,
    heard,
    ttl: (seconds: number) => {
      ttlSeconds = seconds;
    },
  };
}

const map = { '10.0.0.1': 'A', '10.0.1.1': 'B' };

describe('a DNS signal', () => {
  it('is named by what it asks', () => {
    const name = 'active.example.com';
    expect(dnsSignal({ name, type: 'A', map }).name).toBe('dns A active.example.com');
    expect(dnsSignal({ name, type: 'TXT', prefix: 'kafka=' }).name).toBe(
      'dns TXT active.example.com kafka=',
    );
  });

  it('does not fall for one answer that is different', async () => {
    const { world, heard } = script(
      { type: 'TXT' },
      ...[['A'], ['A'], ['B'], ['A'], ['B'], ['A'], ['A'], ['B'], ['B']],
    );
    await world.advance(60_000);
    expect(heard.readings).toEqual([value('A'), value('B')]);
  });

  it('begins to count anew after a failure', async () => {
    const { world, heard, askedAtMs } = script(
      { type: 'TXT', pollMs: 100 },
      ...[['A'], withCode('ETIMEOUT'), ['A'], withCode('ETIMEOUT'), ['A'], ['A']],
    );
    await world.advance(1_000);
    const kinds = heard.readings.map(({ kind }) => kind);
    expect(kinds).toEqual(['failed', 'failed', 'value']);
    expect(askedAtMs.length).toBeGreaterThan(6);
  });

  it('counts different addresses of one cluster as equal answers', async () => {
    const addresses = { '10.0.0.1': 'A', '10.0.0.2': 'A', '10.0.0.3': 'A' };
    const { world, heard } = script(
      { type: 'A', map: addresses, equalAnswers: 3 },
      ...[['10.0.0.1', '10.0.0.2'], ['10.0.0.2'], ['10.0.0.3', '10.0.0.1']],
    );
    await world.advance(60_000);
    expect(heard.readings).toEqual([value('A')]);
  });

  it.each([
    ['of 30 s', 30, 30_000],
    ['of 0 s, for a second', 0, 1_000],
    ['of a day, for a minute', 86_400, 60_000],
  ])('rests for the TTL %s', async (_what, seconds, restMs) => {
    const { world, askedAtMs, ttl } = script({ type: 'A', map }, ['10.0.0.1']);
    ttl(seconds);
    await world.advance(200_000);
    // The second question confirms the first answer.
    expect(askedAtMs[1]).toBe(Math.min(restMs, 1_000));
    expect((askedAtMs[2] ?? 0) - (askedAtMs[1] ?? 0)).toBe(restMs);
  });

  it('rests for 5 s where no TTL is known, and after a failure', async () => {
    const { world, askedAtMs } = script({ type: 'TXT' }, ['A'], ['A'], withCode('ESERVFAIL'), [
      'A',
    ]);
    await world.advance(20_000);
    expect(askedAtMs.slice(0, 4)).toEqual([0, 1_000, 6_000, 11_000]);
  });

  it.each([
    ['ENOTFOUND', 'the name does not exist (NXDOMAIN)'],
    ['ENODATA', 'the name has no TXT record'],
    ['ESERVFAIL', 'the name server failed (SERVFAIL)'],
    ['EREFUSED', 'the name server refused to answer (REFUSED)'],
    ['ETIMEOUT', 'no name server answered within 3000 ms'],
    ['ECONNREFUSED', 'no name server could be reached'],
    ['EBADRESP', 'queryTxt EBADRESP x'],
  ])('says in words what %s means', async (code, words) => {
    expect(await script({ type: 'TXT' }, withCode(code)).heard.failure()).toBe(words);
  });

  it.each([
    ['an empty answer', [], 'it has no A record'],
    ['what is no address', ['kafka'], '"kafka" stands not in the option map'],
  ])('fails after %s', async (_what, records, words) => {
    expect(await script({ type: 'A', map }, records).heard.failure()).toBe(words);
  });

  it('finds the alias of a text in the map, where there is one', async () => {
    const { heard } = script({ type: 'TXT', map: { primary: 'A' } }, ['primary']);
    await heard.hears(value('A'));
    const { heard: other } = script({ type: 'TXT', map: { primary: 'A' } }, ['tertiary']);
    expect(await other.failure()).toContain('"tertiary" stands not in the option map');
    const { heard: blank } = script({ type: 'TXT', map: { primary: 'A' } }, [' ']);
    await blank.hears(absent);
  });

  it('does not wait for a resolver that never answers', async () => {
    const stage = manualStage();
    stage.world.dns = () => controlled<DnsAnswer>().promise;
    const signal = dnsSignal({ name: 'x.example.com', type: 'TXT', servers: ['10.0.0.1'] });
    expect(await watch(stage, signal).failure()).toBe('no name server answered in 6000 ms');
  });

  it('fails where the world makes no resolver, and throws nothing', async () => {
    const stage = manualStage();
    stage.world.dnsResolver = () => {
      throw new Error('Invalid IP address: 10.0.0.1');
    };
    const signal = dnsSignal({ name: 'x.example.com', type: 'TXT' });
    expect(await watch(stage, signal).failure()).toBe('Invalid IP address: 10.0.0.1');
  });

  it('ends what is under way at its close, and leaves no timer', async () => {
    const stage = manualStage();
    let askedCount = 0;
    stage.world.dns = () => {
      askedCount += 1;
      return controlled<DnsAnswer>().promise;
    };
    const { dnsResolver } = stage.world;
    let cancelCount = 0;
    stage.world.dnsResolver = (options) => {
      const resolver = dnsResolver(options);
      const cancel = (): void => {
        cancelCount += 1;
        resolver.cancel();
      };
      return { ...resolver, cancel };
    };
    const heard = watch(stage, dnsSignal({ name: 'x.example.com', type: 'TXT' }));
    await stage.until('the question', () => askedCount > 0);
    expect(cancelCount).toBe(0);
    heard.close();
    await stage.world.advance(0);
    expect(cancelCount).toBe(1);
    expect(stage.world.timerCount).toBe(0);
    expect(heard.readings).toEqual([]);
  });
});
