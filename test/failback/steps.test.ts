import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isMoved } from '../../src/agreement/place.js';
import { partAt } from '../../src/failback/steps.js';

const NOBODY = { groups: [], instances: [] };

const member = (instance: string, ...groups: string[]) => ({ instance, groups });

describe('the part of a fleet that is home after a step', () => {
  it('holds groups as a whole, never more than asked, and not the process that leads the way', () => {
    const members = [
      member('p1', 'billing'),
      member('p2', 'billing'),
      member('p3', 'audit'),
      member('p4', 'mail'),
    ];
    expect(partAt(25, members, 'p3', NOBODY)).toEqual({ groups: ['mail'], instances: [] });
    expect(partAt(24, members, 'p3', NOBODY)).toEqual(NOBODY);
    expect(partAt(99, members, 'p3', NOBODY).groups).toEqual(['billing', 'mail']);
  });

  it('takes groups together that share a process', () => {
    const members = [
      member('p1', 'billing', 'mail'),
      member('p2', 'mail', 'audit'),
      member('p3', 'audit'),
      member('lead'),
    ];
    expect(partAt(99, members, 'lead', NOBODY).groups).toEqual([]);
    const five = [...members, member('p4', 'other')];
    expect(partAt(75, five, 'p4', NOBODY).groups).toEqual(['audit', 'billing', 'mail']);
  });

  it('takes processes without consumers by their names', () => {
    const members = Array.from({ length: 10 }, (_, index) => member(`p${index}`));
    const part = partAt(30, members, 'p0', NOBODY);
    expect(part.instances).toHaveLength(3);
    expect(part.instances).not.toContain('p0');
    expect(partAt(30, members.toReversed(), 'p0', NOBODY)).toEqual(part);
    expect(partAt(60, members, 'p0', part).instances).toEqual(
      expect.arrayContaining([...part.instances]),
    );
  });

  const anyMember = fc.record({
    instance: fc.constantFrom(...Array.from({ length: 12 }, (_, index) => `p${index}`)),
    groups: fc.uniqueArray(fc.constantFrom('g1', 'g2', 'g3', 'g4', 'g5', 'g6'), { maxLength: 2 }),
  });
  const fleet = fc.uniqueArray(anyMember, { selector: ({ instance }) => instance, minLength: 1 });

  it('splits no group and no process, and only grows', () => {
    fc.assert(
      fc.property(
        fleet,
        fc.array(fc.integer({ min: 1, max: 99 }), { maxLength: 4 }),
        (members, steps) => {
          const self = members[0]?.instance ?? '';
          let part = { groups: [] as readonly string[], instances: [] as readonly string[] };
          for (const percent of steps.toSorted((one, other) => one - other)) {
            const next = partAt(percent, members, self, part);
            expect(next.groups).toEqual(expect.arrayContaining([...part.groups]));
            expect(next.instances).toEqual(expect.arrayContaining([...part.instances]));
            part = next;
            for (const { instance, groups } of members) {
              const named = groups.filter((group) => part.groups.includes(group));
              expect([0, groups.length]).toContain(named.length);
              if (instance === self) expect(isMoved(part, { instance, groups })).toBe(false);
            }
            const consuming = members.filter(({ groups }) => groups.length > 0);
            const moved = consuming.filter((one) => isMoved(part, one));
            expect(moved.length).toBeLessThanOrEqual((consuming.length * percent) / 100);
            const idle = members.filter(({ groups }) => groups.length === 0);
            const movedIdle = idle.filter((one) => isMoved(part, one));
            expect(movedIdle.length).toBeLessThanOrEqual((idle.length * percent) / 100);
          }
        },
      ),
    );
  });
});
