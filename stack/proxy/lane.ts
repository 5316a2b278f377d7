import { unreachable } from '../../src/unreachable.js';
import { apiNameOf } from './apis.js';
import type { EventLog, Fate } from './event-log.js';
import type { Faults } from './faults.js';
import type { RequestHead } from './frames.js';
import type { Direction, FrameInfo } from './rules.js';
import { delayMs } from './rules.js';

/** @internal The time of a proxy. A `World` is one. */
export interface ProxyClock {
  /** Monotonic time in milliseconds. */
  nowMs(): number;
  /** Calls `callback` once, after `delayMs` milliseconds. @returns stops it. */
  after(delayMs: number, callback: () => void): () => void;
}

/** @internal What all lanes of one proxy share. */
export interface LaneContext {
  faults: Faults;
  log: EventLog;
  clock: ProxyClock;
  /** A lane that keeps so many bytes stops its sender. */
  laneLimitBytes: number;
}

/** @internal The two ends of a lane. */
export interface LaneEnds {
  /** @returns false when the receiver takes no more for now: {@link Lane.drained} says when it does again. */
  write(bytes: Buffer): boolean;
  /** The sender has ended in order (FIN), and everything before that was written. */
  end(): void;
  /** The sender has reset the connection (RST). */
  reset(): void;
  /** Answers a request in the broker's place. @returns false where that is not known how. */
  answer(frame: Buffer, head: RequestHead | undefined, errorCode: number): boolean;
  /** Called before a request is written: its answer will come. */
  passes(head: RequestHead | undefined): void;
  pauseSender(): void;
  resumeSender(): void;
}

/** A frame that has not gone on yet. */
interface WaitingFrame {
  kind: 'frame';
  bytes: Buffer;
  head: RequestHead | undefined;
  info: FrameInfo;
  arrivedAtMs: number;
  /** A delay or a throughput limit, and until when it lasts; void once its rule is cleared. */
  delay: Due | undefined;
  limit: Due | undefined;
  /** The stall or cut that its last `held` event names. */
  heldBy: string | undefined;
}

interface Due {
  by: string;
  untilMs: number;
}

type Item = WaitingFrame | { kind: 'bytes'; bytes: Buffer } | { kind: 'end' } | { kind: 'reset' };

/**
 * One direction of one connection: what was sent goes on in its order, as the faults of the proxy allow.
 *
 * A frame that waits holds back all that stands behind it. So does Kafka: it mutes a connection while it works on a
 * request (`SocketServer.scala`), and TCP keeps its order.
 *
 * @internal
 */
export class Lane {
  readonly #context: LaneContext;
  readonly #connection: number;
  readonly #direction: Direction;
  readonly #ends: LaneEnds;
  #queue: Item[] = [];
  #byteCount = 0;
  #isSenderPaused = false;
  /** The receiver takes no more for now. */
  #isFull = false;
  #isClosed = false;
  #stopTimer: (() => void) | undefined;

  constructor(context: LaneContext, connection: number, direction: Direction, ends: LaneEnds) {
    this.#context = context;
    this.#connection = connection;
    this.#direction = direction;
    this.#ends = ends;
  }

