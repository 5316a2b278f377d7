import { describe, expect, it } from 'vitest';
import type { ControlLog } from '../src/agreement/agreement.js';
import type { GroupNeed } from '../src/position/need.js';
import { progressKey, progressValue } from '../src/position/progress-record.js';
import { StandbyCommits } from '../src/position/standby-commits.js';
import { Progress } from '../src/progress.js';
import { replicationPolicy } from '../src/replication/policy.js';
import type { Commit } from '../src/cluster/access.js';
import { EventLog } from './replication/event-log.js';
import { manualWorld, settle } from './support/manual-world.js';

interface Written {
  readonly topic: string;
  readonly key: string;
  readonly value: string | null;
}

/** Two clusters with a log each, and a service on A whose groups the test moves. */
function rig({ everyMs = 1_000 } = {}) {
  const world = manualWorld();
  const events = new EventLog();
  const written: Record<string, Written[]> = { A: [], B: [] };
  const state = {
    steady: { active: 'A', switchEpoch: 3 } as { active: string; switchEpoch: number } | undefined,
    needs: [] as GroupNeed[],
    failure: undefined as Error | undefined,
    hangs: false,
    attempts: 0,
    reads: 0,
    closedCount: 0,
    /** The groups' commits on the standby. */
    committed: (): Promise<readonly Commit[]> => Promise.reject(new Error('not asked for')),
  };
  const openLog = (alias: string, topic: string): ControlLog => ({
    append: () => Promise.reject(new Error('one by one')),
    appendAll(records) {
      state.attempts += 1;
      if (state.hangs) return new Promise(() => {});
      if (state.failure !== undefined) return Promise.reject(state.failure);
      written[alias]?.push(...records.map((one) => ({ topic, ...one })));
      return Promise.resolve();
    },
    read(from) {
      state.reads += 1;
      if (state.hangs) return new Promise(() => {});
      if (state.failure !== undefined) return Promise.reject(state.failure);
      const all = written[alias] ?? [];
      const start = typeof from === 'bigint' ? Number(from) : 0;
      const end = BigInt(all.length);
      const records = all.slice(start).map(({ key, value }, index) => ({
        offset: BigInt(start + index),
        key,
        value: value ?? undefined,
      }));
      return Promise.resolve({ records, next: end, end });
    },
    close() {
      state.closedCount += 1;
      return Promise.resolve();
    },
  });
  const progress = new Progress({
    world,
    events,
    aliases: ['A', 'B'],
    options: { everyMs, topic: 'service' },
    openLog,
    steady: () => state.steady,
    needs: () => state.needs,
    standbyCommits: new StandbyCommits({
      policy: replicationPolicy(),
      access: () => ({ committed: () => state.committed() }),
    }),
  });
  return { world, events, written, state, progress };
}

const few = [{ offset: 9n, timestamp: '5', hash: '0123456789abcdef' }];

function need(
  offset: bigint | undefined,
  untouched: GroupNeed['untouched'] = [],
  groupId = 'billing',
): GroupNeed {
  const recent = { all: () => few, few: () => few };
  const log = { physicalTopic: 'orders', partition: 0 };
  return {
    groupId,
    selectors: ['orders'],
    processed:
      offset === undefined
        ? []
        : [
            {
              ...log,
              offset,
              deliveredBelow: offset,
              rewoundBelow: undefined,
              handledFrom: undefined,
              committed: undefined,
              recent,
            },
          ],
    untouched,
    begunAt: [],
    earlier: [],
    deliveredBefore: [],
  };
}

const never = new AbortController().signal;

function offsets(list: readonly Written[] | undefined): readonly unknown[] {
  return (list ?? []).map(({ value }) => (value === null ? null : JSON.parse(value).offset));
}

function writerOf(list: readonly Written[] | undefined): unknown {
  return JSON.parse(list?.[0]?.value ?? '').by;
}

/** What another process has written. */
function ofAnother(offset: bigint, atWallMs: number, isLast: boolean): Written {
  const position = {
    offset,
    switchEpoch: 3,
    atWallMs,
    writer: 'another',
    isLast,
    isPast: false,
    committed: undefined,
    rewoundBelow: undefined,
    onStandby: undefined,
    recent: few,
  };
  const key = { groupId: 'billing', cluster: 'A', physicalTopic: 'orders', partition: 1 };
  return { topic: '', key: progressKey(key), value: progressValue(position) };
}

async function recorded(progress: Progress, groupId: string) {
  const turn = { from: 'A', to: 'B', planned: false };
  return (await progress.recorded(groupId, turn, never)).onSource;
}

