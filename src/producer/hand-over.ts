import type { RecordMetadata } from 'kafkajs';
import { SendTag } from '../cluster/produce-tap.js';
import type { InnerProducer } from './inner-producer.js';
import { isPayload, withTag, type Payload } from './payload.js';
import type { PendingSend } from './pending-send.js';

/**
 * What the Produce requests of a send will be known by; undefined where the inner producer tells of none, and where user code has passed what is
 * no payload: kafkajs says what is wrong with it.
 *
 * @internal
 */
export function tagOf(payload: Payload, { tap }: InnerProducer): SendTag | undefined {
  return tap !== undefined && isPayload(payload) ? new SendTag(payload.timeout) : undefined;
}

/** @internal Calls kafkajs. The messages are the user's own objects. */
export function handOver(
  send: PendingSend,
  { producer }: InnerProducer,
): Promise<RecordMetadata[]> {
  try {
    const payload = send.tag === undefined ? send.payload : withTag(send.payload, send.tag);
    // Looked up at each call: tracing may have put its own function there, and that one may return no promise.
    return Promise.resolve(
      send.method === 'send'
        ? producer.send(payload as Parameters<typeof producer.send>[0])
        : producer.sendBatch(payload),
    );
  } catch (error) {
    return Promise.reject(error);
  }
}
