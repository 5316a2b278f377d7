import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SwitchPhase } from '../../src/events.js';
import {
  epochOf,
  type FleetOrder,
  type PhaseOutcome,
  type SwitchEffect,
  type SwitchInput,
  type SwitchState,
} from '../../src/switch/state.js';
import { transition } from '../../src/switch/transition.js';

const steadyOnA: SwitchState = { kind: 'steady', active: 'A', switchEpoch: 1 };

function order(
  to: string,
  options: { planned?: boolean; orderId?: number; fleet?: FleetOrder } = {},
): SwitchInput {
  const { planned = true, orderId = 1, fleet = { kind: 'none' } } = options;
  const order = { orderId, to, planned, reason: 'test', by: 'operator', fleet } as const;
  return { kind: 'ordered', order, atMs: 100 };
}

function ended(state: SwitchState, outcome: PhaseOutcome, atMs = 200): SwitchInput {
  if (state.kind !== 'switching') throw new Error(`not switching: ${state.kind}`);
  const { turn, phase } = state.run;
  return { kind: 'phase-ended', switchEpoch: turn.switchEpoch, phase, outcome, atMs };
}

/** Lets every phase succeed until the machine is steady; returns the phases it went through. */
function runToEnd(start: SwitchState): {
  state: SwitchState;
  phases: SwitchPhase[];
  effects: SwitchEffect[];
} {
  let state = start;
  const phases: SwitchPhase[] = [];
  const effects: SwitchEffect[] = [];
  while (state.kind === 'switching') {
    phases.push(state.run.phase);
    const next = transition(state, ended(state, { kind: 'done' }));
    state = next.state;
    effects.push(...next.effects);
  }
  return { state, phases, effects };
}

function refusal({ plannedOnly }: { plannedOnly: boolean }): PhaseOutcome {
  return { kind: 'refused', reasons: ['no'], plannedOnly };
}

function switching(planned: boolean, phase: SwitchPhase): SwitchState {
  let { state } = transition(steadyOnA, order('B', { planned }));
  while (state.kind === 'switching' && state.run.phase !== phase) {
    state = transition(state, ended(state, { kind: 'done' })).state;
  }
  expect(state.kind).toBe('switching');
  return state;
}

/** The machine in a phase of a switch that has gone well so far. */
function inPhase(phase: SwitchPhase, input: SwitchInput): SwitchState {
  let { state } = transition(steadyOnA, input);
  while (state.kind === 'switching' && state.run.phase !== phase) {
    ({ state } = transition(state, ended(state, { kind: 'done' })));
  }
  return state;
}

