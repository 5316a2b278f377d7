import type { Consumer } from 'kafkajs';
import type { ClusterAccess, Commit } from '../cluster/access.js';
import type { ClusterSession } from '../cluster/session.js';
import { sleep, untilAborted, untilDeadline } from '../wait.js';
import type { World } from '../world.js';
import type { PausedTopic, Pauses } from './pauses.js';
import { aheadOf, commitAsMember, type Member, type ResumePosition } from './resume.js';
import type { PhysicalOffset } from './commits.js';
import type { TopicNames } from './subscription.js';
import type { MovedBy } from './sought.js';

/** @internal What late positions are put in place with. */
export interface LatePositionsParts {
  readonly session: ClusterSession;
  readonly consumer: Consumer;
  readonly access: () => ClusterAccess;
  readonly groupId: string;
  readonly world: World;
  /** The user's own pauses, by original names. */
  readonly pauses: Pauses;
  /** True where it is not the consumer in force yet. */
  readonly isWaiting: () => boolean;
  /** True where kafkajs has joined and not looked for the group's commits yet. */
  readonly isBeforeFetch: () => boolean;
  /** After a join: no partition is held back (any more). */
  readonly onSettled: () => void;
  readonly member: Member & {
    readonly names: TopicNames;
    seek(entry: PhysicalOffset & { offset: string }, by: MovedBy): void;
  };
}

/** Commits that could not be read, and have to be, are asked for again after so long, in milliseconds. */
const ASKED_AGAIN_MS = 500;

/** How long a fetch waits for positions, in milliseconds. */
const FETCH_WAITS_MS = 500;

/** By physical names. */
type Assignment = Readonly<Record<string, readonly number[]>>;

/**
 * Positions that could not be committed for the group before the join, because it had members. Who joins seeks to those
 * of its partitions; but joining may take minutes, and meanwhile another instance may have gone further. So, from the join
 * on, these partitions are held back until the group's commits were read once more:
 *
 * ```
 * GROUP_JOIN ── pause ──► read the commits ──► seek where they are still behind ──► commit what was sought ── resume
 *      ▲                        │
 *      └──── a rebalance ◄──────┘  the answer is dropped, and what is assigned then begins anew
 * ```
 *
 * Where they cannot be read it seeks: records may be handled again, none is skipped. But a position that another member may have put in place and gone back from since, or that
 * any commit outranks, waits until they can be.
 *
 * @internal
 */
export class LatePositions {
  readonly #parts: LatePositionsParts;
  #open: readonly ResumePosition[] = [];
  /** The group's commits, where they were asked for before they were needed. */
  #early: Promise<readonly Commit[] | undefined> | undefined;
  /** The partitions that are held back: kafkajs has them paused, the user has not. */
  #held: readonly PhysicalOffset[] = [];
  #assignment: Assignment = {};
  #settling: Promise<void> = Promise.resolve();
  /** One for each state of the membership: work that began in another one is dropped. */
  #round = 0;

  constructor(parts: LatePositionsParts) {
    this.#parts = parts;
  }

  /** Before the first join; or, of a member that waits behind its join, before it goes on: the commits are read at once then. */
  set(positions: readonly ResumePosition[]): void {
    this.#open = positions;
    this.#early = this.#parts.isWaiting() && positions.length > 0 ? this.#committed() : undefined;
  }

  /** What is not in the group's commits yet. It outlives the inner consumer: the next one of its epoch goes on with it. */
  get open(): readonly ResumePosition[] {
    return this.#open;
  }

  readonly isOpen = (topic: string, partition: number): boolean =>
    this.#open.some((one) => one.topic === topic && one.partition === partition);

  /**
   * Waits until no partition is held back, for half a second at most: the other partitions should not wait for longer. kafkajs would sleep for `maxWaitTimeInMs` (five
   * seconds) where all partitions are paused, or no other one has records, and nothing wakes it.
   */
  beforeFetch(): Promise<void> {
    return this.#settling;
  }

  /** User code moved this partition: that counts. */
  drop(topic: string, partition: number): void {
    this.#open = this.#open.filter((one) => one.topic !== topic || one.partition !== partition);
  }

  /**
   * In kafkajs's GROUP_JOIN, where a pause holds back also the first fetch. What another member got it seeks itself, and no
   * seek is made here: kafkajs would keep it, and it would fire when the partition comes here hours later. But the position
   * is kept: a member that leaves before it has sought (it was stopped while it joined) leaves the partition without one.
   */
  joined(assignment: Assignment): void {
    this.#round += 1;
    this.#assignment = assignment;
    this.#release();
    this.#held = this.#open.filter((one) => this.#isHere(one));
    if (this.#held.length === 0) {
      this.#parts.onSettled();
      void this.#look(this.#round);
      return;
    }
    this.hold();
    const { world } = this.#parts;
    // It fails where kafkajs has let go of its group, and then there is nothing to move any more.
    const settled = this.#settle(this.#round).catch(() => {});
    this.#settling = untilDeadline(world, world.nowMs() + FETCH_WAITS_MS, settled).then(() => {});
  }

  /** A rebalance began: what is held now stays so, and the next join decides. */
  interrupt(): void {
    this.#round += 1;
    // Until now nobody else could commit for these partitions.
    this.#early = undefined;
  }

