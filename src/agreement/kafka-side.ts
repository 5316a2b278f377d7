import type {
  AgreedDecision,
  AgreementContext,
  ControlLog,
  ControlRecords,
  MemberState,
} from './agreement.js';
import { writeDecision } from './decision.js';
import { lastWords, nextEpoch, readDecisionRecord } from './kafka-log.js';
import { writeFarewell, writeMember } from './member.js';
import { TopicReader } from './topic-reader.js';

/** Decisions are few, and are kept for ever. */
const DECISIONS_SETTINGS = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
};

/** Of what members said only the newest counts. */
const MEMBERS_SETTINGS = {
  'cleanup.policy': 'delete',
  'retention.ms': '3600000',
  'segment.ms': '600000',
};

/** So many statements of members are read at first: of a large fleet, and of some minutes. */
const RECENT_RECORDS = 1_000n;

/**
 * What one cluster holds of an agreement: two topics, which are told as they are read. Their names begin with `__`, which
 * MirrorMaker's default `topics.exclude` keeps out, so neither cluster ever holds what was said on the other one. (Names that end
 * in `.internal` are kept out by MirrorMaker 3 only; the default of 4 is `mm2.*\.internal, .*\.replica, __.*`.)
 *
 * @internal
 */
export class KafkaSide {
  readonly alias: string;
  readonly #context: AgreementContext;
  readonly #decisions: ControlLog;
  readonly #members: ControlLog;
  readonly #decisionReader: TopicReader;
  readonly #memberReader: TopicReader;
  #newest: AgreedDecision | undefined;

  constructor(alias: string, topicPrefix: string, context: AgreementContext) {
    const { world } = context;
    this.alias = alias;
    this.#context = context;
    this.#decisions = context.log(alias, `__${topicPrefix}.decisions`, DECISIONS_SETTINGS);
    this.#members = context.log(alias, `__${topicPrefix}.members`, MEMBERS_SETTINGS);
    this.#decisionReader = new TopicReader({
      world,
      log: this.#decisions,
      from: 'beginning',
      onRecords: (records) => this.#onDecisions(records),
    });
    this.#memberReader = new TopicReader({
      world,
      log: this.#members,
      from: { beforeEnd: RECENT_RECORDS },
      onRecords: (records) => this.#onMembers(records),
    });
  }

  /** The newest decision of this cluster's log, as far as it was read. */
  get newest(): AgreedDecision | undefined {
    return this.#newest;
  }

  /** Reads what comes, in both topics, until the signal is aborted. */
  follow(signal: AbortSignal): void {
    void this.#decisionReader.follow(signal);
    void this.#memberReader.follow(signal);
  }

  /** Says what this process is. Resolves when everything was told that both topics held at that time. */
  async exchange(self: MemberState, signal: AbortSignal): Promise<void> {
    const state = async (): Promise<void> => {
      await this.#members.append(self.instance, writeMember(self));
      await this.#memberReader.readToEnd(signal);
    };
    await Promise.all([state(), this.#decisionReader.readToEnd(signal)]);
  }

  readDecisions(signal: AbortSignal): Promise<void> {
    return this.#decisionReader.readToEnd(signal);
  }

  /** Writes a decision with the next epoch above `above`. Whether it counts shows what is read. */
  decide(decision: Omit<AgreedDecision, 'epoch'>, above: number, instance: string): Promise<void> {
    const epoch = nextEpoch({ alias: this.alias, aliases: this.#context.aliases }, above);
    return this.#decisions.append(`${epoch}/${instance}`, writeDecision({ ...decision, epoch }));
  }

  /** Says that a process has left. */
  leave(self: MemberState): Promise<void> {
    return this.#members.append(self.instance, writeFarewell(self));
  }

  async close(): Promise<void> {
    await Promise.all([this.#decisions.close(), this.#members.close()]);
  }

  #onDecisions(records: ControlRecords['records']): void {
    const log = { alias: this.alias, aliases: this.#context.aliases };
    for (const { offset, value = '' } of records) {
      const read = readDecisionRecord(log, this.#newest?.epoch ?? 0, value);
      if (read.kind === 'void') continue;
      if (read.kind === 'refused') {
        this.#refuse(`decision ${offset}`, read.because);
        continue;
      }
      this.#newest = read.decision;
      this.#context.tell(read);
    }
  }

  #onMembers(records: ControlRecords['records']): void {
    for (const read of lastWords(records)) {
      if (read.kind === 'refused') this.#refuse('a member', read.because);
      else this.#context.tell(read);
    }
  }

  #refuse(what: string, because: string): void {
    this.#context.tell({
      kind: 'refused',
      because: `${what} on cluster ${this.alias}: ${because}`,
    });
  }
}
