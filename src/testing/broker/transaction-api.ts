import { errorCodes } from '../protocol-codes.js';
import type { GroupStore } from './group-api.js';
import type { Handlers } from './handlers.js';
import type { TopicStore } from './topic-store.js';
import type { Transactions } from './transactions.js';

/**
 * Producer ids and transactions.
 *
 * @internal
 */
export function transactionApi(surroundings: {
  transactions: Transactions;
  groups: GroupStore;
  topics: TopicStore;
  offsetMetadataMaxLength: number;
}): Handlers<
  'InitProducerId' | 'AddPartitionsToTxn' | 'AddOffsetsToTxn' | 'EndTxn' | 'TxnOffsetCommit'
> {
  const { transactions, groups, topics, offsetMetadataMaxLength } = surroundings;
  const exists = (topic: string, partition: number): boolean =>
    topics.partition(topic, partition) !== undefined;
  return {
    InitProducerId({ transactionalId, transactionTimeout }, reply) {
      const { producerId, producerEpoch } = transactions.initProducer(
        transactionalId,
        transactionTimeout,
      );
      reply({ errorCode: errorCodes.NONE, producerId: String(producerId), producerEpoch });
    },

    AddPartitionsToTxn(request, reply) {
      reply({
        errors: request.topics.map(({ topic, partitions }) => ({
          topic,
          partitionErrors: partitions.map((partition) => ({
            partition,
            errorCode: exists(topic, partition)
              ? transactions.addPartition(request, topic, partition)
              : errorCodes.UNKNOWN_TOPIC_OR_PARTITION,
          })),
        })),
      });
    },

    AddOffsetsToTxn(request, reply) {
      reply({ errorCode: transactions.addGroup(request, request.groupId) });
    },

    EndTxn(request, reply) {
      const how = request.transactionResult ? 'commit' : 'abort';
      reply({ errorCode: transactions.end(request, how) });
    },

    TxnOffsetCommit(request, reply) {
      const refusal = transactions.refusalToCommit(request);
      if (refusal === errorCodes.NONE) {
        const { commits } = groups.getOrCreate(request.groupId);
        const producerId = String(request.producerId);
        const metadataMaxLength = offsetMetadataMaxLength;
        reply({ topics: commits.store(request.topics, { metadataMaxLength, exists, producerId }) });
        return;
      }
      reply({
        topics: request.topics.map(({ topic, partitions }) => ({
          topic,
          partitions: partitions.map(({ partition }) => ({ partition, errorCode: refusal })),
        })),
      });
    },
  };
}
