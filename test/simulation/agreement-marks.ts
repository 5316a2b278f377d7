import { absentMsOf, type FleetAgreement } from './agreeing.js';
import type { HistoryEvent, Run } from './history.js';

/** A barrier that lasts so long has waited for somebody. */
const WAITED_MS = 50;

/** What must happen in some run where the processes decide together. */
export const AGREEMENT_MARKS: Readonly<Record<string, (run: Run) => boolean>> = {
  'a fleet decided in a control plane': (run) => hasDecided(run, 'plane'),
  'a fleet decided in its clusters': (run) => hasDecided(run, 'kafka'),
  'a quorum was not reached, and the fleet stayed': ({ events }) =>
    events.some((event) => event.kind === 'stayed' && event.because === 'no-quorum'),
  'a proposal was lost to a rival': ({ events }) => {
    const decided = new Set<number>();
    return events.some(
      (event) => event.kind === 'proposed' && decided.size === decided.add(event.epoch).size,
    );
  },
  'the agreement was lost during a switch': ({ events }) => {
    const switching = new Set<number>();
    return events.some((event) => {
      if (event.kind === 'phase') switching.add(event.process);
      if (event.kind === 'opened') switching.delete(event.process);
      return isFact(event, 'agreement failed') && switching.has(event.process);
    });
  },
  'what is no decision was refused': ({ events }) =>
    events.some((event) => isFact(event, 'agreement refused')),
  'an old decision was told, and not obeyed': ({ events }) => {
    const newest = new Map<number, number>();
    return events.some((event) => {
      if (event.kind !== 'heard') return false;
      const before = newest.get(event.process) ?? 0;
      newest.set(event.process, Math.max(before, event.decision.epoch));
      return event.decision.epoch < before;
    });
  },
  'a lease ended': ({ events }) =>
    events.some((event) => isFact(event, 'halted') && event.what.includes('leaseMs')),
  'a lease was renewed': ({ events }) =>
    events.some(
      (event) => event.kind === 'switching' && event.reason === 'the agreement is heard again',
    ),
  'a barrier waited': ({ events }) => {
    const sinceMs = new Map<number, number>();
    return events.some((event) => {
      if (event.kind !== 'phase') return false;
      const { process, phase, atMs } = event;
      const startedAtMs = sinceMs.get(process);
      sinceMs.delete(process);
      if (phase === 'barrier') sinceMs.set(process, atMs);
      return startedAtMs !== undefined && atMs - startedAtMs > WAITED_MS;
    });
  },
  'a silent member was left behind': ({ events, agreement }) =>
    agreement !== undefined && leavesBehind(events, absentMsOf(agreement)),
  'a restart obeyed what the process before had not': ({ events }) => {
    const hosts = new Map<number, number>();
    const heard = new Map<number, number>();
    const owed = new Map<number, number>();
    return events.some((event) => {
      if (event.kind === 'heard') {
        const newest = Math.max(heard.get(event.process) ?? 0, event.decision.epoch);
        heard.set(event.process, newest);
      }
      if (event.kind === 'crashed') owed.set(hostOf(hosts, event), heard.get(event.process) ?? 0);
      if (event.kind === 'started') hosts.set(event.process, event.host);
      if (event.kind !== 'opened') return false;
      const { agreedEpoch = 0 } = event;
      const host = hostOf(hosts, event);
      const isOwed = agreedEpoch > 0 && agreedEpoch === owed.get(host);
      // Obeyed by the process before already, or no longer owed.
      if (isOwed || agreedEpoch > (owed.get(host) ?? 0)) owed.delete(host);
      if (agreedEpoch === heard.get(event.process)) heard.delete(event.process);
      return isOwed;
    });
  },
  'a process was moved alone': ({ events }) => {
    const alone = new Set<string>();
    return events.some((event) => {
      if (event.kind === 'ordered' && event.alone !== undefined) {
        alone.add(`${event.process} ${event.alone}`);
      }
      return event.kind === 'opened' && alone.has(`${event.process} ${event.cluster}`);
    });
  },
};

function hasDecided({ events, agreement }: Run, store: FleetAgreement['store']): boolean {
  return agreement?.store === store && events.some(({ kind }) => kind === 'held');
}

function isFact(
  event: HistoryEvent,
  begins: string,
): event is Extract<HistoryEvent, { kind: 'fact' }> {
  return event.kind === 'fact' && event.what.startsWith(begins);
}

function hostOf(hosts: ReadonlyMap<number, number>, { process }: { process: number }): number {
  return hosts.get(process) ?? -process;
}

/** Somebody opens a cluster by a newer decision than a member that was not heard for so long that nobody waits for it. */
function leavesBehind(events: readonly HistoryEvent[], absentMs: number): boolean {
  const contactAtMs = new Map<number, number>();
  const agreed = new Map<number, number>();
  return events.some((event) => {
    if (event.kind === 'crashed') contactAtMs.delete(event.process);
    if (event.kind === 'contact') contactAtMs.set(event.process, event.atMs);
    if (event.kind !== 'opened') return false;
    const { process, agreedEpoch = 0, atMs } = event;
    agreed.set(process, agreedEpoch);
    return [...contactAtMs].some(
      ([other, heardAtMs]) => atMs - heardAtMs > absentMs && (agreed.get(other) ?? 0) < agreedEpoch,
    );
  });
}
