import type { RecordMetadata } from 'kafkajs';
import { SendTag } from '../cluster/produce-tap.js';
import type { InnerProducer } from './inner-producer.js';
import { timeoutOf, withOwnLists } from './payload.js';
import type { PendingSend } from './pending-send.js';

/**
 * Makes a send ready for an inner producer: with lists of its own, and a tag in the place of `timeout`. Does nothing to what is no payload: kafkajs says what is
 * wrong with it.
 *
 * @returns what its Produce requests will be known by; undefined where the inner producer tells of none.
 * @throws what the user's own objects throw when they are read.
 * @internal
 */
export function prepare(send: PendingSend, { tap }: InnerProducer): SendTag | undefined {
  const { payload } = send;
  if (typeof payload !== 'object' || payload === null) return undefined;
  const timeout = timeoutOf(payload);
  if (tap === undefined) {
    if (payload.timeout !== timeout) send.payload = withOwnLists(payload);
    return undefined;
  }
  const tag = new SendTag(timeout);
  send.payload = withOwnLists(payload, tag);
  return tag;
}

/** @internal Calls kafkajs. The messages are the user's own objects. */
export function handOver(
  { method, payload }: PendingSend,
  { producer }: InnerProducer,
): Promise<RecordMetadata[]> {
  try {
    // Looked up at each call: tracing may have put its own function there, and that one may return no promise.
    return Promise.resolve(
      method === 'send'
        ? producer.send(payload as Parameters<typeof producer.send>[0])
        : producer.sendBatch(payload),
    );
  } catch (error) {
    return Promise.reject(error);
  }
}
