import { describe, expect, it } from 'vitest';
import { checkIdentity } from '../../src/cluster/identity.js';

const none = new Map<string, string | undefined>();
const known = new Map([
  ['A', 'id-a'],
  ['B', 'id-b'],
]);

describe('checkIdentity', () => {
  it('accepts a first contact, and the same id again', () => {
    expect(checkIdentity(new Map(), 'A', 'id-a', none)).toEqual({ kind: 'ok' });
    expect(checkIdentity(known, 'A', 'id-a', none)).toEqual({ kind: 'ok' });
  });

  it('refuses another cluster behind a known name, and says which one it is', () => {
    const stranger = checkIdentity(known, 'A', 'id-x', none);
    expect(stranger).toMatchObject({
      kind: 'mismatch',
      error: {
        code: 'ERR_FAILOVER_WRONG_CLUSTER',
        cluster: 'A',
        expectedClusterId: 'id-a',
        actualClusterId: 'id-x',
      },
    });
    const flipped = checkIdentity(known, 'A', 'id-b', none);
    expect(flipped.kind === 'mismatch' && flipped.error.message).toMatch(
      /Behind the name A stands the cluster known as B: its id is id-b, where it was before id-a/,
    );
  });

  it('holds the options above what was learned', () => {
    const configured = new Map([['A', 'id-new']]);
    expect(checkIdentity(known, 'A', 'id-new', configured)).toEqual({ kind: 'ok' });
    const verdict = checkIdentity(known, 'A', 'id-a', configured);
    expect(verdict.kind === 'mismatch' && verdict.error.message).toContain(
      'where the options demand id-new',
    );
  });

  it.each([
    ['learned', new Map([['B', 'same']]), none],
    ['configured', new Map<string, string>(), new Map([['B', 'same']])],
  ])('refuses two aliases of one cluster (the other id was %s)', (_how, learned, configured) => {
    const verdict = checkIdentity(learned, 'A', 'same', configured);
    expect(verdict.kind).toBe('same-cluster');
    expect(verdict.kind === 'same-cluster' && verdict.error.message).toMatch(
      /A and B reach one and the same cluster \(id same\)/,
    );
  });
});