  /** @param head - of the request, or of the request that this answer belongs to. */
  frame(bytes: Buffer, head: RequestHead | undefined): void {
    const info = {
      direction: this.#direction,
      api: head === undefined ? undefined : apiNameOf(head.apiKey),
    };
    const arrivedAtMs = this.#context.clock.nowMs();
    const rule = this.#context.faults.delayFor(info);
    const delay = rule && { by: rule.name, untilMs: arrivedAtMs + delayMs(rule) };
    this.#push({
      kind: 'frame',
      bytes,
      head,
      info,
      arrivedAtMs,
      delay,
      limit: undefined,
      heldBy: undefined,
    });
  }

  bytes(bytes: Buffer): void {
    this.#push({ kind: 'bytes', bytes });
  }

  end(): void {
    this.#push({ kind: 'end' });
  }

  /** The sender is gone without an end: what still waits here is lost with it, as in a network. */
  reset(): void {
    this.#lose();
    this.#push({ kind: 'reset' });
  }

  /** The receiver is gone: nothing is kept from now on. */
  close(): void {
    this.#isClosed = true;
    this.#stopTimer?.();
    this.#lose();
  }

  /** The receiver takes more. */
  drained(): void {
    this.#isFull = false;
    this.pump();
  }

  /** Lets everything go on that may now. Called whenever that may have changed. */
  pump(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    for (;;) {
      const [item] = this.#queue;
      if (item === undefined || this.#isFull || this.#isClosed) break;
      if (!this.#handOn(item)) break;
    }
    this.#regulateSender();
  }

  #push(item: Item): void {
    if (this.#isClosed) return;
    this.#queue.push(item);
    this.#byteCount += bytesIn(item);
    this.pump();
  }

  /** Takes the first item out of the queue, unless it has to wait. @returns false when it does. */
  #handOn(item: Item): boolean {
    const cut = this.#context.faults.cutOf(this.#direction);
    if (cut !== undefined) {
      if (item.kind === 'frame') this.#noteHeld(item, cut);
      return false;
    }
    switch (item.kind) {
      case 'frame':
        return this.#handOnFrame(item);
      case 'bytes':
        this.#shift(item);
        this.#write(item.bytes);
        return true;
      case 'end':
        this.#shift(item);
        this.#ends.end();
        return true;
      case 'reset':
        this.#shift(item);
        this.#ends.reset();
        return true;
      default:
        return unreachable(item);
    }
  }

  #handOnFrame(frame: WaitingFrame): boolean {
    if (this.#waits(frame.delay)) return false;
    const verdict = this.#context.faults.judge(frame.info);
    switch (verdict.kind) {
      case 'hold':
        this.#noteHeld(frame, verdict.by);
        return false;
      case 'drop':
        this.#shift(frame);
        this.#note(frame, 'dropped', verdict.by);
        return true;
      case 'answer':
        this.#shift(frame);
        this.#answer(frame, verdict.by, verdict.errorCode);
        return true;
      case 'pass':
        return this.#pass(frame);
      default:
        return unreachable(verdict);
    }
  }

  #pass(frame: WaitingFrame): boolean {
    const { faults, clock } = this.#context;
    if (frame.limit === undefined || !faults.has(frame.limit.by)) {
      frame.limit = faults.reserve(this.#direction, frame.bytes.length, clock.nowMs());
    }
    if (this.#waits(frame.limit)) return false;
    this.#shift(frame);
    this.#note(frame, 'passed', frame.heldBy ?? frame.limit?.by ?? frame.delay?.by);
    this.#ends.passes(frame.head);
    this.#write(frame.bytes);
    return true;
  }

  #answer(frame: WaitingFrame, by: string, errorCode: number): void {
    const known = this.#ends.answer(frame.bytes, frame.head, errorCode);
    this.#note(frame, known ? 'answered' : 'unsupported', by);
  }

  /** True while this holds the first frame up; the lane looks again when it is over. */
  #waits(due: Due | undefined): boolean {
    const { faults, clock } = this.#context;
    if (due === undefined || !faults.has(due.by)) return false;
    const leftMs = due.untilMs - clock.nowMs();
    if (leftMs <= 0) return false;
    this.#stopTimer = clock.after(leftMs, () => this.pump());
    return true;
  }

  #write(bytes: Buffer): void {
    this.#isFull = !this.#ends.write(bytes);
  }

  #shift(item: Item): void {
    this.#queue.shift();
    this.#byteCount -= bytesIn(item);
  }

  #lose(): void {
    for (const item of this.#queue)
      if (item.kind === 'frame') this.#note(item, 'lost', item.heldBy);
    this.#queue = [];
    this.#byteCount = 0;
  }

  /** A queue has its bound: beyond it the sender has to wait, as with TCP when its receiver does not read. */
  #regulateSender(): void {
    const isOver = this.#byteCount > this.#context.laneLimitBytes;
    if (isOver === this.#isSenderPaused) return;
    this.#isSenderPaused = isOver;
    if (isOver) this.#ends.pauseSender();
    else this.#ends.resumeSender();
  }

  #noteHeld(frame: WaitingFrame, by: string): void {
    if (frame.heldBy === by) return;
    frame.heldBy = by;
    this.#note(frame, 'held', by);
  }

  #note(
    { bytes, head, info, arrivedAtMs }: WaitingFrame,
    fate: Fate,
    by: string | undefined,
  ): void {
    const atMs = this.#context.clock.nowMs();
    this.#context.log.add({
      atMs,
      connection: this.#connection,
      direction: this.#direction,
      api: info.api ?? `api ${head?.apiKey ?? 'unknown'}`,
      apiVersion: head?.apiVersion,
      correlationId: head?.correlationId,
      byteCount: bytes.length,
      fate,
      by,
      waitedMs: atMs - arrivedAtMs,
    });
  }
}

function bytesIn(item: Item): number {
  return item.kind === 'frame' || item.kind === 'bytes' ? item.bytes.length : 0;
}
