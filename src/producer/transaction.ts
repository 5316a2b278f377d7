import type { Offsets, Transaction } from 'kafkajs';
import type { ClusterSession } from '../cluster/session.js';
import { OutcomeUnknownError, TransactionFencedError } from '../errors.js';
import { unreachable } from '../unreachable.js';
import type { InnerProducer } from './inner-producer.js';

/** @internal What `transaction.sendOffsets` takes. */
export type TransactionOffsets = Offsets & { consumerGroupId: string };

/** @internal The offsets of a transaction as its cluster knows them, and who is to hear of their commit. */
export interface PlacedOffsets {
  readonly offsets: TransactionOffsets;
  /** The transaction was committed, and they with it. */
  committed(): void;
}

/**
 * Turns the offsets that user code hands to `transaction.sendOffsets` (original topic names) into those of the cluster in
 * force (physical ones). Throws a typed error where they belong to another epoch: they are refused, never forwarded.
 *
 * @internal
 */
export type OffsetsGate = (offsets: TransactionOffsets, session: ClusterSession) => PlacedOffsets;

/** What has become of a transaction. */
type Standing =
  | { readonly kind: 'open' }
  /** Committed, aborted, or broken beyond use; kafkajs answers further calls, at once and by itself. */
  | { readonly kind: 'ended' }
  /** A switch is under way and the cluster cannot be relied on: no further call reaches it. */
  | { readonly kind: 'sealed'; readonly because: string }
  | { readonly kind: 'fenced'; readonly because: string };

/** One call that has not been answered. */
interface PendingCall {
  readonly method: string;
  readonly reject: (error: unknown) => void;
  /** What kafkajs rejected with while a switch was under way: no answer for the caller. */
  innerError: unknown;
}

/**
 * One transaction of one inner producer. It belongs to one cluster in one epoch and never moves to another: a switch ends
 * it, and user code begins again.
 *
 * A commit in flight when the switch fences is *unknown*: the broker may have committed. Everything else is certain: what
 * was sent in a transaction that nobody committed is aborted by the broker.
 *
 * @internal
 */
export class FencibleTransaction {
  /** What the user gets: kafkajs's own shape, and methods that need no `this`. */
  readonly facade: Transaction;
  readonly #transaction: Transaction;
  readonly #inner: InnerProducer;
  readonly #pending = new Set<PendingCall>();
  readonly #placed: PlacedOffsets[] = [];
  #standing: Standing = { kind: 'open' };
  #onEnded: (() => void)[] = [];

  constructor(transaction: Transaction, inner: InnerProducer, gate: OffsetsGate) {
    this.#transaction = transaction;
    this.#inner = inner;
    this.facade = {
      send: (record) => this.#call('send', () => transaction.send(record)),
      sendBatch: (batch) => this.#call('sendBatch', () => transaction.sendBatch(batch)),
      sendOffsets: (offsets) =>
        this.#call('sendOffsets', async () => {
          const placed = gate(offsets, inner.session);
          await transaction.sendOffsets(placed.offsets);
          this.#placed.push(placed);
        }),
      commit: () => this.#end('commit', () => transaction.commit()),
      abort: () => this.#end('abort', () => transaction.abort()),
      isActive: () => this.#standing.kind === 'open' && transaction.isActive(),
    };
  }

  /** True where nothing is left to settle: it ended, and every call has its answer. */
  get isOver(): boolean {
    return this.#standing.kind === 'ended' && this.#pending.size === 0;
  }

  /** Resolves when the transaction was committed or aborted, broke, or was fenced. */
  whenEnded(): Promise<void> {
    if (this.#standing.kind === 'ended' || this.#standing.kind === 'fenced') {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#onEnded.push(resolve);
    });
  }

  /** An unplanned switch began: later calls are refused. Calls under way may still be answered until {@link fence}. */
  seal(because: string): void {
    if (this.#standing.kind === 'open') this.#standing = { kind: 'sealed', because };
  }

  /** The session is gone: settles every call that has no answer. */
  fence(because: string): void {
    if (this.#standing.kind !== 'ended') this.#standing = { kind: 'fenced', because };
    for (const call of this.#pending) {
      const cause = call.innerError ?? this.#inner.session.signal.reason;
      call.reject(
        call.method === 'commit'
          ? this.#unknownCommit(because, cause)
          : this.#fenced(because, cause),
      );
    }
    this.#pending.clear();
    this.#ended();
  }

  #call<T>(method: string, work: () => Promise<T>): Promise<T> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    // kafkajs refuses it without asking anybody, and there may be no fence to come that would settle it.
    if (this.#standing.kind === 'ended') return work();
    return new Promise((resolve, reject) => {
      const call: PendingCall = { method, reject, innerError: undefined };
      this.#pending.add(call);
      work().then(
        (value) => {
          if (this.#pending.delete(call)) resolve(value);
        },
        (error: unknown) => {
          if (!this.#pending.has(call)) return;
          // Rejected by, or in the shadow of, the fence: `fence` settles it.
          if (this.#inner.session.signal.aborted || this.#standing.kind === 'sealed') {
            call.innerError = error;
            return;
          }
          this.#pending.delete(call);
          reject(error);
        },
      );
    });
  }

  async #end(method: 'commit' | 'abort', work: () => Promise<void>): Promise<void> {
    // kafkajs refuses a second end by itself, and nothing breaks by that; a real one that fails leaves its transaction
    // state in COMMITTING or ABORTING for ever (kafkajs src/producer/eosManager).
    const isReal = this.#transaction.isActive();
    try {
      await this.#call(method, work);
      this.#ended();
      if (method === 'commit') this.#committed();
    } catch (error) {
      if (isReal) {
        this.#inner.transactionsDead = true;
        if (this.#standing.kind === 'open') this.#ended();
      }
      throw error;
    }
  }

  #committed(): void {
    this.#inner.session.work.committed();
    for (const placed of this.#placed) placed.committed();
  }

  #ended(): void {
    if (this.#standing.kind !== 'fenced') this.#standing = { kind: 'ended' };
    const waiting = this.#onEnded;
    this.#onEnded = [];
    for (const resolve of waiting) resolve();
  }

  #refusal(): Error | undefined {
    const standing = this.#standing;
    switch (standing.kind) {
      case 'open':
      case 'ended':
        return undefined;
      case 'sealed':
      case 'fenced':
        return this.#fenced(standing.because, this.#inner.session.signal.reason);
      default:
        return unreachable(standing);
    }
  }

  #fenced(because: string, cause: unknown): TransactionFencedError {
    const { alias, switchEpoch } = this.#inner.session;
    return new TransactionFencedError(
      `The transaction belongs to cluster ${alias}, and ${because}. Begin a new one.`,
      { cluster: alias, switchEpoch, cause },
    );
  }

  #unknownCommit(because: string, cause: unknown): OutcomeUnknownError {
    const { alias, switchEpoch } = this.#inner.session;
    return new OutcomeUnknownError(
      `The outcome of commit is unknown: it was sent to cluster ${alias}, and ${because}. The transaction may or may not be committed there.`,
      { cluster: alias, switchEpoch, cause },
    );
  }
}
