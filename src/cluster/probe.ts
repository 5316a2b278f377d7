import type { KafkaConfig } from 'kafkajs';
import { judge, type Failure } from '../health/failure.js';
import { abortable, untilAborted, untilDeadline } from '../wait.js';
import type { World } from '../world.js';
import { accessConfig } from './access-requests.js';
import type { AccessOptions } from './kafka-access.js';
import { KafkaLink } from './kafka-link.js';

/** @internal How a question to a cluster ended. */
export type ProbeOutcome =
  | { readonly kind: 'works'; readonly clusterId: string | null }
  /** Nobody answered in time. */
  | { readonly kind: 'fails'; readonly because: string }
  /** Every broker refused the connection at once. */
  | { readonly kind: 'gone'; readonly because: string }
  /** A broker answered that it does not let us in, or we do not trust it: no word on its health. */
  | { readonly kind: 'refused'; readonly because: string }
  /** The question itself failed, for a reason that is not the cluster's. */
  | { readonly kind: 'nothing'; readonly because: string };

/** @internal Asks one cluster whether it works, with short limits and without retries. */
export interface ClusterProbe {
  /** Does any broker answer? All that are known are asked, unless one answers at once. One question at a time. */
  reach(): Promise<ProbeOutcome>;
  /** Does the broker answer that keeps this group? To be asked after {@link reach} has worked. */
  group(groupId: string): Promise<ProbeOutcome>;
  /** Drops every connection. What is asked next connects anew. */
  close(): void;
}

/** @internal What {@link openProbe} needs. */
export interface ProbeOptions extends AccessOptions {
  /** Limit of each connection and each request, in milliseconds. */
  readonly timeoutMs: number;
  /** A connection of the probe was closed by the other side: the earliest sign of a death. */
  readonly onClosed: () => void;
}

/** The share of the limit after which the other brokers are asked as well, although one has not failed yet. */
const HEDGE_SHARE = 0.3;

/** A question may take several connections and requests, each up to the limit: so many of them end it in any case. */
const LIMIT_TIMES = 6;

const NAMES_NO_BROKER = 'it answers, and names no broker: all of them are fenced';

/** The smallest question to a coordinator: the heartbeat of a member that the group does not have, and which it refuses. */
const NO_MEMBER = 'kafkajs-failover-probe';

/** A refusal is an answer of the other machine's kernel, and comes at once. */
const REFUSED_AT_ONCE_SHARE = 0.5;

/**
 * Makes the probe of a cluster. It has a client of its own: kafkajs's ordinary limits take 16 to 247 seconds to notice a death
 * (measured), and its requests would stand behind the service's own. One connection is kept while it works.
 *
 * @internal
 */
export function openProbe(options: ProbeOptions): ClusterProbe {
  return new KafkaProbe(options);
}

class KafkaProbe implements ClusterProbe {
  readonly #options: ProbeOptions;
  readonly #world: World;
  readonly #config: KafkaConfig;
  readonly #learned = new Set<string>();
  #link: KafkaLink | undefined;
  /** The openings of the round under way. Called off when it ends: whoever has not answered by then is not waited for. */
  #opening = abortable();
  /** A group could not be asked over this link: the next round makes another one. */
  #isDoubtful = false;

