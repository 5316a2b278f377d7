import type { ConsumerConfig, Logger, RetryOptions } from 'kafkajs';
import type { ClusterAccess } from '../cluster/access.js';
import type { ClusterSession } from '../cluster/session.js';
import type { EventSink } from '../events.js';
import type { ConsumerLimits } from '../options.js';
import type { GroupNeed } from '../position/need.js';
import type { ReplayIndex } from '../replay/replay-index.js';
import type { ReplicationPolicy } from '../replication/policy.js';
import type { ActiveCluster } from '../switch/active.js';
import type { World } from '../world.js';
import type { ResumePosition } from './resume.js';
import type { StandbyPort } from './standby-member.js';

/** @internal What a consumer is made of. */
export interface FailoverConsumerParts {
  /** Names it in events and reports, for example `consumer-billing-1`. */
  readonly id: string;
  /** The user's own. Every inner consumer gets a copy. */
  readonly config: ConsumerConfig;
  readonly limits: ConsumerLimits;
  readonly world: World;
  readonly events: EventSink;
  readonly active: ActiveCluster;
  /** The root logger. */
  readonly logger: Logger;
  /** Alias of the preferred cluster: only there may a subscription create a topic, if the user's config allows it. */
  readonly homeCluster: string;
  readonly policy: ReplicationPolicy;
  readonly aliases: readonly string[];
  access(alias: string): ClusterAccess;
  /** Writes down how far a member has come that leaves its group. Bounded, never rejects. */
  sayLast(session: ClusterSession, need: GroupNeed): Promise<void>;
  /** Positions of this epoch that consumers of this process, members of this group, have not put into its commits yet. */
  latePositions(groupId: string, session: ClusterSession): readonly ResumePosition[];
  /** Records that came to both clusters, one by a replay. Default: nothing is replayed. */
  readonly replays?: ReplayIndex | undefined;
  /** Where it waits for the next switch; undefined: nowhere. */
  readonly standby?: StandbyPort | undefined;
  /** kafkajs's retry options of the whole client, for its `restartOnFailure`. */
  readonly kafkaRetry?: RetryOptions | undefined;
}
