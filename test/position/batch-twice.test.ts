import { describe, expect, it } from 'vitest';
import { mayBeTwice } from '../../src/position/batch-twice.js';

describe('a record that looks like one before it', () => {
  const mayBe = (names: string, first: number, second: number, isWhole = true): boolean =>
    mayBeTwice({ names: names.split(''), isWhole, behind: first }, first, second);

  it('may be its second copy directly behind it', () => {
    expect(mayBe('abccde', 2, 3)).toBe(true);
  });

  it('may be its second copy where a batch with it comes again, wherever in the batch it is', () => {
    expect(mayBe('abcdebcdefg', 1, 5)).toBe(true);
    expect(mayBe('abcdebcdefg', 2, 6)).toBe(true);
    expect(mayBe('abcdebcdefg', 4, 8)).toBe(true);
  });

  it('is none where its neighbours do not come again', () => {
    expect(mayBe('abcdcefg', 2, 4)).toBe(false);
    expect(mayBe('abcdebxdefg', 3, 7)).toBe(false);
  });

  it('may be one as far as the neighbours are not known', () => {
    expect(mayBe('cdc', 0, 2, false)).toBe(true);
    expect(mayBe('acdc', 1, 3, false)).toBe(true);
    expect(mayBe('acdc', 1, 3)).toBe(false);
    expect(mayBe('cdac', 0, 3)).toBe(true);
    expect(mayBe('xdacdyc', 3, 6, false)).toBe(true);
    expect(mayBe('xdacdycz', 3, 6, false)).toBe(false);
  });

  it('does not matter where nothing of the second batch lies behind', () => {
    const reaches = (names: string, first: number, second: number): boolean =>
      mayBeTwice({ names: names.split(''), isWhole: true, behind: second }, first, second);
    expect(reaches('abccde', 2, 3)).toBe(false);
    expect(reaches('abcdebcdefg', 4, 8)).toBe(false);
    expect(reaches('abcdebcdefg', 3, 7)).toBe(true);
    expect(reaches('abcdebcd', 3, 7)).toBe(false);
  });
});
