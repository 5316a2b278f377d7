import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AgreedDecision, Proposal } from '../../src/agreement/agreement.js';
import { rejectionOf } from '../support/failures.js';
import { join, type StoreHarness, type StoreStage, until, type Voice } from './stage.js';

const toB: Proposal = { cluster: 'B', mode: 'unplanned', reason: 'A is dead', by: 'health' };
const toA: Proposal = { cluster: 'A', mode: 'planned', reason: 'A is well', by: 'operator' };

/** As many processes as names. */
type Voices<Names extends readonly string[]> = { readonly [Index in keyof Names]: Voice };

/** What every store of a fleet's decisions promises, wherever it keeps them. */
export function storeContract(name: string, start: () => Promise<StoreHarness>): void {
  describe(`an agreement kept by ${name}`, () => {
    let harness: StoreHarness;
    beforeAll(async () => {
      harness = await start();
    });
    afterAll(() => harness?.stop());

    /** Runs a test with a fleet of its own. */
    const withFleet = async (body: (stage: StoreStage) => Promise<void>): Promise<void> => {
      const stage = await harness.fleet();
      try {
        await stage.run(() => body(stage));
      } finally {
        await stage.close();
      }
    };

    /** Runs a test with processes of one fleet, which are ended with it. */
    const withVoices = <const Names extends readonly string[]>(
      instances: Names,
      body: (stage: StoreStage, voices: Voices<Names>) => Promise<void>,
    ): Promise<void> =>
      withFleet(async (stage) => {
        const voices = instances.map((instance) => join(stage, instance));
        try {
          // One for each name, in their order.
          await body(stage, voices as Voices<Names>);
        } finally {
          await Promise.all(voices.map(({ store }) => store.close()));
        }
      });

    describe('decisions', () => {
      it('are told to the others, and to whoever made them', () =>
        withVoices(['one', 'two'], async (stage, [one, two]) => {
          await Promise.all([one.exchange(), two.exchange()]);
          const decision = await one.propose(toB, 0);
          expect(decision).toMatchObject(toB);
          for (const voice of [one, two]) {
            await until(stage, 'the decision', () => voice.newest()?.epoch === decision.epoch);
            expect(voice.newest()).toEqual(decision);
          }
        }));

      it.each([2, 10])('are made once, where %i processes propose at the same time', (count) => {
        const names = Array.from({ length: count }, (_, index) => `p${index}`);
        return withVoices(names, async (stage, voices) => {
          const answers = await Promise.all(
            voices.map(({ propose }, index) => propose({ ...toB, reason: `by ${index}` }, 0)),
          );
          const [answer] = answers;
          expect(answers).toEqual(answers.map(() => answer));
          const late = join(stage, 'late');
          await late.exchange();
          expect(late.newest()).toEqual(answer);
          expect(new Set(late.decisions().map(({ epoch }) => epoch)).size).toBe(1);
          await late.store.close();
        });
      });

      it('are one for each epoch and the same in force for all, where opposite ones are proposed', () =>
        withVoices(['one', 'two', 'three'], async (stage, [one, two, three]) => {
          const answers = await Promise.all([
            one.propose(toB, 0),
            two.propose(toA, 0),
            three.propose(toB, 0),
          ]);
          const highest = Math.max(...answers.map((answer) => answer.epoch));
          const byEpoch = new Map<number, AgreedDecision>();
          for (const voice of [one, two, three]) {
            await until(stage, 'the last word', () => voice.newest()?.epoch === highest);
          }
          const told = [one, two, three].flatMap((voice) => voice.decisions());
          for (const each of [...told, ...answers]) {
            expect(each).toEqual(byEpoch.get(each.epoch) ?? each);
            byEpoch.set(each.epoch, each);
          }
        }));

      it('have growing numbers, also behind an epoch that nobody knows here', () =>
        withVoices(['one', 'two'], async (stage, [one, two]) => {
          await Promise.all([one.exchange(), two.exchange()]);
          const epochs = [0];
          for (const [voice, proposal] of [
            [one, toB],
            [two, toA],
            [two, toB],
            [one, toA],
          ] as const) {
            const after = epochs.at(-1) ?? 0;
            await until(stage, 'the one before', () => (voice.newest()?.epoch ?? 0) === after);
            const decision = await voice.propose(proposal, after);
            expect(decision).toEqual({ ...proposal, epoch: decision.epoch });
            epochs.push(decision.epoch);
          }
          expect(epochs).toEqual([...new Set(epochs)].toSorted((a, b) => a - b));
          const far = await one.propose(toB, 1_000);
          expect(far.epoch).toBeGreaterThan(1_000);
        }));

      it('answer who is behind, and nothing is written', () =>
        withVoices(['one', 'two'], async (stage, [one, two]) => {
          await Promise.all([one.exchange(), two.exchange()]);
          const decision = await one.propose(toB, 0);
          await until(stage, 'the decision', () => two.newest()?.epoch === decision.epoch);
          expect(await two.propose(toA, 0)).toEqual(decision);
          expect(await two.propose(toB, 0)).toEqual(decision);
          const late = join(stage, 'late');
          await late.exchange();
          expect(late.decisions().filter(({ epoch }) => epoch !== decision.epoch)).toEqual([]);
          await late.store.close();
        }));

      it('are there for a store that is opened later', () =>
        withVoices(['one'], async (stage, [one]) => {
          await one.exchange();
          const decision = await one.propose(toB, 0);
          const late = join(stage, 'late');
          await late.exchange();
          expect(late.newest()).toEqual(decision);
          await late.store.close();
        }));

      it('survive whoever made them', () =>
        withVoices(['one'], async (stage, [one]) => {
          const decision = await one.propose(toB, 0);
          await one.store.close();
          const late = join(stage, 'late');
          await late.exchange();
          expect(late.newest()).toEqual(decision);
          await late.store.close();
        }));
    });

    describe('members', () => {
      it('hear each other, again and again', () =>
        withVoices(['one', 'two'], async (stage, [one, two]) => {
          for (const sequence of [1, 2, 3]) {
            await Promise.all([one.exchange(), two.exchange()]);
            for (const [voice, other] of [
              [one, 'two'],
              [two, 'one'],
            ] as const) {
              await until(stage, `statement ${sequence} of ${other}`, () =>
                voice
                  .members()
                  .some((each) => each.instance === other && each.sequence === sequence),
              );
            }
          }
          expect(two.members().find(({ instance }) => instance === 'one')).toEqual({
            instance: 'one',
            incarnation: 'first',
            sequence: 1,
            cluster: 'A',
            obeyedEpoch: 0,
            groups: ['billing'],
            wants: undefined,
          });
        }));

      it('are all told by the first exchange', () =>
        withVoices(['one', 'two'], async (stage, [one, two]) => {
          await one.exchange();
          await two.exchange();
          const late = join(stage, 'late');
          await late.exchange();
          expect(late.members().map(({ instance }) => instance)).toEqual(
            expect.arrayContaining(['one', 'two']),
          );
          await late.store.close();
        }));

      it('are told as left when they close', () =>
        withVoices(['one', 'two'], async (stage, [one, two]) => {
          await Promise.all([one.exchange(), two.exchange()]);
          await one.store.close();
          await until(stage, 'the news', () => two.departed().includes('one'));
        }));
    });

    describe('a store that holds garbage', () => {
      it.each([
        ['no JSON', 'garbage'],
        ['a cluster that is none', '{"cluster":"C","epoch":1000}'],
        ['no epoch', '{"cluster":"B"}'],
        ['nothing', ''],
      ])('says so, and decides on: %s', (_what, text) =>
        withVoices(['one', 'two'], async (stage, [one, two]) => {
          await Promise.all([one.exchange(), two.exchange()]);
          const before = await one.propose(toB, 0);
          await stage.spoil(text);
          await until(stage, 'the refusals', () =>
            [one, two].every((voice) => voice.refusals().length > 0),
          );
          const after = await two.propose(toB, before.epoch);
          expect(after.epoch).toBeGreaterThan(before.epoch);
          await until(stage, 'the decision', () => one.newest()?.epoch === after.epoch);
          expect(one.newest()).toEqual(after);
          await one.exchange();
          expect(one.decisions().some(({ cluster }) => cluster === 'C')).toBe(false);
        }),
      );
    });

    describe('a store that cannot be reached', () => {
      it('says so, and works again by itself when it can be', () =>
        withVoices(['one', 'two'], async (stage, [one, two]) => {
          await Promise.all([one.exchange(), two.exchange()]);
          const first = await one.propose(toB, 0);
          await stage.break();
          await rejectionOf(one.exchange());
          await rejectionOf(one.propose(toB, first.epoch));
          await stage.repair();
          await untilExchanged(stage, one);
          const second = await one.propose(toB, first.epoch);
          expect(second.epoch).toBeGreaterThan(first.epoch);
          await until(stage, 'the decision', () => two.newest()?.epoch === second.epoch);
        }));

      it('is opened all the same', () =>
        withFleet(async (stage) => {
          await stage.break();
          const voice = join(stage, 'one');
          await rejectionOf(voice.exchange());
          await stage.repair();
          await untilExchanged(stage, voice);
          await voice.store.close();
        }));

      it('leaves nothing when it is closed', () =>
        withFleet(async (stage) => {
          const voice = join(stage, 'one');
          await voice.exchange();
          await stage.break();
          await rejectionOf(voice.exchange());
          await voice.store.close();
          await until(stage, 'nothing to be left', () => isNothing(voice.left()));
          await stage.repair();
        }));
    });

    describe('an abort', () => {
      it('ends what is asked, with its reason', () =>
        withVoices(['one'], async (_stage, [one]) => {
          const controller = new AbortController();
          const reason = new Error('nobody waits any more');
          const asked = [
            rejectionOf(one.exchange(controller.signal)),
            rejectionOf(one.propose(toB, 0, controller.signal)),
          ];
          controller.abort(reason);
          expect(await Promise.all(asked)).toEqual([reason, reason]);
          expect(await rejectionOf(one.exchange(controller.signal))).toBe(reason);
          await one.exchange();
        }));
    });

    describe('the end', () => {
      it('leaves no timer and no connection, also where nothing was asked or much is asked', () =>
        withFleet(async (stage) => {
          const [idle, busy, asking] = [
            join(stage, 'idle'),
            join(stage, 'busy'),
            join(stage, 'asking'),
          ];
          await busy.exchange();
          await busy.propose(toB, 0);
          const asked = Promise.allSettled([asking.exchange(), asking.propose(toA, 7)]);
          for (const { store } of [asking, idle, busy]) {
            await store.close();
            await store.close();
          }
          await asked;
          for (const { left } of [idle, busy, asking]) {
            await until(stage, 'nothing to be left', () => isNothing(left()));
          }
          await rejectionOf(busy.exchange());
          await rejectionOf(busy.propose(toB, 0));
          expect(isNothing(busy.left())).toBe(true);
        }));
    });
  });
}

function isNothing({ timers, sockets }: { timers: number; sockets: number }): boolean {
  return timers === 0 && sockets === 0;
}

/** Until the store can be reached again. */
function untilExchanged(stage: StoreStage, { exchange }: Voice): Promise<void> {
  return until(stage, 'an exchange', () =>
    exchange().then(
      () => true,
      () => false,
    ),
  );
}
