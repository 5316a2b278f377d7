import { FailoverOptionsError } from '../errors.js';

/**
 * How MirrorMaker 2 names topics: everything the library knows about names is behind this interface. It says the same as
 * MirrorMaker's `ReplicationPolicy`, except that a topic without a source is `undefined` instead of `null`.
 *
 * @see Apache Kafka `connect/mirror-client`: ReplicationPolicy, DefaultReplicationPolicy, IdentityReplicationPolicy.
 * @public
 */
export interface ReplicationPolicy {
  readonly kind: 'default' | 'identity';
  /** Name on the target of a topic of the source, for example `A.orders`. */
  formatRemoteTopic(sourceAlias: string, topic: string): string;
  /**
   * Alias of the cluster that a topic was mirrored from, as its name tells; undefined where it does not. Any name with
   * a separator looks mirrored (`orders.v1` has the source `orders`): compare with the known aliases.
   */
  topicSource(topic: string): string | undefined;
  /** Name on the cluster that the topic was mirrored from: one hop back. Undefined for a topic without a source. */
  upstreamTopic(topic: string): string | undefined;
  /** Name on the cluster where the topic was born: all hops back. */
  originalTopic(topic: string): string;
  /** Name of the heartbeats topic, before it is mirrored. No separator changes it. */
  heartbeatsTopic(): string;
  /** Name, on the target, of the topic that holds the checkpoints of the flow from `sourceAlias`. */
  checkpointsTopic(sourceAlias: string): string;
  /**
   * Name of the offset-syncs topic of a flow and the cluster it is on. The name holds the alias of the cluster that does
   * *not* host it, so `mm2-offset-syncs.B.internal` on A means A->B with the location `source`, and B->A with `target`.
   */
  offsetSyncsTopic(flow: Flow, location: OffsetSyncsLocation): { cluster: string; topic: string };
  /** True for the heartbeats topic and every mirrored copy of it. */
  isHeartbeatsTopic(topic: string): boolean;
  /** True for every flow's checkpoints topic. */
  isCheckpointsTopic(topic: string): boolean;
  /** True for MirrorMaker's own topics that are never mirrored (checkpoints, offset syncs, Connect's). */
  isMirrorMakerInternalTopic(topic: string): boolean;
  /** True for everything that MirrorMaker never mirrors: its own topics, Kafka's and Connect's. */
  isInternalTopic(topic: string): boolean;
}

/** @public One direction of mirroring. */
export interface Flow {
  /** Alias of the cluster that is mirrored from. */
  readonly source: string;
  /** Alias of the cluster that is mirrored to. */
  readonly target: string;
}

/** @public `offset-syncs.topic.location`: the cluster of a flow that its offset syncs are on. */
export type OffsetSyncsLocation = 'source' | 'target';

/** @internal Options of the policies, as MirrorMaker's configuration names them. */
export interface PolicyOptions {
  readonly policy?: 'default' | 'identity';
  /** `replication.policy.separator`. Default `'.'`. */
  readonly separator?: string;
  /**
   * `replication.policy.internal.topic.separator.enabled`. Default true. MirrorMaker looks at it only where `separator`
   * is set too; where that is not, both separators are `.` and it changes nothing.
   */
  readonly internalTopicSeparatorEnabled?: boolean;
  /** Identity only: `source.cluster.alias`, the answer of `topicSource` for every topic. Default: undefined. */
  readonly sourceAlias?: string | undefined;
}

const HEARTBEATS = 'heartbeats';

/**
 * The policy that the options describe.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - the separator is empty.
 * @internal
 */
export function replicationPolicy(options: PolicyOptions = {}): ReplicationPolicy {
  return options.policy === 'identity' ? identityPolicy(options) : defaultPolicy(options);
}

/**
 * MirrorMaker's DefaultReplicationPolicy: `orders` of A is `A.orders` on B.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - the separator is empty.
 * @internal
 */
export function defaultPolicy(options: PolicyOptions = {}): ReplicationPolicy {
  const naming = defaultNaming(separatorOf(options));
  return completePolicy('default', naming, options);
}

