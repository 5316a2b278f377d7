import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commitMetadata, readCommitMetadata } from '../../src/position/commit-metadata.js';

const record = { timestamp: '1789999999999', hash: '0123456789abcdef' };
const metadata = {
  cluster: 'A',
  physicalTopic: 'B.orders',
  partition: 3,
  offset: 9_007_199_254_740_993n,
  atWallMs: 1_790_000_000_000,
  recent: [
    { ...record, offset: 9_007_199_254_740_990n },
    { ...record, offset: 9_007_199_254_740_992n },
  ],
};

/** Kafka's default is 4096; some set less. */
const MAX_LENGTH = 512;

function textOf(changes: Partial<typeof metadata> = {}): string {
  return commitMetadata({ ...metadata, ...changes }) ?? '';
}

const offsets = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n });
const anyMetadata = fc
  .record({
    cluster: fc.constantFrom('A', 'B', 'eu-central-1.primary'),
    physicalTopic: fc.nat(248).map((more) => `o${'r'.repeat(more)}`),
    partition: fc.nat(100_000),
    offset: offsets,
    atWallMs: fc.nat({ max: 2 ** 45 }),
    distances: fc.uniqueArray(fc.bigInt({ min: 1n, max: 500n }), { minLength: 1, maxLength: 8 }),
    timestamp: fc.bigInt({ min: -1n, max: 2n ** 62n }).map(String),
    hash: fc
      .bigInt({ min: 0n, max: 2n ** 64n - 1n })
      .map((bits) => bits.toString(16).padStart(16, '0')),
  })
  .map(({ distances, timestamp, hash, ...rest }) => ({
    ...rest,
    recent: distances
      .map((distance) => rest.offset - distance)
      .filter((offset) => offset >= 0n)
      .toSorted((a, b) => (a < b ? -1 : 1))
      .map((offset) => ({ offset, timestamp, hash })),
  }));

describe('the metadata of a commit', () => {
  it('is read as it was written, offsets beyond 2^53 included', () => {
    expect(readCommitMetadata(textOf())).toEqual(metadata);
  });

  it('is short, whatever the names are, and then the newest records stay', () => {
    fc.assert(
      fc.property(anyMetadata, (one) => {
        const text = commitMetadata(one);
        fc.pre(one.recent.length > 0);
        expect(text?.length).toBeLessThanOrEqual(MAX_LENGTH);
        const read = readCommitMetadata(text ?? '');
        const count = read?.recent.length ?? 0;
        expect(count).toBeGreaterThan(0);
        expect(count).toBeLessThanOrEqual(4);
        expect(read).toEqual({ ...one, recent: one.recent.slice(-count) });
      }),
    );
    expect(textOf().length).toBeLessThan(220);
  });

  it('is none where nothing was handled, or where the names leave no room', () => {
    expect(commitMetadata({ ...metadata, recent: [] })).toBeUndefined();
    expect(commitMetadata({ ...metadata, cluster: 'A'.repeat(500) })).toBeUndefined();
  });

  it.each([
    ['nothing', ''],
    ['a text of the service', 'event-id-3'],
    ['JSON of the service', '{"id":3}'],
    ['another version', textOf().replace('"failover":1', '"failover":2')],
    ['half of it', textOf().slice(0, 90)],
    ['more than may be there', `${textOf()}${' '.repeat(MAX_LENGTH)}`],
    ['an offset that is a number', textOf().replace('"9007199254740993"', '9007199254740993')],
    ['a negative offset', textOf({ offset: -1n })],
    ['no log', textOf().replace('"log"', '"lag"')],
    ['a log of other things', textOf().replace('["A","B.orders",3]', '[3,"A","B.orders"]')],
    ['no time', textOf().replace('"at"', '"ta"')],
    ['records at or beyond its offset', textOf({ offset: 9_007_199_254_740_992n })],
    ['records in another order', textOf({ recent: metadata.recent.toReversed() })],
    ['no records', textOf().replace(/"recent":.*$/, '"recent":[]}')],
    ['a record that is none', textOf().replace(/"recent":.*$/, '"recent":[5]}')],
    ['a hash that is none', textOf().replace('0123456789abcdef', '0123456789abcdeg')],
  ])('is not guessed from %s', (_, text) => {
    expect(readCommitMetadata(text)).toBeUndefined();
  });

  it('is never more than it says, and reading never throws, whatever was done to it', () => {
    let readCount = 0;
    const cut = fc.record({
      at: fc.nat(600),
      length: fc.nat(10),
      other: fc.string({ maxLength: 5 }),
    });
    const damaged = fc
      .tuple(anyMetadata, fc.array(cut, { maxLength: 3 }))
      .map(([one, cuts]) =>
        cuts.reduce(
          (text, { at, length, other }) => text.slice(0, at) + other + text.slice(at + length),
          commitMetadata(one) ?? '',
        ),
      );
    const parts = ['{"failover":1', '"log":["A","orders",0]', '"offset":"5"', '"at":1', '}', ','];
    const values = [
      '"recent":[["4","1","0123456789abcdef"]]',
      '"recent":[[]]',
      '[',
      ']',
      'null',
      '"',
    ];
    const pieced = fc.array(fc.constantFrom(...parts, ...values), { maxLength: 12 });
    const junk = fc.oneof(
      damaged,
      pieced.map((pieces) => pieces.join('')),
      fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    );
    fc.assert(
      fc.property(junk, (text) => {
        const read = readCommitMetadata(text);
        if (read === undefined) return;
        readCount += 1;
        expect(read.recent.length).toBeGreaterThan(0);
        for (const { offset, hash } of read.recent) {
          expect(offset).toBeLessThan(read.offset);
          expect(hash).toMatch(/^[0-9a-f]{16}$/);
        }
      }),
      { numRuns: 500 },
    );
    expect(readCount).toBeGreaterThan(25);
  });
});
