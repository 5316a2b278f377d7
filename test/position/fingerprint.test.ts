import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contentHash, type RecordContent } from '../../src/position/fingerprint.js';

function hashOf(content: Partial<RecordContent>): string {
  return contentHash({ timestamp: '0', key: null, value: null, ...content });
}

const bytes = Buffer.from('bytes');

describe('the hash of a record', () => {
  it('tells null, empty and absent headers apart from everything else', () => {
    const contents: readonly Partial<RecordContent>[] = [
      {},
      { key: Buffer.alloc(0) },
      { value: Buffer.alloc(0) },
      { key: bytes },
      { value: bytes },
      { key: bytes, value: bytes },
      { headers: { name: bytes } },
      { headers: { name: [bytes, bytes] } },
      { headers: { other: bytes } },
      { headers: { name: null } },
      { key: Buffer.from('by'), value: Buffer.from('tes') },
      { key: Buffer.from('byt'), value: Buffer.from('es') },
    ];
    expect(new Set(contents.map(hashOf)).size).toBe(contents.length);
  });

  it('is the same for the same content, of whatever offset and time', () => {
    const content = { key: bytes, value: Buffer.from('v'), headers: { a: bytes, b: [bytes] } };
    const copy = { ...content, key: Buffer.from('bytes'), timestamp: '4711' };
    expect(hashOf(copy)).toBe(hashOf(content));
    expect(hashOf(content)).toMatch(/^[0-9a-f]{16}$/);
  });

  it('takes no header for none: kafkajs gives an empty object', () => {
    expect(hashOf({ headers: {} })).toBe(hashOf({}));
  });

  it('differs for contents that differ', () => {
    const content = fc.record({
      key: fc.option(fc.uint8Array({ maxLength: 6 })),
      value: fc.option(fc.uint8Array({ maxLength: 40 })),
    });
    const seen = new Map<string, string>();
    fc.assert(
      fc.property(content, ({ key, value }) => {
        const text = JSON.stringify([key && [...key], value && [...value]]);
        const hash = hashOf({ key: key && Buffer.from(key), value: value && Buffer.from(value) });
        expect(seen.get(hash) ?? text).toBe(text);
        seen.set(hash, text);
      }),
      { numRuns: 5_000 },
    );
  });
});
