import { describe, expect, it } from 'vitest';
import { readDesired } from '../../src/signals/desired.js';

const aliases = ['A', 'B'];
const read = (text: string): unknown => readDesired(text, aliases);

describe('the text of a signal', () => {
  it.each([
    ['B', {}],
    [' B\r\n', {}],
    ['\uFEFFB', {}],
    ['{"cluster":"B"}', {}],
    ['{"cluster":"B","epoch":7}', { epoch: 7 }],
    [
      '{"cluster":"B","epoch":7,"mode":"unplanned","reason":"A burns"}',
      { epoch: 7, mode: 'unplanned', reason: 'A burns' },
    ],
  ])('is understood: %j', (text, parts) => {
    const nothing = { epoch: undefined, mode: undefined, reason: undefined };
    expect(read(text)).toEqual({
      kind: 'desired',
      desired: { ...nothing, cluster: 'B', ...parts },
    });
  });

  it.each([
    ['', 'it is empty'],
    ['C', 'it names "C", which is none of the clusters A, B'],
    ['b', 'it names "b"'],
    ['A B', 'it names "A B"'],
    ['"B"', 'it names "\\"B\\""'],
    ['toString', 'it names "toString"'],
    ['{"cluster":"B"', 'it is no JSON'],
    ['{"cluster":"C","epoch":7}', 'it names "C"'],
    ['{"epoch":7}', 'cluster: '],
    ['{"cluster":"B","epoch":0}', 'epoch: '],
    ['{"cluster":"B","epoch":"7"}', 'epoch: '],
    ['{"cluster":"B","epoch":1e30}', 'epoch: '],
    ['{"cluster":"B","mode":"fast"}', 'mode: '],
    ['{"cluster":"B","ephoc":7}', 'ephoc'],
    ['x'.repeat(5_000), 'it holds 5000 characters'],
    ['<html>', 'it names "<html>"'],
  ])('is refused with the reason: %j', (text, words) => {
    expect(read(text)).toMatchObject({
      kind: 'refused',
      because: expect.stringContaining(words),
    });
  });
});
