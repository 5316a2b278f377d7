import type { PastSwitch } from './strategy/strategy.js';
import { isResumption, type SwitchReport } from './switch/report.js';
import type { World } from './world.js';

/** @internal A switch as a restart can know it: monotonic clocks begin anew. */
export interface KeptSwitch extends Omit<PastSwitch, 'atMs'> {
  /** When it ended, in milliseconds of the wall clock. */
  readonly wallMs: number;
}

/** How long past switches are remembered, in milliseconds. */
const REMEMBERED_MS = 3_600_000;

/** So many are kept over a restart. */
const MAX_KEPT = 100;

/**
 * The switches of the last hour, whoever ordered them, also those of an earlier life of the process: one that is restarted again and
 * again would have a new budget each time.
 *
 * @internal
 */
export class PastSwitches {
  readonly #world: Pick<World, 'nowMs' | 'wallMs'>;
  #past: readonly (PastSwitch & KeptSwitch)[] = [];

  constructor(world: Pick<World, 'nowMs' | 'wallMs'>) {
    this.#world = world;
  }

  /** The oldest first. */
  get list(): readonly PastSwitch[] {
    return this.#past.map(({ wallMs: _wallMs, ...past }) => past);
  }

  /** What a restart has to know. */
  get kept(): readonly KeptSwitch[] {
    return this.#past.slice(-MAX_KEPT).map(({ atMs: _atMs, ...kept }) => kept);
  }

  /** What an earlier life of the process has kept. A start that failed is tried again: nothing counts twice. */
  remember(kept: readonly KeptSwitch[]): void {
    const nowMs = this.#world.nowMs();
    const wallMs = this.#world.wallMs();
    const before = kept
      // A clock that went back makes it the newest: rather a wait too long than one switch too many.
      .map((one) => ({ one, atMs: nowMs - Math.max(0, wallMs - one.wallMs) }))
      .filter(({ one, atMs }, index) => {
        // The last one tells since when the service is where it is, however long that is.
        const isWanted = nowMs - atMs < REMEMBERED_MS || index === kept.length - 1;
        return isWanted && !this.#has(one.switchEpoch);
      })
      .map(({ one, atMs }) => ({ ...one, atMs }));
    this.#past = [...before, ...this.#past];
  }

  /** A switch was completed. Several orders may have been answered by one. Where nobody decided anything, none is counted. */
  add(report: SwitchReport): void {
    const { switchEpoch, from, to, by } = report;
    if (isResumption(report) || this.#has(switchEpoch)) return;
    const atMs = this.#world.nowMs();
    const wallMs = Math.floor(this.#world.wallMs());
    const recent = this.#past.filter((one) => atMs - one.atMs < REMEMBERED_MS);
    this.#past = [...recent, { atMs, switchEpoch, from, to, by, wallMs }];
  }

  #has(switchEpoch: number): boolean {
    return this.#past.some((one) => one.switchEpoch === switchEpoch);
  }
}
