import { beforeEach, describe, expect, it } from 'vitest';
import { Traffic } from '../../src/health/traffic.js';
import { SessionWork } from '../../src/session-work.js';
import type { ClusterSession } from '../../src/cluster/session.js';
import { FailoverOptionsError, type FencedError } from '../../src/errors.js';
import { FailoverEmitter } from '../../src/emitter.js';
import type { GroupPlan } from '../../src/position/plan.js';
import type { GroupNeed } from '../../src/position/need.js';
import { Coordinator } from '../../src/switch/coordinator.js';
import type { SwitchOperations } from '../../src/switch/operations.js';
import type { Participant } from '../../src/switch/participant.js';
import { untilAborted } from '../../src/wait.js';
import { manualWorld, settle, type ManualWorld } from '../support/manual-world.js';

const DEADLINES = {
  prepareMs: 1_000,
  agreeMs: 1_500,
  barrierMs: 2_500,
  drainMs: 2_000,
  handlersMs: 3_000,
  catchUpMs: 4_000,
  translateMs: 5_000,
  openMs: 6_000,
};

const need: GroupNeed = {
  groupId: 'g',
  selectors: ['orders'],
  processed: [],
  untouched: [],
  begunAt: [],
  earlier: [],
  deliveredBefore: [],
};

function planFor(cluster: string): GroupPlan {
  return { groupId: 'g', cluster, topics: [], partitions: [] };
}

let world: ManualWorld;
let log: string[];
let events: FailoverEmitter;
let coordinator: Coordinator;
let operations: { -readonly [Key in keyof SwitchOperations]: SwitchOperations[Key] };

function openSession(alias: string, switchEpoch: number): ClusterSession {
  const controller = new AbortController();
  log.push(`open ${alias}#${switchEpoch}`);
  return {
    alias,
    switchEpoch,
    kafka: {} as ClusterSession['kafka'],
    countedClient: () => {
      throw new Error('no producers in these tests');
    },
    signal: controller.signal,
    traffic: new Traffic(),
    work: new SessionWork(world),
    produceWaitingMs: () => 0,
    drains: () => {},
    fence: (reason: FencedError) => {
      log.push(`fence ${alias}#${switchEpoch}`);
      controller.abort(reason);
    },
  };
}

function participant(id: string, overrides: Partial<Participant> = {}): Participant {
  return {
    id,
    usesOthers: false,
    hold: () => {
      log.push(`${id} hold`);
    },
    drain: async () => {
      log.push(`${id} drain`);
    },
    detach: async () => {
      log.push(`${id} detach`);
    },
    need: () => undefined,
    attach: async (session, plan) => {
      log.push(`${id} attach ${session.alias}#${session.switchEpoch}${plan ? ' with plan' : ''}`);
    },
    halt: () => {
      log.push(`${id} halt`);
    },
    ...overrides,
  };
}

beforeEach(async () => {
  world = manualWorld();
  log = [];
  operations = {
    chooseFirst: () => Promise.resolve({ active: 'A', switchEpoch: 1 }),
    watch: () => {},
    ready: () => Promise.resolve(),
    heartbeatTo: () => undefined,
    release: () => {
      log.push('release');
    },
    openSession,
    checkReadiness: () =>
      Promise.resolve({ obstacles: [], warnings: [], missing: [], targetAnswers: true }),
    catchUp: () => Promise.resolve({ unmirrored: [] }),
    lastWords: () => Promise.resolve(),
    othersSaid: () => Promise.resolve(false),
    plan: (turn) => Promise.resolve(planFor(turn.to)),
    planAtStart: () => Promise.resolve(undefined),
  };
  events = new FailoverEmitter(() => ({
    atMs: world.nowMs(),
    switchEpoch: coordinator.switchEpoch(),
  }));
  coordinator = new Coordinator({ world, events, operations, deadlines: DEADLINES });
  await coordinator.started();
  await world.advance(0);
  // Nobody takes part yet.
  log = log.filter((line) => line !== 'release');
});

