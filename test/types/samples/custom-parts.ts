/** Everything that kafkajs lets a service replace: partitioner, assigner, retry, sockets, logs, codec, credentials. */
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import {
  AssignerProtocol,
  CompressionCodecs,
  CompressionTypes,
  Kafka,
  PartitionAssigners,
  Partitioners,
  type Assignment,
  type Cluster,
  type Consumer,
  type GroupMember,
  type GroupMemberAssignment,
  type GroupState,
  type ICustomPartitioner,
  type ISocketFactory,
  type MemberMetadata,
  type OauthbearerProviderResponse,
  type PartitionAssigner,
  type PartitionerArgs,
  type Producer,
  type logCreator,
} from 'kafkajs';
import { kafkaConfig } from './config.js';

const byTenant: ICustomPartitioner = () => {
  const fallback = Partitioners.DefaultPartitioner();
  return (args: PartitionerArgs) => {
    const tenant = args.message.headers?.['tenant'];
    return tenant === undefined
      ? fallback(args)
      : tenant.toString().length % args.partitionMetadata.length;
  };
};

const sticky: PartitionAssigner = ({ cluster }: { cluster: Cluster; groupId: string }) => ({
  name: 'FirstTakesAll',
  version: 1,
  async assign({
    members,
    topics,
  }: {
    members: GroupMember[];
    topics: string[];
  }): Promise<GroupMemberAssignment[]> {
    const assignment: Assignment = {};
    for (const topic of topics) {
      assignment[topic] = cluster
        .findTopicPartitionMetadata(topic)
        .map(({ partitionId }) => partitionId);
    }
    return members.map(({ memberId }, index) => ({
      memberId,
      memberAssignment: AssignerProtocol.MemberAssignment.encode({
        version: this.version,
        assignment: index === 0 ? assignment : {},
        userData: Buffer.alloc(0),
      }),
    }));
  },
  protocol({ topics }: { topics: string[] }): GroupState {
    const metadata: MemberMetadata = {
      version: this.version,
      topics,
      userData: Buffer.alloc(0),
    };
    return { name: this.name, metadata: AssignerProtocol.MemberMetadata.encode(metadata) };
  },
});

const socketFactory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  const socket = ssl
    ? connectTls({ host, port, ...ssl }, onConnect)
    : connectTcp(port, host, onConnect);
  socket.setKeepAlive(true, 30_000);
  return socket;
};

const toLines: logCreator = (level) => (entry) => {
  if (entry.level <= level) console.log(entry.namespace, entry.log.message);
};

CompressionCodecs[CompressionTypes.Snappy] = () => ({
  compress: async (encoder: { buffer: Buffer }) => encoder.buffer,
  decompress: async (buffer: Buffer) => buffer,
});

async function token(): Promise<OauthbearerProviderResponse> {
  return { value: 'token' };
}

const kafka = new Kafka({
  ...kafkaConfig,
  socketFactory,
  logCreator: toLines,
  ssl: { rejectUnauthorized: true },
  sasl: { mechanism: 'oauthbearer', oauthBearerProvider: token },
  retry: { restartOnFailure: async (error) => error.name !== 'KafkaJSNonRetriableError' },
});

export const producer: Producer = kafka.producer({ createPartitioner: byTenant });
export const legacy: Producer = kafka.producer({
  createPartitioner: Partitioners.LegacyPartitioner,
});
export const consumer: Consumer = kafka.consumer({
  groupId: 'tenants',
  partitionAssigners: [sticky, PartitionAssigners.roundRobin],
  rackId: 'eu-1a',
});
