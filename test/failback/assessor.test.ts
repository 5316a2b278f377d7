import { describe, expect, it } from 'vitest';
import { FailbackAssessor } from '../../src/failback/assessor.js';
import type { PastSwitch } from '../../src/strategy/strategy.js';
import { viewOf } from '../strategy/support.js';
import { manualWorld } from '../support/manual-world.js';

const AWAY: PastSwitch = { atMs: 9_000_000, switchEpoch: 2, from: 'A', to: 'B', by: 'operator' };

describe('the stay away', () => {
  it('goes on where a halt on the standby was left for the standby', () => {
    const outOfHalt = { ...AWAY, atMs: 9_990_000, switchEpoch: 3, from: 'B' };
    const assessor = new FailbackAssessor({
      world: manualWorld(),
      events: { emit: () => {} },
      limits: { dwellMs: 600_000, everyMs: 30_000, lagMs: 5_000, canary: undefined },
      stableMs: undefined,
      known: () => viewOf({ active: 'B', switchEpoch: 3, switches: [AWAY, outOfHalt] }),
      isSteady: () => true,
      look: () => expect.unreachable('nobody is asked'),
      onChange: () => {},
    });
    expect(assessor.assessment()?.gates[0]).toEqual({
      name: 'dwell',
      state: 'open',
      detail: 'away for 1000000 ms, 600000 are asked for',
    });
  });
});
