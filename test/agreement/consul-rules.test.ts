import { describe, expect, it } from 'vitest';
import type { AgreedDecision, Proposal } from '../../src/agreement/agreement.js';
import { writeDecision } from '../../src/agreement/decision.js';
import { writeMember } from '../../src/agreement/member.js';
import type { FakeConsul, SeenRequest } from '../signals/fake-consul.js';
import { rejectionOf } from '../support/failures.js';
import { key, member, never, simulate } from './consul-support.js';

const toB: Proposal = { cluster: 'B', mode: 'unplanned', reason: 'A is dead', by: 'health' };
const decided = (epoch: number): AgreedDecision => ({ ...toB, epoch });
const minuteMs = 60_000;

/** Writes of the key that a compare-and-set asked for. */
const proposals = (consul: FakeConsul): readonly SeenRequest[] =>
  consul.seen.filter(({ method, key: asked }) => method === 'PUT' && asked === key);

/** Changes what becomes of the first compare-and-set of the key. */
function disturb(
  consul: FakeConsul,
  what: (seen: SeenRequest) => { status: number; body: string },
): void {
  consul.answer = (seen) => {
    if (seen.method !== 'PUT' || seen.key !== key) return undefined;
    consul.answer = undefined;
    return { headers: {}, ...what(seen) };
  };
}

const refusedBy503 = { status: 503, body: 'no route' };

