import type { AgreedDecision } from '../../src/agreement/agreement.js';
import { silentMsOf } from './agreeing.js';
import { blameMs, Truth } from './clusters-truth.js';
import type { EventOf, HistoryEvent, Run } from './history.js';
import { Membership, OrderedAlone } from './membership.js';

/** Where a process was, and by which decision of its fleet. */
interface Stand {
  readonly cluster: string;
  readonly agreedEpoch: number;
}

function standOf({ cluster, agreedEpoch = 0 }: EventOf<'opened'>): Stand {
  return { cluster, agreedEpoch };
}

/**
 * I8. A process obeys no decision that is older than one it has obeyed; nor does the next one on its machine, where the state file is
 * intact.
 */
export function obeysNothingOlder({ events, agreement }: Run): readonly string[] {
  if (agreement === undefined) return [];
  const hosts = new Map<number, number>();
  const newest = new Map<number, number>();
  return events.flatMap((event) => {
    if (event.kind === 'started') {
      hosts.set(event.process, event.host);
      if (!event.isIntact) newest.delete(event.host);
    }
    if (event.kind !== 'opened') return [];
    const host = hosts.get(event.process) ?? -event.process;
    const before = newest.get(host) ?? 0;
    const { agreedEpoch } = standOf(event);
    newest.set(host, Math.max(before, agreedEpoch));
    return agreedEpoch >= before
      ? []
      : [
          `process ${event.process} opened ${event.cluster} at ${event.atMs} by decision ${agreedEpoch}, after decision ${before}`,
        ];
  });
}

/**
 * I9. For one epoch there is one decision, by the account of the agreement itself and of everybody who was told.
 *
 * Allowed: what the agreement has lost may be decided anew, if nobody had said that he obeys it.
 */
export function oneDecisionForAnEpoch({ events, agreement }: Run): readonly string[] {
  if (agreement === undefined) return [];
  const known = new Map<number, string>();
  const statedAtMs = new Map<number, number>();
  const violations = new Set<string>();
  for (const event of events) {
    if (event.kind === 'stated' && !statedAtMs.has(event.epoch)) {
      statedAtMs.set(event.epoch, event.atMs);
    }
    if (event.kind === 'lost') {
      // Others have heard it at their next heartbeat.
      const isFree = (epoch: number): boolean =>
        event.atMs - (statedAtMs.get(epoch) ?? event.atMs) < 2 * agreement.heartbeatMs;
      for (const epoch of known.keys()) {
        if (epoch > event.above && isFree(epoch)) known.delete(epoch);
      }
    }
    if (event.kind !== 'held' && event.kind !== 'heard') continue;
    const { epoch } = event.decision;
    const text = textOf(event.decision);
    const before = known.get(epoch) ?? text;
    known.set(epoch, before);
    if (before !== text) violations.add(`epoch ${epoch} is decided twice: ${before}; ${text}`);
  }
  return [...violations];
}

function textOf({ cluster, mode, reason, by }: AgreedDecision): string {
  return `${cluster}, ${mode ?? 'no mode'}, by ${by}: ${reason}`;
}

/**
 * I9. No member moves alone: each cluster that it opens instead of another one is that of a decision that the agreement really held,
 * and none that it had heard before it began is newer and says otherwise. Only a person may move it `alone`.
 */
export function noMemberMovesAlone({ events, agreement }: Run): readonly string[] {
  if (agreement === undefined) return [];
  const held = new Map<number, Set<string>>();
  for (const event of events) {
    if (event.kind !== 'held') continue;
    const { epoch, cluster } = event.decision;
    held.set(epoch, (held.get(epoch) ?? new Set()).add(cluster));
  }
  const stands = new Map<number, Stand>();
  const alone = new OrderedAlone();
  const heard = new Map<number, AgreedDecision>();
  /** What a process had heard when its switch began. */
  const known = new Map<number, AgreedDecision | undefined>();
  return events.flatMap((event) => {
    alone.take(event);
    if (event.kind === 'heard' && event.decision.epoch > (heard.get(event.process)?.epoch ?? 0)) {
      heard.set(event.process, event.decision);
    }
    if (event.kind === 'switching') known.set(event.process, heard.get(event.process));
    if (event.kind !== 'opened') return [];
    const { process, atMs } = event;
    const { cluster, agreedEpoch } = standOf(event);
    const before = stands.get(process);
    stands.set(process, { cluster, agreedEpoch });
    if (before === undefined || before.cluster === cluster || alone.allows(process, cluster)) {
      return [];
    }
    const who = `process ${process} opened ${cluster} at ${atMs} by decision ${agreedEpoch}`;
    if (agreedEpoch <= before.agreedEpoch || held.get(agreedEpoch)?.has(cluster) !== true) {
      return [`${who}, which the agreement did not hold for it`];
    }
    const newer = known.get(process);
    return newer !== undefined && newer.epoch > agreedEpoch && newer.cluster !== cluster
      ? [`${who}, and had heard decision ${newer.epoch} for ${newer.cluster}`]
      : [];
  });
}

