import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { AgreedDecision, Proposal } from '../../src/agreement/agreement.js';
import { consulAgreement } from '../../src/agreement/consul.js';
import { writeDecision } from '../../src/agreement/decision.js';
import type { ConsulAgreementOptions } from '../../src/options-agreement.js';
import { realWorld } from '../../src/world.js';
import { type Consul, startConsul, waitFor } from '../../stack/index.js';
import { consulHarness, noLog } from '../agreement/consul-harness.js';
import { join, type StoreStage, type Voice } from '../agreement/stage.js';
import { storeContract } from '../agreement/store-contract.js';
import { rejectionOf } from '../support/failures.js';

const toB: Proposal = { cluster: 'B', mode: 'unplanned', reason: 'A is dead', by: 'health' };

/** Elections and restarts take seconds, many on a busy machine. */
const patient = { timeoutMs: 60_000 };

storeContract('a real Consul agent', async () => {
  const consul = await startConsul();
  return consulHarness({
    address: consul.address,
    put: (key, value) => consul.put(key, value),
    // A development agent that is killed has forgotten everything; one that is paused has not.
    break: () => consul.agent(0).pause(),
    repair: async () => consul.agent(0).resume(),
    stop: () => consul.stop(),
  });
});

/** One more process of a fleet, until the end of the test. */
function joinAt(options: ConsulAgreementOptions, instance: string): Voice {
  const open: StoreStage['open'] = (world, tell) =>
    consulAgreement(options).open({ world, aliases: ['A', 'B'], log: noLog, tell });
  const voice = join({ world: realWorld(), open } as StoreStage, instance);
  onTestFinished(() => voice.store.close());
  return voice;
}

/** What a promise came to. */
async function outcomeOf<T>(promise: Promise<T>): Promise<T | Error> {
  return promise.catch((error: unknown) => error as Error);
}

const isReached = (voice: Voice): Promise<boolean> =>
  voice.exchange().then(
    () => true,
    () => false,
  );

/** The reasons of one epoch's decisions, for all epochs that were answered or told. */
function byEpoch(decisions: readonly AgreedDecision[]): ReadonlyMap<number, ReadonlySet<string>> {
  const reasons = new Map<number, Set<string>>();
  for (const { epoch, cluster, reason } of decisions) {
    const known = reasons.get(epoch) ?? new Set();
    reasons.set(epoch, known.add(`${cluster}: ${reason}`));
  }
  return reasons;
}

