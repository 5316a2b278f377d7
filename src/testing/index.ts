/**
 * The testing kit: Kafka clusters and MirrorMaker 2 in memory, that real kafkajs clients talk to, on a simulated clock.
 *
 * @packageDocumentation
 */
export { createMemoryWorld } from './memory-world.js';
export type { MemoryWorld, MemoryWorldOptions } from './memory-world.js';
export { SimulatedClock } from './clock.js';
export type { Clock, SimulatedClockOptions } from './clock.js';
export { realClock } from './real-clock.js';
export { createRandom } from './random.js';
export type { Random } from './random.js';
export type {
  MemoryCluster,
  MemoryClusterOptions,
  MemoryCommit,
  MemoryGroup,
  MemoryMessage,
  MemoryRecord,
  MemoryTopicOptions,
  ObservedWrite,
} from './memory-cluster.js';
export type { ClusterState, Interception, Interceptor, ObservedRequest } from './broker/faults.js';
export type { MemoryMirror, MemoryMirrorOptions } from './memory-mirror.js';
export type { ApiName } from './protocol-codes.js';