/** True where a switch by health is obedience to what the process was told, and not its own proposal. */
export class Obedience {
  readonly #heard = new Map<number, AgreedDecision>();
  readonly #obeyed = new Map<number, number>();

  take(event: HistoryEvent): void {
    if (event.kind === 'opened') this.#obeyed.set(event.process, event.agreedEpoch ?? 0);
    if (event.kind !== 'heard') return;
    const { process, decision } = event;
    if (decision.epoch > (this.#heard.get(process)?.epoch ?? 0)) this.#heard.set(process, decision);
  }

  explains({ process, to }: EventOf<'switching'>): boolean {
    const decision = this.#heard.get(process);
    return decision?.cluster === to && decision.epoch > (this.#obeyed.get(process) ?? 0);
  }
}

/**
 * I10. One process that cannot reach a cluster does not move the fleet: where health proposes a failover, as many members as the
 * quorum asks for had reason to want it. A member that nobody needs to have heard is not counted against it.
 */
export function healthNeedsAQuorum({ events, automation, agreement }: Run): readonly string[] {
  if (automation === undefined || agreement === undefined) return [];
  const silentMs = silentMsOf(agreement);
  const truth = new Truth();
  const members = new Membership();
  const obedience = new Obedience();
  /** Proposals that were not made yet, by process. */
  const short = new Map<number, string>();
  return events.flatMap((event) => {
    truth.take(event);
    members.take(event);
    if (event.kind === 'proposing' && event.by === 'health') {
      const found = short.get(event.process);
      return found === undefined ? [] : [found];
    }
    if (event.kind === 'switching') {
      const { process, atMs, from, to, by, planned } = event;
      short.delete(process);
      const isFailover = by === 'health' && !planned && !obedience.explains(event);
      if (isFailover) {
        const heard = members.surelyHeardBy(process, atMs, silentMs);
        // Itself always, also where its contact is not over yet.
        const recent = new Set([process, ...members.recent(atMs, silentMs)]);
        const wanting = [...recent].filter(
          (one) => atMs - truth.faultyAtMs(from, one, atMs) <= blameMs(automation) + silentMs,
        );
        const needed =
          'voices' in agreement.quorum
            ? agreement.quorum.voices
            : Math.floor(heard.length * agreement.quorum.share) + 1;
        if (wanting.length < needed) {
          short.set(
            process,
            `process ${process} proposed ${to} by health at ${atMs}: ${wanting.length} members had reason to, ${needed} are needed`,
          );
        }
      }
    }
    obedience.take(event);
    return [];
  });
}

/** I19. When every fault is over and time has passed, all processes are steady on the cluster of the newest decision. */
export function theFleetIsTogether({ events, agreement }: Run): readonly string[] {
  if (agreement === undefined) return [];
  let newest: AgreedDecision | undefined;
  return events.flatMap((event) => {
    if (event.kind === 'held' && event.decision.epoch > (newest?.epoch ?? 0)) {
      newest = event.decision;
    }
    if (event.kind !== 'resting') return [];
    const { process, state, cluster, atMs } = event;
    const isThere = newest === undefined || newest.cluster === cluster;
    return state === 'steady' && isThere
      ? []
      : [
          `process ${process} is ${state} on ${cluster ?? 'no cluster'} at ${atMs}, and decision ${newest?.epoch ?? 0} says ${newest?.cluster ?? 'nothing'}`,
        ];
  });
}