function order(to: string, planned: boolean, reason: string): ReturnType<Coordinator['order']> {
  return coordinator.order({ to, planned, reason, by: 'operator', fleet: { kind: 'none' } });
}

function switchToB(planned: boolean): ReturnType<Coordinator['order']> {
  return order('B', planned, 'test');
}

describe('a planned switch', () => {
  it('holds, drains, fences, detaches and opens, in this order, those that use others first', async () => {
    coordinator.register(participant('p'));
    coordinator.register(participant('c', { need: () => need, usesOthers: true }));
    const outcome = await switchToB(true);
    expect(log).toEqual([
      'open A#1',
      'c hold',
      'c drain',
      'p hold',
      'p drain',
      'fence A#1',
      'p detach',
      'c detach',
      'open B#2',
      'p attach B#2',
      'c attach B#2 with plan',
    ]);
    expect(outcome).toMatchObject({
      kind: 'switched',
      report: { from: 'A', to: 'B', switchEpoch: 2, plans: [{ groupId: 'g' }], pending: [] },
    });
    expect(coordinator.session()?.alias).toBe('B');
  });

  it('says no last words where it goes back: its consumers have handled nothing there, and what they know is of the source', async () => {
    const said: string[] = [];
    operations.lastWords = ({ from, to }) => {
      said.push(`${from}->${to}`);
      return Promise.resolve();
    };
    operations.plan = () => Promise.reject(new Error('no position'));
    coordinator.register(participant('c', { need: () => need }));
    const refused = expect(switchToB(true)).rejects.toMatchObject({
      code: 'ERR_FAILOVER_SWITCH_ROLLED_BACK',
    });
    await world.advance(DEADLINES.translateMs);
    await refused;
    expect(coordinator.session()?.alias).toBe('A');
    expect(said).toEqual([]);
    operations.plan = (turn) => Promise.resolve(planFor(turn.to));
    await switchToB(false);
    expect(said).toEqual(['A->B']);
  });

  it('touches nothing when the target is not ready', async () => {
    operations.checkReadiness = () =>
      Promise.resolve({
        obstacles: ['B is down'],
        warnings: [],
        missing: [],
        targetAnswers: false,
      });
    coordinator.register(participant('p'));
    await expect(switchToB(true)).rejects.toMatchObject({
      code: 'ERR_FAILOVER_SWITCH_REFUSED',
      reasons: ['B is down'],
    });
    expect(log).toEqual(['open A#1']);
    expect(coordinator.session()?.alias).toBe('A');
  });

  it('goes on where only the mirror is missing and an order that gives the source up joined it', async () => {
    let look = (): void => {};
    operations.checkReadiness = () =>
      new Promise((resolve) => {
        look = () =>
          resolve({ obstacles: ['no mirror'], warnings: [], missing: [], targetAnswers: true });
      });
    const planned = switchToB(true);
    const unplanned = switchToB(false);
    look();
    const report = { planned: false, warnings: ['no mirror'] };
    await expect(planned).resolves.toMatchObject({ report });
    await expect(unplanned).resolves.toMatchObject({ report });
  });

  it('is refused when the target does not answer in time', async () => {
    operations.checkReadiness = () => new Promise(() => {});
    const refused = expect(switchToB(true)).rejects.toMatchObject({
      code: 'ERR_FAILOVER_SWITCH_REFUSED',
    });
    await world.advance(DEADLINES.prepareMs);
    await refused;
    expect(coordinator.state).toEqual({ kind: 'steady', active: 'A', switchEpoch: 1 });
  });

  it('goes on without a participant that does not drain in time, and reports it', async () => {
    const overran: string[] = [];
    events.on('switch.phase-overran', ({ from, to, phase, detail }) =>
      overran.push(`${from}->${to} ${phase}: ${detail}`),
    );
    coordinator.register(participant('slow', { drain: () => new Promise(() => {}) }));
    const outcome = switchToB(true);
    await world.advance(DEADLINES.drainMs);
    await expect(outcome).resolves.toMatchObject({
      kind: 'switched',
      report: { warnings: [expect.stringContaining('still busy with A: slow')] },
    });
    expect(overran).toEqual(['A->B drain: still busy with A: slow']);
  });

  it('lets the others work until the handlers are done, also those that come meanwhile', async () => {
    let handled = (): void => {};
    const drain = (): Promise<void> =>
      new Promise((resolve) => {
        handled = resolve;
      });
    coordinator.register(participant('c1', { usesOthers: true, drain }));
    coordinator.register(participant('p1'));
    const outcome = switchToB(true);
    await settle();
    coordinator.register(participant('p2'));
    coordinator.register(participant('c2', { usesOthers: true }));
    expect(log).toEqual(['open A#1', 'c1 hold', 'c2 hold']);
    handled();
    await settle();
    expect(log.slice(3, 7)).toEqual(['p1 hold', 'p2 hold', 'p1 drain', 'p2 drain']);
    await expect(outcome).resolves.toMatchObject({ report: { warnings: [] } });
  });

  it('holds the others in good time where a handler takes too long', async () => {
    const stuck = { usesOthers: true, drain: () => new Promise<void>(() => {}) };
    coordinator.register(participant('c', stuck));
    coordinator.register(participant('p'));
    const outcome = switchToB(true);
    await world.advance(DEADLINES.drainMs * 0.75 - 1);
    expect(log).not.toContain('p hold');
    await world.advance(1);
    expect(log.slice(-2)).toEqual(['p hold', 'p drain']);
    expect(log).not.toContain('fence A#1');
    await world.advance(DEADLINES.drainMs * 0.25);
    await expect(outcome).resolves.toMatchObject({
      report: { warnings: [expect.stringContaining('still busy with A: c')] },
    });
  });

  it('holds the others before the fence where an order that gives the source up cuts it short', async () => {
    let handled = (): void => {};
    const drain = (): Promise<void> =>
      new Promise((resolve) => {
        handled = resolve;
      });
    coordinator.register(participant('c', { usesOthers: true, drain }));
    coordinator.register(participant('p'));
    const outcome = switchToB(true);
    await settle();
    const joined = switchToB(false);
    await Promise.all([outcome, joined]);
    expect(log.slice(1)).toEqual([
      'c hold',
      'p hold',
      'fence A#1',
      'c detach',
      'p detach',
      'open B#2',
      'c attach B#2',
      'p attach B#2',
    ]);
    // What was cut short comes to its end, and holds nobody any more.
    handled();
    await settle();
    expect(log.at(-1)).toBe('p attach B#2');
  });

  it('goes back to the source, in a new epoch, when positions cannot be found', async () => {
    operations.plan = () => Promise.reject(new Error('B answers no more'));
    coordinator.register(participant('c', { need: () => need }));
    await expect(switchToB(true)).rejects.toMatchObject({
      code: 'ERR_FAILOVER_SWITCH_ROLLED_BACK',
      cluster: 'A',
    });
    expect(log.at(-1)).toBe('c attach A#3');
    expect(coordinator.state).toEqual({ kind: 'steady', active: 'A', switchEpoch: 3 });
  });

  it('names what the mirror still lacks when it does not catch up in time', async () => {
    operations.catchUp = (_turn, _needs, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () =>
          resolve({ unmirrored: ['orders-0 lacks 3 records'] }),
        );
      });
    const outcome = switchToB(true);
    await world.advance(DEADLINES.catchUpMs);
    await expect(outcome).resolves.toMatchObject({
      report: { warnings: [expect.stringContaining('orders-0 lacks 3 records')] },
    });
  });
});

