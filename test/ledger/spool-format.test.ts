import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  endOfFile,
  framed,
  readSpooled,
  startOfFile,
  type SpooledFile,
} from '../../src/ledger/spool-format.js';
import { readState, stateText } from '../../src/ledger/spool-state.js';

const HEAD = { generation: 'life-1', cluster: 'A', switchEpoch: 3 };
const START = startOfFile(HEAD);

const entry = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => Buffer.from(bytes));
const entries = fc.array(entry, { maxLength: 6 });

const fileOf = (bodies: readonly Buffer[], end: readonly Buffer[] = []): Buffer =>
  Buffer.concat([START, framed(bodies), ...end]);

/** What was read, in few words: `segment open 2`. */
const inWords = (read: SpooledFile): string =>
  read.kind === 'segment' ? `segment ${read.end.kind} ${read.entries.length}` : read.kind;

const entriesOf = (read: SpooledFile): readonly Buffer[] =>
  read.kind === 'segment' ? read.entries : [];

describe('a file of the spool', () => {
  it('is read as it was written, in one piece or in several', () => {
    fc.assert(
      fc.property(entries, entries, (one, two) => {
        expect(readSpooled(fileOf(one, [framed(two)]))).toEqual({
          kind: 'segment',
          head: HEAD,
          entries: [...one, ...two],
          end: { kind: 'open' },
        });
      }),
    );
  });

  it('says that it has all where that was written last', () => {
    fc.assert(
      fc.property(entries, entry, (bodies, more) => {
        const ended = fileOf(bodies, [endOfFile()]);
        expect(inWords(readSpooled(ended))).toBe(`segment whole ${bodies.length}`);
        const longer = Buffer.concat([ended, framed([more])]);
        expect(inWords(readSpooled(longer))).toBe(`segment open ${bodies.length + 1}`);
      }),
    );
  });

  it('never says that it has all where it was cut short, wherever that was, and gives what stands before', () => {
    fc.assert(
      fc.property(entries, (bodies) => {
        const file = fileOf(bodies, [endOfFile()]);
        for (let length = 0; length < file.length; length += 1) {
          const read = readSpooled(file.subarray(0, length));
          expect(inWords(read)).not.toContain('whole');
          expect(bodies.slice(0, entriesOf(read).length)).toEqual(entriesOf(read));
          if (length < START.length) expect(read).toEqual({ kind: 'empty' });
        }
      }),
      { numRuns: 30 },
    );
  });

  it('notices each bit that is another one: nothing is read that was not written, and what stands before is', () => {
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 3 }), (bodies) => {
        const file = fileOf(bodies, [endOfFile()]);
        for (let bit = 0; bit < file.length * 8; bit += 1) {
          const damaged = Buffer.from(file);
          damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          const read = readSpooled(damaged);
          let end = START.length;
          const before = bodies.filter(({ length }) => (end += 8 + length) <= bit >> 3);
          expect(entriesOf(read)).toEqual(before);
          if (bit >> 3 < START.length) expect(['unreadable', 'empty']).toContain(read.kind);
          else expect(inWords(read)).toContain('damaged');
        }
      }),
      { numRuns: 20 },
    );
  });

  it('does not take zeros at its end, which a file system may leave there, for the word that it has all', () => {
    const file = fileOf([Buffer.from('entry')], [Buffer.alloc(64)]);
    expect(inWords(readSpooled(file))).toBe('segment damaged 1');
  });

  it.each([
    ['of another version', Buffer.concat([START.subarray(0, 8), Buffer.from([0, 0, 0, 2])])],
    ['of something else', Buffer.from('{"version":1,"x":2}')],
    [
      'without a head that says something',
      Buffer.concat([START.subarray(0, 12), framed([Buffer.from('{"cluster":"A"}')])]),
    ],
    [
      'whose head is no JSON',
      Buffer.concat([START.subarray(0, 12), framed([Buffer.from('{"cluster')])]),
    ],
  ])('cannot be read where it is one %s', (_what, file) => {
    expect(readSpooled(file)).toMatchObject({ kind: 'unreadable' });
  });
});

describe('what is known beside the files', () => {
  it('is read as it was written', () => {
    const log = { topic: 'orders', partition: 1, openFrom: 7 };
    const dropped = { topic: 'orders', partition: 1, first: 3, last: 9, count: 4 };
    const logs = [
      { ...log, copiedAt: 12n, dropped },
      { ...log, partition: 2, copiedAt: -1n, dropped: undefined },
    ];
    const generations = new Map([['life-1', { cluster: 'A', switchEpoch: 3, logs }]]);
    const state = { generations, damaged: ['B'] };
    expect(readState(stateText(state))).toEqual(state);
  });

  it.each(['', '{', '{"version":2}', '{"version":1,"damaged":[],"generations":{"x":{}}}'])(
    'is refused where it is something else: %j',
    (text) => {
      expect(() => readState(text)).toThrow(Error);
    },
  );
});
