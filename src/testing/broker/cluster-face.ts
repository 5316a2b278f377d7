import { kafka } from '../../kafkajs.js';
import type { LogRange } from '../../cluster/access.js';
import type {
  MemoryCluster,
  MemoryCommit,
  MemoryGroup,
  MemoryMessage,
  MemoryRecord,
  MemoryTopicOptions,
  ObservedWrite,
} from '../memory-cluster.js';
import { type ApiName, errorCodes } from '../protocol-codes.js';
import type { ProducedRecord } from '../protocol.js';
import type { ClusterParts } from './cluster-parts.js';
import type { ClusterState, Interceptor, ObservedRequest } from './faults.js';
import type { MemoryLog } from './memory-log.js';
import { isInternalName } from './topic-api.js';

/** What only a group's coordinator answers. */
const GROUP_REQUESTS: ReadonlySet<ApiName> = new Set<ApiName>([
  'JoinGroup',
  'SyncGroup',
  'Heartbeat',
  'LeaveGroup',
  'OffsetCommit',
  'OffsetFetch',
  'DescribeGroups',
  'DeleteGroups',
]);

/**
 * What a test sees of a cluster.
 *
 * @internal
 */
export class ClusterFace implements MemoryCluster {
  readonly #parts: ClusterParts;
  readonly #losses = new Map<ApiName, () => void>();

  constructor(parts: ClusterParts) {
    this.#parts = parts;
  }

  get alias(): string {
    return this.#parts.alias;
  }

  get clusterId(): string {
    return this.#parts.clusterId;
  }

  get brokers(): readonly string[] {
    return this.#parts.addresses;
  }

  get state(): ClusterState {
    return this.#parts.broker.state;
  }

  get connectionCount(): number {
    return this.#parts.broker.connectionCount;
  }

  down(): void {
    if (this.state === 'down') return;
    this.#parts.broker.kill();
  }

  up(): void {
    const wasDown = this.state === 'down';
    this.#parts.broker.resume();
    if (!wasDown) return;
    for (const group of this.#parts.groups.all()) group.restored();
    this.#parts.transactions.restored();
    this.#loadCoordinator();
  }

  #loadCoordinator(): void {
    const { clock, coordinatorLoadMs } = this.#parts;
    const halfwayAtMs = clock.nowMs() + coordinatorLoadMs / 2;
    const remove = this.intercept(({ apiName, atMs }) => {
      if (!GROUP_REQUESTS.has(apiName)) return undefined;
      const isLoading = atMs >= halfwayAtMs;
      const { GROUP_LOAD_IN_PROGRESS, NOT_COORDINATOR_FOR_GROUP } = errorCodes;
      const errorCode = isLoading ? GROUP_LOAD_IN_PROGRESS : NOT_COORDINATOR_FOR_GROUP;
      return { kind: 'refuse', errorCode };
    });
    clock.after(coordinatorLoadMs, remove);
  }

  freeze(): void {
    if (this.state !== 'down') this.#parts.broker.freeze();
  }

  thaw(): void {
    if (this.state === 'frozen') this.#parts.broker.resume();
  }

  refuse(): void {
    if (this.state === 'up') this.#parts.broker.refuse();
  }

  slow(byMs: number): void {
    this.#parts.broker.slowByMs = byMs;
  }

  blackhole(): void {
    this.#parts.broker.link.cut();
  }

  heal(): void {
    this.#parts.broker.link.heal();
  }

  loseNextAcknowledgement(apiName: ApiName = 'Produce'): void {
    const remove = this.intercept((request) => {
      if (request.apiName !== apiName) return undefined;
      remove();
      return { kind: 'lose-answer' };
    });
  }

  loseAcknowledgements(rate: number, apiName: ApiName = 'Produce'): void {
    this.#losses.get(apiName)?.();
    this.#losses.delete(apiName);
    if (rate <= 0) return;
    const { random } = this.#parts;
    const remove = this.intercept((request) =>
      request.apiName === apiName && random.chance(rate) ? { kind: 'lose-answer' } : undefined,
    );
    this.#losses.set(apiName, remove);
  }

  intercept(interceptor: Interceptor): () => void {
    return this.#parts.broker.intercept(interceptor);
  }

