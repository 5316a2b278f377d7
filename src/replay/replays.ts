import type { AgreementContext, ControlLog } from '../agreement/agreement.js';
import { TopicReader } from '../agreement/topic-reader.js';
import { messageOf } from '../caught.js';
import { abortable } from '../wait.js';
import type { World } from '../world.js';
import { ReplayIndex } from './replay-index.js';
import { readReplayRecord, writeReplayRecord, type ReplayRecord } from './replay-record.js';

/** @internal Where replayers say what they do. MirrorMaker's default `topics.exclude` keeps it out. */
export const REPLAYS_TOPIC = '__kafkajs-failover.replays';

/** What is mirrored late is not much later than this: a cluster that was away so long has lost by retention what is older. */
const RETENTION_MS = 30 * 24 * 3_600_000;

const SETTINGS = {
  'cleanup.policy': 'delete',
  'retention.ms': String(RETENTION_MS),
} as const;

/** Identities in one record of the log: 60 bytes each. */
const IDENTITIES_AT_ONCE = 2_000;

/** @internal What {@link Replays} are made of. */
export interface ReplaysParts {
  readonly world: World;
  readonly aliases: readonly [string, string];
  readonly openLog: AgreementContext['log'];
}

interface FollowedLog {
  readonly log: ControlLog;
  readonly reader: TopicReader;
}

/**
 * The logs of both clusters in which replayers announce and tell what they have sent, followed by each process as long as it has a client: so that consumers know it.
 *
 * @internal
 */
export class Replays {
  readonly index: ReplayIndex = new ReplayIndex();
  readonly #parts: ReplaysParts;
  readonly #logs = new Map<string, FollowedLog>();
  #run: AbortController | undefined;

  constructor(parts: ReplaysParts) {
    this.#parts = parts;
  }

  /** Begins to follow both logs. Idempotent. */
  start(): void {
    if (this.#run !== undefined) return;
    const run = abortable();
    this.#run = run;
    for (const alias of this.#parts.aliases) void this.#on(alias).reader.follow(run.signal);
  }

  /** Ends it, and closes every connection. */
  async stop(): Promise<void> {
    this.#run?.abort(new Error('replays are not followed any more'));
    this.#run = undefined;
    const logs = [...this.#logs.values()];
    this.#logs.clear();
    await Promise.allSettled(logs.map(({ log }) => log.close()));
  }

  /** Resolves when everything is known that a cluster's log held when it was called. Rejects where that does not answer. */
  readToEnd(alias: string, signal: AbortSignal): Promise<void> {
    return named('it is not known what was replayed before', alias, () =>
      this.#on(alias).reader.readToEnd(signal),
    );
  }

  /** Tells all processes, by the log of the cluster `on`. Resolves when every replica in sync has it. */
  async tell(on: string, { identities, ...rest }: ReplayRecord): Promise<void> {
    const { cluster, topic, partition } = rest.log;
    const key = `${cluster} ${topic} ${partition}`;
    for (let first = 0; first < identities.length; first += IDENTITIES_AT_ONCE) {
      const some = identities.slice(first, first + IDENTITIES_AT_ONCE);
      const record = { ...rest, identities: some };
      await named('nobody can be told of it', on, () =>
        this.#on(on).log.append(key, writeReplayRecord(record)),
      );
      // This process need not wait until it has read it.
      this.index.take(on, record);
    }
  }

  #on(alias: string): FollowedLog {
    const known = this.#logs.get(alias);
    if (known !== undefined) return known;
    const { world, openLog } = this.#parts;
    const log = openLog(alias, REPLAYS_TOPIC, SETTINGS);
    const reader = new TopicReader({
      world,
      log,
      from: 'beginning',
      onRecords: (records) => {
        for (const { value } of records) {
          const record = readReplayRecord(value);
          if (record !== undefined) this.index.take(alias, record);
        }
      },
    });
    const followed = { log, reader };
    this.#logs.set(alias, followed);
    return followed;
  }
}

/** What fails says which log it is about. */
async function named<T>(what: string, on: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const why = messageOf(cause);
    throw new Error(`${what}, by ${REPLAYS_TOPIC} on cluster ${on}: ${why}`, { cause });
  }
}