  constructor(options: ProbeOptions) {
    this.#options = options;
    this.#world = options.world;
    const { timeoutMs } = options;
    this.#config = {
      ...accessConfig(options.alias, options.clusterOptions, options.kafkaConfig),
      connectionTimeout: timeoutMs,
      requestTimeout: timeoutMs,
      enforceRequestTimeout: true,
      retry: { retries: 0 },
    };
  }

  async reach(): Promise<ProbeOutcome> {
    const opening = abortable();
    this.#opening = opening;
    const outcome = await this.#bounded(this.#reach(opening.signal));
    opening.abort();
    return outcome;
  }

  group(groupId: string): Promise<ProbeOutcome> {
    return this.#bounded(this.#group(groupId));
  }

  /** kafkajs's own limits end a question, as a rule; whoever waited for one that never ends would be blind. */
  async #bounded(asking: Promise<ProbeOutcome>): Promise<ProbeOutcome> {
    const limitMs = this.#options.timeoutMs * LIMIT_TIMES;
    const asked = await untilDeadline(this.#world, this.#world.nowMs() + limitMs, asking);
    if (asked.kind === 'settled') return asked.value;
    this.#isDoubtful = true;
    return { kind: 'fails', because: `no answer within ${limitMs} ms` };
  }

  async #reach(opening: AbortSignal): Promise<ProbeOutcome> {
    if (this.#isDoubtful && this.#link !== undefined) this.#drop(this.#link);
    this.#isDoubtful = false;
    const link = this.#link;
    if (link !== undefined) {
      // Whatever else it says may be about this connection alone.
      const first = await this.#raceHedge(this.#ask(link));
      if (first?.kind === 'works') return first;
      this.#drop(link);
    }
    return this.#askEveryBroker(opening);
  }

  async #group(groupId: string): Promise<ProbeOutcome> {
    const link = this.#link;
    if (link === undefined) return { kind: 'nothing', because: 'there is no connection' };
    try {
      const coordinator = await link.coordinator(groupId);
      await coordinator.heartbeat({ groupId, groupGenerationId: -1, memberId: NO_MEMBER });
      return { kind: 'works', clusterId: null };
    } catch (error) {
      const outcome = groupOutcomeOf(judge(error));
      // kafkajs keeps a dead socket after a time limit, and asks over it again and again.
      if (outcome.kind === 'fails') this.#isDoubtful = true;
      return outcome;
    }
  }

  close(): void {
    this.#opening.abort();
    const link = this.#link;
    if (link !== undefined) this.#drop(link);
  }

  async #ask(link: KafkaLink): Promise<ProbeOutcome> {
    try {
      const { clusterId, addresses } = await link.brokers();
      // A KRaft broker that is fenced answers, and is not in its own list. So it is for a moment after a long stop (SIGCONT): over a
      // connection that was made then, kafkajs would know no broker for ever. Seen on Kafka 4.3.1.
      if (addresses.length === 0) return { kind: 'fails', because: NAMES_NO_BROKER };
      for (const address of addresses) this.#learned.add(address);
      return { kind: 'works', clusterId };
    } catch (error) {
      return outcomeOf(judge(error));
    }
  }

  /** The answer, or undefined where it does not come at once: then the others are asked, too. */
  async #raceHedge(asking: Promise<ProbeOutcome>): Promise<ProbeOutcome | undefined> {
    let cancel = (): void => {};
    const hedge = new Promise<undefined>((resolve) => {
      cancel = this.#world.after(this.#options.timeoutMs * HEDGE_SHARE, () => resolve(undefined));
    });
    const outcome = await Promise.race([asking, hedge]);
    cancel();
    return outcome;
  }

  /** A cluster lives as long as one of its brokers answers. */
  async #askEveryBroker(opening: AbortSignal): Promise<ProbeOutcome> {
    let seeds: readonly string[];
    try {
      const { timeoutMs } = this.#options;
      const deadlineAtMs = this.#world.nowMs() + timeoutMs;
      const asked = await untilDeadline(this.#world, deadlineAtMs, seedsOf(this.#config.brokers));
      // A function of the user's that hangs must not blind us: where the brokers are was learned before.
      seeds = asked.kind === 'settled' ? asked.value : [];
    } catch (error) {
      if (this.#learned.size === 0) return { kind: 'nothing', because: judge(error).because };
      seeds = [];
    }
    const addresses = [...new Set([...seeds, ...this.#learned])];
    const outcomes: ProbeOutcome[] = [];
    const attempts = addresses.map(async (address) => {
      const outcome = await this.#askBroker(address, opening);
      if (outcome.kind === 'works') return outcome;
      outcomes.push(outcome);
      throw new Error(`no answer of ${address}`);
    });
    try {
      return await Promise.any(attempts);
    } catch {
      return worstOf(outcomes);
    }
  }

  async #askBroker(address: string, opening: AbortSignal): Promise<ProbeOutcome> {
    const startedAtMs = this.#world.nowMs();
    let link: KafkaLink | undefined;
    try {
      link = await KafkaLink.open(
        this.#world,
        { ...this.#config, brokers: [address] },
        { onClosed: () => this.#onClosed(link), signal: opening },
      );
      // Nobody else knows of the link yet: a question that kafkajs never ends goes with its round.
      const outcome = await untilAborted(opening, this.#ask(link));
      if (outcome.kind === 'works' && this.#link === undefined && !opening.aborted) {
        this.#link = link;
      } else {
        void link.close();
      }
      return outcome;
    } catch (error) {
      void link?.close();
      const outcome = outcomeOf(judge(error));
      const tookMs = this.#world.nowMs() - startedAtMs;
      const isAtOnce = tookMs < this.#options.timeoutMs * REFUSED_AT_ONCE_SHARE;
      return outcome.kind === 'gone' && !isAtOnce
        ? { kind: 'fails', because: outcome.because }
        : outcome;
    }
  }

  #onClosed(link: KafkaLink | undefined): void {
    if (link === undefined || this.#link !== link) return;
    this.#drop(link);
    this.#options.onClosed();
  }

  #drop(link: KafkaLink): void {
    if (this.#link === link) this.#link = undefined;
    void link.close();
  }
}

async function seedsOf(brokers: KafkaConfig['brokers']): Promise<readonly string[]> {
  return typeof brokers === 'function' ? await brokers() : brokers;
}

function outcomeOf(failure: Failure): ProbeOutcome {
  const { because } = failure;
  if (failure.about === 'auth') return { kind: 'refused', because };
  if (failure.about !== 'cluster') return { kind: 'nothing', because };
  return failure.kind === 'no-connection' ? { kind: 'gone', because } : { kind: 'fails', because };
}

/** A coordinator that refuses a member that it does not know works. */
function groupOutcomeOf(failure: Failure): ProbeOutcome {
  const { because } = failure;
  if (failure.about === 'group') return { kind: 'works', clusterId: null };
  const isFault =
    failure.about === 'cluster' || (failure.about === 'coordinator' && failure.kind !== 'moved');
  return isFault ? { kind: 'fails', because } : { kind: 'nothing', because };
}

/** Of several brokers that do not work: one that lets us not in lives, one that is silent may. */
function worstOf(outcomes: readonly ProbeOutcome[]): ProbeOutcome {
  const find = (kind: ProbeOutcome['kind']): ProbeOutcome | undefined =>
    outcomes.find((one) => one.kind === kind);
  return (
    find('refused') ??
    find('fails') ??
    find('gone') ??
    find('nothing') ?? { kind: 'nothing', because: 'the options name no broker' }
  );
}
