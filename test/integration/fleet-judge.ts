import type { Fact, FactOf } from './fleet-messages.js';

/** What one process of a fleet has told. */
export interface Testimony {
  readonly name: string;
  readonly facts: readonly Fact[];
}

export function factsOf<Kind extends Fact['kind']>(
  { facts }: Testimony,
  kind: Kind,
): readonly FactOf<Kind>[] {
  return facts.filter((fact): fact is FactOf<Kind> => fact.kind === kind);
}

/** What is in the logs, and was handled by nobody. */
export function skipped(logged: Iterable<string>, all: readonly Testimony[]): readonly string[] {
  const handled = new Set(all.flatMap((one) => factsOf(one, 'handled').map(({ id }) => id)));
  return [...new Set(logged)].filter((id) => !handled.has(id));
}

/** What a cluster has acknowledged, and does not hold. */
export function lost(
  cluster: string,
  logged: Iterable<string>,
  all: readonly Testimony[],
): readonly string[] {
  const held = new Set(logged);
  return all
    .flatMap((one) => factsOf(one, 'acknowledged'))
    .filter(({ id, by }) => by === cluster && !held.has(id))
    .map(({ id }) => id);
}

/** How a record was handled a second time. */
export interface Duplicates {
  /** From the same place of the same log. */
  again: number;
  /** From another place of the same log: it was sent, or mirrored, twice. */
  copies: number;
  /** From a mirrored log, after the one that it was born in. */
  forwards: number;
  /** From the log that it was born in, after a mirrored one: there are no positions backwards yet. */
  backwards: number;
}

export function duplicates(all: readonly Testimony[]): Duplicates {
  const count: Duplicates = { again: 0, copies: 0, forwards: 0, backwards: 0 };
  const seen = new Map<string, FactOf<'handled'>[]>();
  const handled = all.flatMap((one) => factsOf(one, 'handled'));
  for (const fact of handled.toSorted((one, next) => one.atMs - next.atMs)) {
    const before = seen.get(fact.id) ?? [];
    seen.set(fact.id, [...before, fact]);
    if (before.length > 0) count[kindOf(fact, before)] += 1;
  }
  return count;
}

function kindOf(
  { on, log, offset }: FactOf<'handled'>,
  before: readonly FactOf<'handled'>[],
): keyof Duplicates {
  const here = before.filter((one) => one.on === on && one.log === log);
  if (here.some((one) => one.offset === offset)) return 'again';
  if (here.length > 0) return 'copies';
  return /^[AB]\./.test(log) ? 'forwards' : 'backwards';
}

/** The decisions of each epoch, as anybody has heard them; more than one for an epoch would be a fault. */
export function decisions(all: readonly Testimony[]): ReadonlyMap<number, ReadonlySet<string>> {
  const byEpoch = new Map<number, Set<string>>();
  for (const { epoch, decision } of all.flatMap((one) => factsOf(one, 'decided'))) {
    byEpoch.set(epoch, (byEpoch.get(epoch) ?? new Set()).add(decision));
  }
  return byEpoch;
}

/**
 * Records that a member handled by a decision before another one had left the cluster of the decision before.
 *
 * @param absent - who is known to be unable to say anything; nobody waits for them for ever.
 */
export function early(
  all: readonly Testimony[],
  absent: readonly string[] = [],
): readonly string[] {
  const moves = new Map(all.map((one) => [one.name, movesOf(one)]));
  const present = all.filter(({ name }) => !absent.includes(name));
  return all.flatMap((one) =>
    (moves.get(one.name) ?? []).flatMap(({ agreedEpoch, switchEpoch }) => {
      if (agreedEpoch === undefined) return [];
      const first = factsOf(one, 'handled').find((each) => each.switchEpoch === switchEpoch);
      if (first === undefined) return [];
      return present.flatMap(({ name }) => {
        const left = moves.get(name)?.find((move) => (move.agreedEpoch ?? 0) >= agreedEpoch);
        return left === undefined || left.leftAtMs > first.atMs
          ? [`${one.name} handled ${first.id} on ${first.on} before ${name} left (${agreedEpoch})`]
          : [];
      });
    }),
  );
}

interface Move {
  readonly agreedEpoch: number | undefined;
  readonly switchEpoch: number;
  readonly leftAtMs: number;
}

function movesOf({ facts }: Testimony): readonly Move[] {
  let leftAtMs = Infinity;
  const moves: Move[] = [];
  for (const fact of facts) {
    if (fact.kind === 'left') leftAtMs = fact.atMs;
    if (fact.kind === 'switched') moves.push({ ...fact, leftAtMs });
  }
  return moves;
}
