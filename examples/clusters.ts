import { Kafka, logLevel, type FailoverKafkaConfig } from 'kafkajs-failover';
import { startMemoryClusters } from './memory-clusters.js';
import { brokersOf } from './service.js';
import { createMirroredTopic } from './topics.js';

/** Where an example runs. */
export interface Clusters {
  /** What `new FailoverKafka(...)` is told of the clusters. */
  readonly config: Pick<FailoverKafkaConfig, 'clusters'> & Partial<FailoverKafkaConfig>;
  /** Makes a topic of three partitions on both clusters, and waits until it is mirrored in both directions. */
  createTopic(topic: string): Promise<void>;
  /** A cluster in memory dies, as after `kill -9`. Real ones are killed by whoever reads the example. */
  lose(alias: 'A' | 'B'): void;
  /** Ends what was started for the example: clusters in memory. */
  close(): Promise<void>;
}

/**
 * The clusters that `A_BROKERS` and `B_BROKERS` name, with MirrorMaker 2 in both directions and its default policy between
 * them (`npm run stack -- up` starts such a pair); without the variables, two clusters in memory.
 */
export async function openClusters(): Promise<Clusters> {
  const topic = { partitionCount: 3, policy: 'default' } as const;
  if (process.env['A_BROKERS'] === undefined) {
    const memory = startMemoryClusters({ policy: 'default' });
    const kafka = { A: memory.plainKafka('A'), B: memory.plainKafka('B') };
    return {
      config: memory.config,
      createTopic: (name) => createMirroredTopic(kafka, { ...topic, topic: name }),
      lose: (alias) => memory.kill(alias),
      close: async () => memory.close(),
    };
  }
  const clusters = { A: { brokers: brokersOf('A') }, B: { brokers: brokersOf('B') } };
  const plain = { clientId: 'examples', logLevel: logLevel.NOTHING };
  const kafka = {
    A: new Kafka({ ...plain, ...clusters.A }),
    B: new Kafka({ ...plain, ...clusters.B }),
  };
  return {
    config: { clusters },
    createTopic: (name) => createMirroredTopic(kafka, { ...topic, topic: name }),
    lose: () => {},
    close: async () => {},
  };
}
