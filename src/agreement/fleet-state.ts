import { unreachable } from '../unreachable.js';
import type { AgreedDecision, AgreementNews, MemberState, Quorum } from './agreement.js';

/** @internal A member, and when it was last heard. */
export interface HeardMember {
  readonly member: MemberState;
  /** When a new statement of it was heard, in monotonic milliseconds of this process. */
  readonly heardAtMs: number;
  /** It was heard to speak at least twice: the first time it may have been dead for long, and a store repeat its last words. */
  readonly isAlive: boolean;
  /** The life that spoke last under this name. */
  readonly lastHeard: string;
  /** The highest number that was heard of each of its lives, by incarnation: a store may repeat the words of any. */
  readonly spoken: ReadonlyMap<string, number>;
}

/** @internal What is known of a fleet. */
export interface FleetState {
  /** The decision in force; undefined where none was made, or none was heard of. */
  readonly decision: AgreedDecision | undefined;
  /** Everybody who was heard and has not left, this process among them, by instance. */
  readonly members: ReadonlyMap<string, HeardMember>;
}

/** Processes come and go: who was silent for so long is nobody any more, in milliseconds. */
const FORGOTTEN_MS = 1_800_000;

/** The lives of one name that are kept apart: a process that dies at once at each start must not fill the memory. */
const LIVES_KEPT = 32;

/** @internal Nothing is known. */
export const UNKNOWN_FLEET: FleetState = { decision: undefined, members: new Map() };

/**
 * Pure. Of two decisions the one with the higher epoch is in force, whenever it was heard; a member lives as long as it says new
 * things.
 *
 * @internal
 */
export function reduceFleet(state: FleetState, news: AgreementNews, atMs: number): FleetState {
  switch (news.kind) {
    case 'decision':
      return news.decision.epoch > (state.decision?.epoch ?? 0)
        ? { ...state, decision: news.decision }
        : state;
    case 'member': {
      const { member } = news;
      const heard = heardAnew(state.members.get(member.instance), member, atMs);
      if (heard === undefined) return state;
      const others = [...state.members].filter(([, one]) => atMs - one.heardAtMs < FORGOTTEN_MS);
      return { ...state, members: new Map(others).set(member.instance, heard) };
    }
    case 'left': {
      const members = new Map(state.members);
      members.delete(news.instance);
      return { ...state, members };
    }
    case 'refused':
      return state;
    default:
      return unreachable(news);
  }
}

/**
 * What is known of a name after one more statement; undefined where that was heard before. Numbers grow within one life of the
 * process. Between two lives they are compared as well, since they begin at the clock; a later life whose clock is behind counts
 * when it speaks for the second time in a row. Until then the name is not silent, and has no voice.
 */
function heardAnew(
  known: HeardMember | undefined,
  member: MemberState,
  nowMs: number,
): HeardMember | undefined {
  const { incarnation, sequence } = member;
  const highest = known?.spoken.get(incarnation);
  if (highest !== undefined && sequence <= highest) return undefined;
  const others = [...(known?.spoken ?? [])].filter(([life]) => life !== incarnation);
  const spoken = new Map([...others.slice(1 - LIVES_KEPT), [incarnation, sequence]]);
  const counts =
    known === undefined ||
    known.member.incarnation === incarnation ||
    known.member.sequence < sequence ||
    known.lastHeard === incarnation;
  return {
    member: counts ? member : known.member,
    heardAtMs: nowMs,
    isAlive: counts && highest !== undefined,
    lastHeard: incarnation,
    spoken,
  };
}

/** @internal Who has obeyed the newest decision that anybody says to have obeyed. The store may have lost it. */
export function newestMember({ members }: FleetState): MemberState | undefined {
  return [...members.values()]
    .map(({ member }) => member)
    .reduce<MemberState | undefined>(
      (newest, one) =>
        newest === undefined || one.obeyedEpoch > newest.obeyedEpoch ? one : newest,
      undefined,
    );
}

/** @internal How a vote stands. */
export interface Tally {
  /** Members that want it. */
  readonly voices: number;
  /** Members that were heard lately. */
  readonly heard: number;
  /** How many voices it takes. */
  readonly needed: number;
}

/** @internal When a question is put, and how long somebody may be silent, in milliseconds. */
export interface Hearing {
  readonly nowMs: number;
  readonly silentMs: number;
}

/** @internal The same for a vote. */
export interface VoteHearing extends Hearing {
  /** Who was heard since then is a member that counts: see `contact.ts`. Not later than `silentMs` ago. */
  readonly silentSinceMs: number;
}

/**
 * Counts who wants a cluster. Only members count that were heard lately, and only those speak that are known to live, and that know
 * the decision in force: a voice from before it was about another cluster. Who could not be heard for a while counts, and has no
 * voice: the first who is heard after it does not speak for all.
 *
 * @internal
 */
export function tallyOf(
  { members, decision }: FleetState,
  wanted: string,
  quorum: Quorum,
  { nowMs, silentMs, silentSinceMs }: VoteHearing,
): Tally {
  const heard = [...members.values()].filter(({ heardAtMs }) => heardAtMs >= silentSinceMs);
  const epoch = decision?.epoch ?? 0;
  const voices = heard.filter(
    ({ member, heardAtMs, isAlive }) =>
      nowMs - heardAtMs <= silentMs &&
      isAlive &&
      member.wants === wanted &&
      member.obeyedEpoch >= epoch,
  );
  // More than this part of them: the smallest number above it.
  const needed = 'voices' in quorum ? quorum.voices : Math.floor(heard.length * quorum.share) + 1;
  return { voices: voices.length, heard: heard.length, needed };
}

/**
 * True where the decision in force names this cluster, and nobody who was heard lately has obeyed it and works with another one:
 * whoever does was moved alone.
 *
 * @internal
 */
export function isTogetherOn(
  { members, decision }: FleetState,
  cluster: string,
  { nowMs, silentMs }: Hearing,
): boolean {
  if (decision?.cluster !== cluster) return false;
  return [...members.values()].every(
    ({ member, heardAtMs }) =>
      nowMs - heardAtMs > silentMs ||
      member.obeyedEpoch < decision.epoch ||
      // It is starting, and begins where the fleet is.
      member.cluster === '' ||
      member.cluster === cluster,
  );
}

/** @internal Whom the others have to wait for. */
export interface Departure {
  /** The decision that is being obeyed. */
  readonly epoch: number;
  /** Members of these groups only; undefined: all members. */
  readonly groups: readonly string[] | undefined;
  /** The process that asks; it does not wait for itself. */
  readonly instance: string;
}

/**
 * Who may still handle records, or send, in an older epoch: members that have not said that they obey the decision, unless they
 * have been silent for so long that they have stopped by themselves (a lease), or are given up.
 *
 * @internal
 */
export function stillThere(
  { members }: FleetState,
  { epoch, groups, instance }: Departure,
  { nowMs, silentMs }: Hearing,
): readonly HeardMember[] {
  return [...members.values()].filter(
    ({ member, heardAtMs }) =>
      member.instance !== instance &&
      member.obeyedEpoch < epoch &&
      nowMs - heardAtMs <= silentMs &&
      (groups === undefined || member.groups.some((group) => groups.includes(group))),
  );
}
