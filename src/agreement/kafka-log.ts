import type { AgreedDecision, AgreementNews, ControlRecords, MemberState } from './agreement.js';
import { readDecision } from './decision.js';
import { readFarewell, readMember } from './member.js';

/** @internal One of the logs that decisions are kept in: that of the cluster `alias`. */
export interface DecisionLog {
  readonly alias: string;
  /** Both clusters, in any order. */
  readonly aliases: readonly string[];
}

/**
 * True where an epoch belongs to this log. Odd ones belong to the log of the cluster that is first in the alphabet, even ones to
 * the other.
 *
 * @internal
 */
export function ownsEpoch({ alias, aliases }: DecisionLog, epoch: number): boolean {
  return epoch % aliases.length === (aliases.toSorted().indexOf(alias) + 1) % aliases.length;
}

/** @internal The first epoch above `above` that belongs to this log. */
export function nextEpoch(log: DecisionLog, above: number): number {
  return ownsEpoch(log, above + 1) ? above + 1 : above + 2;
}

/** @internal What a record of a decision log is. */
export type DecisionRecord =
  /** A decision, and from here on the newest one of this log. */
  | { readonly kind: 'decision'; readonly decision: AgreedDecision }
  /** A proposal that came too late: its epoch was decided before. */
  | { readonly kind: 'void' }
  /** Something that no member of the fleet has written. */
  | { readonly kind: 'refused'; readonly because: string };

/**
 * Understands the next record of a decision log: the first one with an epoch above all before it decides that epoch.
 *
 * So no epoch is ever decided twice, whatever anybody sees, when, and of which cluster:
 *
 * 1. An epoch belongs to one log ({@link ownsEpoch}); in the other one it is void. So nobody has to know of the other log.
 * 2. Within its log the records have one order, the same for every reader, and what one counts depends on the records before it
 *    alone. A second record with the same epoch is never above all before it.
 *
 * A fleet that cannot reach one cluster therefore still decides in the log of the other one, and who has read both to the end
 * knows the same decisions and the same newest one. This holds as long as the log keeps what it has acknowledged: Kafka may
 * lose that where a replica that was not in sync is elected (`unclean.leader.election.enable`), or all replicas are lost.
 *
 * @param newestEpoch - the epoch of the newest decision of this log so far; 0 where there is none.
 * @internal
 */
export function readDecisionRecord(
  log: DecisionLog,
  newestEpoch: number,
  text: string,
): DecisionRecord {
  const read = readDecision(text, log.aliases);
  if (read.kind === 'refused') return read;
  const { epoch, cluster } = read.decision;
  if (cluster !== log.alias) {
    return { kind: 'refused', because: `it names ${cluster}, in the log of cluster ${log.alias}` };
  }
  if (!ownsEpoch(log, epoch)) {
    return { kind: 'refused', because: `epoch ${epoch} does not belong to cluster ${log.alias}` };
  }
  return epoch > newestEpoch ? read : { kind: 'void' };
}

/** @internal What a record of a members log is. */
export type MemberRecord =
  | { readonly kind: 'member'; readonly member: MemberState }
  | Extract<AgreementNews, { kind: 'left' }>
  | { readonly kind: 'refused'; readonly because: string };

/** @internal Understands a record of a members log. */
export function readMemberRecord(text: string): MemberRecord {
  return readFarewell(text) ?? readMember(text);
}

/**
 * What the members said last, of records that were read at once: of each one its last statement. What is refused stays.
 *
 * @internal
 */
export function lastWords(records: ControlRecords['records']): readonly MemberRecord[] {
  const words = new Map<string, MemberRecord>();
  for (const { offset, value = '' } of records) {
    const record = readMemberRecord(value);
    const key = record.kind === 'refused' ? `refused ${offset}` : `of ${instanceOf(record)}`;
    // Told in the order in which they were said.
    words.delete(key);
    words.set(key, record);
  }
  return [...words.values()];
}

function instanceOf(record: Exclude<MemberRecord, { kind: 'refused' }>): string {
  return record.kind === 'left' ? record.instance : record.member.instance;
}
