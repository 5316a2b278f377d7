import { errorCodes } from '../protocol-codes.js';
import type { Protocol } from '../protocol.js';
import { Group, type GroupSurroundings } from './group.js';
import { joinRefused, metadataOf, NO_BYTES } from './group-member.js';
import type { Handlers } from './handlers.js';
import type { TopicStore } from './topic-store.js';

/** @internal Limits of the group coordinator. */
export interface GroupLimits {
  /** Kafka's `group.min.session.timeout.ms` and `group.max.session.timeout.ms`. */
  readonly minSessionTimeoutMs: number;
  readonly maxSessionTimeoutMs: number;
  /** Kafka's `offset.metadata.max.bytes`, which counts characters. */
  readonly offsetMetadataMaxLength: number;
}

type GroupApiName =
  | 'GroupCoordinator'
  | 'JoinGroup'
  | 'SyncGroup'
  | 'Heartbeat'
  | 'LeaveGroup'
  | 'OffsetCommit'
  | 'OffsetFetch'
  | 'DescribeGroups'
  | 'ListGroups'
  | 'DeleteGroups';

/**
 * The consumer groups of one cluster.
 *
 * @internal
 */
export class GroupStore {
  readonly #groups = new Map<string, Group>();
  readonly #surroundings: GroupSurroundings;

  constructor(surroundings: GroupSurroundings) {
    this.#surroundings = surroundings;
  }

  get(groupId: string): Group | undefined {
    return this.#groups.get(groupId);
  }

  all(): readonly Group[] {
    return [...this.#groups.values()];
  }

  getOrCreate(groupId: string): Group {
    const known = this.#groups.get(groupId);
    if (known !== undefined) return known;
    const group = new Group(groupId, this.#surroundings);
    this.#groups.set(groupId, group);
    return group;
  }

  delete(groupId: string): number {
    const group = this.#groups.get(groupId);
    if (group === undefined) return errorCodes.GROUP_ID_NOT_FOUND;
    if (group.members.size > 0) return errorCodes.NON_EMPTY_GROUP;
    this.#groups.delete(groupId);
    return errorCodes.NONE;
  }
}

/**
 * Groups: membership, commits, description.
 *
 * @internal
 */
export function groupApi(surroundings: {
  groups: GroupStore;
  topics: TopicStore;
  limits: GroupLimits;
  coordinator: { nodeId: number; host: string; port: number };
}): Handlers<GroupApiName> {
  const { groups, limits, coordinator } = surroundings;
  const exists = (topic: string, partition: number): boolean =>
    surroundings.topics.partition(topic, partition) !== undefined;
  return {
    GroupCoordinator(_request, reply) {
      reply({ errorCode: errorCodes.NONE, errorMessage: null, coordinator });
    },

    JoinGroup(request, reply, { clientId }) {
      const { sessionTimeout, memberId } = request;
      const isTooShort = sessionTimeout < limits.minSessionTimeoutMs;
      if (isTooShort || sessionTimeout > limits.maxSessionTimeoutMs) {
        reply(joinRefused(errorCodes.INVALID_SESSION_TIMEOUT, memberId));
        return;
      }
      groups.getOrCreate(request.groupId).join(request, clientId, reply);
    },

    SyncGroup(request, reply) {
      const group = groups.get(request.groupId);
      if (group !== undefined) group.sync(request, reply);
      else reply({ errorCode: errorCodes.UNKNOWN_MEMBER_ID, memberAssignment: NO_BYTES });
    },

    Heartbeat({ groupId, memberId, groupGenerationId }, reply) {
      const group = groups.get(groupId);
      const errorCode =
        group?.heartbeat(memberId, groupGenerationId) ?? errorCodes.UNKNOWN_MEMBER_ID;
      reply({ errorCode });
    },

    LeaveGroup({ groupId, memberId }, reply) {
      const errorCode = groups.get(groupId)?.leave(memberId) ?? errorCodes.UNKNOWN_MEMBER_ID;
      reply({
        errorCode: errorCodes.NONE,
        members: [{ memberId, groupInstanceId: null, errorCode }],
      });
    },

    OffsetCommit(request, reply) {
      reply({ responses: commit(groups, request, limits.offsetMetadataMaxLength, exists) });
    },

    OffsetFetch({ groupId, topics }, reply) {
      const commits = groups.get(groupId)?.commits;
      // An empty list asks for everything that the group has committed.
      const asked =
        topics.length > 0 || commits === undefined
          ? topics
          : commits.all().map(({ topic, partitions }) => ({ topic, partitions }));
      reply({
        errorCode: errorCodes.NONE,
        responses: asked.map(({ topic, partitions }) => ({
          topic,
          partitions: partitions.map(({ partition }) => {
            const stored = commits?.get(topic, partition);
            const { offset, metadata } = stored ?? { offset: '-1', metadata: '' };
            return { partition, offset, metadata, errorCode: errorCodes.NONE };
          }),
        })),
      });
    },

    DescribeGroups({ groupIds }, reply) {
      reply({ groups: groupIds.map((groupId) => describe(groupId, groups.get(groupId))) });
    },

    ListGroups(_request, reply) {
      const listed = groups
        .all()
        .map(({ id, current: { protocolType } }) => ({ groupId: id, protocolType }));
      reply({ errorCode: errorCodes.NONE, groups: listed });
    },

    DeleteGroups(groupIds, reply) {
      reply({
        results: groupIds.map((groupId) => ({ groupId, errorCode: groups.delete(groupId) })),
      });
    },
  };
}

function commit(
  groups: GroupStore,
  request: Protocol['OffsetCommit']['request'],
  metadataMaxLength: number,
  exists: (topic: string, partition: number) => boolean,
): Protocol['OffsetCommit']['answer']['responses'] {
  const { groupId, memberId, groupGenerationId, topics } = request;
  const known = groups.get(groupId);
  const refusal =
    known === undefined
      ? refusalWithoutGroup(groupGenerationId)
      : known.refusalToCommit(memberId, groupGenerationId);
  if (refusal === errorCodes.NONE) {
    return groups.getOrCreate(groupId).commits.store(topics, { metadataMaxLength, exists });
  }
  return topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map(({ partition }) => ({ partition, errorCode: refusal })),
  }));
}

/** Who commits without membership makes the group; who claims a generation of it does not. */
function refusalWithoutGroup(generation: number): number {
  return generation < 0 ? errorCodes.NONE : errorCodes.ILLEGAL_GENERATION;
}

function describe(
  groupId: string,
  group: Group | undefined,
): Protocol['DescribeGroups']['answer']['groups'][number] {
  if (group === undefined) {
    const nothing = { protocolType: '', protocol: '', members: [] };
    return { errorCode: errorCodes.NONE, groupId, state: 'Dead', ...nothing };
  }
  const isStable = group.state === 'Stable';
  return {
    errorCode: errorCodes.NONE,
    groupId,
    state: group.state,
    protocolType: group.current.protocolType,
    protocol: isStable ? group.current.protocolName : '',
    members: [...group.members.values()].map((member) => ({
      memberId: member.id,
      clientId: member.clientId,
      clientHost: '/127.0.0.1',
      memberMetadata: isStable
        ? metadataOf(member.protocols, group.current.protocolName)
        : NO_BYTES,
      memberAssignment: member.assignment,
    })),
  };
}
