import { FailoverClosedError } from '../errors.js';
import {
  checkConsulAgreement,
  type ConsulAgreementOptions,
  splitLimits,
} from '../options-agreement.js';
import type { ConsulSignalOptions } from '../options-consul.js';
import { type ConsulList, nextIndex } from '../signals/consul-query.js';
import { CONSUL_BACKOFF } from '../signals/consul-waits.js';
import { consulSignal } from '../signals/consul.js';
import { Pace } from '../signals/pace.js';
import type { Signal, SignalWatch } from '../signals/signal.js';
import { abortable, retry, untilAborted, withinDeadline } from '../wait.js';
import type {
  AgreedDecision,
  Agreement,
  AgreementContext,
  AgreementNews,
  AgreementStore,
  MemberState,
  Proposal,
} from './agreement.js';
import { ConsulKeys, REQUEST_TIMEOUT_MS } from './consul-keys.js';
import {
  type HeardMembers,
  hearMembers,
  type SeenMembers,
  silentMembers,
} from './consul-members.js';
import { readDecision, type ReadDecision, setBackBecause, writeDecision } from './decision.js';

/**
 * One decision for a fleet, in a key of Consul's KV store. A person can read it there, and decide, too, with an epoch above the
 * one in force: `consul kv put kafka/active '{"cluster":"B","epoch":8,"reason":"maintenance of A"}'`. `consulStrategy` can
 * follow the same key.
 *
 * - A decision is heard by every process within milliseconds, by blocking queries; before it is told, the leader confirms it.
 * - A missing key is no decision, and moves nothing. What is no decision is refused, and the next one is written over it.
 * - A decision is made by compare-and-set, so at most one is ever in force for one epoch. A snapshot that is restored takes
 *   decisions back: processes that know them refuse what is older, and the next decision is above what its process knows.
 * - Each member writes a key of its own, and takes it back when it closes; the key of a process that crashed is deleted by
 *   another member after ten minutes.
 * - Without Consul's leader nothing is decided and nothing is proven: servers without a majority are no agreement.
 * - The token needs `key "kafka/active" { policy = "write" }` and `key_prefix "kafka/active/members/" { policy = "write" }`.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - at once, when an option is missing, unknown or wrong. What is
 *   wrong in the environment or in files is told when the store is asked.
 * @example
 * ```ts
 * const agreement = consulAgreement({ key: 'kafka/active', tokenFile: '/run/secrets/consul-token' });
 * ```
 * @see https://developer.hashicorp.com/consul/api-docs/kv
 * @public
 */
export function consulAgreement(options: ConsulAgreementOptions): Agreement {
  checkConsulAgreement(options);
  const { limits, source } = splitLimits(options);
  const signal = consulSignal(source);
  return {
    name: signal.name,
    limits,
    open: (context) => new ConsulStore({ source, signal, context }),
  };
}

/** A write, then two looks at the same time. Reached only by a follower's look: `speak.ts` gives an exchange less. */
const EXCHANGE_LIMIT_MS = 2 * REQUEST_TIMEOUT_MS;

/** A look, a write, and a look at what has become of it. */
const PROPOSE_LIMIT_MS = 3 * REQUEST_TIMEOUT_MS;

/** For taking back what the process said of itself. */
const FAREWELL_MS = 500;

/** How often a key may be written by somebody else while a decision is made: with garbage, or with an older epoch. */
const MAX_ATTEMPTS = 5;

/** Each heartbeat of each member ends a wait for news of the members: two at once, then twice a second at most. */
const MEMBERS_PACE = { burst: 2, everyMs: 500 };

interface ConsulStoreParts {
  readonly source: ConsulSignalOptions;
  readonly signal: Signal;
  readonly context: AgreementContext;
}

/**
 * At most one decision for one epoch: a decision n is written by compare-and-set only, upon a write of the key that was read
 * before and held no decision of n or above. Consul does it where that write is still the newest, and all writes of its
 * history stand in one order. So from one decision to the next the epochs of the key grow, and no number comes twice.
 *
 * Two things go round this, and both go back, which readers refuse: somebody who writes an older epoch by hand, and a
 * snapshot that is restored, with which another history begins.
 */
