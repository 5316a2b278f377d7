import { contentHash, type RecordContent } from '../position/fingerprint.js';
import { originKey } from './marker.js';
import type { ReplayRecord } from './replay-record.js';

/** @internal A record that was announced, and perhaps replayed. Known by its identity. */
export interface ReplayedPlace {
  /** {@link originKey} of its origin. */
  readonly origin: string;
  /** Where it was acknowledged first; its topic and partition are those that it is found by. */
  readonly cluster: string;
  readonly offset: string;
  /** Its mirrored copy stands behind this offset of the other cluster's log. */
  readonly copiedAt: bigint;
  /** The cluster that it was sent to, and its offset there; undefined as long as it is only announced. */
  readonly replayed: { readonly cluster: string; readonly offset: bigint } | undefined;
}

type Mutable<T> = { -readonly [Field in keyof T]: T[Field] };

/** So many are known at most; those that were told of longest ago are forgotten first. */
const MAX_PLACES = 500_000;

/**
 * The records that replayers have announced, by the identity of their mirrored copies. Does no I/O.
 *
 * @internal
 */
export class ReplayIndex {
  readonly #maxPlaces: number;
  readonly #places = new Map<string, Map<string, Mutable<ReplayedPlace>>>();
  /** How many have each time: few records of a service have the time of one of them. */
  readonly #times = new Map<string, number>();
  #count = 0;

  constructor(maxPlaces: number = MAX_PLACES) {
    this.#maxPlaces = maxPlaces;
  }

  /** @param on - alias of the cluster in whose log it stands. */
  take(on: string, { log, copiedAt, identities }: ReplayRecord): void {
    const { cluster, topic, partition } = log;
    for (const identity of identities) {
      const { timestamp, hash, replayedAt } = identity;
      const key = keyOf(topic, partition, timestamp, hash);
      const offset = String(identity.offset);
      const origin = originKey({ ...log, offset }, identity);
      const alike = this.#places.get(key) ?? new Map<string, Mutable<ReplayedPlace>>();
      let place = alike.get(origin);
      if (place === undefined) {
        place = { origin, cluster, offset, copiedAt, replayed: undefined };
        alike.set(origin, place);
        this.#count += 1;
        this.#times.set(timestamp, (this.#times.get(timestamp) ?? 0) + 1);
      }
      if (replayedAt !== undefined) place.replayed = { cluster: on, offset: BigInt(replayedAt) };
      // The newest stand last.
      this.#places.delete(key);
      this.#places.set(key, alike);
    }
    this.#shrink();
  }

  /** The records that a mirrored copy, or an original, with this content may be; empty for nearly every record of a service. */
  find(topic: string, partition: number, record: RecordContent): readonly ReplayedPlace[] {
    if (!this.#times.has(record.timestamp)) return [];
    const key = keyOf(topic, partition, record.timestamp, contentHash(record));
    return [...(this.#places.get(key)?.values() ?? [])];
  }

  #shrink(): void {
    for (const [key, alike] of this.#places) {
      if (this.#count <= this.#maxPlaces) return;
      this.#places.delete(key);
      this.#count -= alike.size;
      const time = timeOf(key);
      const left = (this.#times.get(time) ?? 0) - alike.size;
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