describe('an unplanned switch', () => {
  it('fences before anything is waited for', async () => {
    coordinator.register(participant('p'));
    await switchToB(false);
    expect(log).toEqual([
      'open A#1',
      'p hold',
      'fence A#1',
      'p detach',
      'open B#2',
      'p attach B#2',
    ]);
  });

  it('keeps asking for positions until the target answers, and starts no consumer without them', async () => {
    let attempts = 0;
    operations.plan = () => {
      attempts += 1;
      return attempts < 4 ? Promise.reject(new Error('not yet')) : Promise.resolve(planFor('B'));
    };
    const announced: string[] = [];
    events.on('positions.planned', ({ plan }) => announced.push(plan.groupId));
    coordinator.register(participant('c', { need: () => need }));
    const outcome = switchToB(false);
    await world.advance(DEADLINES.openMs);
    await expect(outcome).resolves.toMatchObject({ kind: 'switched' });
    expect(log.at(-1)).toBe('c attach B#2 with plan');
    expect(announced).toEqual(['g']);
  });

  it('announces late positions with the epoch that they belong to, when the next switch has begun (seed 153892)', async () => {
    let answers = false;
    operations.plan = () =>
      answers ? Promise.resolve(planFor('B')) : Promise.reject(new Error('not yet'));
    const announced: number[] = [];
    events.on('positions.planned', ({ switchEpoch }) => announced.push(switchEpoch));
    coordinator.register(participant('c', { need: () => need }));
    const outcome = switchToB(false);
    await world.advance(DEADLINES.openMs + DEADLINES.translateMs);
    await outcome;
    operations.checkReadiness = () => new Promise(() => {});
    operations.planAtStart = (active) => Promise.resolve(planFor(active));
    const back = order('A', true, 'home').catch(() => {});
    await settle();
    expect(coordinator.switchEpoch()).toBe(3);
    await coordinator.planAtStart(need);
    expect(announced).toEqual([2]);
    answers = true;
    await world.advance(DEADLINES.prepareMs - 1);
    expect(coordinator.switchEpoch()).toBe(3);
    expect(announced).toEqual([2, 2]);
    await world.advance(DEADLINES.prepareMs);
    await back;
  });

  it('announces the positions of a group that starts on the cluster it was switched to', async () => {
    const announced: string[] = [];
    events.on('positions.planned', ({ plan }) => announced.push(plan.cluster));
    await expect(coordinator.planAtStart(need)).resolves.toBeUndefined();
    expect(announced).toEqual([]);
    operations.planAtStart = (active) => Promise.resolve(planFor(active));
    await expect(coordinator.planAtStart(need)).resolves.toEqual(planFor('A'));
    expect(announced).toEqual(['A']);
  });

  it('ends with the participants that are not open named as pending, beside those that failed', async () => {
    const dead = { attach: () => Promise.reject(new Error('no position is known')) };
    coordinator.register(participant('dead', dead));
    coordinator.register(participant('slow', { attach: () => new Promise(() => {}) }));
    const outcome = switchToB(false);
    await world.advance(DEADLINES.openMs);
    await expect(outcome).resolves.toMatchObject({
      report: {
        pending: ['slow'],
        warnings: [
          'open overran its deadline: not open on B yet: slow',
          'open: dead: no position is known',
        ],
      },
    });
    expect(coordinator.state).toMatchObject({ kind: 'steady', active: 'B' });
  });
});

