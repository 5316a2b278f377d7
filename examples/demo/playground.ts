import type { Kafka } from 'kafkajs-failover';
import type { Service, ServiceSettings, StrategyName } from './messages.js';

/** What the demo's own options say. */
export interface PlaygroundOptions {
  readonly policy: 'default' | 'identity';
  readonly strategy: StrategyName;
  /** `producer.onUnmirrored` of the services. */
  readonly onUnmirrored: 'report' | 'replay';
  /** Aborted when a person wants the demo to end. */
  readonly signal: AbortSignal;
  /** Takes what a start does that lasts: Kafka is fetched the first time. */
  readonly onProgress: (text: string) => void;
}

/**
 * Two clusters with MirrorMaker between them, real or in memory: the stage on which an act plays. A is where the services
 * start.
 */
export interface Playground {
  /** What stands there, in words. */
  readonly description: string;
  /** What the services need to know of the clusters. */
  readonly kafka: ServiceSettings['kafka'];
  /** A plain kafkajs client of one cluster, which knows nothing of failover. */
  plainKafka(alias: 'A' | 'B'): Kafka;
  launch(settings: ServiceSettings): Service;
  /** `kill -9` of every broker of the cluster. */
  kill(alias: 'A' | 'B'): Promise<void>;
  /** Starts a cluster again that was killed; resolves when it answers. */
  restart(alias: 'A' | 'B'): Promise<void>;
  /** MirrorMaker's flow from A to B ends, in order, or begins again. */
  mirrorToB(what: 'stop' | 'start'): Promise<void>;
  /** Ends everything. Idempotent. */
  close(): Promise<void>;
}
