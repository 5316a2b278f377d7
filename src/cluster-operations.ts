import { clusterNamed } from './clients.js';
import type { ClusterAccess } from './cluster/access.js';
import { openAccess } from './cluster/kafka-access.js';
import type { SessionOptions } from './cluster/kafka-session.js';
import type { ClusterSession } from './cluster/session.js';
import { Sessions } from './cluster/sessions.js';
import { FailoverClosedError, type WrongClusterError } from './errors.js';
import type { EventSink } from './events.js';
import { Identities, isWrongCluster } from './identities.js';
import type { ResolvedOptions } from './options.js';
import { showsKnownGroup } from './position/known-group.js';
import { catchUpWith } from './catch-up-with.js';
import type { GroupPlan, MissingPosition } from './position/plan.js';
import type { GroupNeed } from './position/need.js';
import { planGroups } from './position/planner.js';
import type { Progress } from './progress.js';
import type { Checkpoint } from './replication/checkpoint-store.js';
import type { CatchUpOutcome } from './replication/catch-up.js';
import {
  openMirror,
  type HeartbeatState,
  type Mirror,
  type MirrorState,
} from './replication/mirror.js';
import { unmirroredInWords } from './replication/mirrored.js';
import { replicationPolicy, type ReplicationPolicy } from './replication/policy.js';
import type { Replays } from './replay/replays.js';
import type { SwitchOperations } from './switch/operations.js';
import type { SwitchTurn } from './switch/participant.js';
import { lookAtTarget, type TargetReadiness } from './target-look.js';
import { untilDeadline, withinDeadline } from './wait.js';
import type { Watching } from './watching.js';

/** Longest wait of a process that begins for what was replayed, in milliseconds. */
const REPLAYS_MAX_MS = 2_000;

/** @internal What the operations are made of. */
export interface ClusterOperationsParts {
  readonly options: ResolvedOptions;
  readonly events: EventSink;
  /** The active cluster, or the one to start on, is not the expected one, or both aliases lead to it. */
  onWrongCluster(active: string, error: WrongClusterError): void;
  /** Alias of the cluster that is worked with, if there is one. */
  active(): string | undefined;
  /** What is written down of the groups' work; there from the first client on. */
  progress(): Pick<Progress, 'start' | 'stop' | 'lastWords' | 'othersSaid' | 'recorded'>;
  /** Whoever watches the clusters; there from the first client on. */
  watch(): Watching;
  /** What was replayed to the clusters; undefined where nothing ever is. */
  readonly replays?: Pick<Replays, 'readToEnd'> | undefined;
  /** A client is in use. */
  onUsed(): void;
  /** No client is in use any more, or for ever: every connection is closed. */
  onReleased(): void | Promise<void>;
}

/**
 * Everything that a switch needs to have done on clusters and mirrors: one access per cluster, one mirror per direction,
 * and the cluster ids learned so far.
 *
 * @internal
 */
