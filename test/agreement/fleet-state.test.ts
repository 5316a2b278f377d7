import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AgreementNews, FleetPart, MemberState } from '../../src/agreement/agreement.js';
import {
  isTogetherOn,
  reduceFleet,
  stillThere,
  tallyOf,
  UNKNOWN_FLEET,
  type FleetState,
  type HeardMember,
} from '../../src/agreement/fleet-state.js';

const SILENT = { nowMs: 10_000, silentMs: 6_000 };
const IN_CONTACT = { ...SILENT, silentSinceMs: 4_000 };

function decided(
  epoch: number,
  cluster = epoch % 2 === 0 ? 'A' : 'B',
  only?: FleetPart,
): AgreementNews {
  const decision = { epoch, cluster, mode: 'planned', reason: 'test', by: 'operator' } as const;
  return { kind: 'decision', decision: only === undefined ? decision : { ...decision, only } };
}

function said(instance: string, more: Partial<MemberState> = {}): AgreementNews {
  const member = {
    instance,
    incarnation: 'first',
    sequence: 1,
    cluster: 'A',
    obeyedEpoch: 0,
    groups: ['billing'],
    wants: undefined,
    ...more,
  };
  return { kind: 'member', member };
}

const left = (instance: string): AgreementNews => ({
  kind: 'left',
  instance,
  incarnation: 'first',
});

/** It was restarted under the same name. */
const again = (instance: string, sequence: number): AgreementNews =>
  said(instance, { incarnation: 'second', sequence, cluster: 'B' });

type TimedNews = readonly [atMs: number, news: AgreementNews];

function after(...news: readonly TimedNews[]): FleetState {
  return news.reduce((state, [atMs, one]) => reduceFleet(state, one, atMs), UNKNOWN_FLEET);
}

describe('what is known of a fleet', () => {
  it('is the decision with the highest epoch, in whatever order decisions are heard', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (epochs) => {
        const state = after(...epochs.map((epoch) => [0, decided(epoch)] as const));
        expect(state.decision?.epoch).toBe(Math.max(...epochs));
      }),
    );
  });

  it('keeps what was decided first where an epoch is named twice', () => {
    expect(after([0, decided(3, 'B')], [1, decided(3, 'A')]).decision?.cluster).toBe('B');
  });

  it('takes a member as heard only where it says something new', () => {
    const state = after([0, said('one')], [5_000, said('one')]);
    expect(state.members.get('one')?.heardAtMs).toBe(0);
    const later = after([0, said('one')], [5_000, said('one', { sequence: 2 })]);
    expect(later.members.get('one')?.heardAtMs).toBe(5_000);
  });

  it('takes no older statement in the place of a newer one', () => {
    const state = after(
      [0, said('one', { sequence: 2, obeyedEpoch: 5 })],
      [1, said('one', { obeyedEpoch: 4 })],
    );
    expect(state.members.get('one')?.member.obeyedEpoch).toBe(5);
  });

  it('forgets who has left', () => {
    const state = after([0, said('one')], [1, left('one')]);
    expect([...state.members]).toEqual([]);
  });

  it('keeps who has begun again where the farewell of the life before comes late', () => {
    const state = after([0, said('one')], [1, again('one', 2)], [2, left('one')]);
    expect(state.members.get('one')?.member.incarnation).toBe('second');
  });

  it('forgets who was silent for half an hour', () => {
    const state = after([0, said('old')], [1_799_999, said('one')], [1_800_000, said('two')]);
    expect([...state.members.keys()]).toEqual(['one', 'two']);
  });

  it('is not changed by what is refused', () => {
    const state = after([0, decided(1)]);
    expect(reduceFleet(state, { kind: 'refused', because: 'garbage' }, 1)).toBe(state);
  });
});

