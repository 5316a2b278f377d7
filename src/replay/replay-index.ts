import { contentHash, type RecordContent } from '../position/fingerprint.js';
import { originKey } from './marker.js';
import type { ReplayRecord } from './replay-record.js';

/** @internal A record that was announced, and perhaps replayed. */
export interface ReplayedPlace {
  /** {@link originKey} of its origin. */
  readonly origin: string;
  /** Alias of the cluster that has acknowledged it first. */
  readonly cluster: string;
  /** Alias of the cluster that it was sent to; undefined as long as it is only announced. */
  readonly replayedTo: string | undefined;
  /** Which record of a log was taken for it, by the log. */
  readonly claims: Map<string, string>;
}

/** So many are known at most; those that were told of longest ago are forgotten first. */
const MAX_PLACES = 500_000;

/**
 * The records that replayers have announced, by the identity of their mirrored copies. Does no I/O.
 *
 * @internal
 */
export class ReplayIndex {
  readonly #maxPlaces: number;
  readonly #places = new Map<string, ReplayedPlace[]>();
  /** How many have each time: few records of a service have the time of one of them. */
  readonly #times = new Map<string, number>();
  #count = 0;

  constructor(maxPlaces: number = MAX_PLACES) {
    this.#maxPlaces = maxPlaces;
  }

  /** @param on - alias of the cluster in whose log it stands. */
  take(on: string, { kind, log, identities }: ReplayRecord): void {
    const { cluster, topic, partition } = log;
    for (const { offset, timestamp, hash } of identities) {
      const key = keyOf(topic, partition, timestamp, hash);
      const origin = originKey({ ...log, offset: String(offset) });
      const alike = this.#places.get(key) ?? [];
      const known = alike.findIndex((one) => one.origin === origin);
      const before = alike[known];
      const replayedTo = kind === 'replayed' ? on : before?.replayedTo;
      const place = { origin, cluster, replayedTo, claims: before?.claims ?? new Map() };
      if (before === undefined) {
        alike.push(place);
        this.#count += 1;
        this.#times.set(timestamp, (this.#times.get(timestamp) ?? 0) + 1);
      } else {
        alike[known] = place;
      }
      this.#places.set(key, alike);
    }
    this.#shrink();
  }

  /** The records that a mirrored copy, or an original, with this content may be; empty for nearly every record of a service. */
  find(topic: string, partition: number, record: RecordContent): readonly ReplayedPlace[] {
    if (this.#count === 0) return [];
    const times = [record.timestamp, ''].filter((time) => this.#times.has(time));
    if (times.length === 0) return [];
    const hash = contentHash(record);
    return times.flatMap((time) => this.#places.get(keyOf(topic, partition, time, hash)) ?? []);
  }

  #shrink(): void {
    for (const [key, alike] of this.#places) {
      if (this.#count <= this.#maxPlaces) return;
      this.#places.delete(key);
      this.#count -= alike.length;
      const time = timeOf(key);
      const left = (this.#times.get(time) ?? 0) - alike.length;
      if (left > 0) this.#times.set(time, left);
      else this.#times.delete(time);
    }
  }
}

function keyOf(topic: string, partition: number, timestamp: string, hash: string): string {
  return `${timestamp} ${hash} ${partition} ${topic}`;
}

function timeOf(key: string): string {
  return key.slice(0, key.indexOf(' '));
}
