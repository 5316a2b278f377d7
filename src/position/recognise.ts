import type { LogRange } from '../cluster/access.js';
import { PartitionMap } from '../replication/partition-map.js';
import { withFoundCopies, type Bounds, type MirroredEvidence } from './bounds.js';
import { findCopies, type FindCopiesParts, type SoughtLog } from './exact.js';

/** @internal What is known of a group in one log of the target. */
export interface Gathered {
  readonly physicalTopic: string;
  readonly partition: number;
  readonly mirrored: MirroredEvidence | undefined;
  readonly bounds: Bounds;
}

/**
 * Adds what can be recognised on the target: looks for the last handled records, in the logs whose position is not known exactly.
 *
 * @internal
 */
export async function recognise(
  all: PartitionMap<Gathered>,
  ranges: ReadonlyMap<string, ReadonlyMap<number, LogRange>>,
  parts: FindCopiesParts,
): Promise<PartitionMap<Gathered>> {
  const open: { readonly log: SoughtLog; readonly one: Gathered }[] = [];
  const known = new PartitionMap<Gathered>();
  for (const one of all.values()) {
    const { physicalTopic, partition } = one;
    known.set(physicalTopic, partition, one);
    const log = soughtIn(one, ranges.get(physicalTopic)?.get(partition));
    if (log !== undefined) open.push({ log, one });
  }
  const found = await findCopies(
    open.map(({ log }) => log),
    parts,
  );
  for (const [index, { one }] of open.entries()) {
    const copies = found[index];
    if (copies === undefined || one.mirrored === undefined) continue;
    const bounds = withFoundCopies(one.bounds, copies, one.mirrored);
    known.set(one.physicalTopic, one.partition, { ...one, bounds });
  }
  return known;
}

function soughtIn(
  { physicalTopic, partition, mirrored, bounds }: Gathered,
  range: LogRange | undefined,
): SoughtLog | undefined {
  const handled = mirrored?.processed?.recent.all() ?? [];
  if (mirrored === undefined || range === undefined || handled.length === 0) return undefined;
  // A sync names the record that is to be handled next, so all before it are there.
  if (bounds.bounds.some(({ method }) => method === 'exact')) return undefined;
  const { upstreamTopic, isShared } = mirrored;
  return { physicalTopic, partition, upstreamTopic, isShared, range, handled };
}