describe('the coordinator', () => {
  it('tries to start again for the next client when choosing the first cluster failed', async () => {
    let attempts = 0;
    operations.chooseFirst = () => {
      attempts += 1;
      return attempts === 1
        ? Promise.reject(new Error('unreadable'))
        : Promise.resolve({ active: 'B', switchEpoch: 1 });
    };
    const second = new Coordinator({ world, events, operations, deadlines: DEADLINES });
    await expect(second.started()).rejects.toThrow('unreadable');
    await Promise.all([second.started(), second.started()]);
    expect(attempts).toBe(2);
    expect(second.session()?.alias).toBe('B');
  });

  it('holds a participant that arrives in the middle of a switch, and opens it with the others', async () => {
    let release = (): void => {};
    operations.catchUp = () =>
      new Promise((resolve) => {
        release = () => resolve({ unmirrored: [] });
      });
    const outcome = switchToB(true);
    await settle();
    coordinator.register(participant('late'));
    expect(log.at(-1)).toBe('late hold');
    release();
    await outcome;
    expect(log.at(-1)).toBe('late attach B#2');
  });

  it('gives one plan to two consumers of the same group', async () => {
    let planCount = 0;
    operations.plan = (turn, merged) => {
      planCount += 1;
      expect(merged.selectors).toEqual(['orders', 'audit']);
      return Promise.resolve(planFor(turn.to));
    };
    coordinator.register(participant('c1', { need: () => need }));
    coordinator.register(participant('c2', { need: () => ({ ...need, selectors: ['audit'] }) }));
    await switchToB(true);
    expect(planCount).toBe(1);
    expect(log).toContain('c2 attach B#2 with plan');
  });

  it('carries out a newer decision only after the switch under way', async () => {
    coordinator.register(participant('p'));
    const first = switchToB(true);
    const second = order('A', true, 'changed my mind');
    await first;
    await second;
    expect(log.filter((line) => line.startsWith('open'))).toEqual([
      'open A#1',
      'open B#2',
      'open A#3',
    ]);
  });

  it('tells each event with its own epoch, also where the next switch follows at once', async () => {
    const told: string[] = [];
    for (const name of ['switch.started', 'switch.completed', 'switch.phase-overran'] as const) {
      events.on(name, ({ switchEpoch }) => told.push(`${name} ${switchEpoch}`));
    }
    coordinator.register(participant('slow', { attach: () => new Promise(() => {}) }));
    const first = switchToB(false);
    const second = order('A', false, 'changed my mind');
    await world.advance(DEADLINES.openMs);
    await first;
    await world.advance(DEADLINES.openMs);
    await second;
    expect(told).toEqual([
      'switch.started 2',
      'switch.phase-overran 2',
      'switch.completed 2',
      'switch.started 3',
      'switch.phase-overran 3',
      'switch.completed 3',
    ]);
  });

  it('fences before it says that it halted, and goes on by order only', async () => {
    coordinator.register(participant('p'));
    events.on('failover.halted', ({ cluster }) => log.push(`halted on ${cluster}`));
    coordinator.halt('A', new Error('wrong cluster'));
    expect(log).toEqual(['open A#1', 'fence A#1', 'halted on A', 'p halt']);
    expect(coordinator.session()).toBeUndefined();
    await switchToB(true);
    expect(log.slice(-3)).toEqual(['p detach', 'open B#2', 'p attach B#2']);
  });

  it('halts whoever came while an order to leave the halt was looked at, where it is refused', async () => {
    coordinator.register(participant('old'));
    coordinator.halt('A', new Error('wrong cluster'));
    let refuse = (): void => {};
    operations.checkReadiness = () =>
      new Promise((resolve) => {
        refuse = () =>
          resolve({ obstacles: ['B is down'], warnings: [], missing: [], targetAnswers: false });
      });
    const refused = expect(switchToB(false)).rejects.toMatchObject({
      code: 'ERR_FAILOVER_SWITCH_REFUSED',
    });
    await settle();
    coordinator.register(participant('new'));
    refuse();
    await refused;
    expect(coordinator.state.kind).toBe('halted');
    expect(log).toEqual(['open A#1', 'fence A#1', 'old halt', 'new halt']);
    operations.checkReadiness = () =>
      Promise.resolve({ obstacles: [], warnings: [], missing: [], targetAnswers: true });
    await switchToB(false);
    coordinator.halt('B', new Error('another wrong cluster'));
    expect(log.slice(-2)).toEqual(['old halt', 'new halt']);
  });

  it('tells an order that is not carried out which one took its place, and the epoch that is in force', async () => {
    let release = (): void => {};
    operations.catchUp = () =>
      new Promise((resolve) => {
        release = () => resolve({ unmirrored: [] });
      });
    const first = switchToB(true);
    await settle();
    const second = expect(order('A', true, 'back')).rejects.toMatchObject({
      code: 'ERR_FAILOVER_SWITCH_SUPERSEDED',
      cluster: 'A',
      switchEpoch: 2,
    });
    const third = switchToB(true);
    release();
    await Promise.all([first, second, third]);
  });

  it('tells an order that comes after the end that it was closed', async () => {
    coordinator.close();
    await expect(switchToB(true)).rejects.toMatchObject({ code: 'ERR_FAILOVER_CLOSED' });
  });

  it('answers a waiting caller when it is closed, and leaves no timer behind', async () => {
    operations.catchUp = (_turn, _needs, signal) =>
      untilAborted(signal, new Promise<never>(() => {}));
    const outcome = expect(switchToB(true)).rejects.toMatchObject({ code: 'ERR_FAILOVER_CLOSED' });
    await settle();
    expect(world.timerCount).toBeGreaterThan(0);
    coordinator.close();
    await outcome;
    await settle();
    expect(coordinator.state.kind).toBe('closed');
    expect(world.timerCount).toBe(0);
  });

  it('halts a participant that has not left when the end comes', async () => {
    const heard: unknown[] = [];
    coordinator.register(participant('late', { halt: (error) => heard.push(error) }));
    coordinator.close();
    coordinator.close();
    expect(heard).toMatchObject([{ code: 'ERR_FAILOVER_CLOSED' }]);
    expect(log).toEqual(['open A#1', 'fence A#1']);
  });

  it('halts a participant that comes after the end', async () => {
    coordinator.close();
    const heard: unknown[] = [];
    coordinator.register(participant('late', { halt: (error) => heard.push(error) }));
    expect(heard).toMatchObject([{ code: 'ERR_FAILOVER_CLOSED' }]);
  });

  it('lets go of every connection when the last client has left', () => {
    const first = participant('p1');
    const second = participant('p2');
    coordinator.register(first);
    coordinator.register(second);
    coordinator.unregister(first);
    expect(log).toEqual(['open A#1']);
    coordinator.unregister(second);
    expect(log).toEqual(['open A#1', 'release']);
  });

  it('looks for the positions of a client no longer than it is there', async () => {
    let attempts = 0;
    operations.plan = () => {
      attempts += 1;
      return Promise.reject(new Error('does not answer'));
    };
    const leaving = participant('c', { need: () => need });
    coordinator.register(leaving);
    const outcome = switchToB(false);
    await world.advance(DEADLINES.openMs);
    await outcome;
    coordinator.unregister(leaving);
    log = [];
    const before = attempts;
    await world.advance(60_000);
    expect(attempts).toBe(before);
    expect(log).toEqual([]);
    expect(world.timerCount).toBe(0);
  });

  it('lets go of every connection once more where the last client has left during a question', async () => {
    let answer = (): void => {};
    operations.planAtStart = () =>
      new Promise((resolve) => {
        answer = () => resolve(undefined);
      });
    const leaving = participant('c');
    coordinator.register(leaving);
    const asking = coordinator.planAtStart(need);
    coordinator.unregister(leaving);
    log = [];
    answer();
    await asking;
    expect(log).toEqual(['release']);
  });

  it('does not ask again where the service asked for something that does not exist', async () => {
    let attempts = 0;
    operations.plan = () => {
      attempts += 1;
      return Promise.reject(new FailoverOptionsError('topic', 'A.orders', 'is a mirror'));
    };
    coordinator.register(participant('c', { need: () => need }));
    const outcome = switchToB(false);
    await world.advance(DEADLINES.openMs);
    await expect(outcome).resolves.toMatchObject({
      report: { warnings: ['translate failed: is a mirror', 'open: c: is a mirror'] },
    });
    expect(attempts).toBe(2);
  });

  it('contains a listener that throws', async () => {
    const failed: string[] = [];
    events.on('switch.started', () => {
      throw new Error('listener bug');
    });
    events.on('listener.failed', (event) => failed.push(`${event.event}: ${event.error.message}`));
    await expect(switchToB(true)).resolves.toMatchObject({ kind: 'switched' });
    expect(failed).toEqual(['switch.started: listener bug']);
  });

  it('contains an asynchronous listener that rejects, also where it listens to failing listeners', async () => {
    const failed: string[] = [];
    events.on('switch.started', () => Promise.reject(new Error('Slack is down')));
    events.on('listener.failed', async (event) => {
      failed.push(`${event.event}: ${event.error.message}`);
      throw new Error('it still is');
    });
    await expect(switchToB(true)).resolves.toMatchObject({ kind: 'switched' });
    await settle();
    expect(failed).toEqual(['switch.started: Slack is down']);
  });
});
