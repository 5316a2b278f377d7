import { messageOf } from '../caught.js';
import { FailoverClosedError } from '../errors.js';
import { checkKafkaAgreement, type KafkaAgreementOptions } from '../options-agreement.js';
import { abortable, sleep, untilDeadline, withinDeadline } from '../wait.js';
import type {
  AgreedDecision,
  Agreement,
  AgreementContext,
  AgreementStore,
  MemberState,
  Proposal,
} from './agreement.js';
import { KafkaSide } from './kafka-side.js';

const DEFAULT_PREFIX = 'kafkajs-failover';

/**
 * Limits of an exchange with one cluster and of a proposal, in milliseconds. That of an exchange is reached only where nobody waits (one
 * that is late): `speak.ts` gives it less.
 */
const EXCHANGE_LIMIT_MS = 6_000;
const PROPOSE_LIMIT_MS = 10_000;

/** The active cluster is waited for as long again as the others have taken, and at least this long, in milliseconds. */
const LEAST_GRACE_MS = 100;

/** How long the end waits for the other members to be told, in milliseconds. */
const LEAVE_MS = 500;

/** Pause before a decision that was acknowledged, and cannot be read yet, is looked for again, in milliseconds. */
const LOOK_AGAIN_MS = 20;

/**
 * A fleet's decisions in the clusters themselves: nothing else has to run. Both clusters get two topics of one partition,
 * `__kafkajs-failover.decisions` and `__kafkajs-failover.members`; they are made where they do not exist. Where
 * processes may not create topics, make them by hand, and leave their `cleanup.policy` at `delete` (decisions: with
 * `retention.ms` and `retention.bytes` -1).
 *
 * - A decision for a cluster is written to that cluster alone. So a fleet leaves a dead cluster without it; and no fleet moves to
 *   a cluster that takes no records.
 * - No epoch is ever decided twice, whatever anybody sees: each belongs to one of the two logs, and in its log the first record
 *   with it counts. Epochs therefore have gaps.
 * - MirrorMaker must not carry these topics to the other cluster. By default it does not (`topics.exclude` holds `__.*`).
 * - A process that cannot reach the cluster that it does *not* work with cannot exchange: a decision to go there may be in force
 *   without its knowledge. It tries again by itself. So it is after each failover, until the cluster that was left is back;
 *   therefore there is no `leaseMs` here: it would stop the whole fleet.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - at once, when an option is unknown or wrong.
 * @example
 * ```ts
 * const agreement = kafkaAgreement({ heartbeatMs: 1_000, quorum: { voices: 2 } });
 * ```
 * @public
 */
export function kafkaAgreement(options: KafkaAgreementOptions = {}): Agreement {
  checkKafkaAgreement(options);
  const { topicPrefix = DEFAULT_PREFIX, ...limits } = options;
  return {
    name: `kafka ${topicPrefix}`,
    limits,
    open: (context) => new KafkaStore(topicPrefix, context),
  };
}

class KafkaStore implements AgreementStore {
  readonly #context: AgreementContext;
  readonly #sides: readonly KafkaSide[];
  readonly #closed = abortable();
  /** Exchanges with the active cluster that nobody waits for any more, by alias. */
  readonly #late = new Set<string>();
  #isFollowing = false;
  /** What this process said last, if it has. */
  #self: MemberState | undefined;
  #closing: Promise<void> | undefined;

  constructor(topicPrefix: string, context: AgreementContext) {
    this.#context = {
      ...context,
      tell: (news) => {
        if (!this.#closed.signal.aborted) context.tell(news);
      },
    };
    this.#sides = context.aliases.map((alias) => new KafkaSide(alias, topicPrefix, this.#context));
  }

