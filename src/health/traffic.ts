import { judge } from './failure.js';

/** What is told apart. */
type TrafficKind = 'produce' | 'consume';

/** @internal What real traffic showed since the last look. */
export interface TrafficSeen {
  readonly worked: boolean;
  /** Why it failed, where it did and the cluster may be to blame. */
  readonly failures: readonly string[];
}

/** Of a burst of failures the first ones say enough. */
const MAX_FAILURES = 16;

/**
 * What the service's own sends and joins say about one cluster in one session. Costs next to nothing where they work: a flag.
 * The monitor looks at it from time to time.
 *
 * @internal
 */
export class Traffic {
  readonly #worked: Record<TrafficKind, boolean> = { produce: false, consume: false };
  readonly #failures: Record<TrafficKind, string[]> = { produce: [], consume: [] };

  /** A send was acknowledged, or a group was joined. */
  worked(kind: TrafficKind): void {
    this.#worked[kind] = true;
  }

  /** It failed. An error that says nothing about the cluster (a handler's, a too large record) is left out. */
  failed(kind: TrafficKind, error: unknown): void {
    const because = evidenceOf(kind, error);
    if (because !== undefined && this.#failures[kind].length < MAX_FAILURES) {
      this.#failures[kind].push(because);
    }
  }

  /** What was seen since the last call. */
  take(kind: TrafficKind): TrafficSeen {
    const seen = { worked: this.#worked[kind], failures: this.#failures[kind] };
    this.#worked[kind] = false;
    this.#failures[kind] = [];
    return seen;
  }
}

/** @internal What an error says against the cluster; undefined: nothing. */
export function evidenceOf(kind: TrafficKind, error: unknown): string | undefined {
  const failure = judge(error);
  const isEvidence =
    failure.about === 'cluster' ||
    (failure.about === 'partition' && kind === 'produce' && isWantOfBrokers(failure.kind)) ||
    (failure.about === 'coordinator' && kind === 'consume');
  return isEvidence ? failure.because : undefined;
}

/** A topic that does not exist is a mistake of ours, and the other cluster would not have it either. */
function isWantOfBrokers(kind: string): boolean {
  return kind !== 'out-of-range' && kind !== 'absent';
}
