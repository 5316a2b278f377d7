import type {
  AgreedDecision,
  Agreement,
  AgreementContext,
  AgreementNews,
  AgreementStore,
} from '../../src/agreement/agreement.js';
import { kafkaAgreement } from '../../src/agreement/kafka.js';
import type { MemoryWorld, Random } from '../../src/testing/index.js';
import { sleep } from '../../src/wait.js';
import { memoryAgreement } from '../support/memory-agreement.js';
import type { FleetAgreement } from './agreeing.js';
import { DECISIONS_TOPIC, decisionOf, watchDecisionLogs } from './decision-logs.js';
import type { HistoryEvent } from './history.js';
import type { Fact } from './service.js';

/** Which processes something is about. */
export type Who = 'all' | 'even' | 'odd' | 'none';

/** A process, as its agreement sees it. */
export interface Voter {
  readonly number: number;
  /** Its name among the members; undefined: one that it draws. */
  readonly instance: string | undefined;
  isDead(): boolean;
  note(fact: Fact): void;
}

/** How long a process that is cut off waits for nothing, in milliseconds. */
const TIMEOUT_MS = 500;

/** Longest way of a question to one that is well, in milliseconds: a fraction of each heartbeat. */
const QUICK_MS = 60;

/** What somebody writes in the place of a decision. */
const GARBAGE = [
  '{"cluster":',
  '{"cluster":"C","epoch":9}',
  'B',
  '{"cluster":"B","epoch":-1}',
  '[]',
];

/**
 * Where the fleet's decisions are kept, what goes wrong with it, and its own account of what it held and who was in contact. A
 * control plane outside of the clusters can be cut off; what happens to the clusters happens to the decisions in them.
 */
export class ControlPlane {
  readonly #agreement: FleetAgreement;
  readonly #memory: MemoryWorld;
  readonly #random: Random;
  readonly #note: (fact: Fact) => void;
  readonly #plane: ReturnType<typeof memoryAgreement>;
  /** Every decision that was in force at some time, in their order. */
  readonly #held: AgreedDecision[] = [];
  #text: string | undefined;
  #cut: Who = 'none';
  #latencyMaxMs: number;