describe('the switch machine', () => {
  it('goes through every phase of a planned switch and ends on the target in the next epoch', () => {
    const { state } = transition(steadyOnA, order('B'));
    const end = runToEnd(state);
    expect(end.phases).toEqual([
      'prepare',
      'hold',
      'drain',
      'fence',
      'catch-up',
      'translate',
      'open',
    ]);
    expect(end.state).toEqual({ kind: 'steady', active: 'B', switchEpoch: 2 });
    expect(end.effects.at(-1)).toMatchObject({ kind: 'completed', run: { orderIds: [1] } });
  });

  it('fences an unplanned switch at once, with nothing to drain or to wait for', () => {
    const { state } = transition(steadyOnA, order('B', { planned: false }));
    expect(runToEnd(state).phases).toEqual(['prepare', 'hold', 'fence', 'translate', 'open']);
  });

  it('answers an order to the active cluster without doing anything', () => {
    const { state, effects } = transition(steadyOnA, order('A'));
    expect(state).toEqual(steadyOnA);
    expect(effects).toEqual([{ kind: 'already-active', orderId: 1, active: 'A', switchEpoch: 1 }]);
  });

  it('stays on the source, in its epoch, when prepare refuses', () => {
    const { state } = transition(steadyOnA, order('B'));
    const refused = transition(state, ended(state, refusal({ plannedOnly: true })));
    expect(refused.state).toEqual(steadyOnA);
    expect(refused.effects).toMatchObject([{ kind: 'refused', reasons: ['no'] }]);
  });

  it('goes on with a warning when an unplanned order joined meanwhile, and only a planned switch is refused', () => {
    const planned = transition(steadyOnA, order('B')).state;
    const { state } = transition(planned, order('B', { planned: false, orderId: 2 }));
    const { state: next } = transition(state, ended(state, refusal({ plannedOnly: true })));
    expect(next).toMatchObject({
      run: { phase: 'hold', remaining: ['fence', 'translate', 'open'], warnings: ['no'] },
    });
    const end = runToEnd(next);
    expect(end.effects.at(-1)).toMatchObject({ kind: 'completed', run: { orderIds: [1, 2] } });
  });

  it('refuses both when an unplanned order joined meanwhile, and the target does not answer', () => {
    const planned = transition(steadyOnA, order('B')).state;
    const { state } = transition(planned, order('B', { planned: false, orderId: 2 }));
    const refused = transition(state, ended(state, refusal({ plannedOnly: false })));
    expect(refused.state).toEqual(steadyOnA);
    expect(refused.effects).toMatchObject([{ kind: 'refused', run: { orderIds: [1, 2] } }]);
  });

  it('reports a phase that overruns its deadline and goes on', () => {
    const state = switching(true, 'drain');
    const next = transition(state, ended(state, { kind: 'overran', detail: 'busy' }));
    expect(next.effects.map((effect) => effect.kind)).toEqual(['overran', 'run-phase']);
    expect(next.state).toMatchObject({ kind: 'switching', run: { phase: 'fence' } });
  });

  it.each(['drain', 'fence', 'catch-up', 'translate'] as const)(
    'takes a planned switch that fails in %s back to its source, in a new epoch',
    (phase) => {
      const state = switching(true, phase);
      const error = new Error('boom');
      const back = transition(state, ended(state, { kind: 'failed', error }));
      expect(back.state).toMatchObject({
        kind: 'switching',
        run: {
          turn: { from: 'B', to: 'A', switchEpoch: 3, planned: false },
          rollBackOf: { error },
        },
      });
      const end = runToEnd(back.state);
      expect(end.phases).toEqual(['fence', 'open']);
      expect(end.state).toEqual({ kind: 'steady', active: 'A', switchEpoch: 3 });
      expect(end.effects.at(-1)).toMatchObject({ kind: 'rolled-back', error });
    },
  );

  it('goes on to the target when an unplanned switch fails in translate: there is nothing to go back to', () => {
    const state = switching(false, 'translate');
    const next = transition(state, ended(state, { kind: 'failed', error: new Error('boom') }));
    expect(next.state).toMatchObject({
      kind: 'switching',
      run: { phase: 'open', warnings: ['translate failed: boom'] },
    });
  });

  it.each([
    ['an older epoch', 'drain', 1],
    ['a phase that was given up', 'fence', 2],
  ] as const)('drops a late answer of %s', (_whose, phaseNow, switchEpoch) => {
    const state = switching(true, phaseNow);
    const late: SwitchInput = {
      kind: 'phase-ended',
      switchEpoch,
      phase: 'drain',
      outcome: { kind: 'done' },
      atMs: 300,
    };
    expect(transition(state, late)).toEqual({ state, effects: [] });
  });

  it('lets a second order to the same target join the switch under way', () => {
    const state = switching(true, 'drain');
    const joined = transition(state, order('B', { orderId: 2 }));
    expect(joined.effects).toEqual([]);
    expect(joined.state).toMatchObject({ run: { orderIds: [1, 2] } });
  });

  it('remembers a newer decision and carries it out after the switch under way', () => {
    const state = switching(true, 'drain');
    const remembered = transition(state, order('A', { orderId: 2 }));
    expect(remembered.effects).toEqual([]);
    let next: SwitchState = remembered.state;
    while (next.kind === 'switching' && next.run.turn.to === 'B') {
      next = transition(next, ended(next, { kind: 'done' })).state;
    }
    expect(next).toMatchObject({
      kind: 'switching',
      run: { turn: { from: 'B', to: 'A', switchEpoch: 3 }, orderIds: [2] },
    });
  });

  it('keeps only the newest of the decisions that wait', () => {
    const state = switching(true, 'drain');
    const first = transition(state, order('A', { orderId: 2 })).state;
    const second = transition(first, order('A', { orderId: 3 }));
    expect(second.effects).toMatchObject([{ kind: 'superseded', order: { orderId: 2 } }]);
    expect(second.state).toMatchObject({ next: { orderId: 3 } });
  });

  it('halts from anywhere, answers who waits, and leaves the halt by an order only', () => {
    const state = switching(true, 'catch-up');
    const error = new Error('wrong cluster');
    const halted = transition(state, { kind: 'halted', active: 'B', error });
    // It was still working with A, whichever cluster turned out to be wrong.
    expect(halted.state).toEqual({ kind: 'halted', active: 'A', switchEpoch: 2, error });
    expect(halted.effects).toEqual([{ kind: 'halt', active: 'A', error, orderIds: [1] }]);
    const late = transition(halted.state, ended(state, { kind: 'done' }));
    expect(late.state).toBe(halted.state);
    const leave = transition(halted.state, order('B', { orderId: 2 }));
    expect(leave.state).toMatchObject({
      kind: 'switching',
      run: { turn: { from: 'A', to: 'B', switchEpoch: 3, planned: false } },
    });
  });

  it('gives the source up when an unplanned order joins a planned switch, and does not go back to it', () => {
    const state = switching(true, 'drain');
    const given = transition(state, order('B', { planned: false, orderId: 2 }));
    expect(given.effects.map((effect) => effect.kind)).toEqual(['overran', 'run-phase']);
    expect(given.state).toMatchObject({
      run: { phase: 'fence', remaining: ['translate', 'open'], turn: { planned: false } },
    });
    const late = transition(given.state, ended(state, { kind: 'done' }));
    expect(late.state).toBe(given.state);
    let next = given.state;
    while (next.kind === 'switching' && next.run.phase !== 'translate') {
      next = transition(next, ended(next, { kind: 'done' })).state;
    }
    const failed = transition(next, ended(next, { kind: 'failed', error: new Error('A is dead') }));
    expect(failed.state).toMatchObject({
      run: { phase: 'open', turn: { to: 'B' }, orderIds: [1, 2] },
    });
  });

  it('stays halted when the order that should end the halt is refused', () => {
    const error = new Error('wrong cluster');
    const halted: SwitchState = { kind: 'halted', active: 'A', switchEpoch: 1, error };
    const { state } = transition(halted, order('A'));
    const refused = transition(state, ended(state, refusal({ plannedOnly: false })));
    expect(refused.state).toEqual(halted);
  });

  it('never leaves the closed state, and answers who waits', () => {
    const state = switching(true, 'drain');
    const closed = transition(state, { kind: 'closed' });
    expect(closed.effects).toEqual([{ kind: 'close', orderIds: [1] }]);
    const after = transition(closed.state, order('A', { orderId: 9 }));
    expect(after.state).toBe(closed.state);
    expect(after.effects).toEqual([{ kind: 'close', orderIds: [9] }]);
  });
});

