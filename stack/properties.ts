import { loopback } from './ports.js';

/** @internal Keys and values of a Java properties file. */
export type Properties = Readonly<Record<string, string>>;

/** @internal Where one node of a cluster listens. */
export interface NodeAddress {
  nodeId: number;
  port: number;
  controllerPort: number;
  /** A second listener for clients, behind a proxy: it advertises the proxy's port, so that clients come back to it. */
  proxied: { port: number; advertisedPort: number } | undefined;
}

/** @internal What tells one node from another. */
export interface BrokerSettings {
  node: NodeAddress;
  /** All nodes of the cluster, this one included. */
  nodes: readonly NodeAddress[];
  dataDirectory: string;
}

/** @internal The `replication.policy.class` in use: MM2's Default prefixes topics, Identity keeps their names. */
export type PolicyName = 'default' | 'identity';

/** @internal One direction of mirroring, and the two clusters by their aliases. */
export interface MirrorSettings {
  source: { alias: string; brokers: readonly string[] };
  target: { alias: string; brokers: readonly string[] };
  policy: PolicyName;
  /** `replication.policy.separator`; undefined leaves MM2's own default, a dot. */
  separator: string | undefined;
}

/**
 * A KRaft node that is broker and controller at once. Whatever is replicated has a copy on each of up to three nodes; a
 * cluster of several notices a dead one after 3 s, see {@link afterKillProperties}.
 *
 * @internal
 */
export function brokerProperties(
  { node, nodes, dataDirectory }: BrokerSettings,
  overrides: Properties,
): Properties {
  const { nodeId, port, controllerPort, proxied } = node;
  const voters = nodes.map((each) => `${each.nodeId}@${loopback}:${each.controllerPort}`);
  const listeners = [`PLAINTEXT://${loopback}:${port}`];
  const advertised = [...listeners];
  if (proxied !== undefined) {
    listeners.push(`PROXIED://${loopback}:${proxied.port}`);
    advertised.push(`PROXIED://${loopback}:${proxied.advertisedPort}`);
  }
  const copies = copiesOn(nodes.length);
  return {
    'process.roles': 'broker,controller',
    'node.id': String(nodeId),
    'controller.quorum.voters': voters.join(','),
    listeners: [...listeners, `CONTROLLER://${loopback}:${controllerPort}`].join(','),
    'advertised.listeners': advertised.join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT',
    'log.dirs': dataDirectory,
    'num.partitions': '1',
    'default.replication.factor': copies,
    'offsets.topic.replication.factor': copies,
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': nodes.length > 2 ? '2' : '1',
    'transaction.state.log.num.partitions': '1',
    ...(nodes.length > 1 ? afterKillProperties : {}),
    // With Kafka's default of 3000 every first join of a group takes 3 s.
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
    // The cleaner takes its whole buffer at start: 128 MiB of heap by default.
    'log.cleaner.dedupe.buffer.size': '8388608',
    ...overrides,
  };
}

/**
 * Settings for the start after a kill -9. The controller refuses the node until its old registration has expired
 * (DUPLICATE_BROKER_REGISTRATION), and it is the restarted controller's own limit that counts: with Kafka's 9 s the
 * broker answers after 11 to 12 s, with these after about 4.
 *
 * @internal
 */
export const afterKillProperties: Properties = {
  'broker.session.timeout.ms': '3000',
  'broker.heartbeat.interval.ms': '500',
};

/**
 * MM2 for one flow: every interval at its minimum of 1 s, offset syncs on the target, group offsets not written there.
 * Keys with an alias in front reach the Connect worker that writes into that cluster: MM2 ignores most worker settings
 * without one.
 *
 * @internal
 */
export function mirrorProperties(settings: MirrorSettings, overrides: Properties): Properties {
  const { source, target, policy, separator } = settings;
  const copies = copiesOn(Math.min(source.brokers.length, target.brokers.length));
  const perWorker = [source.alias, target.alias].flatMap((alias) => [
    [`${alias}.offset.flush.interval.ms`, '1000'],
    // Kafka's 300000 makes an MM2 that was killed idle for 5 minutes when it comes back.
    [`${alias}.scheduled.rebalance.max.delay.ms`, '0'],
    [`${alias}.plugin.discovery`, 'service_load'],
  ]);
  return {
    clusters: `${source.alias}, ${target.alias}`,
    [`${source.alias}.bootstrap.servers`]: source.brokers.join(','),
    [`${target.alias}.bootstrap.servers`]: target.brokers.join(','),
    [`${source.alias}->${target.alias}.enabled`]: 'true',
    topics: '.*',
    groups: '.*',
    'tasks.max': '1',
    'replication.factor': copies,
    'checkpoints.topic.replication.factor': copies,
    'heartbeats.topic.replication.factor': copies,
    'offset-syncs.topic.replication.factor': copies,
    'config.storage.replication.factor': copies,
    'offset.storage.replication.factor': copies,
    'status.storage.replication.factor': copies,
    'offset.storage.partitions': '1',
    'status.storage.partitions': '1',
    'refresh.topics.interval.seconds': '1',
    'refresh.groups.interval.seconds': '1',
    'emit.checkpoints.interval.seconds': '1',
    'emit.heartbeats.interval.seconds': '1',
    'sync.topic.configs.interval.seconds': '5',
    'sync.topic.acls.enabled': 'false',
    'sync.group.offsets.enabled': 'false',
    'offset.lag.max': '0',
    'offset-syncs.topic.location': 'target',
    'consumer.poll.timeout.ms': '200',
    // Read at top level by MM2, and per worker by Connect. Without it both search every jar: 5 s and 400 MB more.
    'plugin.discovery': 'service_load',
    ...Object.fromEntries(perWorker),
    ...(policy === 'identity'
      ? { 'replication.policy.class': 'org.apache.kafka.connect.mirror.IdentityReplicationPolicy' }
      : {}),
    ...(separator === undefined ? {} : { 'replication.policy.separator': separator }),
    ...overrides,
  };
}

/** How many copies there are of what is replicated. */
function copiesOn(nodeCount: number): string {
  return String(Math.min(3, nodeCount));
}

/** @internal Names of topics on a flow's target that show that MM2 is at work there. */
export interface MirrorTopics {
  checkpoints: string;
  /** The source's heartbeats, mirrored. */
  remoteHeartbeats: string;
}

/** @internal Names as MM2's policies make them; Identity prefixes heartbeats as Default does. */
export function mirrorTopics(sourceAlias: string, properties: Properties): MirrorTopics {
  const separator = properties['replication.policy.separator'] ?? '.';
  const internal =
    properties['replication.policy.internal.topic.separator.enabled'] === 'false' ? '.' : separator;
  return {
    checkpoints: `${sourceAlias}${internal}checkpoints${internal}internal`,
    remoteHeartbeats: `${sourceAlias}${separator}heartbeats`,
  };
}

/** @internal A properties file's text. Keys may hold `->`; a backslash would be read as an escape. */
export function formatProperties(properties: Properties): string {
  return Object.entries(properties)
    .map(([key, value]) => `${key} = ${value.replaceAll('\\', '\\\\')}\n`)
    .join('');
}
