import { kafka } from '../../src/kafkajs.js';

/** A codec as kafkajs takes it. */
interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

/** A format in which bytes may be stored as they are: each block with a head, and something around them. */
interface StoredFormat {
  readonly blockBytes: number;
  readonly headBytes: number;
  before(size: number): Buffer;
  head(size: number, isLast: boolean): Buffer;
  sizeIn(head: Buffer): number;
  readonly after: Buffer;
}

const uint = (bytes: number, value: number): Buffer => {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntLE(value, 0, bytes);
  return buffer;
};

/** Snappy as Kafka's clients frame it (xerial): blocks of one literal. */
const snappy: StoredFormat = {
  blockBytes: 32_768,
  headBytes: 10,
  before: () => Buffer.from('82534e41505059000000000100000001', 'hex'),
  head: (size) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(size + 6);
    // The uncompressed length as a varint of three bytes, and the tag of a literal whose length is in the next two.
    const varint = [(size & 0x7f) | 0x80, ((size >> 7) & 0x7f) | 0x80, size >> 14];
    return Buffer.concat([length, Buffer.from([...varint, 61 << 2]), uint(2, size - 1)]);
  },
  sizeIn: (head) => head.readInt32BE(0) - 6,
  after: Buffer.alloc(0),
};

/** An LZ4 frame of independent blocks; the sum of its head never changes. */
const lz4: StoredFormat = {
  blockBytes: 65_536,
  headBytes: 4,
  before: () => Buffer.from('04224d18604082', 'hex'),
  head: (size) => uint(4, size + 0x80000000),
  sizeIn: (head) => head.readUInt32LE(0) - 0x80000000,
  after: uint(4, 0),
};

/** A Zstandard frame of one segment, whose size is in its head. */
const zstd: StoredFormat = {
  blockBytes: 131_072,
  headBytes: 3,
  before: (size) => Buffer.concat([Buffer.from('28b52ffda0', 'hex'), uint(4, size)]),
  head: (size, isLast) => uint(3, (size << 3) | (isLast ? 1 : 0)),
  sizeIn: (head) => head.readUIntLE(0, 3) >> 3,
  after: Buffer.alloc(0),
};

function codecOf(format: StoredFormat): Codec {
  const { blockBytes, headBytes, before, head, sizeIn, after } = format;
  return {
    compress: async ({ buffer }) => {
      const blocks: Buffer[] = [];
      for (let at = 0; at < buffer.length; at += blockBytes) {
        const block = buffer.subarray(at, at + blockBytes);
        blocks.push(head(block.length, at + blockBytes >= buffer.length), block);
      }
      return Buffer.concat([before(buffer.length), ...blocks, after]);
    },
    decompress: async (buffer) => {
      const blocks: Buffer[] = [];
      let at = before(0).length;
      while (at < buffer.length - after.length) {
        const begin = at + headBytes;
        at = begin + sizeIn(buffer.subarray(at, begin));
        blocks.push(buffer.subarray(begin, at));
      }
      return Buffer.concat(blocks);
    },
  };
}

/**
 * Registers the codecs that kafkajs leaves to others. They compress nothing, and brokers take what they write for what it says it
 * is: they look into each batch.
 *
 * @returns the codecs of the batches that kafkajs has opened since, in order; to be emptied at will.
 */
export function registerStoredCodecs(): number[] {
  const { GZIP, Snappy, LZ4, ZSTD } = kafka.CompressionTypes;
  const codecs: Record<number, () => Codec> = kafka.CompressionCodecs;
  const gzip = codecs[GZIP]?.();
  if (gzip === undefined) throw new Error('kafkajs has no gzip');
  const opened: number[] = [];
  const all = [
    [GZIP, gzip],
    [Snappy, codecOf(snappy)],
    [LZ4, codecOf(lz4)],
    [ZSTD, codecOf(zstd)],
  ] as const;
  for (const [type, codec] of all) {
    codecs[type] = () => ({
      compress: codec.compress,
      decompress: (buffer) => {
        opened.push(type);
        return codec.decompress(buffer);
      },
    });
  }
  return opened;
}
