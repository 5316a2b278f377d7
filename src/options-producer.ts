/**
 * What becomes, after an unplanned switch, of what was acknowledged and is not mirrored: see {@link ProducerFailoverOptions.onUnmirrored}.
 *
 * @public
 */
export type OnUnmirrored = 'report' | 'replay' | 'hold';

/**
 * What producers do while no cluster is open, and what is kept of what they have sent.
 *
 * @public
 */
export interface ProducerFailoverOptions {
  /**
   * Most bytes of keys, values and headers that wait during a switch, per producer, with 128 more for each send; beyond it a
   * send is refused at once, as certainly not sent. Default 33554432 (32 MiB). 0: nothing waits. There is no "unlimited":
   * Infinity is refused. Does not affect sends that were in flight when the switch began: they wait in any case.
   */
  readonly holdMaxBytes?: number;
  /**
   * Most records that wait during a switch, per producer; beyond it a send is refused at once, likewise. Default 100000. 0: nothing waits.
   * Infinity is refused.
   */
  readonly holdMaxRecords?: number;
  /**
   * Longest time from the call of a send to its end, in milliseconds, whatever it waits for: a broker, kafkajs's own retries, a switch, or several
   * of them. Then it is rejected, by what the wire did: as certainly not sent (`ERR_FAILOVER_DELIVERY_TIMEOUT`), or as unknown
   * (`ERR_FAILOVER_OUTCOME_UNKNOWN`); no new request is made of it afterwards. One that kafkajs has queued may still be written, and counts as unknown. Default 120000, as Kafka's own `delivery.timeout.ms`.
   * At least 1, at most 2147483647; Infinity is refused. Does not affect sends of a transaction.
   */
  readonly deliveryTimeoutMs?: number;
  /**
   * Longest wait of one send during a switch, in milliseconds; then it is rejected as not sent, or not the rest of it. It also governs
   * `connect()` and `transaction()` of producers, and every call of an admin. Default 30000. 0: nothing waits for a switch.
   * At most 2147483647; Infinity is refused. Does not affect a send that the cluster in force works on, nor consumers.
   */
  readonly holdMaxWaitMs?: number;
  /**
   * A send that left the process and got no answer before the switch: `'resend'` it to the new cluster (at least once,
   * as kafkajs's own retries are), or `'reject'` it as unknown. Default `'resend'`, and `'reject'` for idempotent
   * producers.
   */
  readonly onUnknownOutcome?: 'resend' | 'reject';
  /**
   * After a switch each producer waits a random part of this time before it releases what it held, in milliseconds, so
   * that a large fleet does not reach the new cluster in one instant. Default 0: at once. At most `holdMaxWaitMs`, towards
   * which what waits goes on counting; the pause is part of the phase `open` (`switch.openMs`). Does not affect consumers.
   */
  readonly releaseJitterMs?: number;
  /**
   * While a producer is connected a second one waits on the standby, connected to the leaders of the topics that it writes to, and writes
   * nothing. So the first send after a switch needs no connect and no metadata. It costs a connection to each of these brokers and a small
   * request every half minute, per producer. Default false. Does not affect producers with a `transactionalId`: they connect at the switch.
   */
  readonly hotStandby?: boolean;
  /**
   * Name of a header in which each message gets an id of its own, where it has none: so a consumer with `consumer.dedup: { messageId }` of the same name knows a record that stands in both
   * clusters' logs, because it was resent after a switch, or replayed. The messages that you pass are not changed: kafkajs gets copies, and {@link sendOutcome} has these. Default: none, and
   * nothing is copied. Does not affect sends of a transaction.
   */
  readonly messageIdHeader?: string;
  /**
   * Most bytes of requests that were acknowledged and are kept until MirrorMaker has copied them, of all producers together: so it can be said after a switch
   * which records are not on the other cluster. Default 33554432 (32 MiB), taken in pieces of up to 256 KiB. 0: nothing is kept. Infinity is refused. Where the mirror is
   * further behind the oldest are let go, and count as unknown; one request that is larger is kept all the same. Does not affect the sends of transactions, nor `acks: 0`.
   */
  readonly ledgerMaxBytes?: number;
  /**
   * Path of a file into which the records are written that a switch has found acknowledged and not mirrored, one JSON object a line: `topic`, `partition`, `switchEpoch`, `offset`, `timestamp`,
   * `key` and `value` in base64 (or null), and `headers`, a list of names and values, the values in base64. Only its owner may read it. Replaced by the next switch that finds some. Its
   * folder must exist. Default: none is written.
   */
  readonly unmirroredFile?: string;
  /**
   * What is done after an unplanned switch with the records that the cluster that was left has acknowledged and that are not on the other one. `'report'`: they are told.
   * `'replay'`: told, and sent again, each into the partition that it was in, with the header `kafkajs-failover-replay-of`; consumers with this option handle one of the two where the
   * mirror brings them later. `'hold'`: told, and kept in memory until `replayUnmirrored()` is called, or that cluster is left as well. Default `'report'`. Give it to each process of the service, also to
   * those that only consume. It needs a topic `__kafkajs-failover.replays` on both clusters, which is made where it is missing. Nothing is replayed after a planned switch.
   */
  readonly onUnmirrored?: OnUnmirrored;
  /**
   * Keeps what `ledgerMaxBytes` bounds on the disk as well, so that a process that is started again knows what its earlier life had not seen mirrored. Sends never wait for
   * it. Default: nothing is kept on the disk. Needs `ledgerMaxBytes` above 0.
   */
  readonly ledgerSpool?: LedgerSpoolOptions;
}

/** @public Where and how the ledger is kept on the disk. */
export interface LedgerSpoolOptions {
  /** Path of a folder that exists, and that no other process and no other `FailoverKafka` uses. It takes as many bytes as the ledger, and a little for each request. */
  readonly directory: string;
  /**
   * When the disk is told to have what was written, which only matters where the machine dies: `'interval'` (default): once a second while something is written; `'always'`: after each write;
   * `'never'`: the system decides.
   */
  readonly fsync?: 'always' | 'interval' | 'never';
}

/** @internal Options of the producer wrapper, resolved. */
export interface ProducerLimits {
  readonly holdMaxBytes: number;
  readonly holdMaxRecords: number;
  readonly holdMaxWaitMs: number;
  readonly deliveryTimeoutMs: number;
  /** undefined: `resend`, but `reject` where the producer is idempotent. */
  readonly onUnknownOutcome: 'resend' | 'reject' | undefined;
  readonly releaseJitterMs: number;
  readonly messageIdHeader?: string | undefined;
}

/** @internal What is kept of what was acknowledged, and what becomes of it. */
export interface LedgerOptions {
  readonly maxBytes: number;
  readonly file: string | undefined;
  readonly spool: Required<LedgerSpoolOptions> | undefined;
  readonly onUnmirrored: OnUnmirrored;
}
