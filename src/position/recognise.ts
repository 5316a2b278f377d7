import { asError } from '../caught.js';
import type { LogRange } from '../cluster/access.js';
import type { Mirror } from '../replication/mirror.js';
import { PartitionMap } from '../replication/partition-map.js';
import { withFoundCopies, type Bounds, type MirroredEvidence } from './bounds.js';
import { soughtRecords } from './carried-records.js';
import { toCopies } from './correspondence.js';
import { findCopies, type FindCopiesParts, type FoundCopies, type SoughtLog } from './exact.js';
import { inParallel, PARALLEL_SCANS } from './parallel.js';
import type { EarlierStay } from './removed-here.js';
import type { HandledPosition } from './need.js';
import { abortable, untilAborted, withinDeadline } from '../wait.js';
import { retrace, type HandledCopies, type RetraceParts } from './retracing.js';
import { soughtOnReturn, withFoundEarlier } from './returned.js';

/** @internal What is known of a group in one log of the target. */
export interface Gathered {
  readonly physicalTopic: string;
  readonly partition: number;
  readonly mirrored: MirroredEvidence | undefined;
  /** How far the log was handled before the switch away, on the way home. */
  readonly returned: HandledPosition | undefined;
  /** What of it was handled on the source since, as copies; undefined where that is not known, or the source does not answer. */
  readonly copies: HandledCopies | undefined;
  /** What was not handled of the log before the group left the target. */
  readonly left: EarlierStay;
  readonly bounds: Bounds;
}

/** @internal What {@link recognise} needs. */
export interface RecogniseParts extends FindCopiesParts {
  /** The cluster that is left; undefined where it is given up. */
  readonly source: RetraceParts['source'] | undefined;
  /** The flow from the target to the source. */
  readonly mirrorBack: Pick<Mirror, 'refresh'>;
}

/**
 * Adds what can be recognised on the target: looks for the last handled records, in the logs whose position is not known exactly.
 *
 * @internal
 */
export async function recognise(
  all: PartitionMap<Gathered>,
  ranges: ReadonlyMap<string, ReadonlyMap<number, LogRange>>,
  parts: RecogniseParts,
): Promise<PartitionMap<Gathered>> {
  const open: { readonly log: SoughtLog; physicalTopic: string; partition: number }[] = [];
  const known = new PartitionMap<Gathered>();
  for (const one of all.values()) {
    const { physicalTopic, partition } = one;
    known.set(physicalTopic, partition, one);
    for (const log of soughtIn(one, ranges.get(physicalTopic)?.get(partition))) {
      open.push({ log, physicalTopic, partition });
    }
  }
  // One of its own: as many searches as run side by side listen to `parts.signal` already.
  const over = abortable();
  const returning = onTheWayBack(all, parts, over.signal);
  let found: readonly FoundCopies[];
  let copiesAt: RetraceParts['source'] | undefined;
  try {
    found = await findCopies(
      open.map(({ log }) => log),
      parts,
    );
    copiesAt = await (parts.signal === undefined
      ? returning
      : untilAborted(parts.signal, returning));
  } finally {
    over.abort(new Error('nothing is looked for any more'));
  }
  for (const [index, { physicalTopic, partition }] of open.entries()) {
    const copies = found[index];
    const one = known.get(physicalTopic, partition);
    if (copies === undefined || one === undefined) continue;
    known.set(physicalTopic, partition, { ...one, bounds: withFound(one, copies) });
  }
  await withRetraced(known, ranges, parts, copiesAt);
  return known;
}

/**
 * What has to be known before copies are gone through; undefined where nothing was handled as a copy, or it cannot be known. What
 * MirrorMaker has copied again of late, or second copies would count. Both clusters are alive.
 */
