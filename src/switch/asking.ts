import { FailoverClosedError } from '../errors.js';
import type { SwitchRun, SwitchState } from './state.js';
import { abortable } from '../wait.js';

/**
 * The question to the fleet that is open, if there is one. A proposal that nobody waits for must not be decided later, on top of what
 * others have ordered meanwhile.
 *
 * @internal
 */
export class Asking {
  #open: { readonly switchEpoch: number; readonly end: AbortController } | undefined;

  /** The signal of a phase: that of `agree` is aborted when the switch has gone on without the answer. */
  signalFor({ phase, turn }: SwitchRun, end: AbortSignal): AbortSignal {
    if (phase !== 'agree') return end;
    this.#open = { switchEpoch: turn.switchEpoch, end: abortable() };
    return this.#open.end.signal;
  }

  /** The state has changed. */
  look(state: SwitchState): void {
    const open = this.#open;
    if (open === undefined) return;
    const isAsked = state.kind === 'switching' && state.run.phase === 'agree';
    if (isAsked && state.run.turn.switchEpoch === open.switchEpoch) return;
    this.#open = undefined;
    open.end.abort(new FailoverClosedError('nobody waits for the agreement any more'));
  }
}
