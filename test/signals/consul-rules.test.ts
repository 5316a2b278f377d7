import { describe, expect, it } from 'vitest';
import type { HttpResponse } from '../../src/http.js';
import { consulSignal } from '../../src/signals/consul.js';
import type { Reading } from '../../src/signals/signal.js';
import { manualWorld } from '../support/manual-world.js';
import { FakeConsul } from './fake-consul.js';
import { absent, key, simulate, value } from './support.js';

/** An answer with this index; the key holds `text`, and was written by the write `modifyIndex`. */
function answered(index: number, text: string, modifyIndex = 7): HttpResponse {
  const Value = Buffer.from(text).toString('base64');
  return {
    status: 200,
    headers: { 'x-consul-index': String(index) },
    body: JSON.stringify([{ Key: key, Value, ModifyIndex: modifyIndex }]),
  };
}

const failed = (words: string): Reading => ({
  kind: 'failed',
  because: expect.stringContaining(words) as string,
});

describe('a Consul watch asks', () => {
  it('the leader itself at first, then waits for what comes after that answer', () =>
    simulate(async ({ consul, clock, watch }) => {
      consul.put(key, 'A');
      watch();
      await clock.sleep(60_000);
      const [first, second, third] = consul.seen;
      expect(first).toMatchObject({ key, parameters: { consistent: '' } });
      expect(second?.parameters).toEqual({ index: '11', wait: '15000ms' });
      expect(third?.parameters).toEqual({ index: '11', wait: '15000ms' });
      expect(consul.seen.length).toBeLessThanOrEqual(6);
    }));

  it('without an index after every error', () =>
    simulate(async ({ consul, clock, readings, watch }) => {
      consul.put(key, 'A');
      watch();
      await clock.sleep(1_000);
      consul.answer = () => {
        consul.answer = undefined;
        return { status: 500, headers: {}, body: 'No cluster leader' };
      };
      consul.put(key, 'B'); // Ends the wait; the look that follows fails.
      await clock.sleep(1_000);
      const [, , failing, next] = consul.seen;
      expect(failing?.parameters).toEqual({ consistent: '' });
      expect(next?.parameters).toEqual({ consistent: '' });
      expect(readings()).toEqual([
        value('A'),
        failed('answered 500: No cluster leader'),
        value('B'),
      ]);
    }));

  it('for no index below 1, where Consul would not wait', () =>
    simulate(async ({ consul, clock, watch }) => {
      consul.answer = ({ parameters }) =>
        'consistent' in parameters ? answered(0, 'A') : undefined;
      watch();
      await clock.sleep(1_000);
      expect(consul.seen[1]?.parameters['index']).toBe('1');
    }));

  it('in its datacenter, namespace and partition, and for its key with everything but slashes encoded', () =>
    simulate(
      async ({ consul, clock, watch }) => {
        watch({ key: 'kafka/aktiv für/ä?#%2F', datacenter: 'dc1', namespace: 'team' });
        await clock.sleep(1_000);
        expect(consul.seen[0]).toMatchObject({
          key: 'kafka/aktiv für/ä?#%2F',
          parameters: { dc: 'dc1', ns: 'team', partition: 'payments', consistent: '' },
        });
      },
      { environment: { CONSUL_PARTITION: 'payments', CONSUL_NAMESPACE: 'other' } },
    ));
});