describe('a decision in Consul', () => {
  it('is written by compare-and-set upon what was read from the leader', () =>
    simulate(async ({ consul, open }) => {
      const { store } = open();
      expect(await store.propose(toB, 0, never)).toEqual(decided(1));
      expect(await store.propose(toB, 1, never)).toEqual(decided(2));
      expect(proposals(consul).map(({ parameters }) => parameters)).toEqual([
        { cas: '0' },
        { cas: '11' },
      ]);
      expect(consul.textOf(key)).toBe(writeDecision(decided(2)));
    }));

  it('is not written where one above is in force already, whoever wrote it', () =>
    simulate(async ({ consul, open }) => {
      consul.put(key, '{"cluster":"A","epoch":7,"reason":"maintenance of B"}');
      const inForce = { cluster: 'A', epoch: 7, reason: 'maintenance of B', by: 'operator' };
      expect(await open().store.propose(toB, 6, never)).toEqual({ ...inForce, mode: undefined });
      expect(proposals(consul)).toEqual([]);
    }));

  it('is asked of the leader, where a deposed one does not know it', () =>
    simulate(async ({ consul, open }) => {
      consul.put(key, writeDecision(decided(1)));
      consul.depose();
      consul.put(key, writeDecision(decided(2)));
      const { store, newsOf } = open();
      await store.exchange(member('one'), never);
      expect(newsOf('decision').map(({ decision }) => decision.epoch)).not.toContain(1);
      expect(await store.propose({ ...toB, cluster: 'A' }, 1, never)).toEqual(decided(2));
      expect(proposals(consul)).toEqual([]);
      consul.endDeposed();
    }));

  it('is above what its process knows where an older one came back', () =>
    simulate(async ({ consul, open }) => {
      const { store } = open();
      await store.propose(toB, 4, never);
      const snapshot = consul.snapshot();
      await store.propose(toB, 8, never);
      consul.restore(snapshot);
      expect(await store.propose(toB, 9, never)).toEqual(decided(10));
      expect(consul.textOf(key)).toBe(writeDecision(decided(10)));
    }));

  it.each([
    ['no text', Buffer.from([0xff, 0xfe, 0x00, 0xc3])],
    ['huge', Buffer.alloc(400_000, 'x')],
    ['empty', Buffer.alloc(0)],
  ])('is written over what is %s', (_what, garbage) =>
    simulate(async ({ consul, open }) => {
      consul.put(key, garbage);
      const { store, newsOf } = open();
      await store.exchange(member('one'), never);
      await store.exchange(member('one', 2), never);
      expect(newsOf('refused')).toHaveLength(1);
      expect(await store.propose(toB, 3, never)).toEqual(decided(4));
      expect(consul.textOf(key)).toBe(writeDecision(decided(4)));
    }),
  );

  it.each([
    ['an epoch beyond all numbers', toB, Number.MAX_SAFE_INTEGER],
    ['a cluster that is none', { ...toB, cluster: 'C' }, 0],
  ])('is not written where nobody could obey it: %s', (_what, proposal, after) =>
    simulate(async ({ consul, open }) => {
      const { message } = await rejectionOf(open().store.propose(proposal, after, never));
      expect(message).toContain('this cannot be decided');
      expect(consul.textOf(key)).toBeUndefined();
    }),
  );

  it('is refused aloud where its epoch has not grown: it was written by hand, or restored', () =>
    simulate(async ({ consul, open }) => {
      const { store, newsOf } = open();
      consul.put(key, writeDecision(decided(7)));
      await store.exchange(member('one'), never);
      await store.exchange(member('one'), never);
      expect(newsOf('refused')).toEqual([]);
      consul.put(key, writeDecision({ ...decided(7), cluster: 'A' }));
      await store.exchange(member('one'), never);
      consul.put(key, writeDecision(decided(5)));
      await store.exchange(member('one'), never);
      expect(newsOf('refused').map(({ because }) => because)).toEqual([
        expect.stringContaining('holds decision 7 for A, after decision 7 for B'),
        expect.stringContaining('holds decision 5 for B, after decision 7 for B'),
      ]);
    }));

  it('is the other one where another process was first', () =>
    simulate(async ({ consul, open }) => {
      const first = { ...decided(5), cluster: 'A' };
      disturb(consul, () => {
        consul.put(key, writeDecision(first));
        return { status: 200, body: 'false' };
      });
      expect(await open().store.propose(toB, 4, never)).toEqual(first);
    }));

  it.each(['garbage', writeDecision(decided(3))])(
    'is written all the same where the key was written meanwhile with what is none: %s',
    (text) =>
      simulate(async ({ consul, open }) => {
        disturb(consul, () => {
          consul.put(key, text);
          return { status: 200, body: 'false' };
        });
        expect(await open().store.propose(toB, 4, never)).toEqual(decided(5));
        expect(consul.textOf(key)).toBe(writeDecision(decided(5)));
      }),
  );

  it('is given up where the key is written with garbage again and again', () =>
    simulate(async ({ consul, open }) => {
      consul.answer = ({ method, key: asked }) =>
        method === 'PUT' && asked === key ? { status: 200, headers: {}, body: 'false' } : undefined;
      const { message } = await rejectionOf(open().store.propose(toB, 4, never));
      expect(message).toBe('kafka/active was written by somebody else again and again');
      expect(proposals(consul)).toHaveLength(5);
    }));

  it('is the answer where it was written and only the answer was lost', () =>
    simulate(async ({ consul, open }) => {
      disturb(consul, ({ body }) => {
        consul.put(key, body);
        return refusedBy503;
      });
      expect(await open().store.propose(toB, 0, never)).toEqual(decided(1));
    }));

  it('is not known where neither an answer nor the key shows it', () =>
    simulate(async ({ consul, open }) => {
      disturb(consul, () => refusedBy503);
      const { message } = await rejectionOf(open().store.propose(toB, 0, never));
      expect(message).toBe('http://127.0.0.1:8500: answered 503: no route');
    }));

  it('is not known, for the first reason, where the key cannot be read any more', () =>
    simulate(async ({ consul, open }) => {
      disturb(consul, () => {
        consul.loseLeader();
        return refusedBy503;
      });
      const { message } = await rejectionOf(open().store.propose(toB, 0, never));
      expect(message).toContain('answered 503: no route');
    }));

  it('moves nothing by its going: a key that is deleted is no news', () =>
    simulate(async ({ consul, clock, open }) => {
      const { store, news, newsOf } = open();
      await store.propose(toB, 0, never);
      await clock.sleep(1_000);
      expect(newsOf('decision').at(-1)?.decision).toEqual(decided(1));
      const before = news.length;
      consul.delete(key);
      await clock.sleep(minuteMs);
      expect(news).toHaveLength(before);
      expect(await store.propose(toB, 1, never)).toEqual(decided(2));
    }));

  it('is not mixed up with keys that begin as it does', () =>
    simulate(async ({ consul, open }) => {
      for (const other of [`${key}2`, `${key}/other`, `${key}/members2/x`, `${key}/member`]) {
        consul.put(other, writeDecision(decided(99)));
      }
      const { store, news } = open();
      await store.exchange(member('one'), never);
      expect(news).toEqual([{ kind: 'member', member: member('one') }]);
      expect(await store.propose(toB, 0, never)).toEqual(decided(1));
    }));

  it('is not waited for too often while other keys are written', () =>
    simulate(async ({ consul, clock, open }) => {
      consul.wakesForOthers = true;
      const { news } = open();
      for (let step = 0; step < 600; step += 1) {
        consul.writeOthers(10);
        await clock.sleep(100);
      }
      expect(news).toEqual([]);
      // Two questions, one about the key and one about the members, at their pace.
      expect(consul.seen.length).toBeLessThan(60 + 2 * 60 + 10);
    }));
});

