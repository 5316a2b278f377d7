import type { FailoverKafka, KafkaMessage, Message } from 'kafkajs-failover';

/** What is made of what. */
export interface Transformation {
  readonly groupId: string;
  readonly from: string;
  readonly to: string;
  /** Of this process alone, and the same in its next life: then the broker ends what the one before has left open. */
  readonly transactionalId: string;
  /** May be asked more than once for a record. The result names what it was made of, so that a second one is known for one. */
  resultOf(message: KafkaMessage): Message | Promise<Message>;
}

/**
 * Consumes, transforms, produces: each result is committed together with the position behind its record, or neither is.
 *
 * A transaction never goes on on the other cluster. Whatever a switch does to it, the record is simply delivered again
 * there, where the switch has put the group; so the loop has nothing to remember, and nothing to repeat by itself.
 */
export async function startTransformer(
  kafka: Pick<FailoverKafka, 'producer' | 'consumer'>,
  { groupId, from, to, transactionalId, resultOf }: Transformation,
): Promise<void> {
  const producer = kafka.producer({ transactionalId, maxInFlightRequests: 1 });
  const consumer = kafka.consumer({ groupId });
  await producer.connect();
  await consumer.connect();
  await consumer.subscribe({ topics: [from], fromBeginning: true });
  const inTurn = oneAtATime();

  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ topic, partition, message, physicalTopic, switchEpoch }) => {
      const result = await resultOf(message);
      const offset = String(BigInt(message.offset) + 1n);
      // Where it was read: on B a record of `A.orders` is one of `orders`, too.
      const topics = [{ topic, partitions: [{ partition, offset, physicalTopic, switchEpoch }] }];

      await inTurn(async () => {
        const transaction = await producer.transaction();
        try {
          // The send first: while the broker still ends the transaction before, kafkajs tries it again, and not sendOffsets.
          await transaction.send({ topic: to, messages: [result] });
          await transaction.sendOffsets({ consumerGroupId: groupId, topics });
          await transaction.commit();
        } catch (error) {
          if (transaction.isActive()) await transaction.abort().catch(() => {});
          throw deliverAgain(error);
        }
      });
    },
  });
}

/**
 * What the handler throws, for kafkajs to deliver the record again: at the errors themselves, which it does not retry, it would
 * end the consumer. By `error.code`:
 *
 * - ERR_FAILOVER_TRANSACTION_FENCED (`abortable`): a switch ended the transaction, and its broker aborts it. Nobody who reads
 *   committed records sees any of it.
 * - ERR_FAILOVER_STALE_OFFSET, from `sendOffsets`: a switch came before the transaction began, and the record was read before it.
 * - ERR_FAILOVER_OUTCOME_UNKNOWN, from `commit()`: the cluster was asked, and a switch came before it answered. Result and
 *   position are both there, or neither is. While it is dead nobody knows, and no waiting would tell; so the record comes
 *   again, and may have two results then, one on either cluster.
 * - An error of kafkajs itself from `commit()` is as unknown, with no switch: both results may be on this cluster.
 *
 * And a process that dies together with A is followed by one that knows only what was mirrored of A's positions. So a result
 * may always come twice, and whoever reads the results takes one for each name.
 */
function deliverAgain(cause: unknown): Error {
  return new Error('The transaction did not end well: the record is to be delivered again', {
    cause,
  });
}

/** A producer has one transaction at a time, and a handler that a switch has not waited for may still be at it. */
function oneAtATime(): (work: () => Promise<void>) => Promise<void> {
  let last = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return mine;
  };
}