describe('an agreement in a real Consul agent with ACLs', () => {
  let consul: Consul;
  let keyCount = 0;
  const newKey = (): string => `agreed/${(keyCount += 1)}/active`;
  beforeAll(async () => {
    consul = await startConsul({ acl: true });
  });
  afterAll(() => consul?.stop());

  /** What the documentation asks for, and no more. */
  const rulesFor = (key: string): string =>
    `key "${key}" { policy = "write" } key_prefix "${key}/members/" { policy = "write" }`;

  const joinWith = async (key: string, instance: string, rules = rulesFor(key)) => {
    const token = await consul.createToken(undefined, rules);
    const voice = joinAt({ key, address: consul.address, token: token.secret }, instance);
    return { voice, token };
  };

  it('needs the rights that it names, and no others', async () => {
    const key = newKey();
    // Not one of its own, and none that it may read.
    await consul.put(`${key}2`, writeDecision({ ...toB, epoch: 99 }));
    const [{ voice: one }, { voice: two }] = await Promise.all([
      joinWith(key, 'one'),
      joinWith(key, 'two'),
    ]);
    await one.exchange();
    await two.exchange();
    expect(two.members().map(({ instance }) => instance)).toEqual(
      expect.arrayContaining(['one', 'two']),
    );
    expect(await one.propose(toB, 0)).toMatchObject({ epoch: 1 });
    await waitFor('the decision', () => two.newest()?.epoch === 1);
    await one.store.close();
    await waitFor('the departure', () => two.departed().includes('one'));
  });

  it('is not proven without the right to read the decision', async () => {
    const key = newKey();
    const { voice } = await joinWith(
      key,
      'one',
      `key_prefix "${key}/members/" { policy = "write" }`,
    );
    const { message } = await rejectionOf(voice.exchange());
    expect(message).toMatch(new RegExp(`answered 403.*key:read on ${key}`));
  });

  it('may be read without being written, and says so', async () => {
    const key = newKey();
    const { voice } = await joinWith(key, 'one', 'key_prefix "" { policy = "read" }');
    expect((await rejectionOf(voice.exchange())).message).toMatch(/answered 403.*key:write on/);
    expect((await rejectionOf(voice.propose(toB, 0))).message).toMatch(/answered 403.*key:write/);
    await consul.put(key, writeDecision({ ...toB, epoch: 3 }));
    await waitFor('the decision', () => voice.newest()?.epoch === 3);
    expect(await voice.propose(toB, 0)).toMatchObject({ epoch: 3 });
  });

  it('says that its token was revoked, and neither shows it nor tells anything', async () => {
    const { voice, token } = await joinWith(newKey(), 'one');
    await voice.exchange();
    const first = await voice.propose(toB, 0);
    await waitFor('the decision', () => voice.newest()?.epoch === first.epoch);
    await consul.deleteToken(token);
    await waitFor('the refusal', async () => !(await isReached(voice)));
    const { message } = await rejectionOf(voice.propose(toB, 1));
    expect(message).toMatch(/answered 403/);
    expect(message).not.toContain(token.secret);
    expect(voice.departed()).toEqual([]);
    expect(voice.newest()).toEqual(first);
  });

  it('is moved by nothing when the key is deleted, and decides on', async () => {
    const key = newKey();
    const { voice } = await joinWith(key, 'one');
    await voice.exchange();
    await voice.propose(toB, 0);
    await waitFor('the decision', () => voice.newest()?.epoch === 1);
    const decisionCount = voice.decisions().length;
    await consul.delete(key);
    await voice.exchange();
    expect(voice.decisions()).toHaveLength(decisionCount);
    expect(voice.refusals()).toEqual([]);
    expect(await voice.propose(toB, 1)).toMatchObject({ epoch: 2 });
  });

  it('decides above what its process knows when a snapshot is restored', async () => {
    const key = newKey();
    const [{ voice: one }, { voice: two }] = await Promise.all([
      joinWith(key, 'one'),
      joinWith(key, 'two'),
    ]);
    await Promise.all([one.exchange(), two.exchange()]);
    const old = await one.propose(toB, 0);
    const snapshot = await consul.saveSnapshot();
    const lost = await one.propose({ ...toB, cluster: 'A' }, old.epoch);
    await waitFor('the decision', () => two.newest()?.epoch === lost.epoch);
    await consul.restoreSnapshot(snapshot);
    await two.exchange();
    expect(two.decisions().at(-1)).toEqual(old);
    const next = await two.propose(toB, lost.epoch);
    expect(next.epoch).toBe(lost.epoch + 1);
    await waitFor('the new decision', () => one.newest()?.epoch === next.epoch);
    await Promise.all([one.exchange(), two.exchange()]);
    expect([...one.departed(), ...two.departed()]).toEqual([]);
  });

  it('hears of decisions while a hundred other keys are written every second', async () => {
    const key = newKey();
    const end = new AbortController();
    const writing = (async () => {
      for (let each = 0; !end.signal.aborted; each += 1) {
        await Promise.all([consul.put(`others/${each % 500}`, `${each}`), sleep(10)]);
      }
    })();
    const [{ voice: one }, { voice: two }] = await Promise.all([
      joinWith(key, 'one'),
      joinWith(key, 'two'),
    ]);
    await two.exchange();
    for (let epoch = 0; epoch < 5; epoch += 1) {
      await one.propose(toB, epoch);
      await waitFor('the decision', () => two.newest()?.epoch === epoch + 1);
    }
    end.abort();
    await writing;
    expect(two.refusals()).toEqual([]);
  });

  it('makes one decision where ten propose at the same moment, ten times over', async () => {
    const key = newKey();
    const voices = await Promise.all(
      Array.from({ length: 10 }, async (_, index) => (await joinWith(key, `p${index}`)).voice),
    );
    for (let epoch = 0; epoch < 10; epoch += 1) {
      const answers = await Promise.all(
        voices.map((voice, index) => voice.propose({ ...toB, reason: `by ${index}` }, epoch)),
      );
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
      expect(answers[0]?.epoch).toBe(epoch + 1);
    }
    for (const voice of voices) await waitFor('the last', () => voice.newest()?.epoch === 10);
    const reasons = byEpoch(voices.flatMap((voice) => voice.decisions()));
    expect([...reasons].filter(([, each]) => each.size > 1)).toEqual([]);
  });

  it('goes on with an agent that was killed and has forgotten everything', async () => {
    const key = newKey();
    const { voice, token } = await joinWith(key, 'one');
    await voice.exchange();
    await voice.propose(toB, 0);
    await consul.agent(0).kill();
    expect((await rejectionOf(voice.exchange())).message).toContain('ECONNREFUSED');
    expect((await rejectionOf(voice.propose(toB, 1))).message).toContain('ECONNREFUSED');
    await consul.agent(0).start();
    await consul.createToken(token.secret, rulesFor(key));
    await waitFor('the agreement', () => isReached(voice), patient);
    expect(await voice.propose(toB, 1)).toMatchObject({ epoch: 2 });
    await waitFor('the decision', () => voice.newest()?.epoch === 2, patient);
  });
});