export class ClusterOperations implements SwitchOperations {
  readonly policy: ReplicationPolicy;
  readonly sessions: Sessions = new Sessions((alias) => this.#sessionOn(alias));
  readonly #parts: ClusterOperationsParts;
  readonly #accesses = new Map<string, ClusterAccess>();
  readonly #mirrors = new Map<string, Mirror>();
  readonly #identities: Identities;
  #isClosed = false;

  constructor(parts: ClusterOperationsParts) {
    this.#parts = parts;
    this.policy = replicationPolicy(parts.options.mirror);
    this.#identities = new Identities({ ...parts, sessions: this.sessions });
  }

  /** Who stands behind the names. */
  get identities(): Identities {
    return this.#identities;
  }

  mirrorStates(): readonly MirrorState[] {
    return [...this.#mirrors.values()].map((mirror) => mirror.state());
  }

  heartbeatTo(target: string): HeartbeatState | undefined {
    return this.#mirrors.get(target)?.state().heartbeat;
  }

  access(alias: string): ClusterAccess {
    const known = this.#accesses.get(alias);
    if (known !== undefined) return known;
    if (this.#isClosed) throw new FailoverClosedError('This FailoverKafka was closed.');
    const { options } = this.#parts;
    const { kafka: kafkaConfig, world } = options;
    const clusterOptions = clusterNamed(options, alias, 'clusters');
    const access = openAccess({ alias, clusterOptions, kafkaConfig, world });
    this.#accesses.set(alias, access);
    return access;
  }

  async chooseFirst(): Promise<{ active: string; switchEpoch: number }> {
    const { world, aliases, deadlines } = this.#parts.options;
    const { active, switchEpoch } = await this.#parts.watch().startOn();
    // The standby may be down, so nobody waits for it. One that is another cluster than expected refuses switches to it
    // later; one that is the active cluster itself is a mistake in the options.
    for (const alias of aliases.filter((each) => each !== active)) {
      this.#identities.identify(alias).catch((error: unknown) => {
        if (isWrongCluster(error) && this.#identities.isKnownAs(active, error.actualClusterId)) {
          this.#parts.onWrongCluster(active, error);
        }
      });
    }
    // A cluster that does not answer is reported by the client that connects to it, in kafkajs's own words.
    const identified = this.#identities.identify(active).catch((error: unknown) => {
      if (!isWrongCluster(error)) return;
      this.#parts.onWrongCluster(active, error);
      throw error;
    });
    await untilDeadline(world, world.nowMs() + deadlines.prepareMs, identified);
    await this.#knowReplays(active);
    return { active, switchEpoch };
  }

  /** Consumers of a process that begins are to know of each record that is there twice. A log that does not answer in time holds up nothing. */
  async #knowReplays(active: string): Promise<void> {
    const { replays, options } = this.#parts;
    if (replays === undefined) return;
    const { world } = options;
    await withinDeadline(world, world.nowMs() + REPLAYS_MAX_MS, (signal) =>
      replays.readToEnd(active, signal),
    ).catch(() => {});
  }

  openSession(alias: string, switchEpoch: number): ClusterSession {
    const session = this.sessions.open(alias, switchEpoch);
    this.#parts.watch().sessionOpened(session);
    return session;
  }

  #sessionOn(alias: string): Omit<SessionOptions, 'switchEpoch' | 'isStandby'> {
    const { options, events } = this.#parts;
    const watch = this.#parts.watch();
    return {
      alias,
      clusterOptions: clusterNamed(options, alias, 'clusters'),
      kafkaConfig: options.kafka,
      world: options.world,
      events,
      stalledAfterMs: options.socketStalledAfterMs,
      onSuspicion: () => watch.suspect(alias),
      beforeWrite: watch.fleet?.lease.guard,
      verify: (isAgain) => this.#identities.verify(alias, { isUrgent: isAgain }),
    };
  }

  ready(): Promise<void> {
    return this.#parts.watch().ready();
  }

  watch(): void {
    this.#parts.onUsed();
    this.#parts.watch().start();
  }

  checkReadiness(
    turn: Pick<SwitchTurn, 'to' | 'planned'>,
    needs: readonly GroupNeed[],
    signal: AbortSignal,
  ): Promise<TargetReadiness> {
    const { to, planned } = turn;
    const { world, aliases, deadlines } = this.#parts.options;
    return lookAtTarget({
      target: to,
      planned,
      needs,
      aliases,
      world,
      identify: () => this.#identities.identify(to),
      mirror: () => this.#mirror(to),
      mirrorBack: () => this.#mirror(this.#mirror(to).source),
      access: (alias) => this.access(alias),
      deadlineAtMs: world.nowMs() + deadlines.prepareMs,
      signal,
    });
  }

  async catchUp(
    turn: SwitchTurn,
    needs: readonly GroupNeed[],
    signal: AbortSignal,
  ): Promise<{ unmirrored: readonly string[] }> {
    const outcome = await this.lag(turn, needs, signal);
    return { unmirrored: unmirroredInWords(outcome, turn.from) };
  }

  /** As {@link SwitchOperations.catchUp}, in numbers. */
  async lag(
    { from, to }: Pick<SwitchTurn, 'from' | 'to'>,
    needs: readonly GroupNeed[],
    signal: AbortSignal,
  ): Promise<CatchUpOutcome> {
    if (needs.length === 0) return { unmirrored: [], unknown: [] };
    const { world, aliases } = this.#parts.options;
    return catchUpWith({
      selectors: needs.flatMap((need) => need.selectors),
      aliases,
      source: this.access(from),
      target: this.access(to),
      mirror: this.#mirror(to),
      world,
      signal,
    });
  }

  lastWords(...args: Parameters<Progress['lastWords']>): Promise<void> {
    return this.#parts.progress().lastWords(...args);
  }

  othersSaid(turn: SwitchTurn, groupId: string, signal: AbortSignal): Promise<boolean> {
    const isFleet = turn.agreedEpoch !== undefined;
    return this.#parts.progress().othersSaid(groupId, turn, isFleet, signal);
  }

  async plan(
    turn: Pick<SwitchTurn, 'from' | 'to' | 'planned'>,
    need: GroupNeed,
    signal: AbortSignal,
  ): Promise<GroupPlan> {
    const { consumer, deadlines } = this.#parts.options;
    return this.#plan(turn, need, {
      signal,
      onMissing: consumer.onMissingPosition,
      maxWaitMs: deadlines.translateMs / 2,
    });
  }

  async planAtStart(
    active: string,
    need: GroupNeed,
    signal: AbortSignal,
  ): Promise<GroupPlan | undefined> {
    const { aliases, deadlines } = this.#parts.options;
    const other = aliases.find((alias) => alias !== active);
    if (other === undefined) return undefined;
    const turn = { from: other, to: active, planned: false, isFirst: true } as const;
    const limits = { signal, onMissing: 'earliest', maxWaitMs: deadlines.translateMs } as const;
    const plan = await this.#plan(turn, need, limits);
    const resume = plan.partitions.filter((one) => one.kind === 'resume');
    // Committed together: what only this process knew would be forgotten at its next restart.
    const checkpointOf = (topic: string, partition: number): Checkpoint | undefined =>
      this.#mirror(active).checkpoint(need.groupId, topic, partition);
    if (resume.some((one) => showsKnownGroup(one, checkpointOf)))
      return { ...plan, partitions: resume };
    if (resume.every(({ method }) => method === 'own-commit')) return undefined;
    // Not knowing whether the group ran elsewhere is no reason to begin at the end.
    return this.#mirror(active).state().isComplete ? undefined : { ...plan, partitions: [] };
  }

  release(): void {
    this.#parts.watch().stop();
    void this.#disconnect();
  }

  /** Closes every connection, for good. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.sessions.forget('this FailoverKafka was closed');
    await Promise.all([this.#parts.watch().close(), this.#disconnect()]);
  }

  async #disconnect(): Promise<void> {
    const released = Promise.resolve(this.#parts.onReleased());
    for (const mirror of this.#mirrors.values()) mirror.close();
    const accesses = [...this.#accesses.values()];
    this.#mirrors.clear();
    this.#accesses.clear();
    const progress = this.#parts.progress().stop();
    await Promise.allSettled([released, progress, ...accesses.map((access) => access.close())]);
  }

  async #plan(
    turn: Pick<SwitchTurn, 'from' | 'to' | 'planned'> & { isFirst?: true },
    need: GroupNeed,
    limits: { signal: AbortSignal; onMissing: MissingPosition; maxWaitMs: number },
  ): Promise<GroupPlan> {
    const { world, aliases } = this.#parts.options;
    // Out of a halt the way may lead to the cluster that it came from. What was handled there is then no position on the
    // mirror's source, although topics have the same names.
    const isReturn = turn.from === turn.to;
    const other = aliases.find((alias) => alias !== turn.to) ?? turn.from;
    const [plan] = await planGroups({
      needs: [isReturn ? { ...need, processed: [], untouched: [] } : need],
      // The source of an unplanned switch is not asked: it is judged dead, and its answer would only be waited for.
      source: turn.planned && !isReturn ? this.access(turn.from) : undefined,
      isStart: turn.isFirst,
      target: this.access(turn.to),
      mirror: this.#mirror(turn.to),
      mirrorBack: this.#mirror(other),
      policy: this.policy,
      aliases,
      world,
      onMissing: limits.onMissing,
      deadlineAtMs: world.nowMs() + limits.maxWaitMs,
      recorded: (groupId) => this.#parts.progress().recorded(groupId, turn, limits.signal),
      signal: limits.signal,
    });
    if (plan === undefined) throw new Error(`no plan for group ${need.groupId}`);
    return plan;
  }

  /** Begins to follow MirrorMaker in both directions, and how far the groups come, with the first question about positions. Idempotent. */
  #follow(): void {
    this.#parts.progress().start();
    if (this.#mirrors.size > 0) return;
    const { options, events } = this.#parts;
    const [first, second] = options.aliases;
    for (const [source, target] of [
      [first, second],
      [second, first],
    ] as const) {
      this.#mirrors.set(
        target,
        openMirror({
          source,
          target,
          policy: this.policy,
          offsetSyncsLocation: options.mirror.offsetSyncsLocation,
          targetAccess: this.access(target),
          sourceAccess: this.access(source),
          world: options.world,
          events,
        }),
      );
    }
  }

  #mirror(target: string): Mirror {
    this.#follow();
    const mirror = this.#mirrors.get(target);
    if (mirror === undefined) throw new Error(`no mirror to ${target}`);
    return mirror;
  }
}
