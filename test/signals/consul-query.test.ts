import { describe, expect, it } from 'vitest';
import {
  confirmed,
  isSame,
  keyUrl,
  nextIndex,
  readAnswer,
  readList,
  readWritten,
} from '../../src/signals/consul-query.js';

const key = 'kafka/active';

function answer(
  body: unknown,
  { status = 200, headers = {} }: { status?: number; headers?: Record<string, string> } = {},
) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return readAnswer({ status, headers: { 'x-consul-index': '7', ...headers }, body: text }, key);
}

/** An entry as Consul 1.21 answers it. */
const entry = (changes: object = {}): object => ({
  LockIndex: 0,
  Key: key,
  Flags: 0,
  Value: Buffer.from('A').toString('base64'),
  CreateIndex: 5,
  ModifyIndex: 6,
  ...changes,
});

describe('an answer of Consul', () => {
  it('is a value with its write, and the index to wait for', () => {
    expect(answer([entry()], { headers: { 'x-consul-lastcontact': '12' } })).toEqual({
      kind: 'answer',
      content: { kind: 'value', text: 'A', modifyIndex: 6 },
      index: 7n,
      lastContactMs: 12,
    });
  });

  it('keeps an index exactly that is no safe number', () => {
    const index = '18446744073709551615';
    expect(answer([entry()], { headers: { 'x-consul-index': index } })).toMatchObject({
      index: 18446744073709551615n,
      lastContactMs: 0,
    });
  });

  it.each([
    [null, ''],
    ['', ''],
    [Buffer.from('größer ✓').toString('base64'), 'größer ✓'],
    [Buffer.from('\uFEFFA').toString('base64'), 'A'],
    [Buffer.from(' A\n').toString('base64'), ' A\n'],
  ])('is the text of the value: %j', (Value, text) => {
    expect(answer([entry({ Value })])).toMatchObject({ content: { kind: 'value', text } });
  });

  it('says that there is no key', () => {
    expect(answer('', { status: 404 })).toMatchObject({ content: { kind: 'absent' }, index: 7n });
  });

  it.each([
    ['<html>', 'no JSON: <html>'],
    ['', 'no JSON'],
    [{}, 'no entry of the key'],
    [[], 'no entry of the key'],
    [null, 'no entry of the key'],
    [[null], 'no entry of the key'],
    [[entry(), entry()], 'no entry of the key'],
    [[entry({ Key: 'kafka/other' })], 'no entry of the key'],
    [[entry({ ModifyIndex: '6' })], 'no entry of the key'],
    [[entry({ Value: 5 })], 'no entry of the key'],
    [[entry({ Value: 'QQ' })], 'no UTF-8 text in base64'],
    [[entry({ Value: 'Q!==' })], 'no UTF-8 text in base64'],
    [[entry({ Value: '//4=' })], 'no UTF-8 text in base64'],
  ])('is refused where it is no value: %j', (body, words) => {
    expect(answer(body)).toEqual({ kind: 'refused', because: expect.stringContaining(words) });
  });

  it.each([
    [{ 'x-consul-index': '' }, 'without an X-Consul-Index'],
    [{ 'x-consul-index': '-1' }, 'without an X-Consul-Index'],
    [{ 'x-consul-index': '1e3' }, 'without an X-Consul-Index'],
    [{ 'x-consul-knownleader': 'false' }, 'without knowing a leader'],
  ])('is refused where its headers say so: %j', (headers, words) => {
    for (const status of [200, 404]) {
      expect(answer([entry()], { status, headers })).toEqual({
        kind: 'refused',
        because: expect.stringContaining(words),
      });
    }
  });

  it.each([
    [403, 'Permission denied', /^answered 403: Permission denied \(.*key:read on kafka\/active\)$/],
    [401, '', /^answered 401 \(.*key:read/],
    [302, '', /^answered 302 \(redirects are not followed\)$/],
    [429, 'slow\n down', /^answered 429: slow down$/],
    [500, 'No cluster leader', /^answered 500: No cluster leader$/],
    [503, 'x'.repeat(5_000), /^answered 503: x{160}\.\.\.$/],
    [204, '', /^answered 204$/],
  ])('is refused with its status %i', (status, body, because) => {
    expect(answer(body, { status })).toEqual({
      kind: 'refused',
      because: expect.stringMatching(because),
    });
  });
});

describe('the address of a key', () => {
  it('keeps slashes and encodes everything else', () => {
    expect(keyUrl('http://agent:8500/prefix', 'a b/ü%2F/c?d#e', [['dc', 'eu west']])).toBe(
      'http://agent:8500/prefix/v1/kv/a%20b/%C3%BC%252F/c%3Fd%23e?dc=eu+west',
    );
  });
});

describe('two answers are the same', () => {
  const value = { kind: 'value', text: 'A', modifyIndex: 6 } as const;
  it.each([
    [value, { ...value }, true],
    [value, { ...value, modifyIndex: 5 }, false],
    [value, { ...value, text: 'B' }, false],
    [value, { kind: 'absent' }, false],
    [{ kind: 'absent' }, { kind: 'absent' }, true],
    [undefined, { kind: 'absent' }, false],
    [undefined, value, false],
  ] as const)('only where all is: %j, %j: %s', (one, other, same) => {
    expect(isSame(one, other)).toBe(same);
  });
});

describe('the next index', () => {
  it.each([
    [undefined, 7n, 7n],
    [7n, 8n, 8n],
    [7n, 7n, 7n],
    [7n, 6n, undefined],
    [undefined, 0n, 1n],
    [1n, 0n, undefined],
  ])('after %s and the answer %s is %s', (asked, answered, next) => {
    expect(nextIndex(asked, answered)).toBe(next);
  });
});

describe('a list of Consul', () => {
  const headers = { 'x-consul-index': '7' };
  const list = (body: unknown, status = 200) =>
    readList({ status, headers, body: JSON.stringify(body) }, 'kafka/');

  it('holds every key of its prefix, also one whose value is no text', () => {
    const binary = Buffer.from([0xff, 0xfe]).toString('base64');
    expect(list([entry(), entry({ Key: 'kafka/b', Value: binary, ModifyIndex: 9 })])).toEqual({
      kind: 'list',
      entries: [
        { key, text: 'A', modifyIndex: 6 },
        { key: 'kafka/b', text: undefined, modifyIndex: 9 },
      ],
      index: 7n,
      lastContactMs: 0,
    });
  });

  it('is empty where there is no key', () => {
    expect(list('', 404)).toMatchObject({ kind: 'list', entries: [], index: 7n });
  });

  it.each([
    ['<html>', 200, 'no entry of the key'],
    [[entry(), 5], 200, 'no entry of the key'],
    [[entry({ Key: 'other' })], 200, 'entries of other keys'],
    ['No cluster leader', 500, 'answered 500'],
    ['Permission denied', 403, 'key:read on kafka/'],
  ])('is refused where it is none: %j with status %i', (body, status, words) => {
    expect(list(body, status)).toEqual({
      kind: 'refused',
      because: expect.stringContaining(words),
    });
  });
});

describe('an answer to a write', () => {
  it.each([
    ['true\n', true],
    ['false', false],
  ])('says whether it was done: %j', (body, isDone) => {
    const read = readWritten({ status: 200, headers: {}, body }, key);
    expect(read).toEqual({ kind: 'written', isDone });
  });

  it.each([
    ['<html>', 200, 'neither true nor false'],
    ['', 200, 'neither true nor false'],
    ['Permission denied', 403, 'writing needs a token with key:write on kafka/active'],
    ['Value exceeds 524288 byte limit', 413, 'answered 413: Value exceeds'],
  ])('is refused where it says nothing of the kind: %j with status %i', (body, status, words) => {
    expect(readWritten({ status, headers: {}, body }, key)).toEqual({
      kind: 'refused',
      because: expect.stringContaining(words),
    });
  });
});

it.each([
  [{}, true],
  [{ 'x-consul-lastcontact': '0' }, true],
  [{ 'x-consul-lastcontact': '3' }, false],
  [{ 'x-consul-lastcontact': 'soon' }, false],
])('an answer of the leader has no contact with a leader: %j', (headers, isConfirmed) => {
  expect(confirmed(answer([entry()], { headers })).kind).toBe(isConfirmed ? 'answer' : 'refused');
});
