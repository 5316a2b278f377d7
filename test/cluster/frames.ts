/** The correlation id of every {@link requestFrame}. */
export const CORRELATION_ID = 7;

/** A request of the given api key, acks=-1 where that matters. */
export function requestFrame(apiKey: number, body: Buffer = Buffer.alloc(32, 0xff)): Buffer {
  const header = Buffer.alloc(14);
  header.writeInt16BE(apiKey, 4);
  header.writeInt16BE(7, 6);
  header.writeInt32BE(CORRELATION_ID, 8);
  header.writeInt16BE(-1, 12);
  const frame = Buffer.concat([header, body]);
  frame.writeInt32BE(frame.length - 4, 0);
  return frame;
}

/** An answer with that many bytes behind its length. */
export function answerFrame(byteCount: number): Buffer {
  const frame = Buffer.alloc(4 + byteCount, 1);
  frame.writeInt32BE(byteCount, 0);
  return frame;
}

export const PRODUCE = 0;
export const FETCH = 1;
export const HEARTBEAT = 12;
