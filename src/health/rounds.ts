import type { ClusterProbe, ProbeOutcome } from '../cluster/probe.js';
import { spread } from '../wait.js';
import type { CancelTimer, World } from '../world.js';
import type { Facet } from './health.js';

/** @internal How often is asked, in milliseconds. */
export interface RoundsPace {
  /** Between two questions to a cluster that works. */
  readonly intervalMs: number;
  /** Between two questions to one that does not; also the least pause where a socket's death asks for a look. */
  readonly retryMs: number;
}

/** So many questions in a row are asked quickly where none is answered: enough to know. */
const URGENT_COUNT = 20;

interface Asking {
  readonly kind: 'asking';
  unansweredSinceMs: number | undefined;
  wokenMeanwhile: boolean;
}

/** @internal What rounds are made of. */
export interface RoundsParts {
  readonly world: World;
  readonly pace: RoundsPace;
  readonly probe: ClusterProbe;
  /** The groups whose coordinators are asked for. */
  groupIds(): readonly string[];
  /** @param startedAtMs - when the question was asked. */
  onOutcome(facet: Facet, startedAtMs: number, outcome: ProbeOutcome): void;
}

/**
 * The questions to one cluster, one round after the other.
 *
 * @internal
 */
export class Rounds {
  readonly #parts: RoundsParts;
  #failedCount = 0;
  #state:
    | { readonly kind: 'resting'; readonly sinceMs: number; readonly cancel: CancelTimer }
    | Asking
    | { readonly kind: 'stopped' } = { kind: 'stopped' };

  constructor(parts: RoundsParts) {
    this.#parts = parts;
  }

  start(): void {
    void this.#ask();
  }

  /** When the question was asked whether anybody answers, where it was not answered yet. */
  get unansweredSinceMs(): number | undefined {
    return this.#state.kind === 'asking' ? this.#state.unansweredSinceMs : undefined;
  }

  stop(): void {
    if (this.#state.kind === 'resting') this.#state.cancel();
    this.#state = { kind: 'stopped' };
    this.#parts.probe.close();
  }

  wake(): void {
    const state = this.#state;
    if (state.kind === 'asking') state.wokenMeanwhile = true;
    if (state.kind !== 'resting' || !this.#isUrgent()) return;
    const { world, pace } = this.#parts;
    state.cancel();
    this.#rest(Math.max(0, state.sinceMs + pace.retryMs - world.nowMs()), state.sinceMs);
  }

  async #ask(): Promise<void> {
    const { probe, world, pace, onOutcome } = this.#parts;
    const startedAtMs = world.nowMs();
    const asking: Asking = {
      kind: 'asking',
      unansweredSinceMs: startedAtMs,
      wokenMeanwhile: false,
    };
    this.#state = asking;
    const outcome = await probe.reach();
    if (this.#state !== asking) return;
    asking.unansweredSinceMs = undefined;
    onOutcome('reach', startedAtMs, outcome);
    if (outcome.kind === 'works') await this.#askGroups(asking);
    if (this.#state !== asking) return;
    const works = outcome.kind === 'works';
    this.#failedCount = works ? 0 : this.#failedCount + 1;
    const isUrgent = (!works || asking.wokenMeanwhile) && this.#isUrgent();
    const restMs = spread(world, pace.intervalMs);
    this.#rest(isUrgent ? pace.retryMs : restMs, world.nowMs());
  }

  /** A cluster that has not answered for long, perhaps for days, is not asked ten times a second. */
  #isUrgent(): boolean {
    return this.#failedCount < URGENT_COUNT;
  }

  async #askGroups(asking: object): Promise<void> {
    const { probe, world, groupIds, onOutcome } = this.#parts;
    for (const groupId of groupIds()) {
      const startedAtMs = world.nowMs();
      const outcome = await probe.group(groupId);
      if (this.#state !== asking) return;
      onOutcome('consume', startedAtMs, outcome);
    }
  }

  #rest(pauseMs: number, sinceMs: number): void {
    const cancel = this.#parts.world.after(pauseMs, () => void this.#ask());
    this.#state = { kind: 'resting', sinceMs, cancel };
  }
}