describe('members in Consul', () => {
  it.each(['one', 'a/b', '..', '.', 'ü 50%', 'x'.repeat(200)])('have any name: %j', (instance) =>
    simulate(async ({ consul, clock, open }) => {
      const [one, two] = [open(), open()];
      await one.store.exchange(member(instance), never);
      await two.store.exchange(member('two'), never);
      expect(two.newsOf('member')).toContainEqual({ kind: 'member', member: member(instance) });
      await one.store.close();
      expect(consul.keys()).toEqual([`${key}/members/two`]);
      await clock.sleep(2_000);
      expect(two.newsOf('left')).toEqual([{ kind: 'left', instance, incarnation: 'first' }]);
    }),
  );

  it('are deleted after ten minutes of silence, where they are silent still', () =>
    simulate(async ({ consul, clock, open }) => {
      const crashed = `${key}/members/crashed`;
      consul.put(crashed, writeMember(member('crashed')));
      consul.put(`${key}/members/note`, 'who is on call: ...');
      const { store, newsOf } = open();
      const sayFor = async (minutes: number, from: number): Promise<void> => {
        for (let each = 0; each < minutes; each += 1) {
          await store.exchange(member('one', from + each), never);
          await clock.sleep(minuteMs);
        }
      };
      await sayFor(9, 1);
      expect(consul.keys()).toContain(crashed);
      await sayFor(3, 10);
      expect(consul.keys()).not.toContain(crashed);
      expect(newsOf('left')).toEqual([{ kind: 'left', instance: 'crashed', incarnation: 'first' }]);
      expect(newsOf('refused')).toHaveLength(1);
      expect(consul.keys()).toContain(`${key}/members/note`);
    }));

  it('are not deleted where they speak again just then', () =>
    simulate(async ({ consul, clock, open }) => {
      const slept = `${key}/members/slept`;
      consul.put(slept, writeMember(member('slept')));
      const { store, newsOf } = open();
      await store.exchange(member('one'), never);
      await clock.sleep(11 * minuteMs);
      consul.answer = ({ method }) => {
        if (method !== 'DELETE') return undefined;
        consul.answer = undefined;
        consul.put(slept, writeMember(member('slept', 2)));
        return undefined;
      };
      await store.exchange(member('one', 2), never);
      await clock.sleep(1_000);
      expect(consul.seen.filter(({ method }) => method === 'DELETE')).toHaveLength(1);
      expect(consul.textOf(slept)).toBe(writeMember(member('slept', 2)));
      expect(newsOf('left')).toEqual([]);
    }));

  it('do not speak for each other', () =>
    simulate(async ({ consul, open }) => {
      consul.put(`${key}/members/two`, writeMember(member('three')));
      const { store, newsOf } = open();
      await store.exchange(member('one'), never);
      expect(newsOf('member').map((each) => each.member.instance)).toEqual(['one']);
      expect(newsOf('refused')).toMatchObject([{ because: expect.stringContaining('three') }]);
    }));

  it('have not left because a deposed leader does not know them', () =>
    simulate(async ({ consul, clock, open }) => {
      const [one, two] = [open(), open()];
      await one.store.exchange(member('one'), never);
      await clock.sleep(1_000);
      consul.depose();
      await two.store.exchange(member('two'), never);
      await one.store.exchange(member('one', 2), never);
      await clock.sleep(minuteMs);
      expect(one.newsOf('member').map((each) => each.member.instance)).toContain('two');
      expect(one.newsOf('left')).toEqual([]);
      consul.endDeposed();
    }));

  it('are heard between the exchanges, within a second', () =>
    simulate(async ({ clock, open }) => {
      const [one, two] = [open(), open()];
      await one.store.exchange(member('one'), never);
      await clock.sleep(1_000);
      await two.store.exchange(member('two'), never);
      await clock.sleep(1_000);
      expect(one.newsOf('member').map((each) => each.member.instance)).toContain('two');
    }));

  it('say one thing after the other, however fast they speak', () =>
    simulate(async ({ consul, open }) => {
      const { store } = open();
      const sequences = Array.from({ length: 8 }, (_, index) => index + 1);
      await Promise.all(sequences.map((each) => store.exchange(member('one', each), never)));
      const said = consul.seen.filter(({ method }) => method === 'PUT').map(({ body }) => body);
      expect(said).toEqual(sequences.map((each) => writeMember(member('one', each))));
    }));
});

