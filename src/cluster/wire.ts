import { correlationIdOf, readWrittenChunk } from './request-frame.js';

/** A request that was written and has had no answer. */
interface Unanswered {
  readonly writtenAtMs: number;
  readonly patienceMs: number;
  readonly isProduce: boolean;
}

/** A Kafka answer begins with its length as int32. */
const LENGTH_BYTES = 4;

/**
 * The account of one socket: which requests were written, and since when the oldest one waits for its answer.
 *
 * Answers are counted by their length prefixes, not merely by "something arrived": kafkajs writes many requests one
 * behind the other, and the answer to the first says nothing about the second. Kafka answers the requests of one
 * connection in their order (it mutes the connection while it works on one), so counting suffices and no correlation id
 * is read. Where the framing is lost (a SASL mechanism of its own making), anything that arrives counts as the answer to
 * everything.
 *
 * @internal
 */
export class SocketLine {
  /** `host:port` of the broker. */
  readonly broker: string;
  /** Set by the watchdog when it has reported; cleared by anything that arrives. */
  stallReported = false;
  readonly #nowMs: () => number;
  readonly #onWaiting: (line: SocketLine) => void;
  readonly #unanswered: Unanswered[] = [];
  #rebalanceTimeoutMs: number | undefined;
  #receivedAtMs = Number.NEGATIVE_INFINITY;
  #framed = true;
  /** Bytes of the current answer that have not arrived. */
  #answerBytesLeft = 0;
  #lengthBytesRead = 0;
  #length = 0;

  /** @param onWaiting - called when the socket begins to wait, or waits on after a reported stall. */
  constructor(broker: string, nowMs: () => number, onWaiting: (line: SocketLine) => void) {
    this.broker = broker;
    this.#nowMs = nowMs;
    this.#onWaiting = onWaiting;
  }

  /** Notes a chunk that goes to the socket now. @returns the correlation id of a Produce request; undefined for everything else. */
  wrote(chunk: unknown): number | undefined {
    const written = readWrittenChunk(chunk, this.#rebalanceTimeoutMs);
    if (written.kind === 'bytes') {
      this.#framed = false;
      this.#await(0, false);
      return undefined;
    }
    if (written.rebalanceTimeoutMs !== undefined) {
      this.#rebalanceTimeoutMs = written.rebalanceTimeoutMs;
    }
    if (written.expectsAnswer) this.#await(written.patienceMs, written.produce);
    return written.produce ? correlationIdOf(chunk as Buffer) : undefined;
  }

  /** Notes what arrived. */
  received(chunk: Buffer): void {
    this.#receivedAtMs = this.#nowMs();
    if (this.#framed) this.#countAnswers(chunk);
    if (!this.#framed) this.#unanswered.length = 0;
    if (!this.stallReported) return;
    this.stallReported = false;
    if (this.#unanswered.length > 0) this.#onWaiting(this);
  }

  /**
   * When the socket is to be called stalled: the oldest request has waited `stalledAfterMs` beyond what it may, and
   * nothing has arrived in that time. Undefined where nothing is awaited.
   */
  stallsAtMs(stalledAfterMs: number): number | undefined {
    const [oldest] = this.#unanswered;
    if (oldest === undefined) return undefined;
    return Math.max(oldest.writtenAtMs, this.#receivedAtMs) + oldest.patienceMs + stalledAfterMs;
  }

  /** How long the oldest request has waited, in milliseconds; 0 where none does. */
  waitingMs(): number {
    const [oldest] = this.#unanswered;
    return oldest === undefined ? 0 : this.#nowMs() - oldest.writtenAtMs;
  }

  /** How long the oldest Produce request has waited that was written after `sinceMs`, in milliseconds; 0 where none does. */
  produceWaitingMs(sinceMs: number = Number.NEGATIVE_INFINITY): number {
    const oldest = this.#unanswered.find(
      ({ isProduce, writtenAtMs }) => isProduce && writtenAtMs > sinceMs,
    );
    return oldest === undefined ? 0 : this.#nowMs() - oldest.writtenAtMs;
  }

  #await(patienceMs: number, isProduce: boolean): void {
    this.#unanswered.push({ writtenAtMs: this.#nowMs(), patienceMs, isProduce });
    if (this.#unanswered.length === 1) this.#onWaiting(this);
  }

  #countAnswers(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#answerBytesLeft > 0) {
        const byteCount = Math.min(this.#answerBytesLeft, chunk.length - at);
        this.#answerBytesLeft -= byteCount;
        at += byteCount;
        if (this.#answerBytesLeft === 0) this.#unanswered.shift();
        continue;
      }
      // A length may be cut in two by the packets that carry it.
      this.#length = (this.#length << 8) | (chunk[at] ?? 0);
      at += 1;
      this.#lengthBytesRead += 1;
      if (this.#lengthBytesRead < LENGTH_BYTES) continue;
      if (this.#length < 0) {
        this.#framed = false;
        return;
      }
      this.#answerBytesLeft = this.#length;
      if (this.#length === 0) this.#unanswered.shift();
      this.#length = 0;
      this.#lengthBytesRead = 0;
    }
  }
}