  onRequest(listener: (request: ObservedRequest) => void): () => void {
    return added(this.#parts.broker.observers, listener);
  }

  onWrite(listener: (write: ObservedWrite) => void): () => void {
    return added(this.#parts.broker.writeObservers, listener);
  }

  createTopic(name: string, options: number | MemoryTopicOptions): void {
    const { partitions, config } =
      typeof options === 'number' ? { partitions: options, config: {} } : options;
    const errorCode = this.#parts.topics.create(name, partitions, config);
    if (errorCode === errorCodes.NONE) return;
    const reason = errorCode === errorCodes.TOPIC_ALREADY_EXISTS ? 'it exists' : 'not allowed';
    throw new Error(`cannot create topic ${name} on ${this.alias}: ${reason}`);
  }

  deleteTopic(name: string): void {
    this.#parts.topics.delete(name);
  }

  topicNames(): readonly string[] {
    const names = this.#parts.topics.all().map(({ name }) => name);
    return names.filter((name) => !isInternalName(name));
  }

  partitionCount(topic: string): number {
    return this.#parts.topics.get(topic)?.partitions.length ?? 0;
  }

  append(topic: string, partition: number, messages: readonly MemoryMessage[]): bigint {
    const wallMs = this.#parts.clock.wallMs();
    const records = messages.map((message) => recordOf(message, wallMs));
    return BigInt(this.#log(topic, partition).append(records));
  }

  records(topic: string, partition: number): readonly MemoryRecord[] {
    const log = this.#log(topic, partition);
    return log.records.map((record) => ({
      offset: BigInt(record.offset),
      key: record.key,
      value: record.value,
      headers: record.headers,
      timestampMs: record.timestampMs,
      marker: record.marker,
      isAborted: log.isAborted(record),
    }));
  }

  range(topic: string, partition: number): LogRange {
    const { lowOffset, nextOffset } = this.#log(topic, partition);
    return { low: BigInt(lowOffset), high: BigInt(nextOffset) };
  }

  trim(topic: string, partition: number, offset: bigint): void {
    this.#log(topic, partition).trim(Number(offset));
  }

  compact(topic: string, partition: number): void {
    this.#log(topic, partition).compact();
  }

  commit(groupId: string, topic: string, partition: number): MemoryCommit | undefined {
    const stored = this.#parts.groups.get(groupId)?.commits.get(topic, partition);
    if (stored === undefined) return undefined;
    return { offset: BigInt(stored.offset), metadata: stored.metadata };
  }

  setCommit(groupId: string, topic: string, partition: number, commit: MemoryCommit): void {
    const { commits } = this.#parts.groups.getOrCreate(groupId);
    const options = { metadataMaxLength: Infinity, exists: () => true };
    commits.store([{ topic, partitions: [{ partition, ...commit }] }], options);
  }

  group(groupId: string): MemoryGroup | undefined {
    const group = this.#parts.groups.get(groupId);
    if (group === undefined) return undefined;
    return {
      state: group.state,
      generation: group.current.id,
      members: [...group.members.values()].map(({ id, clientId, assignment }) => ({
        memberId: id,
        clientId,
        assignment: assignmentOf(assignment),
      })),
    };
  }

  expel(groupId: string, memberId: string): void {
    this.#parts.groups.get(groupId)?.leave(memberId);
  }

  #log(topic: string, partition: number): MemoryLog {
    const found = this.#parts.topics.partition(topic, partition);
    if (found === undefined)
      throw new Error(`${this.alias} has no partition ${topic}-${partition}`);
    return found.log;
  }
}

function added<T>(set: Set<T>, element: T): () => void {
  set.add(element);
  return () => {
    set.delete(element);
  };
}

function recordOf(message: MemoryMessage, wallMs: number): ProducedRecord {
  return {
    key: bytesOf(message.key),
    value: bytesOf(message.value),
    headers: Object.entries(message.headers ?? {}).map(([name, value]) => [
      name,
      Buffer.from(value),
    ]),
    timestampMs: message.timestampMs ?? wallMs,
  };
}

function bytesOf(value: string | Buffer | null | undefined): Buffer | null {
  return value === null || value === undefined ? null : Buffer.from(value);
}

function assignmentOf(bytes: Buffer): Readonly<Record<string, readonly number[]>> {
  if (bytes.length === 0) return {};
  return kafka.AssignerProtocol.MemberAssignment.decode(bytes)?.assignment ?? {};
}
