import type { ClusterProbe, ProbeOutcome } from '../cluster/probe.js';
import type { EventSink } from '../events.js';
import { unreachable } from '../unreachable.js';
import type { CancelTimer, World } from '../world.js';
import { Canary } from './canary.js';
import type { HealthLimits, Sample } from './facet.js';
import {
  healthOf,
  isNoneReached,
  limitsByFacet,
  reduceHealth,
  unknownHealth,
  lastFailureMs,
  withDoubt,
  withMutualDoubt,
  type ClusterHealth,
  type Facet,
  type HealthInput,
  type HealthState,
  type LimitsByFacet,
} from './health.js';
import { Rounds, type RoundsPace } from './rounds.js';
import type { Traffic } from './traffic.js';

/** @internal How often is looked, in milliseconds. */
export interface HealthPace extends RoundsPace {
  /** A timer that fires this late shows that our own process was asleep. */
  readonly lagMs: number;
  /** A cluster that has not answered a question for this long is not seen to work. */
  readonly unansweredMs: number;
}

/** @internal What the service does with the active cluster. */
export interface WatchedTraffic {
  readonly alias: string;
  readonly traffic: Traffic;
  /** How long the oldest Produce request waits that was written after this, in milliseconds; 0 where none does. */
  produceWaitingMs(sinceMs?: number): number;
}

/** @internal What a canary writes with. */
export interface ClusterCanary {
  readonly everyMs: number;
  write(): Promise<void>;
  close(): void;
}

/** @internal What a monitor is made of. */
export interface HealthMonitorParts {
  readonly world: World;
  readonly events: EventSink;
  readonly limits: HealthLimits;
  readonly pace: HealthPace;
  readonly aliases: readonly string[];
  /** Makes the probe of a cluster; `onClosed` tells that its connection was closed. */
  openProbe(alias: string, onClosed: () => void): ClusterProbe;
  /** Makes what writes a record to a cluster from time to time; undefined: nothing is written. */
  openCanary?(alias: string): ClusterCanary | undefined;
  /** The session in force, if there is one. */
  traffic(): WatchedTraffic | undefined;
  /** The groups whose coordinators are asked for. */
  groupIds(): readonly string[];
  /** What is known has changed. */
  onChange(): void;
  /** The id that a cluster gave at a look. */
  onClusterId(alias: string, clusterId: string): void;
}

/** A Produce request without an answer for this long counts as failed, in milliseconds. */
const PRODUCE_WAITS_MS = 5_000;

/** How often the traffic and our own clock are looked at, in milliseconds. */
const LOOK_MS = 100;

/**
 * Watches both clusters: asks each with a probe of its own, and looks at what the service's traffic shows. It has no opinion:
 * what it sees goes through the pure `health.ts:reduceHealth`.
 *
 * @internal
 */