describe('an agreement whose Consul fails', () => {
  it.each([
    ['hangs', (consul: FakeConsul) => consul.hang(), 'there was no answer within 3000 ms'],
    [
      'has no leader',
      (consul: FakeConsul) => consul.loseLeader(),
      'answered 500: No cluster leader',
    ],
    [
      'takes no token',
      (consul: FakeConsul) => (consul.tokens = new Set()),
      'key:write on kafka/active/members/one',
    ],
  ])('says so and tells nothing where it %s', (_what, fail, words) =>
    simulate(async ({ consul, clock, open }) => {
      const { store, news } = open();
      await store.exchange(member('one'), never);
      await clock.sleep(1_000);
      const before = news.length;
      fail(consul);
      const atMs = clock.nowMs();
      const exchanges = [2, 3, 4].map((each) =>
        rejectionOf(store.exchange(member('one', each), never)),
      );
      const [first] = await Promise.all(exchanges);
      expect(first?.message).toContain(words);
      expect(clock.nowMs() - atMs).toBeLessThanOrEqual(6_000);
      await rejectionOf(store.propose(toB, 0, never));
      expect(clock.nowMs() - atMs).toBeLessThanOrEqual(6_000 + 9_000);
      await clock.sleep(minuteMs);
      // A question that was held back is answered in its time.
      const since = news.slice(before);
      expect(since.filter(({ kind }) => kind !== 'member')).toEqual([]);
    }),
  );

  it('is closed within half a second', () =>
    simulate(async ({ consul, clock, open }) => {
      const { store } = open();
      await store.exchange(member('one'), never);
      consul.hang();
      const asked = rejectionOf(store.exchange(member('one', 2), never));
      const atMs = clock.nowMs();
      await store.close();
      expect(clock.nowMs() - atMs).toBe(500);
      expect(await asked).toMatchObject({ code: 'ERR_FAILOVER_CLOSED' });
      consul.wake();
    }));

  it.each([key, `${key}/members/`])(
    'is not proven by an answer about %s of a server that is not the leader',
    (asked) =>
      simulate(async ({ consul, open }) => {
        const headers = { 'x-consul-index': '7', 'x-consul-lastcontact': '3' };
        consul.answer = (seen) =>
          seen.method === 'GET' && seen.key === asked
            ? { status: 404, headers, body: '' }
            : undefined;
        const { store } = open();
        const { message } = await rejectionOf(store.exchange(member('one'), never));
        expect(message).toContain('a server answered that is not the leader');
      }),
  );

  it('never shows its token, and reads a renewed one', () => {
    const files = new Map([['/token', 'first-secret']]);
    return simulate(
      async ({ consul, open }) => {
        consul.tokens = new Set(['second-secret']);
        consul.answer = ({ token, method }) =>
          token === 'first-secret'
            ? { status: 403, headers: {}, body: `${method}: ${token} is not known` }
            : undefined;
        const { store } = open({ tokenFile: '/token' });
        const failures = [
          rejectionOf(store.exchange(member('one'), never)),
          rejectionOf(store.propose(toB, 0, never)),
        ];
        for (const { message } of await Promise.all(failures)) {
          expect(message).toContain('*** is not known');
          expect(message).not.toContain('secret');
        }
        files.set('/token', 'second-secret\n');
        await store.exchange(member('one', 2), never);
      },
      { files },
    );
  });

  it('says what is wrong with the environment when it is asked', async () => {
    await simulate(async ({ open, memory }) => {
      const { store } = open({ tokenFile: '/nowhere' });
      expect(memory.clock.nowMs()).toBe(0);
      const { message } = await rejectionOf(store.exchange(member('one'), never));
      expect(message).toContain('tokenFile (/nowhere) does not exist');
    });
  });
});
