import { readSpan } from './commit-metadata.js';
import type { HandledRecord } from './fingerprint.js';
import type { HandledPosition } from './need.js';

/** @internal Whose progress it is, and in which log. */
export interface ProgressKey {
  readonly groupId: string;
  /** The cluster that the group reads from. */
  readonly cluster: string;
  readonly physicalTopic: string;
  readonly partition: number;
}

/** @internal How far a group had come in a log, as a member wrote it down on the other cluster. */
export interface RecordedPosition {
  readonly physicalTopic: string;
  readonly partition: number;
  /** The processed prefix: everything below it was handled. */
  readonly offset: bigint;
  /** The activation in which it was handled. */
  readonly switchEpoch: number;
  /** Wall-clock milliseconds since 1970 of the member. */
  readonly atWallMs: number;
  /** Who wrote it: a process, by a random name. */
  readonly writer: string;
  /** True where it has left the cluster, and will write no more of it. */
  readonly isLast: boolean;
  /**
   * True where the group has worked on the other cluster since: it says how far the log was handled in that time, and is no position to go on
   * from there.
   */
  readonly isPast: boolean;
  /** As in {@link HandledPosition}. */
  readonly committed: bigint | undefined;
  /** As in {@link HandledPosition}: user code has moved back, and what was committed up to here is void. */
  readonly rewoundBelow: HandledPosition['rewoundBelow'];
  /** As in {@link HandledPosition}. */
  readonly removed?: HandledPosition['removed'];
  /** Where the group stood on the cluster that this is written on, by its own commit in the copy of the log there: see {@link StandbyCommit}. */
  readonly onStandby: StandbyCommit;
  /** The last few handled records below `offset`. */
  readonly recent: readonly HandledRecord[];
}

/** @internal A group's commit on the standby; `none`: it had none; undefined: nobody knew. */
export type StandbyCommit = bigint | 'none' | undefined;

/** @internal True where another member has written it of late, and not as its last words. */
export function isAtWork(
  { writer, isLast, isPast, atWallMs }: RecordedPosition,
  self: string,
  sinceWallMs: number,
): boolean {
  return !isLast && !isPast && writer !== self && atWallMs >= sinceWallMs;
}

/** @internal What is known from records of a group when it changes the cluster. */
export interface Recorded {
  /** Of its work on the cluster that is left. */
  readonly onSource: readonly RecordedPosition[];
  /** Of its work on the cluster that is gone to, before. */
  readonly onTarget: readonly RecordedPosition[];
}

/** @internal What a record of a progress topic says. `void`: whoever has the partition now has not handled anything yet. */
export type ReadProgress =
  | { readonly kind: 'position'; readonly key: ProgressKey; readonly position: RecordedPosition }
  | { readonly kind: 'void'; readonly key: ProgressKey }
  | { readonly kind: 'unreadable' };

/** The only version that exists. What a newer one says is not guessed. */
const VERSION = 1;

/** @internal The key of a progress record: JSON, for people who look into the topic. */
export function progressKey({ groupId, cluster, physicalTopic, partition }: ProgressKey): string {
  return JSON.stringify([groupId, cluster, physicalTopic, partition]);
}

/** @internal The value of a progress record: JSON. Offsets are texts, because JSON's numbers end at 2^53. */
export function progressValue({
  offset,
  switchEpoch,
  atWallMs,
  writer,
  isLast,
  isPast,
  committed,
  rewoundBelow,
  removed,
  onStandby,
  recent,
}: Omit<RecordedPosition, 'physicalTopic' | 'partition'>): string {
  return JSON.stringify({
    v: VERSION,
    offset: String(offset),
    epoch: switchEpoch,
    at: atWallMs,
    by: writer,
    ...(isLast ? { last: true } : {}),
    ...(isPast ? { past: true } : {}),
    ...(committed === undefined ? {} : { committed: String(committed) }),
    ...(rewoundBelow === undefined ? {} : { rewound: String(rewoundBelow) }),
    ...(removed === undefined ? {} : { removed: [removed.first, removed.last].map(String) }),
    ...(onStandby === undefined ? {} : { standby: String(onStandby) }),
    recent: recent.map((one) => [String(one.offset), one.timestamp, one.hash]),
  });
}

/** @internal Reads a progress record. Never throws. */
export function readProgress(
  keyText: string | undefined,
  valueText: string | undefined,
): ReadProgress {
  const key = readKey(parsed(keyText));
  if (key === undefined) return { kind: 'unreadable' };
  if (valueText === undefined) return { kind: 'void', key };
  const value = parsed(valueText);
  if (typeof value !== 'object' || value === null) return { kind: 'unreadable' };
  const get = (name: string): unknown => Reflect.get(value, name);
  const offset = readOffset(get('offset'));
  const switchEpoch = get('epoch');
  const atWallMs = get('at');
  const writer = get('by');
  const isLast = get('last') === true;
  const rewoundBelow = readOffset(get('rewound'));
  const recent = readRecent(get('recent'));
  const removed = readSpan(get('removed'));
  if (get('removed') !== undefined && removed === undefined) return { kind: 'unreadable' };
  if (get('v') !== VERSION || offset === undefined || recent === undefined) {
    return { kind: 'unreadable' };
  }
  if (typeof switchEpoch !== 'number' || typeof atWallMs !== 'number') {
    return { kind: 'unreadable' };
  }
  if (typeof writer !== 'string') return { kind: 'unreadable' };
  const { physicalTopic, partition } = key;
  return {
    kind: 'position',
    key,
    position: {
      physicalTopic,
      partition,
      offset,
      switchEpoch,
      atWallMs,
      writer,
      isLast,
      isPast: get('past') === true,
      committed: readOffset(get('committed')),
      rewoundBelow,
      removed,
      onStandby: get('standby') === 'none' ? 'none' : readOffset(get('standby')),
      recent,
    },
  };
}

function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readKey(key: unknown): ProgressKey | undefined {
  if (!Array.isArray(key)) return undefined;
  const [groupId, cluster, physicalTopic, partition]: readonly unknown[] = key;
  if (typeof groupId !== 'string' || typeof cluster !== 'string') return undefined;
  if (typeof physicalTopic !== 'string' || typeof partition !== 'number') return undefined;
  return { groupId, cluster, physicalTopic, partition };
}

function readOffset(text: unknown): bigint | undefined {
  return typeof text === 'string' && /^\d{1,19}$/.test(text) ? BigInt(text) : undefined;
}

function readRecent(list: unknown): readonly HandledRecord[] | undefined {
  if (!Array.isArray(list)) return undefined;
  const recent: HandledRecord[] = [];
  for (const one of list) {
    const [offsetText, timestamp, hash]: readonly unknown[] = Array.isArray(one) ? one : [];
    const offset = readOffset(offsetText);
    if (offset === undefined || typeof timestamp !== 'string' || typeof hash !== 'string') {
      return undefined;
    }
    recent.push({ offset, timestamp, hash });
  }
  return recent;
}
