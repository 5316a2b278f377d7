import type { Leaving } from '../switch/fleet.js';
import { unreachable } from '../unreachable.js';
import type { AgreedDecision, AgreementNews, MemberState, Quorum } from './agreement.js';

/** @internal A member, and when it was last heard. */
export interface HeardMember {
  readonly member: MemberState;
  /** When a new statement of it was heard, in monotonic milliseconds of this process. */
  readonly heardAtMs: number;
  /** It was heard to speak again: the first time it may have been dead for long, and a store repeat its last words. */
  readonly isAlive: boolean;
  /** What another incarnation said last, where it spoke last and is not believed yet. */
  readonly unproven: MemberState | undefined;
  /** The highest sequence that was heard of each incarnation: a store may repeat the words of any. */
  readonly highestSequences: ReadonlyMap<string, number>;
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

/** Of one name: a process that dies at once at each start must not fill the memory. */
const INCARNATIONS_KEPT = 32;

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
      const heard = hearStatement(state.members.get(member.instance), member, atMs);
      if (heard === undefined) return state;
      const others = [...state.members].filter(([, one]) => atMs - one.heardAtMs < FORGOTTEN_MS);
      return { ...state, members: new Map(others).set(member.instance, heard) };
    }
    case 'left': {
      // Told late: another life has begun.
      if (state.members.get(news.instance)?.member.incarnation !== news.incarnation) return state;
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
 * What is known of a name after one more statement; undefined where that was heard before. Sequences grow within an incarnation.
 * Each incarnation begins at its wall clock, so a higher sequence of another one is believed at once. A lower one is a restart whose
 * clock is behind, or a late word of a dead one: it is believed when it is heard for the second time in a row, and until then both may
 * be at work. Whoever is believed anew has no voice before it speaks again.
 */
function hearStatement(
  known: HeardMember | undefined,
  member: MemberState,
  heardAtMs: number,
): HeardMember | undefined {
  const { incarnation, sequence } = member;
  const highest = known?.highestSequences.get(incarnation);
  if (highest !== undefined && sequence <= highest) return undefined;
  const others = [...(known?.highestSequences ?? [])].filter(([each]) => each !== incarnation);
  const highestSequences = new Map([
    ...others.slice(1 - INCARNATIONS_KEPT),
    [incarnation, sequence],
  ]);
  const isSame = known?.member.incarnation === incarnation;
  const isBelieved =
    known === undefined ||
    isSame ||
    known.member.sequence < sequence ||
    known.unproven?.incarnation === incarnation;
  return isBelieved
    ? { member, heardAtMs, isAlive: isSame, unproven: undefined, highestSequences }
    : { member: known.member, heardAtMs, isAlive: false, unproven: member, highestSequences };
}

/** Who may be at work under a name. */
function atWork({ member, unproven }: HeardMember): readonly MemberState[] {
  return unproven === undefined ? [member] : [member, unproven];
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

/** @internal A decision that members have obeyed, and that is not heard here; undefined: there is none. */
export function unheardEpoch(state: FleetState): number | undefined {
  const stated = newestMember(state)?.obeyedEpoch ?? 0;
  return stated > (state.decision?.epoch ?? 0) ? stated : undefined;
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

/** @internal A vote as it is answered. */
export interface Vote extends Tally {
  readonly isReached: boolean;
  readonly isLong: boolean;
  /** Members of consumer groups that were heard lately and do not want it. */
  readonly unwilling: readonly string[];
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
 * Where a fleet works with both clusters those have a say that are where the others would have to leave: who is there already knows no better, and
 * neither stops them nor lets one of them speak for all.
 *
 * @internal
 */
export function tallyOf(
  { members, decision }: FleetState,
  wanted: string,
  quorum: Quorum,
  { nowMs, silentMs, silentSinceMs }: VoteHearing,
): Tally {
  const isAsked = ({ cluster }: MemberState): boolean =>
    decision?.only === undefined || cluster !== wanted;
  const heard = [...members.values()].filter(
    ({ member, heardAtMs }) => heardAtMs >= silentSinceMs && isAsked(member),
  );
  const epoch = decision?.epoch ?? 0;
  const voices = heard.filter(
    ({ member, heardAtMs, isAlive }) =>
      nowMs - heardAtMs <= silentMs &&
      isAlive &&
      member.wants === wanted &&
      member.obeyedEpoch >= epoch,
  );
  // More than this part of them: the smallest number above it.
  const share = 'share' in quorum ? Math.floor(heard.length * quorum.share) + 1 : quorum.voices;
  // A step may have taken fewer than that.
  const isPart = decision?.only !== undefined;
  const needed = isPart ? Math.max(1, Math.min(share, heard.length)) : share;
  return { voices: voices.length, heard: heard.length, needed };
}

/** @internal How a vote stands, in all respects. */
export function voteOn(
  state: FleetState,
  wanted: string,
  { quorum, hearing, isLong }: { quorum: Quorum; hearing: VoteHearing; isLong: boolean },
): Vote {
  const tally = tallyOf(state, wanted, quorum, hearing);
  const unwilling = unwillingFor(state, wanted, hearing);
  return { ...tally, unwilling, isReached: tally.voices >= tally.needed, isLong };
}

/**
 * Members of consumer groups that were heard lately and do not want a cluster: they know what the others cannot see.
 */
function unwillingFor(
  { members }: FleetState,
  wanted: string,
  { nowMs, silentMs }: Hearing,
): readonly string[] {
  return [...members.values()]
    .filter(({ heardAtMs }) => nowMs - heardAtMs <= silentMs)
    .filter(({ member }) => member.groups.length > 0 && member.wants !== wanted)
    .map(({ member }) => member.instance);
}

/**
 * True where the decision in force names this cluster for everybody, and nobody who was heard lately has obeyed it and works with another one:
 * whoever does was moved alone.
 *
 * @internal
 */
export function isTogetherOn(
  { members, decision }: FleetState,
  cluster: string,
  { nowMs, silentMs }: Hearing,
): boolean {
  if (decision?.cluster !== cluster || decision.only !== undefined) return false;
  return [...members.values()].every(
    (heard) =>
      nowMs - heard.heardAtMs > silentMs ||
      atWork(heard).every(
        (member) => member.obeyedEpoch < decision.epoch || !worksElsewhere(member, cluster),
      ),
  );
}

/** @internal Who waits for others to leave. */
export interface Waiting extends Hearing {
  /** It does not wait for itself. */
  readonly instance: string;
  /** Where the decision in force wants it by now; undefined where none is heard. */
  readonly place: string | undefined;
}

/**
 * Who may still handle records, or send, elsewhere than where a decision leads: members that have not said that they obey it, unless they
 * have been silent for so long that they have stopped by themselves (a lease), or are given up. And who works elsewhere by a **newer** one, where
 *
 * - that one wants this process elsewhere too: it must not begin before it has come there;
 * - or a still newer one leads here again, and they have not obeyed it yet.
 *
 * @internal
 */
export function stillThere(
  { members, decision }: FleetState,
  { epoch, to, groups }: Leaving,
  { instance, place, nowMs, silentMs }: Waiting,
): readonly HeardMember[] {
  const newest = decision?.epoch ?? 0;
  const staysAway = (member: MemberState): boolean =>
    member.obeyedEpoch > epoch &&
    worksElsewhere(member, to) &&
    (place !== to || member.obeyedEpoch < newest);
  return [...members.values()].filter(
    (heard) =>
      heard.member.instance !== instance &&
      nowMs - heard.heardAtMs <= silentMs &&
      atWork(heard).some(
        (member) =>
          (member.obeyedEpoch < epoch || staysAway(member)) &&
          (groups === undefined || member.groups.some((group) => groups.includes(group))),
      ),
  );
}

/** Not who is starting, and begins where the fleet is. */
function worksElsewhere({ cluster }: MemberState, than: string): boolean {
  return cluster !== '' && cluster !== than;
}