  constructor(agreement: FleetAgreement, memory: MemoryWorld, events: HistoryEvent[]) {
    this.#agreement = agreement;
    this.#memory = memory;
    this.#random = memory.random.fork('control-plane');
    this.#note = (fact) => void events.push({ ...fact, atMs: memory.clock.nowMs() });
    this.#latencyMaxMs = agreement.latencyMaxMs;
    this.#plane = memoryAgreement({
      latencyMs: () => 1 + this.#random.below(this.#latencyMaxMs),
      onText: (text) => this.#onText(text),
    });
    if (agreement.store === 'kafka') watchDecisionLogs(memory, (held) => this.#onHeld(held));
  }

  /** The decision in force; undefined where none was ever made. */
  get newest(): AgreedDecision | undefined {
    return this.#held.toSorted((a, b) => b.epoch - a.epoch)[0];
  }

  /** The agreement as one process has it. */
  agreementFor(voter: Voter): Agreement {
    const { store, quorum, heartbeatMs, leaseMs, onUnknownAtStart } = this.#agreement;
    const { instance } = voter;
    const limits = {
      quorum,
      heartbeatMs,
      onUnknownAtStart,
      ...(leaseMs === undefined ? {} : { leaseMs }),
      ...(instance === undefined ? {} : { instance }),
    };
    const agreement = store === 'kafka' ? kafkaAgreement(limits) : this.#plane.with(limits);
    return { ...agreement, open: (context) => this.#open(agreement, context, voter) };
  }

  /** These processes cannot reach it. The clusters are cut off by other means. */
  cutOff(who: Who): void {
    if (this.#agreement.store === 'plane') this.#cut = who;
  }

  /** A backup is restored: an older decision, as if it were in force. */
  restore(): void {
    const older = this.#held.at(-2);
    if (this.#agreement.store === 'plane' && older !== undefined) this.#write(older);
  }

  /** Somebody writes nonsense. */
  garble(): void {
    const text = this.#random.pick(GARBAGE);
    if (this.#agreement.store === 'plane') {
      this.#note({ kind: 'lost', above: 0 });
      this.#plane.write(text);
      return;
    }
    const cluster = this.#memory.cluster(this.#random.pick(['A', 'B']));
    if (cluster.partitionCount(DECISIONS_TOPIC) === 0) return;
    cluster.append(DECISIONS_TOPIC, 0, [{ key: 'somebody', value: text }]);
  }

  /** A person decides, with a number of his own. */
  decide(cluster: string, mode: AgreedDecision['mode']): void {
    if (this.#agreement.store !== 'plane') return;
    const epoch = (this.newest?.epoch ?? 0) + 1 + this.#random.below(5);
    this.#write({ epoch, cluster, mode, reason: 'a person', by: 'operator' });
  }

  /** It can be reached, and holds the newest decision. */
  heal(): void {
    this.#cut = 'none';
    const { newest } = this;
    if (this.#agreement.store !== 'plane' || newest === undefined) return;
    if (decisionOf(this.#text ?? '')?.epoch !== newest.epoch) this.#write(newest);
  }

  /** It answers so soon that no lease ends for it. */
  quicken(): void {
    this.#latencyMaxMs = Math.min(this.#latencyMaxMs, QUICK_MS);
  }

  #write({ cluster, epoch, mode, reason, by }: AgreedDecision): void {
    this.#note({ kind: 'lost', above: epoch });
    this.#plane.write(JSON.stringify({ cluster, epoch, mode, reason, by }));
  }

  #onText(text: string): void {
    this.#text = text;
    const decision = decisionOf(text);
    if (decision !== undefined) this.#onHeld(decision);
  }

  #onHeld(decision: AgreedDecision): void {
    this.#note({ kind: 'held', decision });
    if (!this.#held.some(({ epoch }) => epoch === decision.epoch)) this.#held.push(decision);
  }

  #isCut({ number, isDead }: Voter): boolean {
    const parity = number % 2 === 0 ? 'even' : 'odd';
    return isDead() || this.#cut === 'all' || this.#cut === parity;
  }

  /** A store that can be cut off, and writes down what passes. */
  #open(agreement: Agreement, context: AgreementContext, voter: Voter): AgreementStore {
    const { number: process, note } = voter;
    const { world } = context;
    const known = new Set<string>();
    const hear = (decision: AgreedDecision): void => {
      const text = JSON.stringify(decision);
      if (known.has(text)) return;
      known.add(text);
      note({ kind: 'heard', process, decision });
    };
    const tell = (news: AgreementNews): void => {
      if (this.#isCut(voter)) return;
      if (news.kind === 'decision') hear(news.decision);
      context.tell(news);
    };
    const passing = async <T>(signal: AbortSignal, pass: () => Promise<T>): Promise<T> => {
      if (!this.#isCut(voter)) {
        const answer = await pass();
        if (!this.#isCut(voter)) return answer;
      }
      await sleep(world, TIMEOUT_MS, { signal });
      throw new Error('the agreement does not answer');
    };
    const store = agreement.open({ ...context, tell });
    let stated = '';
    note({ kind: 'contact', process, sinceMs: world.nowMs() });
    return {
      async exchange(self, signal) {
        const sinceMs = world.nowMs();
        const { obeyedEpoch: epoch, cluster, wants } = self;
        const statement = { epoch, cluster, wants };
        if (stated !== JSON.stringify(statement)) note({ kind: 'stated', process, ...statement });
        stated = JSON.stringify(statement);
        await passing(signal, () => store.exchange(self, signal));
        if (!signal.aborted) note({ kind: 'contact', process, sinceMs });
      },
      async propose(proposal, after, signal) {
        const { cluster: to, by } = proposal;
        note({ kind: 'proposing', process, to, by });
        const decision = await passing(signal, () => store.propose(proposal, after, signal));
        hear(decision);
        note({ kind: 'proposed', process, to, epoch: decision.epoch });
        return decision;
      },
      close: () =>
        voter.isDead() && this.#agreement.store === 'plane' ? Promise.resolve() : store.close(),
    };
  }
}