describe('a Consul watch tells', () => {
  it('the value, and each change at the instant at which it is made', () =>
    simulate(async ({ consul, clock, told, watch }) => {
      consul.put(key, 'A');
      watch();
      await clock.sleep(60_000);
      consul.put(key, 'B');
      await clock.sleep(60_000);
      consul.delete(key);
      await clock.sleep(60_000);
      expect(told).toEqual([
        { atMs: 0, reading: value('A') },
        { atMs: 60_000, reading: value('B') },
        { atMs: 120_000, reading: absent },
      ]);
    }));

  it('changes in quick succession at once for two, then within a second; the last one always', () =>
    simulate(async ({ consul, clock, told, readings, watch }) => {
      consul.put(key, '0');
      watch();
      await clock.sleep(60_000);
      for (let each = 1; each <= 30; each += 1) {
        consul.put(key, String(each));
        await clock.sleep(100);
      }
      await clock.sleep(1_000);
      expect(readings().slice(0, 3)).toEqual([value('0'), value('1'), value('2')]);
      expect(readings().at(-1)).toEqual(value('30'));
      expect(told.length).toBeLessThan(10);
    }));

  it('nothing where the index moved and the key is as it was', () =>
    simulate(async ({ consul, clock, readings, watch }) => {
      let index = 100;
      consul.answer = () => answered((index += 1), 'A');
      watch();
      await clock.sleep(60_000);
      expect(index).toBeGreaterThan(150);
      expect(readings()).toEqual([value('A')]);
    }));

  it('a value again that was written again', () =>
    simulate(async ({ consul, clock, readings, watch }) => {
      consul.put(key, 'A');
      watch();
      await clock.sleep(1_000);
      consul.touch(key);
      await clock.sleep(1_000);
      consul.put(key, 'A'); // To Consul this is no write.
      await clock.sleep(60_000);
      expect(readings()).toEqual([value('A'), value('A')]);
    }));

  it('what the leader confirms, not what a deposed one still believes', () =>
    simulate(async ({ consul, clock, readings, watch }) => {
      consul.put(key, 'A');
      consul.depose();
      consul.put(key, 'B');
      watch();
      await clock.sleep(600_000);
      expect(readings()).toEqual([value('B')]);
      consul.put(key, 'C');
      await clock.sleep(60_000);
      consul.endDeposed();
      await clock.sleep(60_000);
      expect(readings()).toEqual([value('B'), value('C')]);
    }));

  it('the newer value where the key changes once more before the leader is asked', () =>
    simulate(async ({ consul, clock, readings, watch }) => {
      consul.put(key, 'A');
      watch();
      await clock.sleep(1_000);
      consul.put(key, 'B');
      consul.put(key, 'C');
      await clock.sleep(60_000);
      expect(readings()).toEqual([value('A'), value('C')]);
    }));

  it('the old value at once that a restored snapshot brings back, and the next one at once', () =>
    simulate(async ({ consul, clock, told, watch }) => {
      consul.put(key, 'A');
      const snapshot = consul.snapshot();
      consul.writeOthers(100);
      consul.put(key, 'B');
      watch();
      await clock.sleep(60_000);
      consul.restore(snapshot);
      await clock.sleep(60_000);
      consul.put(key, 'C');
      await clock.sleep(60_000);
      expect(told).toEqual([
        { atMs: 0, reading: value('B') },
        { atMs: 60_000, reading: value('A') },
        { atMs: 120_000, reading: value('C') },
      ]);
    }));

  it('a change at once after the indexes went back, although nothing else had changed', () =>
    simulate(async ({ consul, clock, told, watch }) => {
      consul.writeOthers(1_000);
      watch();
      await clock.sleep(1_000);
      consul.rebuild();
      await clock.sleep(60_000);
      consul.put(key, 'B');
      await clock.sleep(60_000);
      expect(told).toEqual([
        { atMs: 0, reading: absent },
        { atMs: 61_000, reading: value('B') },
      ]);
    }));

  it('a failure each time, and after it what it finds, also where that is what it was', () =>
    simulate(async ({ consul, clock, told, readings, watch }) => {
      consul.put(key, 'A');
      watch();
      await clock.sleep(1_000);
      consul.loseLeader();
      await clock.sleep(600_000);
      consul.electLeader();
      await clock.sleep(5_000);
      expect(readings()[0]).toEqual(value('A'));
      expect(readings().at(-1)).toEqual(value('A'));
      const failures = told.slice(1, -1);
      expect(new Set(failures.map(({ reading }) => JSON.stringify(reading)))).toEqual(
        new Set([
          JSON.stringify({
            kind: 'failed',
            because: 'http://127.0.0.1:8500: answered 500: No cluster leader',
          }),
        ]),
      );
      // Full jitter below five seconds: two and a half on average.
      expect(failures.length).toBeGreaterThan(150);
      expect(failures.length).toBeLessThan(400);
    }));

  it('an agent that hangs after the wait, the spread of the waits and two seconds', () =>
    simulate(async ({ consul, clock, told, watch }) => {
      consul.put(key, 'A');
      watch();
      await clock.sleep(1);
      consul.hang();
      await clock.sleep(17_999);
      expect(told.slice(1)).toEqual([
        { atMs: 17_938, reading: failed('there was no answer within 17938 ms') },
      ]);
      consul.wake();
      await clock.sleep(13_000);
      expect(told.at(-1)?.reading).toEqual(value('A'));
    }));

  it('what an agent says that hangs from the start', () =>
    simulate(async ({ consul, clock, told, watch }) => {
      consul.hang();
      watch();
      await clock.sleep(16_001);
      expect(told).toEqual([{ atMs: 16_000, reading: failed('no answer within 16000 ms') }]);
    }));

  it.each([
    ['no agent', { status: 404, headers: {}, body: 'nginx' }, 'is a Consul agent behind'],
    [
      'no leader',
      { ...answered(7, 'A'), headers: { 'x-consul-index': '7', 'x-consul-knownleader': 'false' } },
      'without knowing a leader',
    ],
    [
      'a follower',
      { ...answered(7, 'A'), headers: { 'x-consul-index': '7', 'x-consul-lastcontact': '3' } },
      'that is not the leader',
    ],
    ['a redirect', { status: 301, headers: {}, body: '' }, 'redirects are not followed'],
    [
      'a limit',
      { status: 429, headers: {}, body: 'Your IP is issuing too many concurrent connections' },
      'answered 429: Your IP',
    ],
    ['a huge value', answered(7, 'x'.repeat(60_000)), 'longer than 65536 bytes'],
  ])('a failure where it meets %s', (_name, response, words) =>
    simulate(async ({ consul, clock, readings, watch }) => {
      consul.answer = () => response;
      watch();
      await clock.sleep(10);
      expect(readings()[0]).toEqual(failed(words));
      consul.answer = undefined;
      consul.put(key, 'A');
      await clock.sleep(10_000);
      expect(readings().at(-1)).toEqual(value('A'));
    }),
  );

  it('what is wrong in the environment, and asks nobody', () =>
    simulate(
      async ({ consul, clock, readings, watch }) => {
        watch();
        await clock.sleep(60_000);
        expect(readings()[0]).toEqual({
          kind: 'failed',
          because: 'CONSUL_HTTP_SSL: must be true or false, got "yes please"',
        });
        expect(consul.seen).toEqual([]);
      },
      { environment: { CONSUL_HTTP_SSL: 'yes please' } },
    ));

  it('that nobody listens', async () => {
    const world = manualWorld();
    const readings: Reading[] = [];
    const watch = consulSignal({ key }).watch(world, (reading) => readings.push(reading));
    expect(readings).toEqual([]);
    await world.advance(1);
    expect(readings).toEqual([failed('127.0.0.1:8500: connect ECONNREFUSED')]);
    watch.close();
  });
});

