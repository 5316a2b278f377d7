import { fork, type ChildProcess } from 'node:child_process';
import { FaultProxy, waitFor } from '../../stack/index.js';
import type { StayReason } from '../../src/strategy/strategy.js';
import { factsOf, type Testimony } from './fleet-judge.js';
import type {
  AgreementSettings,
  Alias,
  Fact,
  FactOf,
  MemberSettings,
  MemberStatus,
  Order,
  SwitchOrder,
} from './fleet-messages.js';

const MEMBER_COUNT = 6;
const LIMIT_MS = 90_000;
/** Of a whole fleet: some 300 a second. */
const SEND_EVERY_MS = 20;

/** One process of a fleet, and what it has told. */
export class Member implements Testimony {
  readonly name: string;
  /** In front of A, for this process alone. */
  readonly proxy: FaultProxy;
  readonly facts: Fact[] = [];
  readonly #child: ChildProcess;
  #status: MemberStatus | undefined;
  #life: 'running' | 'killed' | 'ended' = 'running';
  #said = '';

  constructor(program: string, settings: MemberSettings, proxy: FaultProxy) {
    this.name = settings.name;
    this.proxy = proxy;
    this.#child = fork(program, [JSON.stringify(settings)], {
      execArgv: [],
      env: { ...process.env, KAFKAJS_NO_PARTITIONER_WARNING: '1' },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#said = (this.#said + chunk.toString('utf8')).slice(-2_000);
    });
    this.#child.on('message', (fact: Fact) => {
      if (fact.kind === 'status') this.#status = fact.status;
      else this.facts.push(fact);
    });
    this.#child.on('exit', () => {
      if (this.#life === 'running') this.#life = 'ended';
    });
  }

  get isAlive(): boolean {
    return this.#life !== 'killed';
  }

  /** How it was a moment ago. */
  get status(): MemberStatus {
    if (this.#life === 'ended') throw new Error(`${this.name} has ended. ${this.#said}`.trim());
    if (this.#status === undefined) throw new Error(`${this.name} has not said anything yet`);
    return this.#status;
  }

  order(order: Order): void {
    this.#child.send(order);
  }

  switchTo(to: Alias, options: SwitchOrder): void {
    this.order({ kind: 'switch', to, options });
  }

  /** Facts of a kind, from a place in the list of all on. */
  since<Kind extends Fact['kind']>(mark: number, kind: Kind): readonly FactOf<Kind>[] {
    return this.facts.slice(mark).filter((fact): fact is FactOf<Kind> => fact.kind === kind);
  }

  /** SIGSTOP. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  /** SIGCONT. */
  resume(): void {
    this.#child.kill('SIGCONT');
  }

  /** kill -9. Resolves when it has ended and all that it told is known. */
  async kill(): Promise<void> {
    this.#life = 'killed';
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** Six processes with one agreement. */
export class Fleet {
  readonly topic: string;
  readonly members: readonly [Member, Member, Member, Member, Member, Member];

  private constructor(topic: string, members: readonly Member[]) {
    this.topic = topic;
    // Proven: there are MEMBER_COUNT of them.
    this.members = members as unknown as Fleet['members'];
  }

  /**
   * Starts the processes, and resolves when all are at work on A, have heard each other, and see two healthy clusters.
   *
   * @param program - `fleet-member.ts`, compiled.
   */
  static async start(
    program: string,
    { topic, agreement }: { topic: string; agreement: AgreementSettings },
    brokers: MemberSettings['brokers'],
  ): Promise<Fleet> {
    const [host = '', port = ''] = brokers.A[0]?.split(':') ?? [];
    const members: Member[] = [];
    for (let number = 1; number <= MEMBER_COUNT; number += 1) {
      const proxy = await FaultProxy.start({ target: { host, port: Number(port) } });
      const settings: MemberSettings = {
        name: `${topic}-${number}`,
        brokers,
        portOfA: proxy.port,
        topic,
        sendEveryMs: SEND_EVERY_MS,
        agreement,
      };
      members.push(new Member(program, settings, proxy));
    }
    const fleet = new Fleet(topic, members);
    await fleet.untilReady('A');
    return fleet;
  }

  get alive(): readonly Member[] {
    return this.members.filter(({ isAlive }) => isAlive);
  }

  /** How many facts each member has told so far. */
  get marks(): ReadonlyMap<Member, number> {
    return new Map(this.members.map((member) => [member, member.facts.length]));
  }

  /** All that live are there, at rest, by the same newest decision. */
  async untilOn(cluster: Alias, members: readonly Member[] = this.alive): Promise<void> {
    await until(`${names(members)} to be on ${cluster}`, members, ({ status }) => {
      const { state, active, decision, obeyedEpoch } = status;
      return (
        state === 'steady' &&
        active === cluster &&
        (decision?.cluster ?? cluster) === cluster &&
        obeyedEpoch === (decision?.epoch ?? 0)
      );
    });
    await this.untilSame(members);
  }

  /** All know the same newest decision, and have obeyed it. */
  async untilSame(members: readonly Member[] = this.alive): Promise<void> {
    await waitFor(
      'one newest decision, obeyed by all',
      () =>
        new Set(
          members.map(({ status }) => {
            const { state, active, decision, obeyedEpoch } = status;
            const isObeyed = decision === undefined || decision.epoch === obeyedEpoch;
            const isThere = decision === undefined || decision.cluster === active;
            return state === 'steady' && isObeyed && isThere
              ? `${active} by ${obeyedEpoch}`
              : `not yet: ${JSON.stringify(status)}`;
          }),
        ),
      {
        until: (words) => words.size === 1 && ![...words][0]?.startsWith('not yet'),
        timeoutMs: LIMIT_MS,
      },
    );
  }

  /** All work on the cluster, and could leave it by plan. */
  async untilReady(cluster: Alias): Promise<void> {
    await this.untilOn(cluster);
    await until('a fleet that is ready', this.alive, ({ status }) => {
      const { isReady, consumer, heardCount } = status;
      return isReady && consumer === 'running' && heardCount === this.alive.length;
    });
  }

  /** Nobody sends any more, and all that was sent has an answer. Answers how many sends have failed. */
  async rest(): Promise<number> {
    const { marks } = this;
    for (const member of this.alive) member.order({ kind: 'rest' });
    const rested = (member: Member) => member.since(marks.get(member) ?? 0, 'rested')[0];
    await until('all sends to have an answer', this.alive, (one) => rested(one) !== undefined);
    return this.alive.reduce((sum, one) => sum + (rested(one)?.failedSendCount ?? 0), 0);
  }

  work(): void {
    for (const member of this.alive) member.order({ kind: 'work' });
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    await Promise.all(this.members.map(({ proxy }) => proxy.close()));
  }
}

/** Waits until it is so for each of the members; says of which it is not. */
export async function until(
  what: string,
  members: readonly Member[],
  isSo: (member: Member) => boolean,
): Promise<void> {
  await waitFor(
    what,
    () => members.filter((one) => !isSo(one)).map(({ name, status }) => ({ name, ...status })),
    { until: (others) => others.length === 0, timeoutMs: LIMIT_MS, everyMs: 20 },
  );
}

function names(members: readonly Member[]): string {
  return members.map(({ name }) => name).join(', ');
}

/** Places in the lists of what the members have told. */
export type Marks = Fleet['marks'];

export const toldSince = (marks: Marks): readonly Testimony[] =>
  [...marks].map(([{ name, facts }, mark]) => ({ name, facts: facts.slice(mark) }));

export const decidedSince = (marks: Marks): readonly FactOf<'decided'>[] =>
  toldSince(marks).flatMap((one) => factsOf(one, 'decided'));

/** By the epochs of the decisions that were heard. */
export const epochsSince = (marks: Marks): readonly number[] => [
  ...new Set(decidedSince(marks).map(({ epoch }) => epoch)),
];

/** Each of them has said why it stays. */
export function untilTheySay(
  because: StayReason,
  members: readonly Member[],
  marks: Marks,
): Promise<void> {
  return until(`the reason to stay: ${because}`, members, (each) =>
    each.since(marks.get(each) ?? 0, 'stayed').some((stayed) => stayed.because === because),
  );
}
