import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AgreedDecision } from '../../src/agreement/agreement.js';
import { writeDecision } from '../../src/agreement/decision.js';
import {
  lastWords,
  nextEpoch,
  ownsEpoch,
  readDecisionRecord,
  readMemberRecord,
} from '../../src/agreement/kafka-log.js';
import { writeFarewell, writeMember } from '../../src/agreement/member.js';
import { member } from './consul-support.js';

const aliases = ['B', 'A'];
const logOf = (alias: string) => ({ alias, aliases });

const decision = (epoch: number, cluster: string): AgreedDecision => ({
  epoch,
  cluster,
  mode: 'unplanned',
  reason: 'because',
  by: 'health',
});

describe('epochs', () => {
  it('belong to one log each: odd ones to the first in the alphabet, in whatever order the clusters are named', () => {
    expect([1, 2, 3, 4].map((epoch) => ownsEpoch(logOf('A'), epoch))).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect([1, 2, 3, 4].map((epoch) => ownsEpoch(logOf('B'), epoch))).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });

  it.each([
    ['A', 0, 1],
    ['A', 1, 3],
    ['A', 2, 3],
    ['B', 0, 2],
    ['B', 1, 2],
    ['B', 2, 4],
  ])('go on in the log of %s, above %i, with %i', (alias, above, expected) => {
    expect(nextEpoch(logOf(alias), above)).toBe(expected);
  });
});

describe('a record of a decision log', () => {
  it('counts where its epoch is above all before it', () => {
    const text = writeDecision(decision(4, 'B'));
    expect(readDecisionRecord(logOf('B'), 2, text)).toEqual({
      kind: 'decision',
      decision: decision(4, 'B'),
    });
    for (const newest of [4, 6]) {
      expect(readDecisionRecord(logOf('B'), newest, text)).toEqual({ kind: 'void' });
    }
  });

  it.each([
    ['another cluster’s name', writeDecision(decision(2, 'A')), /names A, in the log of cluster B/],
    [
      'another log’s epoch',
      writeDecision(decision(3, 'B')),
      /epoch 3 does not belong to cluster B/,
    ],
    ['no epoch', '{"cluster":"B"}', /without an epoch/],
    ['a plain alias', 'B', /without an epoch/],
    ['an unknown cluster', writeDecision(decision(2, 'C')), /none of the clusters/],
    ['garbage', '{', /no JSON/],
    ['nothing', '', /empty/],
  ])('is refused where it holds %s', (_what, text, because) => {
    expect(readDecisionRecord(logOf('B'), 0, text)).toMatchObject({
      kind: 'refused',
      because: expect.stringMatching(because),
    });
  });
});

/** A process: how far it has read in each log, and what it takes for decided. */
class Reader {
  readonly told: AgreedDecision[] = [];
  readonly #logs: ReadonlyMap<string, readonly string[]>;
  readonly #read = new Map<string, number>();
  readonly #newest = new Map<string, number>();

  constructor(logs: ReadonlyMap<string, readonly string[]>) {
    this.#logs = logs;
  }

  /** Reads so many records more. */
  read(alias: string, count: number): void {
    const from = this.#read.get(alias) ?? 0;
    const records = this.#logs.get(alias)?.slice(from, from + count) ?? [];
    this.#read.set(alias, from + records.length);
    for (const text of records) {
      const record = readDecisionRecord(logOf(alias), this.#newest.get(alias) ?? 0, text);
      if (record.kind !== 'decision') continue;
      this.#newest.set(alias, record.decision.epoch);
      this.told.push(record.decision);
    }
  }

  /** The number that it would give its next decision. */
  next(alias: string): number {
    return nextEpoch(logOf(alias), Math.max(0, ...this.#newest.values()));
  }
}

const aliasOf = fc.constantFrom('A', 'B');
const readerOf = fc.nat({ max: 3 });
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('intend'), by: readerOf, alias: aliasOf }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('append'), which: fc.nat() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('read'),
      by: readerOf,
      alias: aliasOf,
      count: fc.nat({ max: 5 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('foreign'),
      alias: aliasOf,
      text: fc.oneof(
        fc.string(),
        fc
          .tuple(fc.nat({ max: 12 }), fc.constantFrom('A', 'B', 'C'))
          .map(([epoch, cluster]) => writeDecision(decision(epoch, cluster))),
      ),
    }),
  },
);

describe('decisions in two logs', () => {
  it('are the same for whoever has read both to the end, and no epoch is decided twice', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const logs = new Map<string, string[]>([
          ['A', []],
          ['B', []],
        ]);
        const readers = [0, 1, 2, 3].map(() => new Reader(logs));
        // What was thought of and is on its way: it is written later, in any order, or never.
        const underWay: { alias: string; text: string }[] = [];
        for (const each of steps) {
          switch (each.kind) {
            case 'intend': {
              const epoch = readers[each.by]?.next(each.alias) ?? 0;
              const reason = `by ${each.by}, ${underWay.length}`;
              const text = writeDecision({ ...decision(epoch, each.alias), reason });
              underWay.push({ alias: each.alias, text });
              break;
            }
            case 'append': {
              const [written] = underWay.splice(each.which % Math.max(1, underWay.length), 1);
              if (written !== undefined) logs.get(written.alias)?.push(written.text);
              break;
            }
            case 'read':
              readers[each.by]?.read(each.alias, each.count);
              break;
            default:
              logs.get(each.alias)?.push(each.text);
          }
        }
        const sorted = readers.map((reader) => {
          for (const alias of aliases) reader.read(alias, Infinity);
          return reader.told.toSorted((a, b) => a.epoch - b.epoch);
        });
        const [first = []] = sorted;
        for (const each of sorted) expect(each).toEqual(first);
        expect(new Set(first.map(({ epoch }) => epoch)).size).toBe(first.length);
      }),
    );
  });
});

describe('a record of a members log', () => {
  it('is a statement, a farewell, or refused', () => {
    expect(readMemberRecord(writeMember(member('one', 1)))).toEqual({
      kind: 'member',
      member: member('one', 1),
    });
    expect(readMemberRecord(writeFarewell(member('one', 1)))).toEqual({
      kind: 'left',
      instance: 'one',
      incarnation: 'first',
    });
    for (const text of ['', 'garbage', '{"left":7}', 'null', '{"instance":"one"}']) {
      expect(readMemberRecord(text)).toMatchObject({ kind: 'refused' });
    }
  });

  it('is told once for each member where many are read at once: the last, in the order of the log', () => {
    const texts = [
      writeMember(member('one', 1)),
      writeMember(member('two', 1)),
      'garbage',
      writeMember(member('one', 2)),
      writeFarewell(member('two', 1)),
      writeMember(member('three', 1)),
    ];
    const records = texts.map((value, index) => ({ offset: BigInt(index), key: undefined, value }));
    expect(
      lastWords(records).map((each) =>
        each.kind === 'member' ? `${each.member.instance} ${each.member.sequence}` : each.kind,
      ),
    ).toEqual(['refused', 'one 2', 'left', 'three 1']);
  });
});
