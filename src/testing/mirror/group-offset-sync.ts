import type { StoredCommit } from '../broker/group-commits.js';
import type { Checkpointer } from './checkpointer.js';
import { type FlowContext, isReachable } from './flow-context.js';

/**
 * Writes translated offsets into the target's groups (`sync.group.offsets.enabled`, KIP-545), with MirrorMaker's own hazard:
 * a group that was in use when its offsets were copied, and is empty when they are written, is set back (KAFKA-19794).
 *
 * @internal
 */
export class GroupOffsetSync {
  readonly #context: FlowContext;
  readonly #checkpointer: Checkpointer;
  /** Offsets of the target's groups that were empty at the last look. */
  readonly #copies = new Map<string, Map<string, StoredCommit>>();
  #isFirst = true;

  constructor(context: FlowContext, checkpointer: Checkpointer) {
    this.#context = context;
    this.#checkpointer = checkpointer;
  }

  tick(): void {
    if (!isReachable(this.#context.target)) return;
    if (!this.#isFirst) this.#write();
    this.#isFirst = false;
    this.#copy();
  }

  #copy(): void {
    this.#copies.clear();
    for (const { group } of this.#checkpointer.checkpoints()) {
      const known = this.#context.target.groups.get(group);
      if (known?.state !== 'Empty') continue;
      const copy = new Map<string, StoredCommit>();
      for (const { topic, partitions } of known.commits.all()) {
        for (const { partition, commit } of partitions) copy.set(`${topic}/${partition}`, commit);
      }
      this.#copies.set(group, copy);
    }
  }

  #write(): void {
    const { target } = this.#context;
    for (const checkpoint of this.#checkpointer.checkpoints()) {
      const { group, topic, partition, downstream, metadata } = checkpoint;
      const copied = this.#copies.get(group)?.get(`${topic}/${partition}`);
      const isAhead = copied !== undefined && BigInt(copied.offset) >= downstream;
      const members = target.groups.get(group)?.members.size ?? 0;
      // The coordinator refuses a commit of an outsider while the group has members.
      if (isAhead || members > 0) continue;
      const commit = { partition, offset: downstream, metadata };
      const exists = (): boolean => target.topics.partition(topic, partition) !== undefined;
      target.groups
        .getOrCreate(group)
        .commits.store([{ topic, partitions: [commit] }], { metadataMaxLength: Infinity, exists });
    }
  }
}
