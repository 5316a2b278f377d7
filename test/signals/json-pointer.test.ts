import { describe, expect, it } from 'vitest';
import { parsePointer, valueAtPointer } from '../../src/signals/json-pointer.js';

/** The document and the pointers of RFC 6901, section 5. */
const document = {
  foo: ['bar', 'baz'],
  '': 0,
  'a/b': 1,
  'c%d': 2,
  'e^f': 3,
  'g|h': 4,
  'i\\j': 5,
  'k"l': 6,
  ' ': 7,
  'm~n': 8,
};

const at = (pointer: string): unknown => {
  const names = parsePointer(pointer);
  return names === undefined ? 'no pointer' : valueAtPointer(document, names);
};

describe('a JSON pointer', () => {
  it.each([
    ['', document],
    ['/foo', ['bar', 'baz']],
    ['/foo/0', 'bar'],
    ['/', 0],
    ['/a~1b', 1],
    ['/c%d', 2],
    ['/e^f', 3],
    ['/g|h', 4],
    ['/i\\j', 5],
    ['/k"l', 6],
    ['/ ', 7],
    ['/m~0n', 8],
  ])('finds what RFC 6901 says: %j', (pointer, expected) => {
    expect(at(pointer)).toEqual(expected);
  });

  it.each(['/nothing', '/foo/2', '/foo/-', '/foo/00', '/foo/length', '/foo/0/0', '/toString'])(
    'finds nothing where there is nothing: %j',
    (pointer) => {
      expect(at(pointer)).toBeUndefined();
    },
  );

  it.each(['foo', '/~', '/~2', 'http://x'])('is refused where it is none: %j', (pointer) => {
    expect(at(pointer)).toBe('no pointer');
  });
});
