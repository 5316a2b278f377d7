import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FrameReader,
  PendingRequests,
  readCorrelationId,
  readRequest,
} from '../../../stack/proxy/frames.js';
import type { Answered, Piece } from '../../../stack/proxy/frames.js';
import { answerBytes, produceBytes, requestBytes } from './tiny-kafka.js';

/** Cuts bytes at the places given. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].toSorted(
    (a, b) => a - b,
  );
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
}

function readAll(chunks: readonly Buffer[]): Piece[] {
  const reader = new FrameReader();
  return [...chunks.flatMap((chunk) => reader.read(chunk)), ...reader.end()];
}

const join = (pieces: readonly Piece[]): Buffer => Buffer.concat(pieces.map(({ bytes }) => bytes));

const frame = fc.uint8Array({ maxLength: 40 }).map((body) => {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length);
  return Buffer.concat([length, body]);
});

describe('FrameReader', () => {
  it('gives the same frames however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(frame), fc.array(fc.nat(1000)), (frames, places) => {
        const pieces = readAll(cut(Buffer.concat(frames), places));
        expect(pieces).toEqual(frames.map((bytes) => ({ kind: 'frame', bytes })));
      }),
    );
  });

  it('gives every byte once and in its place, whatever the stream is', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.array(fc.nat(1000)), (bytes, places) => {
        const stream = Buffer.from(bytes);
        expect(join(readAll(cut(stream, places)))).toEqual(stream);
      }),
    );
  });

  it('gives up framing where a length cannot be one, and passes what follows as it is', () => {
    const reader = new FrameReader();
    const tls = Buffer.from('16030100ff', 'hex');
    const negative = Buffer.from('ffffffff', 'hex');
    const good = requestBytes('Metadata', 1);
    expect(reader.read(Buffer.concat([good, negative]))).toEqual([
      { kind: 'frame', bytes: good },
      { kind: 'bytes', bytes: negative },
    ]);
    expect(reader.read(good)).toEqual([{ kind: 'bytes', bytes: good }]);
    expect(new FrameReader().read(tls)).toEqual([{ kind: 'bytes', bytes: tls }]);
  });

  it('hands out what is left of a frame that does not end', () => {
    const reader = new FrameReader();
    const half = requestBytes('Metadata', 1).subarray(0, 9);
    expect(reader.read(half)).toEqual([]);
    expect(reader.end()).toEqual([{ kind: 'bytes', bytes: half }]);
    expect(reader.end()).toEqual([]);
  });
});

describe('readRequest', () => {
  it('reads api key, version and correlation id', () => {
    expect(readRequest(requestBytes('OffsetCommit', 77, { version: 5 }))).toEqual({
      apiKey: 8,
      apiVersion: 5,
      correlationId: 77,
      expectsAnswer: true,
    });
    expect(readRequest(Buffer.alloc(11))).toBeUndefined();
    expect(readCorrelationId(Buffer.alloc(7))).toBeUndefined();
  });

  it.each([
    { version: 2, acks: 0, expectsAnswer: false },
    { version: 7, acks: 0, expectsAnswer: false },
    { version: 7, acks: 1, expectsAnswer: true },
    { version: 7, acks: -1, expectsAnswer: true },
  ])(
    'knows whether a Produce has an answer: version $version, acks=$acks',
    ({ version, acks, expectsAnswer }) => {
      const request = produceBytes(1, { version, acks, topics: { orders: [0] } });
      expect(readRequest(request)?.expectsAnswer).toBe(expectsAnswer);
    },
  );

  it('takes a Produce that it cannot read for one with an answer', () => {
    expect(readRequest(requestBytes('Produce', 1, { version: 9 }))?.expectsAnswer).toBe(true);
    expect(readRequest(requestBytes('Produce', 1).subarray(0, 13))?.expectsAnswer).toBe(true);
  });
});

describe('PendingRequests', () => {
  const head = (correlationId: number, expectsAnswer = true) => ({
    apiKey: correlationId,
    apiVersion: 0,
    correlationId,
    expectsAnswer,
  });
  const ids = (answered: readonly Answered[]) =>
    answered.map((each) => [each.head?.correlationId, readCorrelationId(each.answer)]);

  it('finds the request of an answer by its correlation id', () => {
    const pending = new PendingRequests();
    pending.sent(head(1));
    pending.sent(head(2, false));
    pending.sent(head(3));
    expect(ids(pending.answered(answerBytes(1)))).toEqual([[1, 1]]);
    expect(ids(pending.answered(answerBytes(3)))).toEqual([[3, 3]]);
    expect(ids(pending.answered(answerBytes(3)))).toEqual([[undefined, 3]]);
  });

  it('forgets a request when a later one is answered', () => {
    const pending = new PendingRequests();
    pending.sent(head(1));
    pending.sent(head(2));
    expect(ids(pending.answered(answerBytes(2)))).toEqual([[2, 2]]);
    expect(ids(pending.answered(answerBytes(1)))).toEqual([[undefined, 1]]);
  });

  it('lets a made-up answer wait for those of earlier requests', () => {
    const pending = new PendingRequests();
    expect(ids(pending.madeUp(head(1), answerBytes(1)))).toEqual([[1, 1]]);
    pending.sent(head(2));
    pending.sent(head(3));
    expect(pending.madeUp(head(4), answerBytes(4))).toEqual([]);
    pending.sent(head(5));
    expect(ids(pending.answered(answerBytes(2)))).toEqual([[2, 2]]);
    expect(ids(pending.answered(answerBytes(3)))).toEqual([
      [3, 3],
      [4, 4],
    ]);
    expect(pending.madeUp(head(6), answerBytes(6))).toEqual([]);
    // 5 has no answer, as the later one of 7 shows; 6 has its own all the same.
    pending.sent(head(7));
    expect(ids(pending.answered(answerBytes(7)))).toEqual([
      [6, 6],
      [7, 7],
    ]);
  });
});
