import { asError } from '../caught.js';
import type { KafkaJsCluster } from '../cluster/kafkajs-cluster.js';
import type { ClusterSession } from '../cluster/session.js';
import type { Standby } from '../cluster/standby.js';
import { abortable, anyOf, sleep, untilAborted, untilDeadline } from '../wait.js';
import type { World } from '../world.js';
import type { InnerProducer } from './inner-producer.js';

/**
 * How a producer stands on the standby.
 *
 * @public
 */
export type ProducerStandbyStatus =
  /** `producer.hotStandby` is off, the producer is not connected, or it has a `transactionalId`. */
  | { readonly kind: 'none' }
  /** It is not connected there (yet), also where it has written nothing so far; `because` says why the last attempt failed. */
  | { readonly kind: 'connecting'; readonly cluster: string; readonly because: string | undefined }
  /** It is connected there, to the leaders of the topics that it has written to, and a switch needs no connect. */
  | { readonly kind: 'connected'; readonly cluster: string };

/** @internal Where producers wait. */
export interface StandbyProducerPort extends Standby {
  /** The topics of a cluster, asked now or shortly before. */
  topicsOn(alias: string): Promise<ReadonlyMap<string, unknown>>;
}

/** @internal What {@link StandbyProducer} works with. */
export interface StandbyProducerParts {
  readonly world: World;
  readonly port: StandbyProducerPort;
  /** Makes the inner producer of a session. */
  make(session: ClusterSession): InnerProducer;
  /** Topics that the producer in force has written to. */
  topics(): Iterable<string>;
}

interface Keeping {
  readonly alias: string;
  readonly controller: AbortController;
  inner: InnerProducer | undefined;
  /** Whether all its brokers answer, asked when the switch began. */
  verdict: Verdict | undefined;
}

interface Verdict {
  readonly askedAtMs: number;
  readonly isAlive: Promise<boolean>;
}

/** How soon a producer that was lost connects again, in milliseconds; it doubles. */
const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 10_000;

/** How often it looks for new topics and new leaders, and shows the brokers that it is there, in milliseconds. They close idle connections. */
const LOOK_EVERY_MS = 30_000;

/** How soon it is looked again whether the producer has written anything, in milliseconds. No broker is asked. */
const NOTHING_WRITTEN_MS = 1_000;

/** How long one such look may take, in milliseconds. */
const LOOK_MS = 5_000;

/** How long the brokers' answers are waited for when a switch begins, in milliseconds. */
const CHECK_MS = 500;

/** How long such an answer counts, in milliseconds: a planned switch may wait for long, and a socket die meanwhile. */
const CHECK_VALID_MS = 1_000;

/**
 * Keeps a second inner producer connected to the standby, so that the first send after a switch needs no connect and no metadata. Nothing is
 * sent with it before a switch has opened its session: nobody knows of it. What goes wrong here touches nothing else, and costs only the
 * head start.
 *
 * @internal
 */
export class StandbyProducer {
  readonly #parts: StandbyProducerParts;
  #keeping: Keeping | undefined;
  #status: ProducerStandbyStatus = { kind: 'none' };

  constructor(parts: StandbyProducerParts) {
    this.#parts = parts;
  }

  get status(): ProducerStandbyStatus {
    return this.#status;
  }