/**
 * MirrorMaker's IdentityReplicationPolicy: mirrored topics keep their names, so a name does not tell where its records
 * were born. Topics that end in `heartbeats` are named as by {@link defaultPolicy}.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - the separator is empty.
 * @internal
 */
export function identityPolicy(options: PolicyOptions = {}): ReplicationPolicy {
  const prefixing = defaultNaming(separatorOf(options));
  const isPrefixed = (topic: string): boolean => topic.endsWith(HEARTBEATS);
  const naming: Naming = {
    formatRemoteTopic: (sourceAlias, topic) =>
      isPrefixed(topic) ? prefixing.formatRemoteTopic(sourceAlias, topic) : topic,
    topicSource: (topic) =>
      isPrefixed(topic) ? prefixing.topicSource(topic) : options.sourceAlias,
    upstreamTopic: (topic) => (isPrefixed(topic) ? prefixing.upstreamTopic(topic) : topic),
  };
  return completePolicy('identity', naming, options);
}

type Naming = Pick<ReplicationPolicy, 'formatRemoteTopic' | 'topicSource' | 'upstreamTopic'>;

function separatorOf({ separator = '.' }: PolicyOptions): string {
  if (separator !== '') return separator;
  throw new FailoverOptionsError(
    'mirror.separator',
    separator,
    "mirror.separator must not be empty: it stands between an alias and a topic's name.",
  );
}

function defaultNaming(separator: string): Naming {
  const topicSource = (topic: string): string | undefined => {
    const pieces = javaSplit(topic, separator);
    return pieces.length < 2 ? undefined : pieces[0];
  };
  return {
    formatRemoteTopic: (sourceAlias, topic) => sourceAlias + separator + topic,
    topicSource,
    upstreamTopic: (topic) => {
      const source = topicSource(topic);
      return source === undefined ? undefined : topic.slice(source.length + separator.length);
    },
  };
}

/** As Java's `String.split`: trailing empty pieces are dropped, leading ones kept. So `a.` and `.` have no source, `.b` the source "". */
function javaSplit(text: string, separator: string): readonly string[] {
  const pieces = text.split(separator);
  let count = pieces.length;
  while (count > 0 && pieces[count - 1] === '') count -= 1;
  return pieces.slice(0, count);
}

function completePolicy(
  kind: ReplicationPolicy['kind'],
  naming: Naming,
  options: PolicyOptions,
): ReplicationPolicy {
  const internal = options.internalTopicSeparatorEnabled === false ? '.' : separatorOf(options);
  const checkpointsSuffix = `${internal}checkpoints${internal}internal`;
  const internalSuffix = `${internal}internal`;
  const originalTopic = (topic: string): string => {
    let original = topic;
    for (;;) {
      const upstream = naming.upstreamTopic(original);
      if (upstream === undefined || upstream === original) return original;
      original = upstream;
    }
  };
  const isMirrorMakerInternalTopic = (topic: string): boolean => topic.endsWith(internalSuffix);
  return Object.freeze({
    kind,
    ...naming,
    originalTopic,
    heartbeatsTopic: () => HEARTBEATS,
    checkpointsTopic: (sourceAlias: string) => sourceAlias + checkpointsSuffix,
    offsetSyncsTopic: ({ source, target }: Flow, location: OffsetSyncsLocation) => {
      const [cluster, other] = location === 'target' ? [target, source] : [source, target];
      return { cluster, topic: `mm2-offset-syncs${internal}${other}${internalSuffix}` };
    },
    isHeartbeatsTopic: (topic: string) => originalTopic(topic) === HEARTBEATS,
    isCheckpointsTopic: (topic: string) => topic.endsWith(checkpointsSuffix),
    isMirrorMakerInternalTopic,
    isInternalTopic: (topic: string) =>
      isMirrorMakerInternalTopic(topic) || isKafkaOrConnectInternal(topic),
  });
}

function isKafkaOrConnectInternal(topic: string): boolean {
  return (
    topic.startsWith('__') ||
    topic.startsWith('.') ||
    topic.endsWith('-internal') ||
    topic.endsWith('.internal')
  );
}
