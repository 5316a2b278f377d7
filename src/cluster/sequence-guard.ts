import type { Message } from 'kafkajs';
import { isRefusedBeforeAppend } from '../health/append.js';
import type { ProduceAttempt, SendTag } from './produce-tap.js';

/** @internal What a request of an idempotent producer says of one partition. */
export interface SequencedBatch {
  readonly producerId: string;
  readonly topic: string;
  readonly partition: number;
  readonly firstSequence: number;
  readonly messages: readonly Message[];
}

/** A batch that the broker may have, and whose numbers kafkajs gives to whatever comes next. */
interface Doubt {
  readonly batch: SequencedBatch;
  /** Whose it is; undefined in a transaction. */
  readonly owner: SendTag | undefined;
}

/**
 * kafkajs 2.2.4 takes the sequence numbers of a batch back when its request fails, also where the broker has it and only the answer was lost. The next batch then
 * carries the same numbers: the broker takes it for the first one come again, answers that one's offset, and drops it. So an idempotent producer is told of an
 * acknowledgement for records that are nowhere (measured with Kafka 4.3.1; `src/producer/sendMessages.js`, `updateSequence`).
 *
 * So after such a failure only the very same batch may go to its partition, which the broker does recognise. Where it does not come any more, the
 * numbers of this inner producer are of no use, and another one takes its place: it gets a new producer id.
 *
 * @internal
 */
export class SequenceGuard {
  /** Called when no number is in doubt any more. */
  onClear: () => void = () => {};
  /** Called once, when the numbers cannot be put in order. */
  onBroken: () => void = () => {};
  readonly #doubts = new Map<string, Doubt>();
  #isBroken = false;

  /** False where a partition has a batch that may or may not be there, or the numbers are of no use any more. */
  get isInOrder(): boolean {
    return !this.#isBroken && this.#doubts.size === 0;
  }

  /** Whether a request may go: none of its batches has the numbers of another one. */
  mayGo(batches: readonly SequencedBatch[]): boolean {
    return (
      !this.#isBroken &&
      batches.every((batch) => {
        const doubt = this.#doubts.get(keyOf(batch));
        return doubt === undefined || isSame(doubt.batch, batch);
      })
    );
  }

  /** All of a request was acknowledged. */
  succeeded(batches: readonly SequencedBatch[]): void {
    if (this.#doubts.size === 0) return;
    for (const batch of batches) this.#doubts.delete(keyOf(batch));
    if (this.#doubts.size === 0) this.onClear();
  }

  /** A request failed, and kafkajs takes its numbers back. */
  failed(
    batches: readonly SequencedBatch[],
    owner: SendTag | undefined,
    { written, answer }: Pick<ProduceAttempt, 'written' | 'answer'>,
  ): void {
    if (!written) return;
    for (const batch of batches) {
      const errorCode = answer?.topics
        .find(({ topicName }) => topicName === batch.topic)
        ?.partitions.find(({ partition }) => partition === batch.partition)?.errorCode;
      if (errorCode !== undefined && OUT_OF_SEQUENCE.has(errorCode)) this.#break();
      else if (errorCode === undefined || !isRefusedBeforeAppend(errorCode)) {
        this.#doubts.set(keyOf(batch), { batch, owner });
      }
    }
    if (owner?.isRevoked === true) this.ended(owner);
  }

  /** kafkajs does not try again what this send consists of. */
  ended(owner: SendTag): void {
    if (this.#doubts.size === 0) return;
    if ([...this.#doubts.values()].some((doubt) => doubt.owner === owner)) this.#break();
  }

  #break(): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.onBroken();
  }
}

/**
 * OUT_OF_ORDER_SEQUENCE_NUMBER, DUPLICATE_SEQUENCE_NUMBER, UNKNOWN_PRODUCER_ID: nothing that follows can be right. Not INVALID_PRODUCER_EPOCH: another
 * producer has taken the transactional id over, and a new one here would fence it.
 */
const OUT_OF_SEQUENCE: ReadonlySet<number> = new Set([45, 46, 59]);

function isSame(one: SequencedBatch, other: SequencedBatch): boolean {
  return (
    one.firstSequence === other.firstSequence &&
    one.messages.length === other.messages.length &&
    one.messages.every((message, index) => message === other.messages[index])
  );
}

function keyOf({ producerId, topic, partition }: SequencedBatch): string {
  return `${producerId} ${partition} ${topic}`;
}