describe('a Consul watch does not spin', () => {
  it('where writes to other keys wake it, and hears of its key within a second', () =>
    simulate(async ({ consul, clock, told, readings, watch }) => {
      consul.wakesForOthers = true;
      watch();
      for (let each = 0; each < 12_000; each += 1) {
        consul.writeOthers(1);
        await clock.sleep(5);
      }
      expect(readings()).toEqual([absent]);
      expect(consul.seen.length).toBeGreaterThan(30);
      expect(consul.seen.length).toBeLessThan(70);
      const writtenAtMs = clock.nowMs();
      consul.put(key, 'B');
      await clock.sleep(1_000);
      expect(told.at(-1)?.reading).toEqual(value('B'));
      expect((told.at(-1)?.atMs ?? Infinity) - writtenAtMs).toBeLessThanOrEqual(1_000);
    }));

  it('where everything is answered at once', () =>
    simulate(async ({ consul, clock, readings, watch }) => {
      consul.answer = () => answered(7, 'A');
      watch();
      await clock.sleep(60_000);
      expect(readings()).toEqual([value('A')]);
      expect(consul.seen.length).toBeLessThan(130);
    }));

  it('where a deposed leader contradicts the leader at once', () =>
    simulate(async ({ consul, clock, readings, watch }) => {
      consul.answer = ({ parameters }) =>
        'consistent' in parameters ? answered(7, 'A') : answered(8, 'B', 8);
      watch();
      await clock.sleep(60_000);
      expect(readings()).toEqual([value('A')]);
      expect(consul.seen.length).toBeLessThan(130);
    }));

  it('where looks succeed and waits fail', () =>
    simulate(async ({ consul, clock, watch }) => {
      consul.answer = ({ parameters }) =>
        'consistent' in parameters ? answered(7, 'A') : { status: 504, headers: {}, body: '' };
      watch();
      await clock.sleep(60_000);
      expect(consul.seen.length).toBeLessThan(130);
    }));
});

