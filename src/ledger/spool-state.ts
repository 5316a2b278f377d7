import * as z from 'zod';
import type { KeptGeneration } from './generation.js';

/** @internal What is known beside the files of the segments: how far their logs are mirrored, and what is lost. */
export interface SpoolState {
  /** By name. */
  readonly generations: ReadonlyMap<string, KeptGeneration>;
  /** Clusters of whom something is lost that nobody knows. */
  readonly damaged: readonly string[];
}

const offset = z.int().min(0);

const span = z.strictObject({
  topic: z.string(),
  partition: offset,
  first: offset,
  last: offset,
  count: offset,
});

const shape = z.strictObject({
  version: z.literal(1),
  damaged: z.array(z.string()),
  generations: z.record(
    z.string(),
    z.strictObject({
      cluster: z.string(),
      switchEpoch: z.int(),
      logs: z.array(
        z
          .strictObject({
            topic: z.string(),
            partition: offset,
            openFrom: offset,
            copiedAt: z.string().regex(/^-?\d+$/),
            copiedMark: z.string().optional(),
            dropped: span.optional(),
          })
          .transform(({ copiedAt, dropped, ...log }) => ({
            ...log,
            copiedAt: BigInt(copiedAt),
            dropped,
          })),
      ),
    }),
  ),
});

/** @internal As JSON. */
export function stateText({ generations, damaged }: SpoolState): string {
  const kept = [...generations].map(([name, { cluster, switchEpoch, logs }]) => {
    const plain = logs.map(({ topic, partition, openFrom, copiedAt, copiedMark, dropped }) => ({
      ...{ topic, partition, openFrom, copiedMark, dropped },
      copiedAt: String(copiedAt),
    }));
    return [name, { cluster, switchEpoch, logs: plain }];
  });
  return `${JSON.stringify({ version: 1, damaged, generations: Object.fromEntries(kept) })}\n`;
}

/**
 * Reads it.
 *
 * @throws Error - it is no such text.
 * @internal
 */
export function readState(text: string): SpoolState {
  const checked = shape.safeParse(JSON.parse(text));
  if (!checked.success) {
    const [issue] = checked.error.issues;
    throw new Error(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  }
  const { generations, damaged } = checked.data;
  return { generations: new Map(Object.entries(generations)), damaged };
}
