import type { ClusterSession } from '../cluster/session.js';
import { AmbiguousOffsetError, StaleOffsetError } from '../errors.js';
import type { EarlierDelivery } from '../position/need.js';
import { type OffsetSpan, union } from '../position/offset-span.js';
import { unreachable } from '../unreachable.js';
import type { OffsetOrigin } from './types.js';

/** @internal What is known of one log of a logical partition in the epoch in force. */
export interface LogFacts {
  readonly physicalTopic: string;
  readonly delivered: OffsetSpan | undefined;
  /** Next offset according to the last confirmed commit of this epoch. */
  readonly committed: bigint | undefined;
}

/** @internal Which log an offset belongs to. */
export type Placement =
  | { readonly kind: 'log'; readonly physicalTopic: string }
  | { readonly kind: 'stale' }
  | { readonly kind: 'ambiguous' };

/**
 * Decides which log an offset belongs to, from the numbers alone: what was delivered, and committed, in this epoch and in
 * older ones. An offset is the next one to read, so it fits where it, or the one before it, was delivered. Pure.
 *
 * What cannot be known: an offset of an older epoch that by chance was delivered in this one too is taken for this one's.
 * It can then not claim more than was delivered. (Binding by the handler's async context would tell them apart, but
 * AsyncLocalStorage costs about 330 ns a message on Node 20, several times what the whole wrapper may cost.) User code
 * that buffers offsets over a switch passes `switchEpoch` with them.
 *
 * @internal
 */
export function placeOffset(
  offset: bigint,
  logs: readonly LogFacts[],
  older: readonly OffsetSpan[],
): Placement {
  const fitting = logs.filter(({ delivered }) => fits(offset, delivered));
  const isOlder = older.some((window) => fits(offset, window));
  const [only] = logs;
  if (only !== undefined && logs.length === 1) {
    // Never delivered here, and not known from elsewhere: a position of the user's own choice.
    return fitting.length === 0 && isOlder
      ? { kind: 'stale' }
      : { kind: 'log', physicalTopic: only.physicalTopic };
  }
  // Who commits goes forward: a log whose commit is already there is the less likely one.
  const outstanding = fitting.filter(
    ({ committed }) => committed === undefined || committed < offset,
  );
  for (const candidates of [outstanding, fitting]) {
    const [one, other] = candidates;
    if (one !== undefined && other === undefined) {
      return { kind: 'log', physicalTopic: one.physicalTopic };
    }
    if (other !== undefined) return { kind: 'ambiguous' };
  }
  return isOlder ? { kind: 'stale' } : { kind: 'ambiguous' };
}

/** @internal Whether it, or the one before it, was delivered: an offset is the next one to read. */
export function fits(offset: bigint, window: OffsetSpan | undefined): boolean {
  return window !== undefined && offset >= window.first && offset <= window.last + 1n;
}

/** @internal An offset as user code hands it back. */
export interface HandedBackOffset extends OffsetOrigin {
  readonly topic: string;
  readonly partition: number;
  readonly offset: unknown;
}

/** @internal What the offsets of one inner consumer are judged by. */
export interface OffsetView {
  readonly cluster: string;
  readonly switchEpoch: number;
  originalOf(topic: string): string;
  logsOf(topic: string): readonly string[];
  factsOf(physicalTopic: string, partition: number): LogFacts;
  readonly older: OlderDeliveries;
  /** True while a handler of an older epoch still runs for this logical partition. */
  isOlderHandlerRunning(topic: string, partition: number): boolean;
}

/**
 * Finds the physical topics that an offset is meant for: one, or every log where it names an end of the log (negative).
 * Undefined for what is not an offset at all: kafkajs says in its own words what is wrong with it.
 *
 * @throws StaleOffsetError, AmbiguousOffsetError
 * @internal
 */
export function placeHandedBack(
  entry: HandedBackOffset,
  view: OffsetView,
): readonly string[] | undefined {
  const { topic } = entry;
  const partition = readPartition(entry.partition);
  const offset = readOffset(entry.offset);
  if (!topic || partition === undefined || offset === undefined) return undefined;
  const original = view.originalOf(topic);
  if (entry.switchEpoch !== undefined && entry.switchEpoch !== view.switchEpoch) {
    throw staleError(entry, view, `it was delivered in epoch ${entry.switchEpoch}`);
  }
  if (entry.switchEpoch === undefined && view.isOlderHandlerRunning(original, partition)) {
    throw staleError(entry, view, 'a handler of an older epoch is still running');
  }
  const logs = candidatesOf(entry, view);
  if (logs.length === 0) {
    throw staleError(entry, view, `${entry.physicalTopic ?? topic} is not read here`);
  }
  if (offset < 0n) return logs;
  const placement = placeOffset(
    offset,
    logs.map((log) => view.factsOf(log, partition)),
    // What names this epoch is none of an older one, whatever numbers were delivered then.
    entry.switchEpoch === undefined ? view.older.of(topic, partition, view.switchEpoch) : [],
  );
  switch (placement.kind) {
    case 'log':
      return [placement.physicalTopic];
    case 'stale':
      throw staleError(entry, view, 'it was delivered in an older epoch');
    case 'ambiguous':
      throw new AmbiguousOffsetError(
        `Offset ${offset} of ${topic}[${partition}] could belong to ${logs.join(' or ')} on cluster ${view.cluster}. ` +
          `Pass payload.physicalTopic with it, as \`physicalTopic\`. It was not forwarded.`,
        { cluster: view.cluster, switchEpoch: view.switchEpoch, topic: original, partition },
      );
    default:
      return unreachable(placement);
  }
}