  /**
   * Again, where the user's `resume` may have ended it. For kafkajs a pause of some partitions ends the pause of a whole
   * topic; so those that the user has paused are named as well.
   */
  hold(): void {
    const { consumer, pauses, member } = this.#parts;
    for (const topic of topicsOf(this.#held)) {
      const held = this.#held.filter((one) => one.topic === topic).map((one) => one.partition);
      const original = member.names.originalOf(topic);
      const paused = (this.#assignment[topic] ?? []).filter((partition) =>
        pauses.isPaused(original, partition),
      );
      consumer.pause([{ topic, partitions: [...new Set([...held, ...paused])] }]);
    }
  }

  /** None of them is here: what the group has of the others' is noted all the same. */
  async #look(round: number): Promise<void> {
    if (this.#open.every(({ seen }) => seen !== undefined)) return;
    const existing = await this.#committed();
    if (round !== this.#round || existing === undefined) return;
    this.#open = aheadOf(this.#open, existing).map((one) => withSeen(one, existing));
  }

  async #settle(round: number): Promise<void> {
    const { member, world } = this.#parts;
    const existing = await this.#known(round);
    if (round !== this.#round || member.isRetired) return;
    const behind = existing === undefined ? this.#open : aheadOf(this.#open, existing);
    const here = behind.filter((one) => this.#isHere(one));
    tellRemoved(here, member);
    const sought = await this.#withoutSeek(here, member);
    if (round !== this.#round || member.isRetired) return;
    // Without what user code has moved meanwhile.
    const open = behind.filter((one) => this.isOpen(one.topic, one.partition));
    for (const { topic, partition, offset, voided } of sought) {
      const by = { voidedUpTo: voided?.last };
      member.seek({ topic, partition, offset: String(offset) }, by);
    }
    // A seek forgets it.
    tellRemoved(sought, member);
    // After the seeks: should a rebalance come before the commit, they are needed once more.
    this.#open = open;
    // Held back until they are committed: a fetch that kafkajs has begun before the seek would read from the log's
    // beginning. Its answer is dropped, but kafkajs keeps the offset as resolved, and would commit it behind ours.
    if (sought.length > 0) await commitAsMember(world, member, sought, this.isOpen);
    // Stopped before it was committed: the next inner consumer goes on with it.
    if (round !== this.#round || member.isRetired) return;
    const elsewhere = this.#open.filter((one) => !this.#isHere(one));
    this.#open = elsewhere.map((one) => withSeen(one, existing));
    this.#release();
    this.#parts.onSettled();
  }

  /**
   * Before the first fetch a commit is enough: kafkajs takes what is committed through it for what the group has committed. It is no seek, so
   * what is awaited here stays so.
   *
   * @returns those for which it was not.
   */
  async #withoutSeek(
    here: readonly ResumePosition[],
    member: Member,
  ): Promise<readonly ResumePosition[]> {
    if (here.length === 0 || !this.#parts.isBeforeFetch()) return here;
    await commitAsMember(this.#parts.world, member, here, this.isOpen);
    return here.filter(({ topic, partition, offset }) => {
      const isThere = member.laneOf(topic, partition)?.progress.committed === offset;
      return !isThere && this.isOpen(topic, partition);
    });
  }

  #isHere({ topic, partition }: PhysicalOffset): boolean {
    return this.#assignment[topic]?.includes(partition) === true;
  }

  /** The group's commits; undefined where they cannot be read, and every position here may be sought all the same. */
  async #known(round: number): Promise<readonly Commit[] | undefined> {
    const { world, session, member } = this.#parts;
    const early = this.#early;
    this.#early = undefined;
    let known = await (early?.then((all) => all ?? this.#committed()) ?? this.#committed());
    while (known === undefined && this.#mustKnow) {
      await sleep(world, ASKED_AGAIN_MS, { signal: session.signal }).catch(() => {});
      if (round !== this.#round || member.isRetired) break;
      known = await this.#committed();
    }
    return known;
  }

  /** One of those here may lead too far: what another member has done counts more. */
  get #mustKnow(): boolean {
    return this.#open.some(
      (one) => this.#isHere(one) && (one.ifNone === true || one.seen !== undefined),
    );
  }

  async #committed(): Promise<readonly Commit[] | undefined> {
    const { access, groupId, session } = this.#parts;
    try {
      return await untilAborted(session.signal, access().committed(groupId, topicsOf(this.#open)));
    } catch {
      return undefined;
    }
  }

  /** Leaves paused what the user has paused. */
  #release(): void {
    const { consumer, pauses, member } = this.#parts;
    const { pause, resume } = pauses.calls();
    for (const topic of topicsOf(this.#held)) {
      const original = member.names.originalOf(topic);
      const here = (list: readonly PausedTopic[]): PausedTopic[] =>
        list.filter((one) => one.topic === original).map((one) => ({ ...one, topic }));
      consumer.resume([{ topic }]);
      consumer.pause(here(pause));
      consumer.resume(here(resume));
    }
    this.#held = [];
  }
}

function tellRemoved(
  positions: readonly ResumePosition[],
  member: LatePositionsParts['member'],
): void {
  for (const { topic, partition, removed } of positions) {
    member.laneOf(topic, partition)?.progress.removed.add(removed);
  }
}

/** Its partition is another member's: as long as the group's commit stays, that one has not put it in place. */
function withSeen(one: ResumePosition, existing: readonly Commit[] | undefined): ResumePosition {
  if (existing === undefined || one.seen !== undefined) return one;
  const isOf = ({ topic, partition }: Commit): boolean =>
    topic === one.topic && partition === one.partition;
  return { ...one, seen: { offset: existing.find(isOf)?.offset } };
}

function topicsOf(list: readonly PhysicalOffset[]): readonly string[] {
  return [...new Set(list.map(({ topic }) => topic))];
}
