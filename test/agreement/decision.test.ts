import { describe, expect, it } from 'vitest';
import { readDecision, writeDecision } from '../../src/agreement/decision.js';

const ALIASES = ['A', 'B'];
const only = { groups: ['billing'], instances: ['pod-1'] };
const decision = {
  epoch: 7,
  cluster: 'A',
  mode: 'planned',
  reason: 'home',
  by: 'operator',
} as const;

describe('the text of a decision', () => {
  it('is read as it was written, also where it moves a part of the fleet', () => {
    for (const one of [decision, { ...decision, only }]) {
      expect(readDecision(writeDecision(one), ALIASES)).toEqual({
        kind: 'decision',
        decision: one,
      });
    }
  });

  it('may be written by a person, with a part of the fleet', () => {
    const text = ` { "epoch": 3, "cluster": "A", "only": { "groups": ["billing"], "instances": [] } } `;
    expect(readDecision(text, ALIASES)).toMatchObject({
      decision: { epoch: 3, cluster: 'A', only: { groups: ['billing'], instances: [] } },
    });
  });

  it('holds some thousand names', () => {
    const instances = Array.from({ length: 4_000 }, (_, index) => `a-service-of-ours-${index}`);
    const text = writeDecision({ ...decision, only: { groups: [], instances } });
    expect(readDecision(text, ALIASES)).toMatchObject({ decision: { only: { instances } } });
  });

  it.each([
    ['a part without groups', '{"epoch":1,"cluster":"A","only":{"instances":[]}}'],
    [
      'a part with something else',
      '{"epoch":1,"cluster":"A","only":{"groups":[],"instances":[],"x":1}}',
    ],
    ['a name that is none', '{"epoch":1,"cluster":"A","only":{"groups":[""],"instances":[]}}'],
    ['a part that is a text', '{"epoch":1,"cluster":"A","only":"billing"}'],
    ['a part of no cluster', '{"epoch":1,"cluster":"C","only":{"groups":[],"instances":[]}}'],
    ['a part without an epoch', '{"cluster":"A","only":{"groups":[],"instances":[]}}'],
    ['half of one', '{"epoch":1,"cluster":"A","only":{"groups":[],'],
    ['a text without an end', 'x'.repeat(300_000)],
  ])('is refused: %s', (_, text) => {
    // It must never be taken for a decision that moves everybody.
    expect(readDecision(text, ALIASES).kind).toBe('refused');
  });

  it.each([
    ['{"epoch":1,"cluster":"A","only":{"instances":[]}}', 'only: must have groups and instances'],
    ['{"epoch":1,"cluster":"A","part":{}}', 'part: the fields are'],
    ['{"epoch":1,"cluster":"C","only":{"groups":[],"instances":[]}}', 'it names "C"'],
  ])('says what is wrong with %s', (text, because) => {
    expect(readDecision(text, ALIASES)).toMatchObject({
      kind: 'refused',
      because: expect.stringContaining(because),
    });
  });
});