async function onTheWayBack(
  all: PartitionMap<Gathered>,
  { source, mirrorBack, world, deadlineAtMs }: RecogniseParts,
  signal: AbortSignal,
): Promise<RetraceParts['source'] | undefined> {
  const topics = [...all.values()].flatMap(({ copies }) => copies?.physicalTopic ?? []);
  if (source === undefined || topics.length === 0) return undefined;
  const copiesAt = askedOnce(source);
  for (const topic of topics) copiesAt.ranges(topic).catch(() => {});
  const refreshed = await withinDeadline(
    world,
    deadlineAtMs,
    (limit) => mirrorBack.refresh({ signal: limit }),
    { signal },
  ).catch((error: unknown) => asError(error));
  return refreshed instanceof Error || refreshed.kind === 'overrun' ? undefined : copiesAt;
}

/** On the way home: what was handled as copies. Begins where the logs were left, so the others come first. */
async function withRetraced(
  all: PartitionMap<Gathered>,
  ranges: ReadonlyMap<string, ReadonlyMap<number, LogRange>>,
  parts: RecogniseParts,
  copiesAt: RetraceParts['source'] | undefined,
): Promise<void> {
  if (copiesAt === undefined) return;
  const handled = [...all.values()].filter(({ copies }) => copies !== undefined);
  await inParallel(PARALLEL_SCANS, handled, async (one) => {
    const { physicalTopic, partition, copies, bounds } = one;
    const range = ranges.get(physicalTopic)?.get(partition);
    if (copies === undefined || range === undefined) return;
    const log = { physicalTopic, partition, range };
    const retraced = await retrace(log, copies, bounds, { ...parts, source: copiesAt });
    all.set(physicalTopic, partition, { ...one, bounds: retraced });
  });
}

/** The planner has asked for all topics a moment ago. */
const KNOWN_LEADERS = { leadersMaxAgeMs: 5_000 };

/** The ends of a topic are asked for once, not for each of its partitions. */
function askedOnce(source: RetraceParts['source']): RetraceParts['source'] {
  const asked = new Map<string, ReturnType<RetraceParts['source']['ranges']>>();
  return {
    alias: source.alias,
    fetch: (...args) => source.fetch(...args),
    ranges(topic) {
      const ranges = asked.get(topic) ?? source.ranges(topic, KNOWN_LEADERS);
      asked.set(topic, ranges);
      return ranges;
    },
  };
}

function withFound({ mirrored, returned, bounds }: Gathered, copies: FoundCopies): Bounds {
  if (mirrored !== undefined) return withFoundCopies(bounds, copies, mirrored);
  return returned === undefined ? bounds : withFoundEarlier(bounds, copies);
}

function soughtIn(
  { physicalTopic, partition, mirrored, returned, bounds }: Gathered,
  range: LogRange | undefined,
): readonly SoughtLog[] {
  if (range === undefined) return [];
  const log = { physicalTopic, partition, range };
  if (returned !== undefined) return soughtOnReturn(returned, log);
  const handled = mirrored === undefined ? [] : soughtRecords(mirrored);
  // A sync names the record that is to be handled next, so all before it are there.
  const isExact = bounds.bounds.some(({ method }) => method === 'exact');
  if (mirrored === undefined || handled.length === 0 || isExact) return [];
  const { mirror, upstreamTopic, isShared, isUnsynced = false } = mirrored;
  const correspondence = toCopies(mirror, upstreamTopic, partition);
  const sought = { ...log, isShared, isUnsynced, handled, correspondence };
  return isPassed(mirrored, sought, bounds) ? [] : [sought];
}

/** The group has been beyond what a checkpoint brings along, as is known without a look at the log: an old one, of before the last switch. */
function isPassed(
  { carried = [] }: MirroredEvidence,
  { handled, correspondence, range }: SoughtLog,
  { bounds }: Bounds,
): boolean {
  const last = handled.at(-1);
  const pair = last && correspondence.around(last.offset)?.ceiling;
  if (carried.length === 0 || last === undefined || pair === undefined) return false;
  const behindCopy = pair.handledAt === last.offset ? pair.soughtAt + 1n : pair.soughtAt;
  return bounds.some(({ offset, named = offset }) => offset >= behindCopy && named <= range.high);
}
