import {
  FailoverClosedError,
  FailoverHaltedError,
  isAgreementLost,
  SwitchRefusedError,
  SwitchRolledBackError,
  SwitchSupersededError,
} from '../errors.js';
import type { SwitchTurn } from './participant.js';

/** @internal The way out for a person, where the agreement is dead. */
export const WITHOUT_AGREEMENT = 'Without it a process is moved by switchTo() with alone: true';

/** @internal What callers hear while the library has stopped itself. */
export function haltedError(cause: Error): FailoverHaltedError {
  const wayOut = isAgreementLost(cause)
    ? 'It goes on by itself when the agreement answers, or by switchTo() with planned: false and alone: true.'
    : 'Nothing is sent or handled until switchTo() names a cluster.';
  return new FailoverHaltedError(`Stopped itself: ${cause.message}. ${wayOut}`, { cause });
}

/** @internal What a client hears that connects while the library ends, or after it. */
export function closedError(): FailoverClosedError {
  return new FailoverClosedError('This FailoverKafka was closed; make a new one.');
}

/** @internal What the callers of a refused switch hear. */
export function refusedError(turn: SwitchTurn, reasons: readonly string[]): SwitchRefusedError {
  return new SwitchRefusedError(
    `The switch from ${turn.from} to ${turn.to} was refused, nothing was touched: ${reasons.join('; ')}`,
    reasons,
    { cluster: turn.to, switchEpoch: turn.switchEpoch },
  );
}

/** @internal What the caller of an order that is not carried out hears. `switchEpoch` is the one in force instead. */
export function supersededError(
  { to }: { to: string },
  switchEpoch: number,
  because: string,
): SwitchSupersededError {
  return new SwitchSupersededError(`The switch to ${to} was not carried out: ${because}`, {
    cluster: to,
    switchEpoch,
  });
}

/** @internal What the callers of a planned switch that went back hear. */
export function rolledBackError(turn: SwitchTurn, cause: Error): SwitchRolledBackError {
  return new SwitchRolledBackError(
    `The planned switch failed and work went on with ${turn.to}: ${cause.message}`,
    { cluster: turn.to, switchEpoch: turn.switchEpoch, cause },
  );
}
