import { describe, expect, it } from 'vitest';
import { PastSwitches, type KeptSwitch } from '../src/past-switches.js';
import type { SwitchReport } from '../src/switch/report.js';

const HOUR_MS = 3_600_000;

function startedAt(nowMs: number, wallMs: number) {
  const clock = { now: nowMs, wall: wallMs };
  const past = new PastSwitches({ nowMs: () => clock.now, wallMs: () => clock.wall });
  const pass = (ms: number): void => {
    clock.now += ms;
    clock.wall += ms;
  };
  return { past, pass };
}

const switched = (switchEpoch: number): SwitchReport =>
  ({ switchEpoch, startedAtMs: 0, from: 'A', to: 'B', by: 'health' }) as SwitchReport;
const kept = (switchEpoch: number, wallMs: number): KeptSwitch => ({
  switchEpoch,
  from: 'A',
  to: 'B',
  by: 'health',
  wallMs,
});

describe('past switches', () => {
  it('are those of the last hour, each once', () => {
    const { past, pass } = startedAt(0, 0);
    past.add(switched(2));
    pass(HOUR_MS - 1);
    past.add(switched(3));
    past.add(switched(3));
    expect(past.list.map(({ switchEpoch }) => switchEpoch)).toEqual([2, 3]);
    pass(1);
    past.add(switched(4));
    expect(past.list.map(({ switchEpoch }) => switchEpoch)).toEqual([3, 4]);
  });

  it('are those that somebody decided: to go on where it was, after a lease, is none', () => {
    const { past } = startedAt(0, 0);
    past.add({ ...switched(2), by: 'agreement', from: 'A', to: 'A' });
    past.add({ ...switched(3), by: 'agreement', from: 'A', to: 'B' });
    past.add({ ...switched(4), by: 'operator', from: 'A', to: 'A' });
    expect(past.list.map(({ switchEpoch }) => switchEpoch)).toEqual([3, 4]);
  });

  it('go on over a restart, in which monotonic clocks begin anew', () => {
    const before = startedAt(500_000, 1_700_000_000_000);
    before.past.add(switched(2));
    const after = startedAt(1_000, 1_700_000_060_000);
    after.past.remember(before.past.kept);
    expect(after.past.list).toEqual([
      { switchEpoch: 2, from: 'A', to: 'B', by: 'health', atMs: -59_000 },
    ]);
    expect(after.past.kept).toEqual(before.past.kept);
  });

  it('are forgotten after an hour, also over a restart', () => {
    const { past } = startedAt(0, HOUR_MS);
    past.remember([kept(2, 0), kept(3, 1)]);
    expect(past.list.map(({ switchEpoch }) => switchEpoch)).toEqual([3]);
  });

  it('are of this moment where the clock went back since', () => {
    const { past } = startedAt(1_000, 5_000);
    past.remember([kept(2, 90_000)]);
    expect(past.list).toMatchObject([{ atMs: 1_000 }]);
  });

  it('count once where a start is tried again', () => {
    const { past } = startedAt(0, 10);
    past.remember([kept(2, 5)]);
    past.add(switched(3));
    past.remember([kept(2, 5)]);
    expect(past.list.map(({ switchEpoch }) => switchEpoch)).toEqual([2, 3]);
  });

  it('have a last one, however old: it tells since when the service is where it is', () => {
    const { past } = startedAt(0, 3 * HOUR_MS);
    past.remember([kept(2, 0), kept(3, HOUR_MS)]);
    expect(past.list).toMatchObject([{ switchEpoch: 3, atMs: -2 * HOUR_MS }]);
  });
});
