import type { AgreedDecision } from '../../src/agreement/agreement.js';
import type { FleetAgreement } from './agreeing.js';
import { automaticRun } from './histories.js';
import type { Run } from './history.js';
import type { Fact } from './service.js';

/** What the agreement checkers hold a history against, where nothing else is said. */
const AGREEMENT: FleetAgreement = {
  store: 'plane',
  quorum: { share: 0.5 },
  heartbeatMs: 1_000,
  leaseMs: undefined,
  isNamed: false,
  onUnknownAtStart: 'last-applied',
  processCount: 3,
  latencyMaxMs: 5,
};

/** A run of processes that decide together. */
export function agreedRun(
  steps: Parameters<typeof automaticRun>[0],
  agreement: Partial<FleetAgreement> = {},
): Run {
  const run = automaticRun(steps);
  return {
    ...run,
    agreement: { ...AGREEMENT, ...agreement },
    // Contacts were written with how long they took.
    events: run.events.map((event) =>
      event.kind === 'contact' ? { ...event, sinceMs: event.atMs - event.sinceMs } : event,
    ),
  };
}

function decision(epoch: number, cluster: string, rest: Partial<AgreedDecision>): AgreedDecision {
  return { epoch, cluster, mode: 'planned', reason: 'because', by: 'operator', ...rest };
}

/** The agreement holds this decision from now on. */
export function held(epoch: number, cluster: string, rest: Partial<AgreedDecision> = {}): Fact {
  return { kind: 'held', decision: decision(epoch, cluster, rest) };
}

/** A process is told this decision. */
export function heard(
  epoch: number,
  cluster: string,
  { process = 1, ...rest }: Partial<AgreedDecision> & { process?: number } = {},
): Fact {
  return { kind: 'heard', process, decision: decision(epoch, cluster, rest) };
}

/** It has exchanged news with the agreement, which took so long. */
export function contact(process: number, tookMs = 0): Fact {
  return { kind: 'contact', process, sinceMs: tookMs };
}

/** What it says of itself. */
export function stated(epoch: number, cluster: string, process = 1): Fact {
  return { kind: 'stated', process, epoch, cluster, wants: undefined };
}

/** It begins a switch. */
export function switching(
  to: string,
  { process = 1, by = 'operator' }: { process?: number; by?: 'operator' | 'health' } = {},
): Fact {
  const from = to === 'A' ? 'B' : 'A';
  const rest = { planned: false, by, reason: 'because', switchEpoch: 2 };
  return { kind: 'switching', process, from, to, ...rest };
}

/** It opens a cluster by this decision. */
export function openedBy(
  agreedEpoch: number,
  cluster: string,
  process = 1,
  switchEpoch = agreedEpoch + 1,
): Fact {
  return { kind: 'opened', process, switchEpoch, cluster, agreedEpoch };
}

/** A person moves it alone. */
export function orderedAlone(to: string, process = 1): Fact {
  return { kind: 'ordered', process, order: 1, alone: to };
}

/** Its order is over. */
export function orderSettled(process = 1): Fact {
  return { kind: 'order-settled', process, order: 1 };
}