describe('the switch machine in a fleet', () => {
  const propose = { kind: 'propose' } as const;
  const agreed = { kind: 'agreed', epoch: 7 } as const;
  const rest = ['hold', 'drain', 'fence', 'barrier', 'catch-up', 'translate', 'open'];

  it('asks the fleet when the target was looked at, and waits for the others before the mirror', () => {
    const { state } = transition(steadyOnA, order('B', { fleet: propose }));
    expect(runToEnd(state).phases).toEqual(['prepare', 'agree', ...rest]);
  });

  it('asks before an unplanned switch as well, and has nobody wait in it', () => {
    const { state } = transition(steadyOnA, order('B', { planned: false, fleet: propose }));
    expect(runToEnd(state).phases).toEqual([
      'prepare',
      'agree',
      'hold',
      'fence',
      'translate',
      'open',
    ]);
  });

  it('asks nobody about what is decided, and fences at once where it is unplanned', () => {
    const planned = transition(steadyOnA, order('B', { fleet: agreed })).state;
    expect(runToEnd(planned).phases).toEqual(['prepare', ...rest]);
    const unplanned = transition(steadyOnA, order('B', { planned: false, fleet: agreed })).state;
    expect(runToEnd(unplanned).phases).toEqual(['hold', 'fence', 'translate', 'open']);
  });

  it('goes on under the number of the decision', () => {
    const { state } = transition(steadyOnA, order('B', { fleet: agreed }));
    expect(runToEnd(state).state).toEqual({ kind: 'steady', active: 'B', switchEpoch: 7 });
    const proposed = inPhase('agree', order('B', { fleet: propose }));
    const next = transition(
      proposed,
      ended(proposed, { kind: 'done', agreed: { epoch: 9, planned: true } }),
    ).state;
    expect(next).toMatchObject({
      run: { phase: 'hold', turn: { switchEpoch: 9, agreedEpoch: 9 } },
    });
    expect(runToEnd(next).state).toEqual({ kind: 'steady', active: 'B', switchEpoch: 9 });
  });

  it('gives the source up where the fleet has', () => {
    const proposed = inPhase('agree', order('B', { fleet: propose }));
    const { state } = transition(
      proposed,
      ended(proposed, { kind: 'done', agreed: { epoch: 2, planned: false } }),
    );
    expect(state).toMatchObject({ run: { turn: { planned: false } } });
    expect(runToEnd(state).phases).toEqual(['hold', 'fence', 'translate', 'open']);
  });

  it('waits for nobody any more when an order joins that asks nobody', () => {
    const alone = order('B', { orderId: 2, planned: false });
    const early = transition(inPhase('prepare', order('B', { fleet: propose })), alone).state;
    expect(runToEnd(early).phases).toEqual(['prepare', 'hold', 'fence', 'translate', 'open']);
    const { state, effects } = transition(inPhase('agree', order('B', { fleet: propose })), alone);
    expect(effects).toMatchObject([{ kind: 'overran' }, { kind: 'run-phase' }]);
    expect(state).toMatchObject({
      run: { phase: 'hold', orderIds: [1, 2], turn: { planned: false, agreedEpoch: undefined } },
    });
    const planned = transition(
      inPhase('agree', order('B', { fleet: propose })),
      order('B', { orderId: 2 }),
    ).state;
    expect(runToEnd(planned).phases).toEqual([
      'hold',
      'drain',
      'fence',
      'catch-up',
      'translate',
      'open',
    ]);
  });

  it('waits for the others all the same where the fleet has decided already', () => {
    const agreedRun = inPhase('hold', order('B', { fleet: agreed }));
    const { state } = transition(agreedRun, order('B', { orderId: 2 }));
    expect(runToEnd(state).phases).toContain('barrier');
  });

  it('stays, in its epoch, where the fleet refuses', () => {
    const proposed = inPhase('agree', order('B', { fleet: propose }));
    const { state } = transition(proposed, ended(proposed, refusal({ plannedOnly: false })));
    expect(state).toEqual(steadyOnA);
  });

  it('remembers where the fleet had sent it when it stopped on its way, also over an order that was refused', () => {
    const opening = inPhase('open', order('B', { planned: false, fleet: agreed }));
    const halted = transition(opening, {
      kind: 'halted',
      active: 'A',
      error: new Error('x'),
    }).state;
    expect(halted).toMatchObject({ kind: 'halted', active: 'A', owed: 'B' });
    const { state } = transition(halted, order('B', { orderId: 2, fleet: propose }));
    const refused = transition(state, ended(state, refusal({ plannedOnly: false }))).state;
    expect(refused).toMatchObject({ kind: 'halted', owed: 'B' });
    const again = transition(state, { kind: 'halted', active: 'A', error: new Error('y') }).state;
    expect(again).toMatchObject({ kind: 'halted', owed: 'B' });
  });

  it('is neither refused nor taken back alone once the fleet has decided', () => {
    const prepared = inPhase('prepare', order('B', { fleet: agreed }));
    const { state } = transition(prepared, ended(prepared, refusal({ plannedOnly: false })));
    expect(state).toMatchObject({ run: { phase: 'hold', warnings: ['no'] } });
    const translating = inPhase('translate', order('B', { fleet: agreed }));
    const failed = transition(
      translating,
      ended(translating, { kind: 'failed', error: new Error('no positions') }),
    ).state;
    expect(failed).toMatchObject({ run: { phase: 'open', rollBackOf: undefined } });
  });
});

