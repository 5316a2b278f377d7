import type { KafkaMessage } from 'kafkajs';
import { NAMED_RECORDS } from '../position/commit-metadata.js';
import { LazyFingerprint, type HandledRecord } from '../position/fingerprint.js';
import type { RecentlyHandled } from '../position/need.js';

/** Records that are remembered of a partition. More than MirrorMaker is behind, as a rule. */
const CAPACITY = 128;

/** So many are written down, and so many bytes are hashed for it at once; larger records are not recognised from there. */
const FEW = 8;
const HASHED_BYTES = 65_536;

/**
 * The records that one partition's handlers were given last. Written for every message, so it keeps what kafkajs gave and
 * hashes nothing. Whoever asks for a few from time to time makes it let go of contents: kafkajs's buffers are views of whole
 * Fetch answers.
 *
 * @internal
 */
export class RecentRecords {
  /** A full list, and the one that is being filled: a new list costs less to write to than an old one (V8's write barrier). */
  #older: readonly KafkaMessage[] = [];
  #newer: KafkaMessage[] = [];
  #newerCount = 0;
  /** True where a list was filled since a few were asked for. */
  #isBusy = false;
  /** The batch that was given last: its handler may stop anywhere in it. */
  #batch: readonly KafkaMessage[] = [];
  /** Hashed, in their order; older than all of these. */
  #hashed: readonly HandledRecord[] = [];
  /** Those that somebody has asked for, as long as they are kept. */
  readonly #fingerprints = new WeakMap<KafkaMessage, LazyFingerprint>();

  add(message: KafkaMessage): void {
    this.#newer[this.#newerCount] = message;
    this.#newerCount += 1;
    if (this.#newerCount < CAPACITY) return;
    this.#older = this.#newer;
    // oxlint-disable-next-line unicorn/no-new-array -- room for all of them: a list that grows costs as much again
    this.#newer = new Array<KafkaMessage>(CAPACITY);
    this.#newerCount = 0;
    this.#isBusy = true;
  }

  addBatch(messages: readonly KafkaMessage[]): void {
    for (const message of this.#batch.slice(-CAPACITY)) this.add(message);
    this.#batch = messages;
  }

  /** Those below a position: the group has handled them. */
  below(position: bigint): RecentlyHandled {
    return { all: () => this.#below(position, CAPACITY), few: () => this.#few(position) };
  }

  /**
   * The newest ones below a position, hashed, as many as one commit names: each is hashed once, however often it is committed. What is
   * kept stays as it is.
   */
  forCommit(position: bigint): readonly HandledRecord[] {
    const named: HandledRecord[] = [];
    let bytes = 0;
    for (const one of this.#below(position, NAMED_RECORDS).toReversed()) {
      const more = one instanceof LazyFingerprint ? one.bytes : 0;
      if (bytes + more > HASHED_BYTES) continue;
      bytes += more;
      named.push(one);
    }
    return named.toReversed();
  }

  /** Nothing that was handled here says where the group is now. */
  clear(): void {
    this.#hashed = [];
    this.#older = [];
    this.#newer = [];
    this.#newerCount = 0;
    this.#batch = [];
  }

  /** The newest `count` of them, in their order. */
  #below(position: bigint, count: number): readonly HandledRecord[] {
    const records = new Map<bigint, HandledRecord>();
    for (const list of [this.#batch, this.#newer, this.#older]) {
      for (let at = list.length - 1; at >= 0 && records.size < count; at -= 1) {
        const message = list[at];
        const offset = message === undefined ? position : BigInt(message.offset);
        if (message !== undefined && offset < position && !records.has(offset)) {
          records.set(offset, this.#fingerprintOf(offset, message));
        }
      }
    }
    for (const one of this.#hashed) {
      if (one.offset < position && !records.has(one.offset)) records.set(one.offset, one);
    }
    return [...records.values()].toSorted((a, b) => (a.offset < b.offset ? -1 : 1)).slice(-count);
  }

  #fingerprintOf(offset: bigint, message: KafkaMessage): LazyFingerprint {
    const known = this.#fingerprints.get(message);
    if (known !== undefined) return known;
    const fresh = new LazyFingerprint(offset, message);
    this.#fingerprints.set(message, fresh);
    return fresh;
  }

  #few(position: bigint): readonly HandledRecord[] {
    this.#settle(position);
    return this.#below(position, FEW).filter(isSmall).map(hashed);
  }

  /**
   * Replaces the contents of what was handled by hashes, where it is not much; of a busy partition they are replaced by the next ones soon
   * enough. What was not handled yet stays: a record that fails may be given again and again, and does not push out what is hashed.
   */
  #settle(position: bigint): void {
    const isBusy = this.#isBusy || this.#batch.length > CAPACITY;
    this.#isBusy = false;
    if (isBusy) return;
    const given = [...this.#older, ...this.#newer.slice(0, this.#newerCount), ...this.#batch];
    const open = given.filter(({ offset }) => BigInt(offset) >= position);
    if (open.length === given.length) return;
    const known: HandledRecord[] = [];
    let bytes = 0;
    for (const one of this.#below(position, CAPACITY).toReversed()) {
      bytes += one instanceof LazyFingerprint ? one.bytes : 0;
      const isTooMuch = bytes > HASHED_BYTES;
      // A large one is kept as it is.
      if (known.length === 0 || !isTooMuch) known.push(isTooMuch ? one : hashed(one));
      if (isTooMuch) break;
    }
    this.clear();
    this.#hashed = known.toReversed();
    // Each once.
    for (const message of new Map(open.map((one) => [one.offset, one])).values()) this.add(message);
    this.#isBusy = false;
  }
}

function isSmall(one: HandledRecord): boolean {
  return !(one instanceof LazyFingerprint) || one.bytes <= HASHED_BYTES;
}

function hashed({ offset, timestamp, hash }: HandledRecord): HandledRecord {
  return { offset, timestamp, hash };
}