export class HealthMonitor {
  readonly #parts: HealthMonitorParts;
  readonly #limits: LimitsByFacet;
  readonly #states = new Map<string, HealthState>();
  readonly #rounds = new Map<string, Rounds>();
  #canaries: readonly { stop(): void }[] = [];
  #told: ReadonlyMap<string, ClusterHealth>;
  #cancelLook: CancelTimer | undefined;
  /** When our own process was last seen to be asleep: what was asked before that proves nothing. */
  #awakeSinceMs: number;
  /** When no cluster could be reached last: requests that were written before that prove nothing. */
  #cutOffAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: HealthMonitorParts) {
    this.#parts = parts;
    this.#limits = limitsByFacet(parts.limits);
    const nowMs = parts.world.nowMs();
    this.#awakeSinceMs = nowMs;
    for (const alias of parts.aliases) this.#states.set(alias, unknownHealth(nowMs));
    this.#told = this.#healths();
  }

  /** Begins to watch. Idempotent. */
  start(): void {
    if (this.#cancelLook !== undefined) return;
    const { world, aliases } = this.#parts;
    this.#awakeSinceMs = world.nowMs();
    for (const alias of aliases) this.#rounds.set(alias, this.#startRounds(alias));
    this.#canaries = aliases.flatMap((alias) => this.#startCanary(alias) ?? []);
    this.#lookLater();
  }

  /** Ends it: no timer and no connection is left, and what is known is forgotten. Idempotent. */
  stop(): void {
    this.#cancelLook?.();
    this.#cancelLook = undefined;
    for (const rounds of this.#rounds.values()) rounds.stop();
    this.#rounds.clear();
    for (const canary of this.#canaries) canary.stop();
    this.#canaries = [];
    this.#forget('not asked any more');
    this.#told = this.#healths();
  }

  /** Something looks wrong: asks at once, if the last question is not too recent. */
  wake(alias: string): void {
    this.#rounds.get(alias)?.wake();
  }

  /** A new session on this cluster begins: what earlier traffic showed of it counts no more. */
  sessionOpened(alias: string): void {
    const atMs = this.#parts.world.nowMs();
    for (const facet of ['produce', 'consume'] as const) {
      const because = 'not tried yet';
      this.#feed(alias, { kind: 'facet', facet, input: { kind: 'forget', atMs, because } });
    }
    this.#tell();
  }

  health(): ReadonlyMap<string, ClusterHealth> {
    return this.#told;
  }

  #startRounds(alias: string): Rounds {
    const { world, pace } = this.#parts;
    const rounds: Rounds = new Rounds({
      world,
      pace,
      probe: this.#parts.openProbe(alias, () => rounds.wake()),
      groupIds: () => this.#parts.groupIds(),
      onOutcome: (facet, startedAtMs, outcome) => {
        this.#onOutcome(alias, { facet, startedAtMs, outcome });
      },
    });
    rounds.start();
    return rounds;
  }

  #startCanary(alias: string): { stop(): void } | undefined {
    const opened = this.#parts.openCanary?.(alias);
    if (opened === undefined) return undefined;
    const { world } = this.#parts;
    const canary = new Canary({
      world,
      everyMs: opened.everyMs,
      write: () => opened.write(),
      onOutcome: (startedAtMs, because) => {
        const clusterId = null;
        const outcome: ProbeOutcome =
          because === undefined ? { kind: 'works', clusterId } : { kind: 'fails', because };
        // While no cluster can be reached our own network is the likelier cause.
        if (because !== undefined && this.#isCutOff()) return;
        this.#onOutcome(alias, { facet: 'produce', startedAtMs, outcome });
      },
    });
    canary.start();
    return {
      stop() {
        canary.stop();
        opened.close();
      },
    };
  }

  #onOutcome(
    alias: string,
    { facet, startedAtMs, outcome }: { facet: Facet; startedAtMs: number; outcome: ProbeOutcome },
  ): void {
    const atMs = this.#parts.world.nowMs();
    switch (outcome.kind) {
      case 'nothing':
        return;
      case 'refused':
        this.#feed(alias, { kind: 'refused', because: outcome.because });
        break;
      case 'works':
        if (facet === 'reach') this.#feed(alias, { kind: 'refused', because: undefined });
        this.#sample(alias, facet, { startedAtMs, atMs, says: 'works', because: '' });
        break;
      case 'fails':
      case 'gone':
        // Our own sleep is no evidence: the answer may lie unread in the kernel.
        if (startedAtMs < this.#awakeSinceMs) return;
        this.#sample(alias, facet, {
          startedAtMs,
          atMs,
          says: outcome.kind,
          because: outcome.because,
        });
        break;
      default:
        unreachable(outcome);
    }
    this.#tell();
    if (outcome.kind === 'works' && outcome.clusterId !== null) {
      this.#parts.onClusterId(alias, outcome.clusterId);
    }
  }

  #lookLater(): void {
    const { world, pace } = this.#parts;
    const expectedAtMs = world.nowMs() + LOOK_MS;
    this.#cancelLook = world.after(LOOK_MS, () => {
      const lateMs = world.nowMs() - expectedAtMs;
      if (lateMs > pace.lagMs) {
        this.#awakeSinceMs = world.nowMs();
        this.#forget(`our own process was asleep for ${Math.round(lateMs)} ms`);
      } else {
        this.#lookAtTraffic();
      }
      this.#feedAll({ kind: 'all', input: { kind: 'look', atMs: world.nowMs() } });
      this.#forgetOldFaults();
      this.#tell();
      // A listener may have ended the watch.
      if (this.#cancelLook !== undefined) this.#lookLater();
    });
  }

  /** Traffic is no evidence while our own network is the likelier cause. */
  #isCutOff(): boolean {
    if (!isNoneReached(this.#states.values())) return false;
    const atMs = this.#parts.world.nowMs();
    this.#cutOffAtMs = atMs;
    const because = 'no cluster could be reached';
    const input = { kind: 'forget', atMs, because } as const;
    for (const facet of ['produce', 'consume'] as const) {
      this.#feedAll({ kind: 'facet', facet, input });
    }
    return true;
  }

  #lookAtTraffic(): void {
    const isCutOff = this.#isCutOff();
    const watched = this.#parts.traffic();
    if (watched === undefined) return;
    const { alias, traffic } = watched;
    const atMs = this.#parts.world.nowMs();
    for (const facet of ['produce', 'consume'] as const) {
      const { worked, failures } = traffic.take(facet);
      for (const because of isCutOff ? [] : failures) {
        this.#sample(alias, facet, { startedAtMs: atMs, atMs, says: 'fails', because });
      }
      if (failures.length > 0) this.wake(alias);
      if (!worked) continue;
      const sample: Sample = { startedAtMs: atMs, atMs, says: 'works', because: '' };
      this.#sample(alias, facet, sample);
      // Whoever acknowledges a record is reached.
      this.#sample(alias, 'reach', sample);
    }
    const waitingMs = watched.produceWaitingMs(this.#cutOffAtMs);
    if (isCutOff || waitingMs < PRODUCE_WAITS_MS) return;
    const startedAtMs = Math.max(atMs - waitingMs, this.#awakeSinceMs);
    const because = 'a Produce request has no answer';
    this.#sample(alias, 'produce', { startedAtMs, atMs, says: 'fails', because });
  }

  /** Not during a switch: nobody works with any cluster then. */
  #forgetOldFaults(): void {
    if (this.#parts.traffic() === undefined) return;
    this.#feedAll({ kind: 'idle', atMs: this.#parts.world.nowMs() });
  }

  #sample(alias: string, facet: Facet, sample: Sample): void {
    this.#feed(alias, { kind: 'facet', facet, input: { kind: 'sample', sample } });
  }

  #forget(because: string): void {
    const atMs = this.#parts.world.nowMs();
    this.#feedAll({ kind: 'all', input: { kind: 'forget', atMs, because } });
  }

  #feedAll(input: HealthInput): void {
    for (const alias of this.#parts.aliases) this.#feed(alias, input);
  }

  #feed(alias: string, input: HealthInput): void {
    const state = this.#states.get(alias);
    if (state === undefined) return;
    this.#states.set(alias, reduceHealth(state, input, this.#limits));
  }

  #healths(): ReadonlyMap<string, ClusterHealth> {
    const { world, pace, limits } = this.#parts;
    const nowMs = world.nowMs();
    const healths = [...this.#states].map(([alias, state]): [string, ClusterHealth] => {
      const askedAtMs = this.#rounds.get(alias)?.unansweredSinceMs;
      const isLate = askedAtMs !== undefined && nowMs - askedAtMs >= pace.unansweredMs;
      const sinceMs = isLate ? askedAtMs : lastFailureMs(state, nowMs - limits.silentMs);
      return [alias, sinceMs === undefined ? healthOf(state) : withDoubt(healthOf(state), sinceMs)];
    });
    return withMutualDoubt(new Map(healths));
  }

  /** Tells what changed: in kind by event, and in any way to whoever decides. */
  #tell(): void {
    const before = this.#told;
    this.#told = this.#healths();
    let changed = false;
    for (const [alias, health] of this.#told) {
      const old = before.get(alias);
      for (const kind of ['produce', 'consume'] as const) {
        const was = old?.[kind];
        const is = health[kind];
        changed ||= was !== is;
        if (was === undefined || was.kind === is.kind) continue;
        this.#parts.events.emit('health.changed', { cluster: alias, of: kind, from: was, to: is });
      }
      if (old?.refusedBecause === health.refusedBecause) continue;
      changed = true;
      if (health.refusedBecause === undefined) continue;
      this.#parts.events.emit('health.refused', {
        cluster: alias,
        because: health.refusedBecause,
      });
    }
    if (changed) this.#parts.onChange();
  }
}
