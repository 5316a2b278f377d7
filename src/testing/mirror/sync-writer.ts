import { encodeOffsetSync } from '../../replication/records.js';
import { type FlowContext, internalLog, isReachable } from './flow-context.js';

interface PartitionState {
  lastSyncDownstream: number;
  previousUpstream: number;
  previousDownstream: number;
}

interface PendingSync {
  readonly topic: string;
  readonly partition: number;
  readonly upstream: number;
  readonly downstream: number;
}

/** MirrorMaker's limit of syncs that were sent and not acknowledged, per task. */
const MAX_IN_FLIGHT = 10;

/** How long a sync is under way: about what a broker takes to acknowledge. */
const SYNC_ACK_MS = 1;

/**
 * Decides which copies get an offset sync, and writes them (`OffsetSyncWriter`, `PartitionState`).
 *
 * @internal
 */
export class SyncWriter {
  readonly #context: FlowContext;
  readonly #states = new Map<string, PartitionState>();
  /** One per partition: a newer sync takes the place of an older one that was not sent yet. */
  readonly #pending = new Map<string, PendingSync>();
  readonly #delayed = new Map<string, PendingSync>();
  #inFlightCount = 0;

  constructor(context: FlowContext) {
    this.#context = context;
  }

  /** A copy was acknowledged by the target. */
  copied(topic: string, partition: number, upstream: number, downstream: number): void {
    const key = `${topic}/${partition}`;
    const sync = { topic, partition, upstream, downstream };
    if (this.#isDue(key, upstream, downstream)) {
      this.#delayed.delete(key);
      this.#pending.set(key, sync);
    } else {
      this.#delayed.set(key, sync);
    }
    this.#send();
  }

  /** At each flush of the source offsets, what was not due is sent too (since 3.7, KAFKA-15906). */
  flush(): void {
    for (const [key, sync] of this.#delayed) this.#pending.set(key, sync);
    this.#delayed.clear();
    this.#send();
  }

  #isDue(key: string, upstream: number, downstream: number): boolean {
    const state = this.#states.get(key);
    if (state === undefined) {
      this.#states.set(key, {
        lastSyncDownstream: downstream,
        previousUpstream: upstream,
        previousDownstream: downstream,
      });
      return true;
    }
    const staleBy = downstream - (state.lastSyncDownstream + 1);
    const isDue =
      staleBy >= this.#context.settings.offsetLagMax ||
      upstream - state.previousUpstream !== 1 ||
      downstream < state.previousDownstream;
    if (isDue) state.lastSyncDownstream = downstream;
    state.previousUpstream = upstream;
    state.previousDownstream = downstream;
    return isDue;
  }

  #send(): void {
    for (const [key, sync] of this.#pending) {
      if (this.#inFlightCount >= MAX_IN_FLIGHT) return;
      this.#pending.delete(key);
      this.#inFlightCount += 1;
      this.#context.clock.after(SYNC_ACK_MS, () => {
        this.#inFlightCount -= 1;
        this.#write(sync);
      });
    }
  }

  /** A sync that cannot be written is lost; MirrorMaker logs it and goes on. */
  #write({ topic, partition, upstream, downstream }: PendingSync): void {
    const { flow, policy, settings, source, target, clock } = this.#context;
    const host = settings.offsetSyncsLocation === 'target' ? target : source;
    if (!isReachable(host)) return;
    const record = encodeOffsetSync(
      { topic, partition },
      { upstreamOffset: BigInt(upstream), downstreamOffset: BigInt(downstream) },
    );
    const { topic: syncsTopic } = policy.offsetSyncsTopic(flow, settings.offsetSyncsLocation);
    const timestampMs = clock.wallMs();
    internalLog(host, syncsTopic).append([{ ...record, headers: [], timestampMs }]);
  }
}