describe("a Consul watch's token", () => {
  const tokenFile = '/run/secrets/consul';
  const token = '5f2b6c1e-0000-4000-8000-a1b2c3d4e5f6';

  it('goes into a header, and is read anew from its file for each request', () => {
    const files = new Map([[tokenFile, `${token}\n`]]);
    return simulate(
      async ({ consul, clock, readings, watch }) => {
        consul.put(key, 'A');
        consul.tokens = new Set([token]);
        watch({ tokenFile });
        await clock.sleep(1_000);
        consul.tokens = new Set(['renewed']);
        await clock.sleep(60_000);
        expect(readings().at(-1)).toEqual(
          failed('lacks permission \'key:read\' on "kafka/active"'),
        );
        files.set(tokenFile, 'renewed');
        await clock.sleep(5_000);
        expect(readings().at(-1)).toEqual(value('A'));
        expect(new Set(consul.seen.map((seen) => seen.token))).toEqual(new Set([token, 'renewed']));
        expect(JSON.stringify(consul.seen.map((seen) => seen.parameters))).not.toContain(token);
      },
      { files },
    );
  });

  it('is in no message, although the agent repeats it', () =>
    simulate(async ({ consul, clock, readings, watch }) => {
      consul.answer = (seen) => ({ status: 403, headers: {}, body: `${seen.token} is no token` });
      watch({ token });
      await clock.sleep(60_000);
      expect(readings()[0]).toEqual(failed('answered 403: *** is no token'));
      expect(JSON.stringify(readings())).not.toContain(token);
    }));

  it.each([
    ['is missing', undefined, 'tokenFile (/run/secrets/consul) does not exist'],
    ['is empty', '\n', 'tokenFile (/run/secrets/consul) holds no token'],
    ['holds something else', 'two words', 'tokenFile (/run/secrets/consul) holds no token'],
  ])('is told to be missing where its file %s, until it is there', (_name, text, words) => {
    const files = new Map(text === undefined ? [] : [[tokenFile, text]]);
    return simulate(
      async ({ consul, clock, readings, watch }) => {
        consul.put(key, 'A');
        watch({ tokenFile });
        await clock.sleep(60_000);
        expect(readings()[0]).toEqual(failed(words));
        expect(consul.seen).toEqual([]);
        files.set(tokenFile, token);
        await clock.sleep(5_000);
        expect(readings().at(-1)).toEqual(value('A'));
      },
      { files },
    );
  });

  it('is not waited for endlessly', async () => {
    const world = manualWorld();
    const readings: Reading[] = [];
    const watch = consulSignal({ key, tokenFile }).watch(
      { ...world, readText: () => new Promise(() => {}) },
      (reading) => readings.push(reading),
    );
    await world.advance(5_000);
    expect(readings).toEqual([failed('could not be read within 5000 ms')]);
    watch.close();
    expect(world.timerCount).toBe(0);
  });
});

describe('a closed Consul watch', () => {
  /** Closed while it does `what`: after `forMs`, with a Consul in this state. */
  it.each([
    ['before it has begun', 0, () => {}],
    ['while it waits for a change', 1_000, () => {}],
    [
      'while it holds itself up',
      100,
      (consul: FakeConsul) => (consul.answer = () => answered(7, 'A')),
    ],
    ['while it waits after a failure', 1, (consul: FakeConsul) => consul.loseLeader()],
    ['while the agent hangs', 1_000, (consul: FakeConsul) => consul.hang()],
  ])('tells nothing more and leaves nothing behind: %s', async (_what, forMs, prepare) => {
    const world = manualWorld();
    const consul = new FakeConsul(world);
    world.http = (request) => consul.handle(request);
    prepare(consul);
    const readings: Reading[] = [];
    const watch = consulSignal({ key }).watch(world, (reading) => readings.push(reading));
    if (forMs > 0) await world.advance(forMs);
    const toldCount = readings.length;
    watch.close();
    watch.close();
    await world.advance(5); // The fake's own timer for a scripted answer.
    expect([world.timerCount, consul.waitingCount]).toEqual([0, 0]);
    consul.answer = undefined;
    consul.electLeader();
    consul.wake();
    consul.put(key, 'B');
    await world.advance(60_000);
    expect(readings).toHaveLength(toldCount);
  });
});

describe('the name of a Consul signal', () => {
  it.each([
    [{}, 'consul kafka/active'],
    [{ datacenter: 'eu' }, 'consul kafka/active in eu'],
    [{ address: 'agent:8500', token: 'secret' }, 'consul kafka/active at agent:8500'],
  ])('tells it apart from others: %j', (options, name) => {
    expect(consulSignal({ key, ...options }).name).toBe(name);
  });
});
