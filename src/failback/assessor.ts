import type { EventSink } from '../events.js';
import type { FailbackLimits } from '../options-failback.js';
import type { View } from '../strategy/strategy.js';
import type { CancelTimer, World } from '../world.js';
import {
  assess,
  rememberedGates,
  type AssessmentFacts,
  type FailbackAssessment,
  type FailbackGateName,
  type FailbackLook,
} from './gates.js';
import type { SeenGates } from './look.js';
import { abortable } from '../wait.js';

/** @internal What an assessor is made of. */
export interface AssessorParts {
  readonly world: World;
  readonly events: EventSink;
  readonly limits: FailbackLimits;
  /** For how long the preferred cluster must have been healthy; undefined: nobody watches its health. */
  readonly stableMs: number | undefined;
  /** What is known from memory. */
  known(): Pick<View, 'nowMs' | 'active' | 'switchEpoch' | 'clusters' | 'switches'>;
  isSteady(): boolean;
  /** Asks the clusters. Rejects with the signal's reason only. */
  look(
    way: { readonly from: string; readonly to: string },
    accept: readonly FailbackGateName[],
    signal: AbortSignal,
  ): Promise<SeenGates>;
  /** Something is known that was not. */
  onChange(): void;
}

/** Time itself opens gates, in milliseconds. */
const TICK_MS = 1_000;

/**
 * Knows whether the way home is open while the service is away from its preferred cluster. As long as memory alone says that it is not,
 * nobody is asked.
 *
 * @internal
 */
export class FailbackAssessor {
  readonly #parts: AssessorParts;
  #cancelTick: CancelTimer | undefined;
  #end = abortable();
  #look: FailbackLook | undefined;
  #isLooking = false;
  /** Since when this process is where it is, as far as it has seen. */
  #here: { readonly cluster: string; readonly sinceMs: number } | undefined;
  /** What was told last. */
  #told: string | undefined;

  constructor(parts: AssessorParts) {
    this.#parts = parts;
  }

  /** Begins to look. Idempotent. */
  start(): void {
    if (this.#cancelTick !== undefined) return;
    this.#end = abortable();
    this.#tickLater();
  }

  /** Ends it: no timer is left, and what is under way changes nothing any more. Idempotent. */
  stop(): void {
    this.#cancelTick?.();
    this.#cancelTick = undefined;
    this.#end.abort(new Error('nobody asks any more'));
    this.#look = undefined;
  }

  /** What is known now; undefined at home. */
  assessment(): FailbackAssessment | undefined {
    const facts = this.#facts();
    return facts === undefined ? undefined : assess(facts);
  }

  /**
   * Asks the clusters now.
   *
   * @returns what they say; undefined at home.
   * @throws the reason of `signal`.
   */
  async assessNow(
    accept: readonly FailbackGateName[],
    signal: AbortSignal,
  ): Promise<FailbackAssessment | undefined> {
    const facts = this.#facts();
    if (facts === undefined) return undefined;
    const isShut = rememberedGates(facts).some(
      ({ name, state }) => state === 'closed' && !accept.includes(name),
    );
    const look = isShut ? undefined : await this.#ask(facts, accept, signal);
    const now = this.#facts();
    return now === undefined ? undefined : assess({ ...now, look });
  }

  #facts(): AssessmentFacts | undefined {
    const { known, limits, stableMs } = this.#parts;
    const { nowMs, active, switchEpoch, clusters, switches } = known();
    const [home] = clusters;
    if (home === undefined || home.alias === active) {
      this.#here = undefined;
      return undefined;
    }
    if (this.#here?.cluster !== active) this.#here = { cluster: active, sinceMs: nowMs };
    // Out of a halt a switch may lead to where it came from: the stay away goes on.
    const last = switches.findLast((one) => one.to === active && one.from !== active);
    return {
      nowMs,
      from: active,
      to: home.alias,
      switchEpoch,
      away: { sinceMs: last?.atMs ?? this.#here.sinceMs, isExact: last !== undefined },
      dwellMs: limits.dwellMs,
      health: stableMs === undefined ? undefined : home.health,
      stableMs: stableMs ?? 0,
      look: this.#look,
      // The next one may take its time as well.
      lookValidMs: 2 * limits.everyMs,
    };
  }

  async #ask(
    { from, to, nowMs, switchEpoch }: AssessmentFacts,
    accept: readonly FailbackGateName[],
    signal: AbortSignal,
  ): Promise<FailbackLook> {
    const seen = await this.#parts.look({ from, to }, accept, signal);
    return { atMs: nowMs, endedAtMs: this.#parts.world.nowMs(), switchEpoch, ...seen };
  }

  #tickLater(): void {
    this.#cancelTick = this.#parts.world.after(TICK_MS, () => {
      this.#tick();
      // A listener may have ended it.
      if (this.#cancelTick !== undefined) this.#tickLater();
    });
  }

  #tick(): void {
    const facts = this.#facts();
    if (facts === undefined || !this.#parts.isSteady()) {
      this.#look = undefined;
      if (facts === undefined) this.#told = undefined;
      return;
    }
    this.#tell();
    const isDue =
      this.#look === undefined || facts.nowMs - this.#look.atMs >= this.#parts.limits.everyMs;
    const isShut = rememberedGates(facts).some(({ state }) => state === 'closed');
    if (isDue && !isShut && !this.#isLooking) void this.#lookAgain(facts);
  }

  async #lookAgain(facts: AssessmentFacts): Promise<void> {
    const { signal } = this.#end;
    this.#isLooking = true;
    try {
      const look = await this.#ask(facts, [], signal);
      if (signal.aborted) return;
      this.#look = look;
      this.#tell();
      this.#parts.onChange();
    } catch {
      // Ended meanwhile; whatever the clusters say is an answer.
    } finally {
      this.#isLooking = false;
    }
  }

  /** Once for each first gate that is not open. */
  #tell(): void {
    const assessment = this.assessment();
    if (assessment === undefined) return;
    const shut = assessment.gates.find(({ state }) => state !== 'open');
    const told = `${assessment.to} ${shut?.name ?? ''}`;
    if (told === this.#told || shut?.state === 'not-looked-at') return;
    this.#told = told;
    this.#parts.events.emit('failback.assessed', { assessment });
  }
}
