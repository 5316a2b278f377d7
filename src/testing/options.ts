import * as z from 'zod';
import { checkOptions } from '../options-error.js';
import type { MemoryClusterOptions, MemoryTopicOptions } from './memory-cluster.js';
import type { MemoryMirrorOptions } from './memory-mirror.js';
import type { MemoryWorldOptions } from './memory-world.js';

/** One entry for each option, so that the compiler sees none missing. */
type Shape<Options> = Readonly<Record<keyof Options, z.ZodType>>;

const milliseconds = z.number().min(0).optional();
const count = z.int().min(0).optional();
const partitionCount = z.int().min(1);
/** Not by `instanceof`: test runners have a Map and a RegExp of their own. */
const withMethod = (method: string, message: string) =>
  z
    .custom<never>(
      (value) =>
        typeof value === 'object' &&
        value !== null &&
        typeof Reflect.get(value, method) === 'function',
      message,
    )
    .optional();
const aFunction = z
  .custom<never>((value) => typeof value === 'function', 'must be a function')
  .optional();
const aMap = withMethod('get', 'must be a Map');
const aRegExp = withMethod('test', 'must be a regular expression');

const topicShape = {
  partitions: partitionCount,
  config: z.record(z.string(), z.string()).optional(),
} satisfies Shape<MemoryTopicOptions>;

const clusterShape = {
  brokers: z.array(z.string()).min(1).optional(),
  clusterId: z.string().optional(),
  topics: z
    .record(
      z.string(),
      z.union([partitionCount, z.strictObject(topicShape)], {
        error: 'must be a number of partitions, or { partitions, config }',
      }),
      { error: 'must say how many partitions each topic has, for example { orders: 3 }' },
    )
    .optional(),
  autoCreateTopics: z.boolean().optional(),
  defaultPartitionCount: partitionCount.optional(),
  initialRebalanceDelayMs: milliseconds,
  minSessionTimeoutMs: milliseconds,
  coordinatorLoadMs: milliseconds,
  transactionMarkersMs: milliseconds,
  latencyMs: milliseconds,
} satisfies Shape<MemoryClusterOptions>;

const mirrorShape = {
  flows: z.array(z.string().regex(/^[^>]+->[^>]+$/, 'must be written SOURCE->TARGET')).optional(),
  policy: z.enum(['default', 'identity']).optional(),
  separator: z.string().optional(),
  copyLagMs: milliseconds,
  offsetLagMax: count,
  offsetSyncsLocation: z.enum(['target', 'source']).optional(),
  offsetFlushIntervalMs: milliseconds,
  emitCheckpointsIntervalMs: milliseconds,
  emitHeartbeatsIntervalMs: milliseconds,
  refreshTopicsIntervalMs: milliseconds,
  refreshGroupsIntervalMs: milliseconds,
  syncGroupOffsets: z.boolean().optional(),
  syncGroupOffsetsIntervalMs: milliseconds,
  isolationLevel: z.enum(['read_uncommitted', 'read_committed']).optional(),
  topics: aRegExp,
  groups: aRegExp,
} satisfies Shape<MemoryMirrorOptions>;

const worldShape = {
  seed: z.union([z.number(), z.string()], { error: 'must be a number or a string' }).optional(),
  clusters: z
    .record(z.string(), z.strictObject(clusterShape), {
      error: 'must be clusters by alias, for example { A: {}, B: {} }',
    })
    .optional(),
  mirror: z.strictObject(mirrorShape, 'must be an object; {} takes every default').optional(),
  clock: z.enum(['simulated', 'real']).optional(),
  environment: aMap,
  files: aMap,
  byteFiles: aMap,
  http: aFunction,
  dns: aFunction,
} satisfies Shape<MemoryWorldOptions>;

const shape = z.strictObject(worldShape);

/**
 * A misspelt option of a test is worse than an error: the test passes, and shows something else than it says.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - names the option, the value and the remedy.
 * @internal
 */
export function checkMemoryWorld(options: unknown): void {
  checkOptions(shape, options, { at: ['createMemoryWorld'] });
}
