import { FencedError } from '../errors.js';
import { openSession, type SessionOptions } from './kafka-session.js';
import type { ClusterSession } from './session.js';

interface Waiting {
  readonly session: ClusterSession;
  /** From now on it is the session of this epoch. */
  adopt(switchEpoch: number): void;
}

/**
 * Opens sessions. The one of the next switch may be made before it, on the standby, so that its clients are connected, and its consumers
 * members of their groups. It gets its epoch when it is adopted, and is an ordinary session from then on, with the same sockets and the same
 * fence.
 *
 * @internal
 */
export class Sessions {
  readonly #optionsOf: (alias: string) => Omit<SessionOptions, 'switchEpoch' | 'isStandby'>;
  #waiting: Waiting | undefined;

  constructor(optionsOf: (alias: string) => Omit<SessionOptions, 'switchEpoch' | 'isStandby'>) {
    this.#optionsOf = optionsOf;
  }

  /** The session that waits on this cluster; made where there is none that can be used. */
  waitingOn(alias: string): ClusterSession {
    const known = this.#waiting?.session;
    if (known?.alias === alias && !known.signal.aborted) return known;
    this.forget(`${alias} is the standby now`);
    this.#waiting = openWaiting(this.#optionsOf(alias));
    return this.#waiting.session;
  }

  /** The session of this cluster and epoch: the one that waits there, where there is one, or a new one. */
  open(alias: string, switchEpoch: number): ClusterSession {
    const waiting = this.#waiting;
    if (waiting?.session.alias !== alias || waiting.session.signal.aborted) {
      return openSession({ ...this.#optionsOf(alias), switchEpoch });
    }
    this.#waiting = undefined;
    waiting.adopt(switchEpoch);
    return waiting.session;
  }

  /** Another cluster than the expected one stands behind its name. */
  mismatched(alias: string, error: Error): void {
    if (this.#waiting?.session.alias === alias) this.forget(error.message);
  }

  /** Ends the one that waits, with every socket. Synchronous. */
  forget(because: string): void {
    const session = this.#waiting?.session;
    this.#waiting = undefined;
    session?.fence(
      new FencedError(`The standby's session on ${session.alias} was ended: ${because}`, {
        cluster: session.alias,
      }),
    );
  }
}

function openWaiting(options: Omit<SessionOptions, 'switchEpoch' | 'isStandby'>): Waiting {
  let epoch: number | undefined;
  const session = openSession({
    ...options,
    get switchEpoch() {
      if (epoch === undefined) throw new Error('a session on the standby has no epoch yet');
      return epoch;
    },
    get isStandby() {
      return epoch === undefined;
    },
  });
  return {
    session,
    adopt(switchEpoch) {
      epoch = switchEpoch;
    },
  };
}
