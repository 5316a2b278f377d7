import { Buffer } from 'node:buffer';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ConsulSignalOptions } from '../../src/options-consul.js';
import { consulSignal } from '../../src/signals/consul.js';
import { readDesired } from '../../src/signals/desired.js';
import type { Reading } from '../../src/signals/signal.js';
import { realWorld, type World } from '../../src/world.js';
import { waitFor } from '../../stack/index.js';

/** A token that may read every key, until it is revoked. */
export interface ContractToken {
  readonly text: string;
  revoke(): Promise<void>;
}

/** A Consul with ACLs, real or not, as the contract sees it. Its tests use keys of their own. */
export interface ConsulHarness {
  /** Of the agent that is watched. */
  readonly address: string;
  put(key: string, value: string | Buffer): Promise<void>;
  delete(key: string): Promise<void>;
  makeToken(): Promise<ContractToken>;
  /** Saves everything; what it answers brings that back. */
  save(): Promise<() => Promise<void>>;
  /** SIGSTOP and SIGCONT of the agent. */
  hang(): Promise<void>;
  wake(): Promise<void>;
  /** kill -9 of the agent, and its start at the same address. Keys may be lost; tokens are not. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** One whose agent can be left without a leader. */
export interface LeaderHarness extends ConsulHarness {
  loseLeader(): Promise<void>;
  regainLeader(): Promise<void>;
}

interface Watched {
  readonly readings: readonly Reading[];
  /** Waits until this was told, behind everything that was waited for before. */
  hears(what: string, is: (reading: Reading) => boolean): Promise<void>;
  hearsValue(text: string): Promise<void>;
  hearsFailure(words: RegExp): Promise<void>;
}

/** The shortest wait: a hanging agent is noticed after some three seconds. */
const waitMs = 1_000;

/** Elections and restarts take seconds, many on a busy machine. */
const timeoutMs = 60_000;

function watchOn(world: World, options: ConsulSignalOptions): Watched {
  const readings: Reading[] = [];
  const watch = consulSignal({ waitMs, ...options }).watch(world, (reading) => {
    readings.push(reading);
  });
  onTestFinished(() => watch.close());
  let from = 0;
  const hears: Watched['hears'] = async (what, is) => {
    const at = await waitFor(what, () => readings.findIndex((each, at) => at >= from && is(each)), {
      until: (found) => found >= 0,
      timeoutMs,
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}; told: ${JSON.stringify(readings.slice(-5))}`);
    });
    from = at + 1;
  };
  return {
    readings,
    hears,
    hearsValue: (text) =>
      hears(`the value ${text}`, (each) => each.kind === 'value' && each.text === text),
    hearsFailure: (words) =>
      hears(
        `a failure: ${String(words)}`,
        (each) => each.kind === 'failed' && words.test(each.because),
      ),
  };
}

/** What a Consul signal promises, wherever it runs. */
export function consulContract(name: string, start: () => Promise<ConsulHarness>): void {
  describe(`a Consul signal on ${name}`, () => {
    let consul: ConsulHarness;
    let token: ContractToken;
    let keyCount = 0;
    const newKey = (): string => `failover/${(keyCount += 1)}/active`;
    const watch = (key: string, options: Partial<ConsulSignalOptions> = {}): Watched =>
      watchOn(realWorld(), { key, address: consul.address, token: token.text, ...options });

    beforeAll(async () => {
      consul = await start();
      token = await consul.makeToken();
    });
    afterAll(() => consul?.stop());

    it('tells what the key holds, and each change once', async () => {
      const key = newKey();
      await consul.put(key, 'A');
      const { readings, hearsValue } = watch(key);
      await hearsValue('A');
      const texts = ['B', '{"cluster":"A","epoch":7}', 'größer ✓', ''];
      for (const text of texts) {
        await consul.put(key, text);
        await hearsValue(text);
      }
      expect(readings).toEqual(['A', ...texts].map((text) => ({ kind: 'value', text })));
    });

    it('tells what can be understood as a cluster, an epoch and a mode', async () => {
      const key = newKey();
      const desired = { cluster: 'B', epoch: 7, mode: 'unplanned', reason: 'A ist müde' } as const;
      await consul.put(key, JSON.stringify(desired, undefined, 2));
      const { readings, hears } = watch(key);
      await hears('a value', ({ kind }) => kind === 'value');
      const [reading] = readings;
      const text = reading?.kind === 'value' ? reading.text : '';
      expect(readDesired(text, ['A', 'B'])).toEqual({ kind: 'desired', desired });
    });

    it('tells that there is no key, that there is one, and that there is none any more', async () => {
      const key = newKey();
      const { readings, hears, hearsValue } = watch(key);
      const hearsAbsence = (): Promise<void> => hears('no key', ({ kind }) => kind === 'absent');
      await hearsAbsence();
      await consul.put(key, 'A');
      await hearsValue('A');
      await consul.delete(key);
      await hearsAbsence();
      await consul.put(key, 'A');
      await hearsValue('A');
      expect(readings).toHaveLength(4);
    });

    it('tells nothing of writes to other keys', async () => {
      const [key, missing] = [newKey(), newKey()];
      await consul.put(key, 'A');
      const watched = watch(key);
      const watchedMissing = watch(missing);
      await watched.hearsValue('A');
      await watchedMissing.hears('no key', ({ kind }) => kind === 'absent');
      for (let each = 0; each < 200; each += 1) await consul.put('failover/other', String(each));
      await consul.put(key, 'B');
      await consul.put(missing, 'B');
      await watched.hearsValue('B');
      await watchedMissing.hearsValue('B');
      expect([watched.readings.length, watchedMissing.readings.length]).toEqual([2, 2]);
    });

    it('tells every watcher', async () => {
      const key = newKey();
      await consul.put(key, 'A');
      const watchers = Array.from({ length: 10 }, () => watch(key));
      await Promise.all(watchers.map(({ hearsValue }) => hearsValue('A')));
      await consul.put(key, 'B');
      await Promise.all(watchers.map(({ hearsValue }) => hearsValue('B')));
    });

    it('takes keys that hold characters of addresses', async () => {
      const key = `${newKey()} für/50%25?a=b#c&d+e`;
      await consul.put(key, 'A');
      await watch(key).hearsValue('A');
    });

    it('tells a value that is no text as a failure, and the next one as a value', async () => {
      const key = newKey();
      await consul.put(key, Buffer.from([0xff, 0xfe, 0x00, 0xc3]));
      const { hearsValue, hearsFailure } = watch(key);
      await hearsFailure(/no UTF-8 text/);
      await consul.put(key, '{"cluster": garbage');
      await hearsValue('{"cluster": garbage');
    });

    it('tells a huge value as a failure, and the next one as a value', async () => {
      const key = newKey();
      await consul.put(key, 'A');
      const { hearsValue, hearsFailure } = watch(key);
      await hearsValue('A');
      await consul.put(key, 'x'.repeat(400_000));
      await hearsFailure(/longer than 65536 bytes/);
      await consul.put(key, 'B');
      await hearsValue('B');
    });

    it('tells that its token was revoked, without showing it, and reads on with another one', async () => {
      const key = newKey();
      await consul.put(key, 'A');
      const files = new Map<string, string>();
      const world: World = { ...realWorld(), readText: async (path) => files.get(path) };
      const [first, second] = [await consul.makeToken(), await consul.makeToken()];
      files.set('/token', first.text);
      const { address } = consul;
      const watched = watchOn(world, { key, address, tokenFile: '/token', waitMs });
      await watched.hearsValue('A');
      await first.revoke();
      await watched.hearsFailure(/answered 403/);
      files.set('/token', `${second.text}\n`);
      await watched.hearsValue('A');
      expect(JSON.stringify(watched.readings)).not.toContain(first.text);
    });

    it('tells that it may not read without a token', async () => {
      const key = newKey();
      await consul.put(key, 'A');
      const { address } = consul;
      await watchOn(realWorld(), { key, address }).hearsFailure(/answered 403.*key:read/);
    });

    it('tells the old value that a restored snapshot brings back, and goes on from there', async () => {
      const key = newKey();
      await consul.put(key, 'A');
      const restore = await consul.save();
      const { hearsValue } = watch(key);
      await hearsValue('A');
      await consul.put(key, 'B');
      await hearsValue('B');
      await restore();
      await hearsValue('A');
      await consul.put(key, 'C');
      await hearsValue('C');
    });

    it('tells that the agent hangs, and what it finds when that goes on', async () => {
      const key = newKey();
      await consul.put(key, 'A');
      const { hearsValue, hearsFailure } = watch(key);
      await hearsValue('A');
      await consul.hang();
      await hearsFailure(/there was no answer within \d+ ms/);
      await consul.wake();
      await hearsValue('A');
      await consul.put(key, 'B');
      await hearsValue('B');
    });

    it('tells that the agent died, and what it finds when there is one again', async () => {
      const key = newKey();
      await consul.put(key, 'A');
      const { hearsValue, hearsFailure } = watch(key);
      await hearsValue('A');
      await consul.kill();
      await hearsFailure(/ECONNREFUSED/);
      await consul.start();
      await consul.put(key, 'B');
      await hearsValue('B');
    });
  });
}

/** What it promises where Consul loses its leader. */
export function leaderContract(name: string, start: () => Promise<LeaderHarness>): void {
  it(`a Consul signal on ${name} tells that there is no leader, and what it finds when there is one again`, async () => {
    const consul = await start();
    try {
      const key = 'failover/active';
      await consul.put(key, 'A');
      const { text: token } = await consul.makeToken();
      const { address } = consul;
      const { hearsValue, hearsFailure } = watchOn(realWorld(), { key, address, token });
      await hearsValue('A');
      await consul.loseLeader();
      await hearsFailure(/answered 500.*leader/i);
      await consul.regainLeader();
      await hearsValue('A');
      await consul.put(key, 'B');
      await hearsValue('B');
    } finally {
      await consul.stop();
    }
  });
}
