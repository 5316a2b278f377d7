import { describe, expect, it } from 'vitest';
import { type DnsSignalOptions, dnsSignal } from '../../src/signals/dns.js';
import type { DnsRecordType } from '../../src/world.js';
import { type Stage, type Watched, absent, value, watch } from './stage.js';
import type { Zone } from './zone.js';

/** A name server that a test may make answer anything. */
export interface DnsHarness extends Stage {
  /** What to ask; undefined in a simulation. */
  readonly servers: readonly string[] | undefined;
  /** From now on these are all the records. */
  put(zone: Zone): Promise<void>;
  /** It answers no more, or fails, until the next `put`. */
  spoil(): Promise<void>;
}

const NAME = 'active.kafka.test';

/** What a DNS signal does with name servers, simulated or real. */
export function dnsContract(name: string, open: () => Promise<DnsHarness>): void {
  const records = (type: DnsRecordType, ...texts: string[]): Zone =>
    texts.map((text) => ({ name: NAME, type, text }));

  const start = async (
    zone: Zone,
    options: Omit<DnsSignalOptions, 'name'>,
  ): Promise<{ dns: DnsHarness; heard: Watched }> => {
    const dns = await open();
    await dns.put(zone);
    const { servers } = dns;
    const signal = dnsSignal({
      name: NAME,
      pollMs: 100,
      timeoutMs: 500,
      ...(servers === undefined ? {} : { servers }),
      ...options,
    });
    return { dns, heard: watch(dns, signal) };
  };

  describe(`a DNS signal on ${name}`, () => {
    it('tells the text of a TXT record, then nothing while it stays, then another one', async () => {
      const { dns, heard } = await start(records('TXT', 'A'), { type: 'TXT' });
      await heard.hears(value('A'));
      await heard.answers(3);
      expect(heard.readings).toEqual([value('A')]);
      await dns.put(records('TXT', '{"cluster":"B","epoch":7}'));
      await heard.hears(value('{"cluster":"B","epoch":7}'));
    });

    it('joins the parts of a long TXT record', async () => {
      const text = JSON.stringify({ cluster: 'B', reason: 'why '.repeat(100) });
      const { heard } = await start(records('TXT', text), { type: 'TXT' });
      await heard.hears(value(text));
    });

    it('takes the TXT record that begins with the prefix, and none of the others', async () => {
      const others = records('TXT', 'v=spf1 -all', 'site=abc');
      const { dns, heard } = await start([...others, ...records('TXT', 'kafka=B')], {
        type: 'TXT',
        prefix: 'kafka=',
      });
      await heard.hears(value('B'));
      await dns.put(others);
      await heard.hears(absent);
      await dns.put([...others, ...records('TXT', 'kafka=A')]);
      await heard.hears(value('A'));
      await dns.put([...others, ...records('TXT', 'kafka=')]);
      await heard.hears(absent);
      await dns.put([...others, ...records('TXT', 'kafka=A', 'kafka=B')]);
      await heard.fails('2 TXT records begin with "kafka="');
    });

    it('does not guess which of several TXT records counts', async () => {
      const { heard } = await start(records('TXT', 'A', 'v=spf1 -all'), { type: 'TXT' });
      await heard.fails('2 TXT records');
    });

    it('tells the cluster that a CNAME points to, whatever its letter case', async () => {
      const targets: Zone = ['kafka-a.kafka.test', 'kafka-b.kafka.test'].map((target, index) => ({
        name: target,
        type: 'A',
        text: `10.0.0.${index + 1}`,
      }));
      const { dns, heard } = await start([...targets, ...records('CNAME', 'kafka-a.kafka.test')], {
        type: 'CNAME',
        map: { 'Kafka-A.kafka.test.': 'A', 'kafka-b.kafka.test': 'B' },
      });
      await heard.hears(value('A'));
      await dns.put([...targets, ...records('CNAME', 'kafka-b.kafka.test')]);
      await heard.hears(value('B'));
      const [unknown] = targets.slice(0, 1).map((record) => ({ ...record, name: 'c.kafka.test' }));
      await dns.put([
        ...(unknown === undefined ? [] : [unknown]),
        ...records('CNAME', 'c.kafka.test'),
      ]);
      await heard.fails('"c.kafka.test" stands not in the option map');
    });

    it('tells the cluster that all addresses belong to, in whatever order and number', async () => {
      const map = { '10.0.0.1': 'A', '10.0.0.2': 'A', '10.0.1.1': 'B', '10.0.1.2': 'B' };
      const { dns, heard } = await start(records('A', '10.0.0.1', '10.0.0.2'), { type: 'A', map });
      await heard.hears(value('A'));
      await dns.put(records('A', '10.0.0.2'));
      await heard.answers(3);
      await dns.put(records('A', '10.0.1.2', '10.0.1.1'));
      await heard.hears(value('B'));
      expect(heard.readings).toEqual([value('A'), value('B')]);
      await dns.put(records('A', '10.0.0.1', '10.0.1.1'));
      await heard.fails('two clusters at a time: 10.0.0.1 is A, 10.0.1.1 is B');
      await dns.put(records('A', '10.0.1.1', '10.9.9.9'));
      await dns.until('the other reason', () => {
        const last = heard.readings.at(-1);
        return last?.kind === 'failed' && last.because.includes('"10.9.9.9" stands not');
      });
    });

    it('tells the cluster of a whole set of addresses', async () => {
      // 10.0.0.9 is a load balancer in front of both.
      const map = { '10.0.0.1, 10.0.0.9': 'A', '10.0.0.9,10.0.1.1': 'B' };
      const { dns, heard } = await start(records('A', '10.0.0.9', '10.0.0.1'), { type: 'A', map });
      await heard.hears(value('A'));
      await dns.put(records('A', '10.0.1.1', '10.0.0.9'));
      await heard.hears(value('B'));
    });

    it('tells the cluster of an IPv6 address, however it is written', async () => {
      const map = { '2001:DB8:0:0:0:0:0:A': 'A', '2001:db8::b': 'B' };
      const { dns, heard } = await start(records('AAAA', '2001:db8::a'), { type: 'AAAA', map });
      await heard.hears(value('A'));
      await dns.put(records('AAAA', '2001:db8::b'));
      await heard.hears(value('B'));
    });

    it('tells the cluster of the hosts and ports behind an SRV name', async () => {
      const map = {
        'a1.kafka.test:9092': 'A',
        'a2.kafka.test:9092': 'A',
        'b1.kafka.test:9092': 'B',
      };
      const { dns, heard } = await start(
        records('SRV', 'A1.kafka.test:9092', 'a2.kafka.test:9092'),
        { type: 'SRV', map },
      );
      await heard.hears(value('A'));
      await dns.put(records('SRV', 'b1.kafka.test:9092'));
      await heard.hears(value('B'));
      await dns.put(records('SRV', 'b1.kafka.test:9093'));
      await heard.fails('"b1.kafka.test:9093" stands not');
    });

    it('fails where the name is gone, and recovers with it', async () => {
      const { dns, heard } = await start(records('TXT', 'A'), { type: 'TXT' });
      await heard.hears(value('A'));
      await dns.put([]);
      await heard.fails('the name does not exist');
      await dns.put(records('TXT', 'A'));
      await heard.hears(value('A'));
    });

    it('fails where the name has records of other types only', async () => {
      const { heard } = await start(records('A', '10.0.0.1'), { type: 'TXT' });
      await heard.fails('the name has no TXT record');
    });

    it('fails where the server does, and recovers with it', async () => {
      const { dns, heard } = await start(records('TXT', 'A'), { type: 'TXT' });
      await heard.hears(value('A'));
      await dns.spoil();
      await heard.failure();
      await dns.put(records('TXT', 'B'));
      await heard.hears(value('B'));
      const between = new Set(heard.readings.slice(1, -1).map(({ kind }) => kind));
      expect([...between]).toEqual(['failed']);
    });

    it('tells nothing before so many answers in a row were equal', async () => {
      const dns = await open();
      await dns.put(records('TXT', 'A'));
      let askedCount = 0;
      const counting = {
        ...dns.world,
        dnsResolver: (options: Parameters<typeof dns.world.dnsResolver>[0]) => {
          const resolver = dns.world.dnsResolver(options);
          return {
            cancel: resolver.cancel,
            resolve: (...question: Parameters<typeof resolver.resolve>) => {
              askedCount += 1;
              return resolver.resolve(...question);
            },
          };
        },
      };
      const { servers } = dns;
      const signal = dnsSignal({
        name: NAME,
        type: 'TXT',
        pollMs: 100,
        equalAnswers: 4,
        ...(servers === undefined ? {} : { servers }),
      });
      let askedAtFirst = 0;
      const { close } = signal.watch(counting, () => {
        if (askedAtFirst === 0) askedAtFirst = askedCount;
      });
      await dns.until('a reading', () => askedAtFirst > 0);
      close();
      expect(askedAtFirst).toBe(4);
    });

    it('tells nothing after its close', async () => {
      const { dns, heard } = await start(records('TXT', 'A'), { type: 'TXT' });
      await heard.hears(value('A'));
      heard.close();
      const { askedCount } = heard;
      const before = heard.readings.length;
      await dns.put(records('TXT', 'B'));
      const { servers } = dns;
      const other = watch(
        dns,
        dnsSignal({
          name: NAME,
          type: 'TXT',
          pollMs: 100,
          ...(servers === undefined ? {} : { servers }),
        }),
      );
      await other.hears(value('B'));
      expect(heard.readings).toHaveLength(before);
      expect(heard.askedCount).toBeLessThanOrEqual(askedCount + 1);
    });
  });
}
