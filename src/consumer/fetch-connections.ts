import type { Cluster } from 'kafkajs';
import type { Assignment } from './consumer-events.js';

/**
 * Opens the connections that a consumer will fetch over. kafkajs keeps one for fetches beside the one for all else, and opens it with the first
 * Fetch (`src/network/connectionPool.js`); so this is a Fetch that asks for no partition, which a broker answers at once with nothing.
 *
 * @param assignment - by physical names.
 * @throws kafkajs's errors where a leader is not known, or does not answer.
 * @internal
 */
export async function openFetchConnections(
  cluster: Pick<Cluster, 'findLeaderForPartitions' | 'findBroker'>,
  assignment: Assignment,
): Promise<void> {
  const leaders = Object.entries(assignment).flatMap(([topic, partitions]) =>
    Object.keys(cluster.findLeaderForPartitions(topic, [...partitions])),
  );
  await Promise.all(
    [...new Set(leaders)].map(async (nodeId) => {
      const broker = await cluster.findBroker({ nodeId });
      await broker.fetch({ maxWaitTime: 0, minBytes: 0, maxBytes: 1, topics: [] });
    }),
  );
}
