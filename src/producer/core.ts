import type { ProducerConfig } from 'kafkajs';
import type { ClusterSession } from '../cluster/session.js';
import { FailoverClosedError, HoldTimeoutError } from '../errors.js';
import type { InstrumentationRelay } from '../instrumentation.js';
import type { Ledger } from '../ledger/ledger.js';
import type { ProducerLimits } from '../options-producer.js';
import type { ActiveCluster } from '../switch/active.js';
import { endOf, factsOf } from '../switch/participant.js';
import type { World } from '../world.js';
import { makeInnerProducer, type InnerProducer } from './inner-producer.js';
import { OpenWaiters } from './open-waiters.js';
import { renew } from './renew.js';
import type { Sends } from './sends.js';
import { StandbyProducer, type StandbyProducerPort } from './standby-producer.js';
import type { FencibleTransaction } from './transaction.js';

/** @internal What a producer is at this moment. */
export type ProducerState =
  /** Not connected, or disconnected again: kafkajs's own errors answer. */
  | { readonly kind: 'idle' }
  /** `disconnect()` is under way. */
  | { readonly kind: 'leaving' }
  | OpenState
  /**
   * A switch is under way. `inner` is the old producer until `detach`, nothing after it, and the new one from `attach` on,
   * until everything that waits was released.
   */
  | { readonly kind: 'held'; readonly heldAtMs: number; readonly inner: InnerProducer | undefined }
  | { readonly kind: 'halted'; readonly error: Error }
  | { readonly kind: 'closed' };

/**
 * Sends go straight to the inner producer. Entered before its `connect()` ends: until then it refuses by itself.
 *
 * @internal
 */
export interface OpenState {
  readonly kind: 'open';
  readonly inner: InnerProducer;
}

/** @internal */
export interface CoreParts {
  readonly id: string;
  readonly config: ProducerConfig | undefined;
  readonly limits: ProducerLimits;
  readonly world: World;
  readonly active: ActiveCluster;
  readonly homeCluster: string;
  readonly disconnectMaxMs: number;
  readonly sends: Sends;
  readonly relay: InstrumentationRelay;
  /** Keeps what is acknowledged; undefined where nothing is kept. */
  readonly ledger?: Ledger | undefined;
  /** Where it waits for the next switch; undefined: nowhere. */
  readonly standby?: StandbyProducerPort | undefined;
}

/**
 * What the user's side (`connection.ts`), the coordinator's side (`switching.ts`) and transactions share.
 *
 * The state's *identity* is its epoch: after every `await` it is compared with the state object from before it, and
 * whoever comes back to another one changes nothing.
 *
 * @internal
 */
export class ProducerCore {
  readonly parts: CoreParts;
  readonly waiters: OpenWaiters;
  state: ProducerState = { kind: 'idle' };
  /** True once the user's `connect()` succeeded: from then on sends wait during a switch, before it they are refused. */
  connected: boolean = false;
  /** Every transaction that has calls without an answer, or may still get some: the newest, and what came before it. */
  readonly transactions: Set<FencibleTransaction> = new Set();
  /** Undefined where nothing waits on the standby. */
  readonly standby: StandbyProducer | undefined;

  constructor(parts: CoreParts) {
    this.parts = parts;
    this.waiters = new OpenWaiters(parts.world);
    this.standby = this.#standbyProducer();
  }

  /** With a transactional id kafkajs's `connect()` would fence whoever uses that id there, so nothing waits with one. */
  #standbyProducer(): StandbyProducer | undefined {
    const { config, standby, world } = this.parts;
    if (standby === undefined || config?.transactionalId !== undefined) return undefined;
    return new StandbyProducer({
      world,
      port: standby,
      make: (session) => this.makeInner(session),
      topics: () => this.inner()?.cluster?.targetTopics ?? [],
    });
  }

  makeInner(session: ClusterSession): InnerProducer {
    const { config, homeCluster, world, ledger } = this.parts;
    const inner = makeInnerProducer(session, config, homeCluster, world, ledger);
    const sequences = inner.tap?.sequences;
    if (sequences !== undefined) {
      sequences.onClear = () => this.parts.sends.resumeKeptBack();
      sequences.onBroken = () => void renew(this, inner);
    }
    return inner;
  }

  /** Ends the pause before what is held is released. */
  endJitter: () => void = () => {};

  /** The inner producer in use, if there is one. */
  inner(): InnerProducer | undefined {
    return this.state.kind === 'open' || this.state.kind === 'held' ? this.state.inner : undefined;
  }

  /** The inner producer in use, if it works on this session and no switch has begun. */
  innerOn(session: ClusterSession): InnerProducer | undefined {
    const inner = this.inner();
    return inner?.session === session && !inner.overtaken ? inner : undefined;
  }

  /** True where the producer takes no part in switches. */
  isAway(): boolean {
    const { kind } = this.state;
    return kind === 'idle' || kind === 'leaving' || kind === 'closed';
  }

  /** Sends go straight to `inner` from now on, and calls that waited for that go on. */
  open(inner: InnerProducer): void {
    this.state = { kind: 'open', inner };
    this.waiters.resolveAll();
  }

  transactionBegan(transaction: FencibleTransaction): void {
    for (const earlier of this.transactions) if (earlier.isOver) this.transactions.delete(earlier);
    this.transactions.add(transaction);
  }

  /** Ends the transaction that is open, if there is one, and settles what earlier ones have left unanswered. */
  fenceTransactions(because: string): void {
    for (const transaction of this.transactions) transaction.fence(because);
    this.transactions.clear();
  }

  /** When a call that begins to wait now must have its answer. */
  holdDeadlineAtMs(): number {
    return this.parts.world.nowMs() + this.parts.limits.holdMaxWaitMs;
  }

  /** Waits for a cluster to open; rejects at the deadline, when the library halts, and when the producer is disconnected. */
  untilOpen(what: string, deadlineAtMs: number): Promise<void> {
    const { limits, sends } = this.parts;
    return this.waiters.wait(deadlineAtMs, () => {
      const { turn } = sends.news;
      return new HoldTimeoutError(
        `${what} waited ${limits.holdMaxWaitMs} ms (producer.holdMaxWaitMs) for ${endOf(turn)}`,
        factsOf(turn),
      );
    });
  }
}

/** @internal */
export function closedError(what: string): FailoverClosedError {
  return new FailoverClosedError(`${what} was refused: the producer was disconnected or closed`);
}
