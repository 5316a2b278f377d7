import { errorCodes } from '../protocol-codes.js';
import type { BatchOrigin } from './memory-log.js';

interface StoredBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: number;
}

interface ProducerState {
  epoch: number;
  batches: StoredBatch[];
}

/** Batches that a broker remembers of each idempotent producer, to recognise one that comes again. */
const REMEMBERED_BATCHES = 5;

/** @internal What a partition makes of a batch: new, known already, or refused. */
export type BatchVerdict =
  | { kind: 'append' }
  | { kind: 'duplicate'; baseOffset: number }
  | { kind: 'refuse'; errorCode: number };

/**
 * What one partition remembers of idempotent producers: the last few batches of each, so that a batch that was stored but
 * not acknowledged is recognised when it is sent again (Kafka's `ProducerStateManager`).
 *
 * @internal
 */
export class ProducerStates {
  readonly #states = new Map<number, ProducerState>();

  judge(origin: BatchOrigin, recordCount: number): BatchVerdict {
    if (origin.producerId < 0) return { kind: 'append' };
    const state = this.#states.get(origin.producerId);
    if (state === undefined) return { kind: 'append' };
    if (origin.producerEpoch < state.epoch) {
      return { kind: 'refuse', errorCode: errorCodes.INVALID_PRODUCER_EPOCH };
    }
    const isNewEpoch = origin.producerEpoch > state.epoch;
    if (isNewEpoch) {
      return origin.firstSequence === 0
        ? { kind: 'append' }
        : { kind: 'refuse', errorCode: errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER };
    }
    const lastSequence = origin.firstSequence + recordCount - 1;
    const same = state.batches.find(
      (batch) =>
        batch.firstSequence === origin.firstSequence && batch.lastSequence === lastSequence,
    );
    if (same !== undefined) return { kind: 'duplicate', baseOffset: same.baseOffset };
    const expected = (state.batches.at(-1)?.lastSequence ?? -1) + 1;
    if (origin.firstSequence === expected) return { kind: 'append' };
    const errorCode =
      origin.firstSequence < expected
        ? errorCodes.DUPLICATE_SEQUENCE_NUMBER
        : errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER;
    return { kind: 'refuse', errorCode };
  }

  appended(origin: BatchOrigin, recordCount: number, baseOffset: number): void {
    if (origin.producerId < 0) return;
    const lastSequence = origin.firstSequence + recordCount - 1;
    const batch = { firstSequence: origin.firstSequence, lastSequence, baseOffset };
    const state = this.#states.get(origin.producerId);
    if (state === undefined || state.epoch !== origin.producerEpoch) {
      this.#states.set(origin.producerId, { epoch: origin.producerEpoch, batches: [batch] });
      return;
    }
    state.batches = [...state.batches, batch].slice(-REMEMBERED_BATCHES);
  }
}