it('three servers decide no epoch twice while their leader is killed, and decide again by themselves', async () => {
  const consul = await startConsul({ servers: 3 });
  try {
    const key = 'kafka/active';
    const voices = [0, 1, 2].map((index) =>
      joinAt({ key, address: consul.agent(index).address }, `p${index}`),
    );
    const answers: AgreedDecision[] = [];
    const failures: Error[] = [];
    const end = new AbortController();
    const proposing = voices.map(async (voice, index) => {
      for (let round = 0; !end.signal.aborted; round += 1) {
        const after = Math.max(0, ...answers.map(({ epoch }) => epoch));
        const cluster = index === 0 ? 'A' : 'B';
        const reason = `round ${round} of ${index}`;
        const outcome = await outcomeOf(voice.propose({ ...toB, cluster, reason }, after));
        if (outcome instanceof Error) failures.push(outcome);
        else answers.push(outcome);
        await sleep(5);
      }
    });
    await waitFor('decisions', () => answers.length > 50, patient);
    const leader = await leaderOf(consul);
    await consul.agent(leader).kill();
    const before = answers.length;
    await waitFor('decisions again', () => answers.length > before + 50, patient);
    await consul.agent(leader).start();
    const newest = Math.max(...answers.map(({ epoch }) => epoch));
    await waitFor(
      'everybody to hear them',
      () => voices.every((voice) => (voice.newest()?.epoch ?? 0) > newest),
      patient,
    );
    end.abort();
    await Promise.all(proposing);
    expect(failures.length).toBeGreaterThan(0);
    const reasons = byEpoch([...answers, ...voices.flatMap((voice) => voice.decisions())]);
    expect([...reasons].filter(([, each]) => each.size > 1)).toEqual([]);
  } finally {
    await consul.stop();
  }
});

/** Which of the agents leads the others. */
async function leaderOf(consul: Consul): Promise<number> {
  const isLeader = await Promise.all(
    consul.agents.map(async ({ address }) => {
      const response = await fetch(`${address}/v1/agent/self`);
      const self = (await response.json()) as { Stats: { consul: { leader: string } } };
      return self.Stats.consul.leader === 'true';
    }),
  );
  return isLeader.indexOf(true);
}