class ConsulStore implements AgreementStore {
  readonly #context: AgreementContext;
  readonly #keys: ConsulKeys;
  readonly #pace: Pace;
  readonly #watch: SignalWatch;
  readonly #end = abortable();
  /** Settles when all looks that were asked for so far have ended. */
  #looked: Promise<unknown> = Promise.resolve();
  #seen: SeenMembers = new Map();
  /** What the next question about the members waits beyond. Undefined: nothing is known that could be waited for. */
  #membersIndex: bigint | undefined;
  /** The decision with the highest epoch that was seen in the key. */
  #newest: AgreedDecision | undefined;
  /** Text of the key that was refused last, to say so once. */
  #refused: { readonly text: string | undefined } | undefined;
  /** Who this process is, once its key may be there. */
  #instance: string | undefined;
  #sweeping: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor({ source, signal, context }: ConsulStoreParts) {
    const { world } = context;
    this.#context = context;
    this.#keys = new ConsulKeys(source, world);
    this.#pace = new Pace(world, MEMBERS_PACE);
    this.#watch = signal.watch(world, (reading) => {
      // A watch that fails tries again by itself, and who asks meanwhile is told why.
      if (reading.kind === 'value') this.#hearDecision(reading.text);
    });
    void this.#followMembers();
  }

  exchange(self: MemberState, signal: AbortSignal): Promise<void> {
    return this.#within(EXCHANGE_LIMIT_MS, signal, (cut) =>
      this.#inTurn(cut, async () => {
        this.#instance = self.instance;
        await this.#keys.writeMember(self, cut);
        await this.#look(cut);
        this.#sweep();
      }),
    );
  }

  propose(proposal: Proposal, after: number, signal: AbortSignal): Promise<AgreedDecision> {
    return this.#within(PROPOSE_LIMIT_MS, signal, async (cut) => {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
        const decision = await this.#decide(proposal, after, cut);
        if (decision !== undefined) return decision;
      }
      throw new Error(`${this.#keys.key} was written by somebody else again and again`);
    });
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#end.abort(new FailoverClosedError('the agreement is closed'));
    this.#watch.close();
    await this.#sweeping;
    const instance = this.#instance;
    if (instance === undefined) return;
    const { world } = this.#context;
    await withinDeadline(world, world.nowMs() + FAREWELL_MS, (cut) =>
      this.#keys.deleteMember(instance, cut),
    ).catch(() => {
      // Others will notice the silence.
    });
  }

  /** Undefined: somebody else was first, and it is not known yet whether what he wrote is in force. */
  async #decide(
    proposal: Proposal,
    after: number,
    signal: AbortSignal,
  ): Promise<AgreedDecision | undefined> {
    const entry = await this.#keys.decision(signal);
    const inForce = this.#inForce(entry?.text, after);
    if (inForce !== undefined) return inForce;
    const text = writeDecision({ ...proposal, epoch: after + 1 });
    const read = this.#read(text);
    // A cluster that is none, an epoch beyond all numbers: nobody could obey it.
    if (read.kind === 'refused') throw new Error(`this cannot be decided: ${read.because}`);
    try {
      const isWritten = await this.#keys.swapDecision(text, entry?.modifyIndex ?? 0, signal);
      return isWritten ? read.decision : undefined;
    } catch (error) {
      // It may have been written, or be written yet: only what is in force is an answer.
      const entry = await this.#keys.decision(signal).catch(() => {
        throw error;
      });
      const inForce = this.#inForce(entry?.text, after);
      if (inForce !== undefined) return inForce;
      throw error;
    }
  }

  /** The decision that a text is, where it is above `after`. */
  #inForce(text: string | undefined, after: number): AgreedDecision | undefined {
    const read = this.#read(text);
    return read.kind === 'decision' && read.decision.epoch > after ? read.decision : undefined;
  }

  #read(text: string | undefined): ReadDecision {
    if (text === undefined) return { kind: 'refused', because: 'it holds bytes that are no text' };
    return readDecision(text, this.#context.aliases);
  }

  /**
   * Tells all that there is. In two questions: a list of everything that begins with the key would leave out, without a word,
   * what the token may not read, and hold whatever else begins so.
   */
  async #look(signal: AbortSignal): Promise<void> {
    const askedAt = this.#seen;
    const [decision, members] = await Promise.all([
      this.#keys.decision(signal),
      this.#keys.members(signal),
    ]);
    if (decision === undefined) this.#refused = undefined;
    else {
      this.#hearDecision(decision.text);
      this.#noticeSetBack(decision.text);
    }
    this.#hearMembers(members, askedAt);
    this.#membersIndex = nextIndex(undefined, members.index);
  }

  #hearDecision(text: string | undefined): void {
    const read = this.#read(text);
    const isAgain = this.#refused !== undefined && this.#refused.text === text;
    this.#refused = read.kind === 'refused' ? { text } : undefined;
    if (!isAgain) this.#tell(read);
  }

  /** One look comes after the other, each by the leader's word. */
  #noticeSetBack(text: string | undefined): void {
    const read = this.#read(text);
    if (read.kind === 'refused') return;
    const because = setBackBecause(this.#keys.key, this.#newest, read.decision);
    if (because === undefined) this.#newest = read.decision;
    else this.#tell({ kind: 'refused', because });
  }

  #hearMembers(
    { entries }: Pick<ConsulList, 'entries'>,
    askedAt: SeenMembers | undefined,
  ): Pick<HeardMembers, 'missing'> {
    const atMs = this.#context.world.nowMs();
    const { key } = this.#keys;
    const { seen, news, missing } = hearMembers(this.#seen, entries, { key, atMs, askedAt });
    this.#seen = seen;
    for (const each of news) this.#tell(each);
    return { missing };
  }

  /** Hears the members' news between the exchanges, until the end. */
  async #followMembers(): Promise<void> {
    const { signal } = this.#end;
    const policy = {
      ...CONSUL_BACKOFF,
      signal,
      onFailedAttempt: () => {
        this.#membersIndex = undefined;
      },
    };
    while (!signal.aborted) {
      try {
        await retry(this.#context.world, policy, () => this.#followOnce(signal));
      } catch (error) {
        // Closed: nothing else ends the retrying.
        if (!signal.aborted) throw error;
      }
    }
  }

  async #followOnce(signal: AbortSignal): Promise<void> {
    await this.#pace.next({ signal });
    const asked = this.#membersIndex;
    if (asked === undefined) {
      await this.#within(EXCHANGE_LIMIT_MS, signal, (cut) =>
        this.#inTurn(cut, () => this.#look(cut)),
      );
      return;
    }
    const members = await this.#keys.membersAfter(asked, signal);
    const { missing } = this.#hearMembers(members, undefined);
    // Whether they have left is the leader's to say.
    this.#membersIndex = missing.length > 0 ? undefined : nextIndex(asked, members.index);
  }

  /** Deletes the keys of members that crashed. Nobody waits for it, and what fails is done after another exchange. */
  #sweep(): void {
    this.#sweeping ??= this.#deleteSilent()
      .catch(() => {})
      .finally(() => {
        this.#sweeping = undefined;
      });
  }

  async #deleteSilent(): Promise<void> {
    for (const { key, modifyIndex } of silentMembers(this.#seen, this.#context.world.nowMs())) {
      await this.#keys.deleteUnchanged(key, modifyIndex, this.#end.signal);
    }
  }

  /** Works until the limit, the abort of `signal`, or the end. */
  async #within<T>(
    limitMs: number,
    signal: AbortSignal,
    work: (cut: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const cut = abortable();
    const done = abortable();
    try {
      for (const source of [signal, this.#end.signal]) {
        source.throwIfAborted();
        const onAbort = (): void => cut.abort(source.reason);
        source.addEventListener('abort', onAbort, { once: true, signal: done.signal });
      }
      const { world } = this.#context;
      const deadlineAtMs = world.nowMs() + limitMs;
      const worked = await withinDeadline(world, deadlineAtMs, work, { signal: cut.signal });
      if (worked.kind === 'settled') return worked.value;
      throw new Error(`${this.#keys.key}: there was no answer within ${limitMs} ms`);
    } finally {
      done.abort();
    }
  }

  /**
   * One look after the other, and after all that were asked for before: an answer that was overtaken would tell that whoever
   * came meanwhile has left, and a statement that was overtaken would stand in the place of a newer one.
   */
  async #inTurn(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    const before = this.#looked;
    let leave = (): void => {};
    const mine = new Promise<void>((resolve) => {
      leave = resolve;
    });
    this.#looked = before.then(() => mine);
    try {
      await untilAborted(signal, before);
      await work();
    } finally {
      leave();
    }
  }

  #tell(news: AgreementNews): void {
    if (!this.#end.signal.aborted) this.#context.tell(news);
  }
}
