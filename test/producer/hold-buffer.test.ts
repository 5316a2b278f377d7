import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HOLD_OVERHEAD_BYTES, HoldBuffer } from '../../src/producer/hold-buffer.js';
import { manualWorld, type ManualWorld } from '../support/manual-world.js';

interface Item {
  readonly id: number;
  readonly bytes: number;
  readonly recordCount: number;
  readonly heldAtMs: number;
}

function buffer(limits: { maxBytes?: number; maxRecords?: number; maxWaitMs?: number } = {}): {
  world: ManualWorld;
  held: HoldBuffer<Item>;
  expired: number[];
} {
  const world = manualWorld();
  const expired: number[] = [];
  const held = new HoldBuffer<Item>({
    world,
    maxBytes: Infinity,
    maxRecords: Infinity,
    maxWaitMs: 60_000,
    ...limits,
    onTimeout: (item) => void expired.push(item.id),
  });
  return { world, held, expired };
}

describe('the hold buffer', () => {
  it('charges each item for itself, so that empty ones are bounded as well', () => {
    const { held } = buffer({ maxBytes: 2 * HOLD_OVERHEAD_BYTES });
    expect(held.offer({ id: 1, bytes: 0, recordCount: 1, heldAtMs: 0 })).toBe(undefined);
    expect(held.offer({ id: 2, bytes: 0, recordCount: 1, heldAtMs: 0 })).toBe(undefined);
    expect(held.offer({ id: 3, bytes: 0, recordCount: 1, heldAtMs: 0 })).toBe('bytes');
    expect([held.count, held.bytes]).toEqual([2, 2 * HOLD_OVERHEAD_BYTES]);
  });

  it('accepts an item of exactly the room that is left, and none of one byte more', () => {
    const { held } = buffer({ maxBytes: HOLD_OVERHEAD_BYTES + 10 });
    expect(held.offer({ id: 1, bytes: 11, recordCount: 1, heldAtMs: 0 })).toBe('bytes');
    expect(held.offer({ id: 1, bytes: 10, recordCount: 1, heldAtMs: 0 })).toBe(undefined);
  });

  it('times an item that is put back from the beginning of its first wait', async () => {
    const { world, held, expired } = buffer({ maxWaitMs: 100 });
    const item = { id: 1, bytes: 0, recordCount: 1, heldAtMs: world.nowMs() };
    await world.advance(60);
    held.offer({ id: 2, bytes: 0, recordCount: 1, heldAtMs: world.nowMs() });
    held.putBack([item]);
    await world.advance(40);
    expect(expired).toEqual([1]);
    await world.advance(60);
    expect(expired).toEqual([1, 2]);
    expect([held.count, held.bytes, world.timerCount]).toEqual([0, 0, 0]);
  });

  it('behaves as a plain list does, whatever is done to it', async () => {
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          kind: fc.constant('offer' as const),
          bytes: fc.nat(300),
          recordCount: fc.nat(5),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({
          kind: fc.constant('remove' as const),
          count: fc.nat(5),
          from: fc.nat(3),
        }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('put-back' as const) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(60) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('take-all' as const) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const maxBytes = 2_000;
        const maxRecords = 15;
        const maxWaitMs = 100;
        const { world, held, expired } = buffer({ maxBytes, maxRecords, maxWaitMs });
        let model: Item[] = [];
        let taken: Item[] = [];
        const expectedExpired: number[] = [];
        const charge = (items: readonly Item[]): number =>
          items.reduce((sum, item) => sum + item.bytes + HOLD_OVERHEAD_BYTES, 0);
        const records = (items: readonly Item[]): number =>
          items.reduce((sum, item) => sum + item.recordCount, 0);
        let id = 0;
        for (const one of steps) {
          switch (one.kind) {
            case 'offer': {
              const { bytes, recordCount } = one;
              const item = { id: (id += 1), bytes, recordCount, heldAtMs: world.nowMs() };
              const withIt = [...model, item];
              const full =
                charge(withIt) > maxBytes
                  ? 'bytes'
                  : records(withIt) > maxRecords
                    ? 'records'
                    : undefined;
              expect(held.offer(item)).toBe(full);
              if (full === undefined) model = withIt;
              break;
            }
            case 'remove':
              for (let count = 0; count < one.count; count += 1) {
                const item = model.splice(one.from % Math.max(1, model.length), 1)[0];
                if (item === undefined) break;
                expect(held.remove(item)).toBe(true);
                expect(held.remove(item)).toBe(false);
                taken.push(item);
              }
              break;
            case 'put-back':
              // In the order in which they came; what came later may still be there.
              taken.push(...held.takeAll());
              taken.sort((a, b) => a.id - b.id);
              held.putBack(taken);
              model = taken;
              taken = [];
              break;
            case 'wait':
              await world.advance(one.ms);
              while (model[0] !== undefined && model[0].heldAtMs + maxWaitMs <= world.nowMs()) {
                expectedExpired.push(model[0].id);
                model.shift();
              }
              break;
            case 'take-all':
              expect(held.takeAll()).toEqual(model);
              taken = [...taken, ...model];
              model = [];
              break;
          }
          // What was put back late expires with the next move of the clock.
          if (one.kind !== 'put-back') expect(expired).toEqual(expectedExpired);
          expect([...held.items()]).toEqual(model);
          expect([held.count, held.bytes, held.recordCount]).toEqual([
            model.length,
            charge(model),
            records(model),
          ]);
          expect(held.fullness).toBe(
            Math.max(charge(model) / maxBytes, records(model) / maxRecords),
          );
          expect(world.timerCount).toBeLessThanOrEqual(1);
          if (model.length > 0) expect(world.timerCount).toBe(1);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('takes a long queue in linear time and keeps no reference to what left', () => {
    const { held } = buffer();
    for (let id = 0; id < 100_000; id += 1)
      held.offer({ id, bytes: 0, recordCount: 1, heldAtMs: 0 });
    let id = 0;
    for (const item of held.items()) {
      expect(item.id).toBe(id);
      held.remove(item);
      id += 1;
    }
    expect([id, held.count]).toEqual([100_000, 0]);
  });
});
