import { expect, it } from 'vitest';
import type { SwitchMeasurement, UnmirroredLog } from '../../src/index.js';
import { costsOf } from '../../examples/demo/costs.js';

function measurement(
  unmirrored: readonly UnmirroredLog[],
  rto: Partial<SwitchMeasurement['rto']> = {},
): SwitchMeasurement {
  return {
    kind: 'measured',
    switchEpoch: 2,
    from: 'A',
    to: 'B',
    planned: false,
    reason: 'test',
    by: 'operator',
    startedAtWallMs: 0,
    durationMs: 1,
    phases: [],
    pending: [],
    unmirroredRecords: undefined,
    warnings: [],
    missing: [],
    groups: [],
    unmirrored,
    rpo: { records: { kind: 'counted', count: 0 }, heartbeat: undefined },
    rto: { producers: { kind: 'idle' }, consumers: { kind: 'idle' }, ...rto },
  };
}

const log = (
  partition: number,
  knownEnd: string,
  mirroredEnd: string | undefined,
): UnmirroredLog => ({
  topic: 'orders',
  partition,
  knownEnd,
  mirroredEnd,
  records:
    mirroredEnd === undefined
      ? { kind: 'unknown', because: 'no mirror is followed' }
      : { kind: 'atLeast', count: Number(knownEnd) - Number(mirroredEnd) },
});

it('a producer knows where a log ends, and a consumer how far it is mirrored: together they know the loss', () => {
  const producer = measurement([log(0, '100', undefined), log(1, '50', undefined)]);
  const consumer = measurement([log(0, '95', '92'), log(1, '50', '50')]);
  expect(costsOf([producer, consumer]).rpoRecords).toBe(8);
  expect(costsOf([consumer]).rpoRecords).toBe(3);
  expect(costsOf([producer]).rpoRecords).toBeNull();
});

it('the slowest member counts, of those that were at work', () => {
  const stoodStill = (durationMs: number) =>
    measurement([], {
      consumers: { kind: 'measured', durationMs, lastMs: 0, firstMs: durationMs },
    });
  const open = measurement([], { consumers: { kind: 'open', lastMs: -5 } });
  expect(costsOf([stoodStill(120.4), open, stoodStill(80)])).toEqual({
    producerRtoMs: null,
    consumerRtoMs: 120,
    rpoRecords: null,
  });
});