  async exchange(self: MemberState, signal: AbortSignal): Promise<void> {
    this.#begin(signal);
    this.#self = self;
    const { world } = this.#context;
    const startedAtMs = world.nowMs();
    const active = this.#sides.find(({ alias }) => alias === self.cluster);
    const late = active === undefined ? Promise.resolve() : this.#exchangeLate(active, self);
    const others = this.#sides.filter((side) => side !== active);
    await Promise.all(others.map((side) => this.#exchangeWith(side, self, signal)));
    const nowMs = world.nowMs();
    const graceMs = Math.max(LEAST_GRACE_MS, nowMs - startedAtMs);
    await withinDeadline(world, nowMs + graceMs, () => late, { signal });
  }

  async propose(proposal: Proposal, after: number, signal: AbortSignal): Promise<AgreedDecision> {
    this.#begin(signal);
    const { world } = this.#context;
    const side = this.#sides.find(({ alias }) => alias === proposal.cluster);
    if (side === undefined) throw new Error(`there is no cluster ${proposal.cluster}`);
    return this.#reach(side, PROPOSE_LIMIT_MS, signal, async (aborted) => {
      await side.readDecisions(aborted);
      const known = this.#newestAbove(after);
      if (known !== undefined) return known;
      try {
        await side.decide(proposal, after, this.#self?.instance ?? '');
      } catch (error) {
        // It may be written all the same, and so may another one.
        await side.readDecisions(aborted).catch(() => {});
        if (this.#newestAbove(after) === undefined) throw error;
      }
      for (;;) {
        const decision = this.#newestAbove(after);
        if (decision !== undefined) return decision;
        await side.readDecisions(aborted);
        if (this.#newestAbove(after) !== undefined) continue;
        // A new leader tells its readers of the end of its log only when a replica has confirmed it.
        await sleep(world, LOOK_AGAIN_MS, { signal: aborted });
      }
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed.abort(new FailoverClosedError('the agreement is closed'));
    const { world } = this.#context;
    const self = this.#self;
    if (self !== undefined) {
      const leaving = this.#sides.map((side) => side.leave(self).catch(() => {}));
      await untilDeadline(world, world.nowMs() + LEAVE_MS, Promise.all(leaving));
    }
    await Promise.all(this.#sides.map((side) => side.close()));
  }

  /** @throws the reason of an abort, or that it is closed. */
  #begin(signal: AbortSignal): void {
    signal.throwIfAborted();
    this.#closed.signal.throwIfAborted();
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    for (const side of this.#sides) side.follow(this.#closed.signal);
  }

  /** The newest decision of both logs, as far as they were read, where it is above an epoch. */
  #newestAbove(epoch: number): AgreedDecision | undefined {
    return this.#sides
      .flatMap(({ newest }) => (newest === undefined || newest.epoch <= epoch ? [] : [newest]))
      .toSorted((a, b) => b.epoch - a.epoch)[0];
  }

  #exchangeWith(side: KafkaSide, self: MemberState, signal: AbortSignal): Promise<void> {
    return this.#reach(side, EXCHANGE_LIMIT_MS, signal, (aborted) => side.exchange(self, aborted));
  }

  /** With the active cluster, which may be dead: one after the other, and nobody hears of a failure. */
  async #exchangeLate(side: KafkaSide, self: MemberState): Promise<void> {
    if (this.#late.has(side.alias)) return;
    this.#late.add(side.alias);
    try {
      await this.#exchangeWith(side, self, this.#closed.signal);
    } catch {
      // Whoever follows it hears what it holds when it is back.
    } finally {
      this.#late.delete(side.alias);
    }
  }

  /** Works with a cluster within a limit; says which one it was where that fails. */
  async #reach<T>(
    { alias }: KafkaSide,
    limitMs: number,
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { world } = this.#context;
    const failure = (because: string, cause?: unknown): Error =>
      new Error(`The agreement cannot be reached on cluster ${alias}: ${because}`, { cause });
    const result = await withinDeadline(world, world.nowMs() + limitMs, work, { signal }).catch(
      (error: unknown) => {
        signal.throwIfAborted();
        this.#closed.signal.throwIfAborted();
        throw failure(messageOf(error), error);
      },
    );
    if (result.kind === 'settled') return result.value;
    throw failure(`there was no answer within ${limitMs} ms`);
  }
}
