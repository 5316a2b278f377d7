import { describe, expect, it } from 'vitest';
import type { AgreementNews, Proposal } from '../../src/agreement/agreement.js';
import { agree } from '../../src/agreement/decide-together.js';
import { reduceFleet, UNKNOWN_FLEET } from '../../src/agreement/fleet-state.js';
import type { AgreeOutcome } from '../../src/switch/fleet.js';
import type { SwitchTurn } from '../../src/switch/participant.js';

const decided = (epoch: number, cluster: string): AgreementNews => ({
  kind: 'decision',
  decision: { epoch, cluster, mode: 'planned', reason: 'test', by: 'operator' },
});

/** Another member says that it has obeyed this decision. */
const obeyed = (obeyedEpoch: number, cluster: string): AgreementNews => ({
  kind: 'member',
  member: {
    instance: 'other',
    incarnation: 'first',
    sequence: 1,
    cluster,
    obeyedEpoch,
    groups: ['billing'],
    wants: undefined,
  },
});

/** A process that has obeyed nothing agrees on B; the store tells this when it is asked anew, and decides what it is told. */
async function agreeOnB(
  heard: readonly AgreementNews[],
  toldAnew: readonly AgreementNews[],
  by: SwitchTurn['by'] = 'operator',
): Promise<{ outcome: AgreeOutcome; proposedAfter: number[] }> {
  let state = heard.reduce((known, news) => reduceFleet(known, news, 0), UNKNOWN_FLEET);
  const proposedAfter: number[] = [];
  const turn: SwitchTurn = {
    switchEpoch: 2,
    from: 'A',
    to: 'B',
    planned: true,
    reason: 'test',
    by,
    agreedEpoch: undefined,
  };
  const outcome = await agree(
    turn,
    {
      agreement: 'test',
      leased: () => Promise.resolve(),
      askAnew: () => {
        state = toldAnew.reduce((known, news) => reduceFleet(known, news, 0), state);
        return Promise.resolve();
      },
      obeyedEpoch: () => 0,
      placeIn: ({ cluster }) => cluster,
      state: () => state,
      propose: (proposal: Proposal, after: number) => {
        proposedAfter.push(after);
        return Promise.resolve({ ...proposal, epoch: after + 1 });
      },
    },
    new AbortController().signal,
  );
  return { outcome, proposedAfter };
}

describe('a decision that another member has obeyed, and that is not heard yet', () => {
  it('is asked for: an equal order makes no second one', async () => {
    const { outcome, proposedAfter } = await agreeOnB([obeyed(1, 'B')], [decided(1, 'B')]);
    expect(outcome).toEqual({ kind: 'agreed', epoch: 1, planned: true });
    expect(proposedAfter).toEqual([]);
  });

  it('is followed by health, which has no word of its own then', async () => {
    const heard = [obeyed(1, 'B')];
    const { outcome, proposedAfter } = await agreeOnB(heard, [decided(1, 'B')], 'health');
    expect(outcome).toMatchObject({ kind: 'agreed', epoch: 1 });
    expect(proposedAfter).toEqual([]);
  });

  it('is overruled by a person where it leads elsewhere', async () => {
    const { proposedAfter } = await agreeOnB([obeyed(1, 'A')], [decided(1, 'A')]);
    expect(proposedAfter).toEqual([1]);
  });

  it('is overruled by a person also where the store has lost it, and never by health', async () => {
    expect((await agreeOnB([obeyed(3, 'A')], [])).proposedAfter).toEqual([3]);
    const { outcome, proposedAfter } = await agreeOnB([obeyed(3, 'A')], [], 'health');
    expect([outcome.kind, proposedAfter]).toEqual(['refused', []]);
  });

  it('is not asked for where there is none', async () => {
    const { outcome, proposedAfter } = await agreeOnB([], [decided(7, 'A')]);
    expect([outcome.kind, proposedAfter]).toEqual(['agreed', [0]]);
  });
});