describe('a process that was restarted under the same name', () => {
  const before = (sequence: number) => said('one', { sequence, cluster: 'A' });
  const now = (sequence: number) => again('one', sequence);
  const one = (...news: readonly TimedNews[]): HeardMember | undefined =>
    after(...news).members.get('one');

  it('is believed at its first words where its numbers are higher, and has a voice from the second on', () => {
    const first = one([0, before(7)], [1, before(8)], [2, now(9)]);
    expect(first).toMatchObject({ member: { cluster: 'B' }, heardAtMs: 2, isAlive: false });
    const second = one([0, before(7)], [2, now(9)], [3, now(10)]);
    expect(second).toMatchObject({ heardAtMs: 3, isAlive: true });
  });

  it('is believed at its second words in a row where its clock is behind, and has a voice from the third on', () => {
    const news: TimedNews[] = [
      [0, before(1_000)],
      [1_000, before(1_001)],
      [2_000, now(1)],
    ];
    const first = one(...news);
    expect(first).toMatchObject({ member: { cluster: 'A' }, heardAtMs: 2_000, isAlive: false });
    const second = one(...news, [4_000, now(2)]);
    expect(second).toMatchObject({ member: { cluster: 'B' }, heardAtMs: 4_000, isAlive: false });
    const third = one(...news, [4_000, now(2)], [6_000, now(3)]);
    expect(third).toMatchObject({ member: { cluster: 'B' }, heardAtMs: 6_000, isAlive: true });
  });

  it('is waited for before it is believed, and so is the life before', () => {
    const [dead, living] = [
      said('one', { sequence: 1_000, obeyedEpoch: 4 }),
      said('one', { incarnation: 'second', obeyedEpoch: 3, cluster: 'B' }),
    ];
    const soon = { nowMs: 10, silentMs: 6_000 };
    const leaving = { epoch: 4, to: 'B', groups: ['billing'] };
    const waiting = { instance: 'self', place: 'B', ...soon };
    const names = (...news: readonly TimedNews[]): readonly string[] =>
      stillThere(after(...news), leaving, waiting).map(({ member }) => member.instance);
    expect(names([0, dead])).toEqual([]);
    expect(names([0, dead], [1, living])).toEqual(['one']);
    const away = said('one', { incarnation: 'second', obeyedEpoch: 4, cluster: 'B' });
    const together = isTogetherOn(after([0, decided(4, 'A')], [0, dead], [1, away]), 'A', soon);
    expect(together).toBe(false);
  });

  it('loses its voice, and not its place, to one late statement of a life with lower numbers', () => {
    const news: TimedNews[] = [
      [0, before(1_000)],
      [1_000, now(1_001)],
      [2_000, now(1_002)],
    ];
    const late: TimedNews = [2_500, said('one', { incarnation: 'older', sequence: 900 })];
    expect(one(...news, late)).toMatchObject({ member: { cluster: 'B' }, isAlive: false });
    const next = one(...news, late, [3_000, now(1_003)]);
    expect(next).toMatchObject({ member: { cluster: 'B' }, isAlive: true });
  });

  it('gives way to one late statement of a life whose clock was ahead, which has no voice, until it has spoken twice', () => {
    const news: TimedNews[] = [
      [0, before(1_000)],
      [1, now(1)],
      [2, now(2)],
      [3, before(1_001)],
    ];
    const heard = (...more: readonly TimedNews[]) => one(...news, ...more);
    expect(heard()).toMatchObject({ member: { cluster: 'A' }, isAlive: false });
    expect(heard([4, now(3)])).toMatchObject({ member: { cluster: 'A' }, isAlive: false });
    expect(heard([4, now(3)], [5, now(4)])).toMatchObject({ member: { cluster: 'B' } });
  });

  it.each([
    ['the life before', before(1_001)],
    ['its own', now(3)],
  ])('is not heard where a store repeats the words of %s', (_, repeated) => {
    const news: TimedNews[] = [
      [0, before(1_000)],
      [1_000, before(1_001)],
      [8_000, now(2)],
      [9_000, now(3)],
    ];
    const heard = one(...news, [30_000, repeated]);
    expect(heard).toMatchObject({ member: { cluster: 'B' }, heardAtMs: 9_000 });
  });

  it('takes bounded memory, however often it starts', () => {
    const starts = Array.from({ length: 100 }, (_, index): TimedNews => {
      const life = { incarnation: `life-${index}`, sequence: index + 1 };
      return [index, said('one', life)];
    });
    const known = one(...starts);
    expect(known?.highestSequences.size).toBe(32);
    expect(known?.member.incarnation).toBe('life-99');
  });
});

describe('a vote', () => {
  /** It was heard before, and speaks again. */
  const wants = (instance: string, atMs: number, more: Partial<MemberState> = {}) =>
    [
      [0, said(instance, more)],
      [atMs, said(instance, { sequence: 2, wants: 'B', ...more })],
    ] as const;
  const idle = (instance: string, atMs: number) => [atMs, said(instance)] as const;

  it.each([
    [{ share: 0.5 }, 1, 1],
    [{ share: 0.5 }, 2, 2],
    [{ share: 0.5 }, 3, 2],
    [{ share: 0.5 }, 4, 3],
    [{ share: 0 }, 5, 1],
    [{ share: 0.99 }, 3, 3],
    [{ voices: 2 }, 5, 2],
    [{ voices: 2 }, 1, 2],
  ] as const)('with a quorum of %j and %i members needs %i voices', (quorum, count, needed) => {
    const members = Array.from({ length: count }, (_, index) => idle(`m${index}`, 9_000));
    expect(tallyOf(after(...members), 'B', quorum, IN_CONTACT)).toMatchObject({
      heard: count,
      needed,
    });
  });

  it('counts neither the silent nor those that want another cluster', () => {
    const state = after(
      ...wants('one', 9_000),
      ...wants('silent', 3_999),
      ...wants('other', 9_000, { wants: 'A' }),
      idle('idle', 9_000),
    );
    const tally = tallyOf(state, 'B', { share: 0.5 }, IN_CONTACT);
    expect(tally).toEqual({ voices: 1, heard: 3, needed: 2 });
  });

  it('counts those who could not be heard for a while, without a voice', () => {
    const state = after(...wants('cut off as well', 1_000), ...wants('back', 9_000));
    const tally = tallyOf(state, 'B', { share: 0.5 }, { ...SILENT, silentSinceMs: 500 });
    expect(tally).toEqual({ voices: 1, heard: 2, needed: 2 });
  });

  it('hears nobody whose words may be his last: he was heard once', () => {
    const state = after([9_000, said('dead', { wants: 'B' })], ...wants('alive', 9_000));
    const tally = tallyOf(state, 'B', { voices: 2 }, IN_CONTACT);
    expect(tally).toEqual({ voices: 1, heard: 2, needed: 2 });
  });

  it('hears nobody who has not obeyed the decision in force: he speaks of an older time', () => {
    const state = after(
      [0, decided(4)],
      ...wants('old', 9_000, { obeyedEpoch: 3 }),
      ...wants('new', 9_000, { obeyedEpoch: 4 }),
    );
    expect(tallyOf(state, 'B', { share: 0.5 }, IN_CONTACT)).toMatchObject({ voices: 1, heard: 2 });
  });
});