function candidatesOf(entry: HandedBackOffset, view: OffsetView): readonly string[] {
  const logs = view.logsOf(entry.topic);
  if (entry.physicalTopic !== undefined) return logs.filter((log) => log === entry.physicalTopic);
  if (view.originalOf(entry.topic) !== entry.topic) return [entry.topic];
  // A remote topic of an older epoch, which is no topic of this cluster.
  return view.older.isRemote(entry.topic) ? [] : logs;
}

function staleError(entry: HandedBackOffset, view: OffsetView, because: string): StaleOffsetError {
  const topic = view.originalOf(entry.topic);
  return new StaleOffsetError(
    `Offset ${String(entry.offset)} of ${entry.topic}[${entry.partition}] is not one of epoch ${view.switchEpoch} on ` +
      `cluster ${view.cluster}: ${because}. It was not forwarded; the group resumed at positions of its own.`,
    { cluster: view.cluster, switchEpoch: view.switchEpoch, topic, partition: entry.partition },
  );
}

/** @internal What user code is told that hands something back to an epoch that is over. */
export function overError({
  alias,
  switchEpoch,
}: Pick<ClusterSession, 'alias' | 'switchEpoch'>): StaleOffsetError {
  return new StaleOffsetError(
    `The batch was delivered in epoch ${switchEpoch} on cluster ${alias}, which is over. Nothing was forwarded.`,
    { cluster: alias, switchEpoch },
  );
}

/** @internal The number in what kafkajs accepts as a partition; its own `uncommittedOffsets()` gives strings. */
export function readPartition(value: unknown): number | undefined {
  const partition = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof partition === 'number' && Number.isInteger(partition) ? partition : undefined;
}

/** @internal The number in what kafkajs accepts as an offset: a string, a number, a Long. */
export function readOffset(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : undefined;
  if (typeof value !== 'string' && (typeof value !== 'object' || value === null)) return undefined;
  // oxlint-disable-next-line typescript/no-base-to-string -- kafkajs's Long has a toString of its own; anything else does not match
  const text = String(value);
  return /^-?\d+$/.test(text) ? BigInt(text) : undefined;
}

/** @internal One physical partition in one epoch. */
export interface DeliverySource {
  readonly cluster: string;
  readonly topic: string;
  readonly physicalTopic: string;
  readonly partition: number;
  readonly switchEpoch: number;
}

/** What was delivered from one log of one cluster: in the newest epoch that is known, and before it. */
interface Deliveries {
  readonly key: string;
  readonly switchEpoch: number;
  readonly window: OffsetSpan;
  readonly before: OffsetSpan | undefined;
}

/**
 * What was delivered by inner consumers that are gone, per partition, so that what older epochs delivered is known: two
 * windows per log and cluster, of its newest epoch and of all before. Bounded by the number of logs.
 *
 * A consumer may be stopped and run again within an epoch; what it delivered there is older only once a switch came.
 *
 * @internal
 */
export class OlderDeliveries {
  readonly #deliveries = new Map<string, Deliveries[]>();
  readonly #remote = new Set<string>();
  readonly #ends = new Map<string, EarlierDelivery>();

  add(source: DeliverySource, window: OffsetSpan): void {
    const { cluster, topic, physicalTopic, partition, switchEpoch } = source;
    if (physicalTopic !== topic) this.#remote.add(physicalTopic);
    const key = `${cluster} ${physicalTopic}`;
    const log = `${partition} ${key}`;
    const known = this.#ends.get(log)?.below;
    const end = window.last + 1n;
    const below = known !== undefined && known > end ? known : end;
    this.#ends.set(log, { cluster, physicalTopic, partition, below });
    for (const name of new Set([topic, physicalTopic])) {
      const list = this.#deliveries.get(`${partition} ${name}`) ?? [];
      const known = list.find((one) => one.key === key);
      const others = list.filter((one) => one !== known);
      const fresh: Deliveries = { key, switchEpoch, window, before: undefined };
      const merged = known === undefined ? fresh : mergedDeliveries(known, fresh);
      this.#deliveries.set(`${partition} ${name}`, [...others, merged]);
    }
  }

  /** Windows of a partition in epochs before `switchEpoch`, by its original or a physical name: one per log and cluster. */
  of(topic: string, partition: number, switchEpoch: number): readonly OffsetSpan[] {
    return (this.#deliveries.get(`${partition} ${topic}`) ?? []).flatMap((one) => {
      const { before } = one;
      if (one.switchEpoch >= switchEpoch) return before === undefined ? [] : [before];
      return [union(one.window, before)];
    });
  }

  /** How far each log was delivered, on either cluster. */
  ends(): readonly EarlierDelivery[] {
    return [...this.#ends.values()];
  }

  isRemote(physicalTopic: string): boolean {
    return this.#remote.has(physicalTopic);
  }
}

function mergedDeliveries(a: Deliveries, b: Deliveries): Deliveries {
  if (a.switchEpoch === b.switchEpoch) return { ...a, window: union(a.window, b.window) };
  const [older, newer] = a.switchEpoch < b.switchEpoch ? [a, b] : [b, a];
  return { ...newer, before: union(union(older.window, older.before), newer.before) };
}
