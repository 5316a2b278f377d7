/**
 * The judge of a switch: compares what lies in the logs of both clusters with what handlers were given, record by record. It asks no
 * checkpoint and no commit. Pure, so that a test can prove that it would report a skipped or a repeated record.
 */
import type { PartitionPlan } from 'kafkajs-failover';

/** What was seen of one group. Ids are as often in a list as their record is in the logs, or was handled. @internal */
export interface Evidence {
  /** Ids of the records that were born on A and on B, as the logs of their own topics hold them at the end. */
  readonly born: readonly string[];
  /** Ids of the copies on B of those that were born on A. */
  readonly copied: readonly string[];
  /** Ids of the records born on A. */
  readonly bornOnA: readonly string[];
  /** Ids in the order in which they were handled. */
  readonly handled: readonly string[];
  /** Where the group resumed, as the switch has reported it. */
  readonly plans: readonly PartitionPlan[];
  /** Logs, by topic and partition of the cluster that was left, whose last handler call failed, or had not ended: nobody can know how far it came. */
  readonly interrupted: readonly string[];
}

/** @internal */
export interface Judgement {
  /** Records in the logs. */
  readonly records: number;
  /** Records that no handler was given. */
  readonly skipped: number;
  /** Runs of the handler beyond the first for a record. */
  readonly twice: number;
  /** So many the report allows for, over all partitions; undefined where it says of one that it cannot be known. */
  readonly predicted: number | undefined;
  /** At least so many, by the report: what it allows for but of the interrupted logs, of which it can say no more than a limit. */
  readonly predictedAtLeast: number | undefined;
  /** Second copies that MirrorMaker itself has made: no switch can tell them from records. */
  readonly copiedTwice: number;
  /** By how positions were found: in how many partitions that hold records to resume at. */
  readonly methods: Readonly<Record<string, number>>;
  /** What the report says besides, each sentence once. */
  readonly notes: readonly string[];
  /** Each partition of which the report does not say that nothing is handled again: where it resumes, and how that was found. */
  readonly allowances: readonly string[];
}

/**
 * Twins, records that are the same in everything, have one id. Of n twins n have to be handled; which of them was handled twice cannot
 * be told, and makes no difference to anybody.
 *
 * @internal
 */
export function judge({ born, copied, bornOnA, handled, plans, interrupted }: Evidence): Judgement {
  const wanted = counts(born);
  const given = counts(handled);
  const unknown = [...given.keys()].find((id) => !wanted.has(id));
  if (unknown !== undefined) throw new Error(`record ${unknown} was handled and is in no log`);
  return {
    records: born.length,
    skipped: surplus(wanted, given),
    twice: surplus(given, wanted),
    predicted: predictedCount(plans),
    predictedAtLeast: predictedCount(plans.filter((plan) => !isInterrupted(plan, interrupted))),
    copiedTwice: surplus(counts(copied), counts(bornOnA)),
    methods: methodsOf(plans),
    notes: [
      ...new Set(plans.flatMap((plan) => (plan.kind === 'resume' ? plan.notes : [plan.because]))),
    ],
    allowances: plans.flatMap((plan) => allowanceOf(plan) ?? []),
  };
}

/**
 * As predicted is a figure that the report names. A mere limit, which the real figure stays below, counts only for a log whose handler was
 * interrupted: of all others this process knows what was handled, and saying more than comes is as wrong as saying less.
 *
 * @internal
 */
export function isAsPredicted({
  twice,
  predicted,
  predictedAtLeast,
}: Pick<Judgement, 'twice' | 'predicted' | 'predictedAtLeast'>): boolean {
  if (predicted === undefined || predictedAtLeast === undefined) return false;
  return twice >= predictedAtLeast && twice <= predicted;
}

function isInterrupted(
  { upstream, partition }: PartitionPlan,
  interrupted: readonly string[],
): boolean {
  return upstream !== undefined && interrupted.includes(`${upstream.topic}-${partition}`);
}

function allowanceOf(plan: PartitionPlan): string | undefined {
  const log = `${plan.physicalTopic}-${plan.partition}`;
  if (plan.kind === 'unavailable') return `${log}: ${plan.because}`;
  const { offset, method, maxRereadCount, missing, awaited, upstream } = plan;
  if (maxRereadCount === 0n) return undefined;
  return `${log}: at ${offset}, ${method}, predicted ${maxRereadCount}; missing ${missing.map(({ kind }) => kind).join(' ')}; awaited ${awaited.length}; handled on source ${upstream?.handledEnd}`;
}

/** How many more of each id the first has than the second, summed up. */
function surplus(first: ReadonlyMap<string, number>, second: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const [id, count] of first) sum += Math.max(0, count - (second.get(id) ?? 0));
  return sum;
}

function counts(ids: readonly string[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const id of ids) found.set(id, (found.get(id) ?? 0) + 1);
  return found;
}

/** @internal What a report says of records that are handled again, over all its partitions. */
export function predictedCount(plans: readonly PartitionPlan[]): number | undefined {
  let sum = 0n;
  for (const plan of plans) {
    if (plan.kind === 'unavailable') return undefined;
    sum += plan.maxRereadCount;
  }
  return Number(sum);
}

/** An empty log has one place to resume at, and says nothing. */
function methodsOf(plans: readonly PartitionPlan[]): Record<string, number> {
  const found = new Map<string, number>();
  for (const plan of plans) {
    const method = plan.kind === 'unavailable' ? plan.kind : plan.method;
    if (plan.kind === 'resume' && method === 'earliest' && plan.notes.length === 0) continue;
    found.set(method, (found.get(method) ?? 0) + 1);
  }
  return Object.fromEntries([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