  /** From now on there shall be one on the other cluster. Idempotent. */
  keep({ alias: active }: ClusterSession): void {
    const alias = this.#parts.port.beside(active);
    if (this.#keeping?.alias === alias) return;
    this.leave();
    const controller = abortable();
    const keeping = { alias, controller, inner: undefined, verdict: undefined };
    this.#keeping = keeping;
    this.#status = { kind: 'connecting', cluster: alias, because: undefined };
    void this.#keep(keeping);
  }

  /** A switch is under way. Asks the brokers now, so that {@link take} does not wait for them. */
  check(): void {
    const keeping = this.#keeping;
    if (keeping === undefined) return;
    const { inner } = keeping;
    if (inner === undefined || this.#status.kind !== 'connected') return;
    keeping.verdict = { askedAtMs: this.#parts.world.nowMs(), isAlive: this.#answers(inner) };
  }

  /**
   * A switch has opened this session: the producer that waited in it, where all its brokers answer. Otherwise it is let go.
   */
  async take(session: ClusterSession): Promise<InnerProducer | undefined> {
    const keeping = this.#keeping;
    if (keeping === undefined) return undefined;
    const askedAtMs = keeping.verdict?.askedAtMs ?? Number.NEGATIVE_INFINITY;
    if (this.#parts.world.nowMs() - askedAtMs > CHECK_VALID_MS) {
      keeping.verdict = undefined;
      this.check();
    }
    const isAlive = (await keeping.verdict?.isAlive) === true;
    if (this.#keeping !== keeping) return undefined;
    // Asked now: it may have been given up, or be another one, since.
    const { inner } = keeping;
    if (!isAlive || inner?.session !== session || session.signal.aborted) {
      this.leave();
      return undefined;
    }
    this.#forget(keeping);
    return inner;
  }

  /** Nothing waits any more. Synchronous, idempotent. */
  leave(): void {
    const keeping = this.#keeping;
    if (keeping === undefined) return;
    this.#forget(keeping);
    keeping.inner?.retire();
  }

  #forget(keeping: Keeping): void {
    keeping.controller.abort(new Error('nothing waits on the standby'));
    this.#keeping = undefined;
    this.#status = { kind: 'none' };
  }

  async #answers(inner: InnerProducer): Promise<boolean> {
    const { cluster } = inner;
    if (cluster === undefined) return true;
    const { world } = this.#parts;
    const visiting = closedBehind(inner, visitLeaders(cluster));
    const asked = untilDeadline(world, world.nowMs() + CHECK_MS, visiting);
    const answer = await asked.catch(() => undefined);
    return answer?.kind === 'settled';
  }

  async #keep(keeping: Keeping): Promise<void> {
    const { world } = this.#parts;
    const { alias, controller } = keeping;
    const { signal } = controller;
    let delayMs = FIRST_DELAY_MS;
    while (!signal.aborted) {
      if ([...this.#parts.topics()].length === 0) {
        await sleep(world, NOTHING_WRITTEN_MS, { signal }).catch(() => {});
        continue;
      }
      try {
        const inner = await this.#connect(keeping);
        const gone = anyOf(signal, inner.session.signal);
        for (;;) {
          await this.#look(inner, gone);
          this.#status = { kind: 'connected', cluster: alias };
          keeping.verdict = undefined;
          delayMs = FIRST_DELAY_MS;
          await sleep(world, LOOK_EVERY_MS, { signal: gone });
        }
      } catch (error) {
        if (signal.aborted) return;
        const because = asError(error).message;
        this.#status = { kind: 'connecting', cluster: alias, because };
        keeping.inner?.retire();
        keeping.inner = undefined;
        keeping.verdict = undefined;
      }
      await sleep(world, delayMs, { signal }).catch(() => {});
      delayMs = Math.min(2 * delayMs, MAX_DELAY_MS);
    }
  }

  async #connect(keeping: Keeping): Promise<InnerProducer> {
    const { port, make } = this.#parts;
    const { alias, controller } = keeping;
    const { signal } = controller;
    await untilAborted(signal, port.identify(alias));
    const session = port.sessionOn(alias);
    const inner = make(session);
    keeping.inner = inner;
    try {
      const connecting = closedBehind(inner, inner.producer.connect());
      await untilAborted(anyOf(signal, session.signal), connecting);
      return inner;
    } catch (error) {
      inner.retire();
      throw error;
    }
  }

  /** Learns of the topics that are written to, and where they are led. */
  async #look(inner: InnerProducer, signal: AbortSignal): Promise<void> {
    const { session, cluster } = inner;
    if (cluster === undefined) return;
    const { world, port } = this.#parts;
    const look = async (): Promise<void> => {
      // Asked by name a topic that is missing would be made, where the service allows that: a look must not do it.
      const there = await port.topicsOn(session.alias);
      const known = [...(cluster.targetTopics ?? [])];
      const gone = known.find((topic) => !there.has(topic));
      if (gone !== undefined) throw new Error(`there is no topic ${gone} any more`);
      const wanted = [...this.#parts.topics()].filter((topic) => there.has(topic));
      if (wanted.length === 0) throw new Error('none of its topics is there');
      signal.throwIfAborted();
      await cluster.addMultipleTargetTopics(wanted);
      await cluster.refreshMetadataIfNecessary();
      await visitLeaders(cluster);
    };
    const deadlineAtMs = world.nowMs() + LOOK_MS;
    const looking = untilAborted(signal, closedBehind(inner, look()));
    const { kind } = await untilDeadline(world, deadlineAtMs, looking);
    if (kind === 'overrun') throw new Error(`its brokers did not answer within ${LOOK_MS} ms`);
  }
}

/** kafkajs may connect after its `disconnect()`: what had begun before goes on, and nobody would close that. */
async function closedBehind(inner: InnerProducer, work: Promise<void>): Promise<void> {
  try {
    await work;
  } finally {
    if (inner.isRetired) inner.retire();
  }
}

/** Connects where it is not connected, and waits for an answer of each. */
async function visitLeaders(cluster: KafkaJsCluster): Promise<void> {
  const leaders = [...(cluster.targetTopics ?? [])].flatMap((topic) =>
    cluster.findTopicPartitionMetadata(topic).map(({ leader }) => leader),
  );
  const nodeIds = [...new Set(leaders)].filter((nodeId) => nodeId >= 0);
  await Promise.all(
    nodeIds.map(async (nodeId) => (await cluster.findBroker({ nodeId })).apiVersions()),
  );
}