describe('a vote in a fleet that works with both clusters', () => {
  const ONLY = { groups: ['billing'], instances: [] };
  const at = (instance: string, cluster: string, wants?: string) =>
    [
      [0, said(instance, { cluster, obeyedEpoch: 5, wants })],
      [9_000, said(instance, { cluster, obeyedEpoch: 5, sequence: 2, wants })],
    ] as const;
  const moved = [0, decided(5, 'A', ONLY)] as const;

  it.each([
    [
      'one who is home, and sees it die, is enough',
      'B',
      ['home'],
      { voices: 1, heard: 1, needed: 1 },
    ],
    ['one who is away does not speak for all', 'A', ['away'], { voices: 1, heard: 3, needed: 2 }],
    [
      'most of those who are away do',
      'A',
      ['away', 'away too'],
      { voices: 2, heard: 3, needed: 2 },
    ],
  ] as const)('%s', (_, wanted, by, tally) => {
    const who = [
      ['home', 'A'],
      ['away', 'B'],
      ['away too', 'B'],
      ['far away', 'B'],
    ] as const;
    const state = after(
      moved,
      ...who.flatMap(([name, cluster]) =>
        at(name, cluster, (by as readonly string[]).includes(name) ? wanted : undefined),
      ),
    );
    expect(tallyOf(state, wanted, { share: 0.5 }, IN_CONTACT)).toEqual(tally);
    const three = { ...tally, needed: Math.min(3, tally.heard) };
    expect(tallyOf(state, wanted, { voices: 3 }, IN_CONTACT)).toEqual(three);
  });
});

describe('who is still there', () => {
  const leaving = { epoch: 4, to: 'B', groups: ['billing'] };
  const names = (
    state: FleetState,
    { place = 'B', ...more }: { place?: string; groups?: undefined } = {},
  ) =>
    stillThere(state, { ...leaving, ...more }, { instance: 'self', place, ...SILENT }).map(
      ({ member }) => member.instance,
    );

  it('is every other member of the group that has not obeyed, and was heard lately', () => {
    const state = after(
      [9_000, said('self')],
      [9_000, said('busy', { obeyedEpoch: 3 })],
      [9_000, said('gone', { obeyedEpoch: 4 })],
      [9_000, said('ahead', { obeyedEpoch: 5, cluster: 'B' })],
      [9_000, said('stranger', { groups: ['audit'] })],
      [3_999, said('silent', { obeyedEpoch: 3 })],
    );
    expect(names(state)).toEqual(['busy']);
    expect(names(state, { groups: undefined })).toEqual(['busy', 'stranger']);
  });

  it('is who stays elsewhere by a newer decision, which this process has not obeyed, or a still newer one will take from there', () => {
    const ahead = said('ahead', { obeyedEpoch: 5, cluster: 'A' });
    const starting = said('starting', { obeyedEpoch: 5, cluster: '' });
    // On the way to B by 4: everybody stays on A by 5, or goes to B by 6.
    const back = after([9_000, decided(5, 'A')], [9_000, ahead], [9_000, starting]);
    expect(names(back, { place: 'A' })).toEqual(['ahead']);
    const on = after([9_000, decided(6, 'B')], [9_000, ahead], [9_000, starting]);
    expect(names(on)).toEqual(['ahead']);
    // 5 leaves this process on B, and others on A: they work with other groups.
    const part = after([9_000, decided(5, 'A', { groups: ['audit'], instances: [] })]);
    const apart = reduceFleet(part, said('apart', { obeyedEpoch: 5, groups: ['audit'] }), 9_000);
    expect(names(apart, { groups: undefined })).toEqual([]);
  });
});