describe('whatever happens to the switch machine', () => {
  const phases: SwitchPhase[] = [
    'prepare',
    'agree',
    'hold',
    'drain',
    'fence',
    'barrier',
    'catch-up',
    'translate',
    'open',
  ];
  const outcome: fc.Arbitrary<PhaseOutcome> = fc.oneof(
    fc.constant<PhaseOutcome>({ kind: 'done' }),
    fc
      .record({ epoch: fc.integer({ min: 1, max: 9 }), planned: fc.boolean() })
      .map((agreed): PhaseOutcome => ({ kind: 'done', agreed })),
    fc.constant<PhaseOutcome>({ kind: 'overran', detail: 'slow' }),
    fc.boolean().map((plannedOnly) => refusal({ plannedOnly })),
    fc.constant<PhaseOutcome>({ kind: 'failed', error: new Error('x') }),
  );
  type Step =
    | { kind: 'order'; to: string; planned: boolean; fleet: FleetOrder }
    | { kind: 'end'; outcome: PhaseOutcome }
    | { kind: 'late'; epoch: number; phase: SwitchPhase }
    | { kind: 'halt' }
    | { kind: 'close' };
  const fleet: fc.Arbitrary<FleetOrder> = fc.oneof(
    fc.constant<FleetOrder>({ kind: 'none' }),
    fc.constant<FleetOrder>({ kind: 'propose' }),
    fc.integer({ min: 1, max: 9 }).map((epoch): FleetOrder => ({ kind: 'agreed', epoch })),
  );
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('order' as const),
        to: fc.constantFrom('A', 'B'),
        planned: fc.boolean(),
        fleet,
      }),
    },
    { weight: 10, arbitrary: fc.record({ kind: fc.constant('end' as const), outcome }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('late' as const),
        epoch: fc.integer({ min: 0, max: 9 }),
        phase: fc.constantFrom(...phases),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('halt' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const) }) },
  );

  it('each order is answered exactly once, the epoch of a fenced state never decreases, and one phase runs at a time', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let state = steadyOnA as SwitchState;
        let orderId = 0;
        let highestEpoch = 1;
        const open = new Set<number>();
        const answer = (ids: readonly number[]): void => {
          for (const id of ids) expect(open.delete(id)).toBe(true);
        };
        const apply = (input: SwitchInput): void => {
          const next = transition(state, input);
          expect(
            next.effects.filter((effect) => effect.kind === 'run-phase').length,
          ).toBeLessThanOrEqual(1);
          for (const effect of next.effects) {
            if (
              effect.kind === 'completed' ||
              effect.kind === 'refused' ||
              effect.kind === 'rolled-back'
            )
              answer(effect.run.orderIds);
            if (effect.kind === 'halt' || effect.kind === 'close') answer(effect.orderIds);
            if (effect.kind === 'superseded') answer([effect.order.orderId]);
            if (effect.kind === 'already-active') answer([effect.orderId]);
          }
          state = next.state;
          if (state.kind === 'steady') {
            expect(state.switchEpoch).toBeGreaterThanOrEqual(highestEpoch);
            highestEpoch = state.switchEpoch;
          }
        };
        for (const one of steps) {
          if (one.kind === 'order') {
            orderId += 1;
            open.add(orderId);
            apply(order(one.to, { planned: one.planned, fleet: one.fleet, orderId }));
          } else if (one.kind === 'end') {
            // Only `prepare` can refuse: the runner gives no other phase that outcome.
            if (state.kind !== 'switching') continue;
            if (one.outcome.kind === 'refused' && state.run.phase !== 'prepare') continue;
            apply(ended(state, one.outcome));
          } else if (one.kind === 'late') {
            if (state.kind === 'switching' && one.epoch === epochOf(state)) continue;
            apply({
              kind: 'phase-ended',
              switchEpoch: one.epoch,
              phase: one.phase,
              outcome: { kind: 'done' },
              atMs: 1,
            });
          } else if (one.kind === 'halt') {
            apply({ kind: 'halted', active: 'A', error: new Error('h') });
          } else {
            apply({ kind: 'closed' });
          }
        }
        apply({ kind: 'closed' });
        expect([...open]).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
