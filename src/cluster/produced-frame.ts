import type { Buffer } from 'node:buffer';
import { Cursor } from './cursor.js';

/** @internal What one Produce request carries for one partition. */
export interface ProducedBatch {
  readonly topic: string;
  readonly partition: number;
  /** One record batch, a view of the request. Its offsets begin at 0: the broker gives it others. */
  readonly bytes: Buffer;
}

/** From this version on a transactional id stands before all else. */
const TRANSACTIONAL_VERSION = 3;

/**
 * The record batches of a Produce request, as it was written to a socket. Nothing is copied.
 *
 * @throws RangeError - it is none, or is cut short.
 * @internal
 */
export function producedBatches(frame: Buffer): readonly ProducedBatch[] {
  const from = new Cursor(frame);
  // Length and api key.
  from.skip(6);
  const version = from.int16();
  // The correlation id.
  from.skip(4);
  from.skipNullableString();
  if (version >= TRANSACTIONAL_VERSION) from.skipNullableString();
  // Acks and timeout.
  from.skip(6);
  return from
    .array(() => {
      const topic = from.string();
      return from.array(() => ({
        topic,
        partition: from.int32(),
        bytes: from.view(from.int32()),
      }));
    })
    .flat();
}