describe('progress', () => {
  it('is written on the standby once an interval, as far as it has changed', async () => {
    const { world, written, state, progress } = rig();
    progress.start();
    state.needs = [need(10n)];
    await world.advance(3_500);
    expect(written['B']).toEqual([
      {
        topic: '__service.progress',
        key: '["billing","A","orders",0]',
        value: JSON.stringify({
          v: 1,
          offset: '10',
          epoch: 3,
          at: 1_700_000_001_000,
          by: writerOf(written['B']),
          recent: [['9', '5', '0123456789abcdef']],
        }),
      },
    ]);
    state.needs = [need(12n)];
    await world.advance(1_000);
    expect(offsets(written['B'])).toEqual(['10', '12']);
    expect(written['A']).toEqual([]);
    expect(progress.status()).toEqual({ cluster: 'B', writtenAgeMs: 500, failure: undefined });
    await progress.stop();
    expect(world.timerCount).toBe(0);
  });

  it('is written back, too: a group that was moved back is obeyed', async () => {
    const { world, written, state, progress } = rig();
    progress.start();
    for (const offset of [10n, 4n]) {
      state.needs = [need(offset)];
      await world.advance(1_000);
    }
    expect(offsets(written['B'])).toEqual(['10', '4']);
    expect(await recorded(progress, 'billing')).toMatchObject([{ offset: 4n }]);
    await progress.stop();
  });

  it('of who had a partition before is void when another member gets it', async () => {
    const { world, written, state, progress } = rig();
    progress.start();
    state.needs = [need(10n)];
    await world.advance(1_000);
    state.needs = [need(undefined, [{ physicalTopic: 'orders', partition: 0 }])];
    await world.advance(2_000);
    expect(offsets(written['B'])).toEqual(['10', null]);
    expect(await recorded(progress, 'billing')).toEqual([]);
    await progress.stop();
  });

  it('is voided again in a partition that comes back: others have written meanwhile', async () => {
    const { world, written, state, progress } = rig();
    const untouched = need(undefined, [{ physicalTopic: 'orders', partition: 0 }]);
    progress.start();
    for (const needs of [[untouched], [], [untouched]]) {
      state.needs = needs;
      await world.advance(2_000);
    }
    expect(offsets(written['B'])).toEqual([null, null]);
    await progress.stop();
  });

  it('that was written on the cluster which is worked with now is past some time after the switch', async () => {
    const { world, written, state, progress } = rig();
    progress.start();
    state.needs = [need(10n)];
    await world.advance(1_000);
    state.steady = { active: 'B', switchEpoch: 4 };
    await world.advance(9_000);
    expect(offsets(written['B'])).toEqual(['10']);
    await world.advance(2_000);
    expect(offsets(written['B'])).toEqual(['10', '10']);
    expect(JSON.parse(written['B']?.[1]?.value ?? '')).toMatchObject({ past: true });
    await progress.stop();
  });

  it('is read for one group, and for the cluster that it reads from', async () => {
    const { world, state, progress } = rig();
    progress.start();
    state.needs = [need(10n), need(20n, [], 'shipping')];
    await world.advance(1_000);
    expect(await recorded(progress, 'shipping')).toMatchObject([{ offset: 20n, recent: few }]);
    const home = { from: 'B', to: 'A', planned: true };
    expect(await progress.recorded('shipping', home, never)).toMatchObject({
      onSource: [],
      onTarget: [{ offset: 20n }],
    });
    await progress.stop();
  });

  it('is not written during a switch, and all of it anew in the next epoch', async () => {
    const { world, written, state, progress } = rig();
    progress.start();
    state.needs = [need(10n)];
    await world.advance(1_000);
    state.steady = undefined;
    state.needs = [need(11n)];
    await world.advance(2_000);
    expect(offsets(written['B'])).toEqual(['10']);
    state.steady = { active: 'B', switchEpoch: 4 };
    await world.advance(1_000);
    expect(written['A']?.map(({ key }) => key)).toEqual(['["billing","B","orders",0]']);
    await progress.stop();
  });

  it('that cannot be written is told once, tried ever more rarely, and waited for by nobody', async () => {
    const { world, written, events, state, progress } = rig();
    progress.start();
    state.needs = [need(10n)];
    state.failure = new Error('no rights');
    await world.advance(60_000);
    expect(state.attempts).toBeLessThan(8);
    expect(events.of('progress.failed')).toMatchObject([{ cluster: 'B', error: state.failure }]);
    expect(progress.status()).toMatchObject({ writtenAgeMs: undefined, failure: state.failure });
    state.failure = undefined;
    await world.advance(60_000);
    expect(offsets(written['B'])).toEqual(['10']);
    expect(progress.status()?.failure).toBeUndefined();
    await progress.stop();
  });

  it('has last words in a switch: what was handled, on the target, and nothing of what was not touched', async () => {
    const { written, state, progress } = rig();
    const turn = { from: 'A', to: 'B', switchEpoch: 4 };
    const last = need(17n, [{ physicalTopic: 'orders', partition: 1 }]);
    await progress.lastWords(turn, [last], never);
    expect(offsets(written['B'])).toEqual(['17']);
    expect(JSON.parse(written['B']?.[0]?.value ?? '')).toMatchObject({ epoch: 3, last: true });
    // Out of a halt, to where it was.
    await progress.lastWords({ ...turn, to: 'A' }, [last], never);
    expect(state.attempts).toBe(1);
    await progress.stop();
  });

  it('of a member that leaves are not the last ones of another member of this process', async () => {
    const { world, written, state, progress } = rig();
    state.needs = [need(17n)];
    progress.start();
    await world.advance(1_000);
    await progress.lastWords({ from: 'A', to: 'B', switchEpoch: 4 }, [need(17n)], never);
    // The other one has got the partition, and has come no further.
    await world.advance(1_000);
    const isLast = written['B']?.map(({ value }) => JSON.parse(value ?? '').last === true);
    expect(isLast).toEqual([false, true, false]);
    await progress.stop();
  });

  it.each([
    ['says its last words', true, 300, true],
    ['died with the cluster', false, 1_000, false],
  ])('of a member that was at work is waited for until it %s', async (_, speaks, forMs, isNews) => {
    const { world, written, state, progress } = rig();
    const turn = { from: 'A', to: 'B' };
    written['B']?.push(ofAnother(40n, world.wallMs() - 900, false));
    await recorded(progress, 'billing');
    const answered: unknown[] = [];
    const startedAtMs = world.nowMs();
    void progress.othersSaid('billing', turn, false, never).then((news) => {
      answered.push(news, world.nowMs() - startedAtMs);
    });
    await world.advance(290);
    expect(answered).toEqual([]);
    if (speaks) written['B']?.push(ofAnother(44n, world.wallMs(), true));
    await world.advance(2_000);
    expect(answered[0]).toBe(isNews);
    expect(Number(answered[1])).toBeLessThanOrEqual(forMs + 20);
    expect(state.attempts).toBe(0);
    await progress.stop();
  });

  it('of members that were not at work any more, or are waited for by their fleet, is not waited for', async () => {
    const { world, written, progress } = rig();
    const turn = { from: 'A', to: 'B' };
    written['B']?.push(ofAnother(40n, world.wallMs() - 20_000, false));
    expect(await progress.othersSaid('billing', turn, false, never)).toBe(true);
    written['B']?.push(ofAnother(41n, world.wallMs(), false));
    expect(await progress.othersSaid('billing', turn, true, never)).toBe(true);
    expect(world.nowMs()).toBe(0);
    await progress.stop();
  });

  it('holds up a switch for half a second, and a plan for one and a half, where the target does not answer', async () => {
    const { world, state, progress } = rig();
    state.hangs = true;
    const ended: string[] = [];
    void progress
      .lastWords({ from: 'A', to: 'B', switchEpoch: 4 }, [need(17n)], never)
      .then(() => ended.push('last words'));
    void recorded(progress, 'billing').then((found) => ended.push(`${found.length} found`));
    await world.advance(499);
    expect(ended).toEqual([]);
    await world.advance(1);
    await settle();
    expect(ended).toEqual(['last words']);
    await world.advance(1_000);
    await settle();
    expect(ended).toEqual(['last words', '0 found']);
    await progress.stop();
  });

  it('lets go of every connection when it stops, and begins anew when it is wanted again', async () => {
    const { world, written, state, progress } = rig();
    progress.start();
    progress.start();
    state.needs = [need(10n)];
    await world.advance(1_000);
    await progress.stop();
    expect(state.closedCount).toBe(1);
    await world.advance(5_000);
    expect(progress.status()).toBeUndefined();
    progress.start();
    await world.advance(1_000);
    expect(offsets(written['B'])).toEqual(['10', '10']);
    await progress.stop();
  });

  it('says where the group stood on the standby, where that is known, and anew where it has changed', async () => {
    const { world, written, state, progress } = rig();
    const standby = (): readonly unknown[] =>
      (written['B'] ?? []).map(({ value }) => JSON.parse(value ?? '').standby);
    state.needs = [need(10n)];
    progress.start();
    await world.advance(1_500);
    expect(standby()).toEqual([undefined]);
    state.committed = () => Promise.resolve([]);
    await world.advance(10_000);
    expect(standby()).toEqual([undefined, 'none']);
    const copy = { topic: 'A.orders', partition: 0, offset: 7n, metadata: '' };
    state.committed = () => Promise.resolve([copy]);
    await world.advance(11_000);
    expect(standby()).toEqual([undefined, 'none', '7']);
  });

  it('goes on where nobody says where the group stood there', async () => {
    const { world, written, state, progress } = rig();
    state.committed = () => new Promise(() => {});
    state.needs = [need(10n)];
    progress.start();
    await world.advance(4_000);
    expect(offsets(written['B'])).toEqual(['10']);
  });
});
