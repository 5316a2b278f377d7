import { describe, expect, it } from 'vitest';
import { type EurekaSignalOptions, eurekaSignal } from '../../src/signals/eureka.js';
import { type Stage, type Watched, absent, value, watch } from './stage.js';

/** What an instance tells of itself. */
export interface EurekaInstance {
  readonly app: string;
  readonly instanceId: string;
  readonly status?: 'UP' | 'DOWN' | 'STARTING' | 'OUT_OF_SERVICE';
  readonly vipAddress?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A Eureka server with nothing in it but what a test puts there. */
export interface EurekaHarness extends Stage {
  /** With the prefix. */
  readonly url: string;
  /** Registers an instance, or replaces it. Its status is UP unless it says otherwise. */
  register(instance: EurekaInstance): Promise<void>;
  cancel(app: string, instanceId: string): Promise<void>;
  /** An operator's override of the status; undefined takes it back. */
  override(app: string, instanceId: string, status: 'OUT_OF_SERVICE' | undefined): Promise<void>;
  /** It answers no more, until `mend`. */
  spoil(): Promise<void>;
  mend(): Promise<void>;
}

const KEY = 'kafka-cluster';

let appCount = 0;

/** What a Eureka signal does with servers, simulated or real. Each test has an application of its own. */
export function eurekaContract(name: string, open: () => Promise<EurekaHarness>): void {
  const start = async (
    instances: readonly Omit<EurekaInstance, 'app'>[],
    options: Partial<EurekaSignalOptions> = {},
  ): Promise<{ server: EurekaHarness; heard: Watched; app: string }> => {
    const server = await open();
    appCount += 1;
    const app = `kafka-control-${appCount}`;
    for (const instance of instances) await server.register({ app, ...instance });
    const signal = eurekaSignal({ url: server.url, app, pollMs: 100, ...options });
    return { server, app, heard: watch(server, signal) };
  };

  const says = (text: string): Pick<EurekaInstance, 'metadata'> => ({ metadata: { [KEY]: text } });

  describe(`a Eureka signal on ${name}`, () => {
    it('tells what the only instance says, then nothing while it stays, then something else', async () => {
      const { server, app, heard } = await start([{ instanceId: 'control-1', ...says('A') }]);
      await heard.hears(value('A'));
      await heard.answers(3);
      expect(heard.readings).toEqual([value('A')]);
      const json = '{"cluster":"B","epoch":3}';
      await server.register({ app, instanceId: 'control-1', ...says(json) });
      await heard.hears(value(json));
    });

    it('tells what all instances say, and fails where they disagree', async () => {
      const { server, app, heard } = await start([
        { instanceId: 'control-1', ...says('A') },
        { instanceId: 'control-2', ...says('A') },
      ]);
      await heard.hears(value('A'));
      await server.register({ app, instanceId: 'control-2', ...says('B') });
      const because = await heard.failure();
      expect(because).toContain('its instances disagree: ');
      expect(because).toContain('control-1 says "A"');
      expect(because).toContain('control-2 says "B"');
      await server.register({ app, instanceId: 'control-1', ...says('B') });
      await heard.hears(value('B'));
    });

    it('fails where one instance says nothing and another one does', async () => {
      const { heard } = await start([
        { instanceId: 'control-1', ...says('A') },
        { instanceId: 'control-2' },
      ]);
      await heard.fails('control-2 says nothing');
    });

    it('does not count instances that are not up', async () => {
      const { heard } = await start([
        { instanceId: 'control-1', ...says('A') },
        { instanceId: 'control-2', status: 'DOWN', ...says('B') },
        { instanceId: 'control-3', status: 'STARTING', ...says('B') },
        { instanceId: 'control-4', status: 'OUT_OF_SERVICE', ...says('B') },
      ]);
      await heard.hears(value('A'));
    });

    it('does not count an instance that an operator has taken out of service', async () => {
      const { server, app, heard } = await start([{ instanceId: 'control-1', ...says('A') }]);
      await heard.hears(value('A'));
      await server.override(app, 'control-1', 'OUT_OF_SERVICE');
      await heard.hears(absent);
      await server.override(app, 'control-1', undefined);
      await heard.hears(value('A'));
    });

    it('follows status overrides alone', async () => {
      const statusOf = { 'kafka-a': 'A', 'vip-b.example.com': 'B' };
      const { server, app, heard } = await start(
        [{ instanceId: 'kafka-a' }, { instanceId: 'kafka-b', vipAddress: 'vip-b.example.com' }],
        { statusOf },
      );
      await heard.fails('disagree');
      await server.override(app, 'kafka-b', 'OUT_OF_SERVICE');
      await heard.hears(value('A'));
      await server.override(app, 'kafka-b', undefined);
      await server.override(app, 'kafka-a', 'OUT_OF_SERVICE');
      await heard.hears(value('B'));
      await server.register({ app, instanceId: 'kafka-c' });
      await heard.fails('kafka-c: it stands not in the option statusOf');
    });

    it('has no opinion where the application is unknown, or goes away', async () => {
      const { server, app, heard } = await start([]);
      await heard.hears(absent);
      await server.register({ app, instanceId: 'control-1', ...says('A') });
      await heard.hears(value('A'));
      await server.cancel(app, 'control-1');
      await heard.hears(absent);
    });

    it('has no opinion where no instance says anything', async () => {
      const { server, app, heard } = await start([{ instanceId: 'control-1' }], { metadata: 'dc' });
      await heard.hears(absent);
      await server.register({ app, instanceId: 'control-1', metadata: { dc: 'B' } });
      await heard.hears(value('B'));
    });

    it('fails where the server does, and recovers with it', async () => {
      const { server, heard } = await start([{ instanceId: 'control-1', ...says('A') }], {
        timeoutMs: 500,
      });
      await heard.hears(value('A'));
      await server.spoil();
      await heard.failure();
      await server.mend();
      await heard.hears(value('A'));
      const between = new Set(heard.readings.slice(1, -1).map(({ kind }) => kind));
      expect([...between]).toEqual(['failed']);
    });

    it('tells nothing after its close', async () => {
      const { server, app, heard } = await start([{ instanceId: 'control-1', ...says('A') }]);
      await heard.hears(value('A'));
      heard.close();
      const { askedCount } = heard;
      await server.register({ app, instanceId: 'control-1', ...says('B') });
      const other = watch(server, eurekaSignal({ url: server.url, app, pollMs: 100 }));
      await other.hears(value('B'));
      await other.answers(3);
      expect(heard.readings).toEqual([value('A')]);
      expect(heard.askedCount).toBeLessThanOrEqual(askedCount + 1);
    });
  });
}
