import type { CancelTimer } from '../../world.js';
import { errorCodes } from '../protocol-codes.js';
import type { Int64 } from '../protocol.js';
import type { BrokerTimers } from './broker-timers.js';
import type { TopicStore } from './topic-store.js';

interface Transaction {
  readonly producerId: number;
  epoch: number;
  timeoutMs: number;
  isOngoing: boolean;
  /** Writes the markers of the transaction that ended last; undefined once they are written. */
  complete: (() => void) | undefined;
  readonly partitions: Map<string, { topic: string; partition: number }>;
  readonly groups: Set<string>;
  cancelTimeout: CancelTimer;
}

/** @internal What every transactional request says about its producer. */
export interface ProducerClaim {
  readonly transactionalId: string;
  readonly producerId: Int64;
  readonly producerEpoch: number;
}

/** @internal What the coordinator needs from its broker. */
export interface TransactionSurroundings {
  readonly timers: BrokerTimers;
  readonly topics: TopicStore;
  /** How long markers take after the end of a transaction was acknowledged. */
  readonly markersMs: number;
  wallMs(): number;
  /** Ends the transaction in one group's pending commits. */
  endInGroup(groupId: string, producerId: string, how: 'commit' | 'abort'): void;
}

/**
 * Gives out producer ids and keeps transactions: one coordinator for the whole cluster.
 *
 * As in Kafka, the end of a transaction is acknowledged a moment before its markers are written; until then its producer can
 * begin nothing (CONCURRENT_TRANSACTIONS, seen on Kafka 3.9.2; kafkajs tries a send again, and `sendOffsets` not).
 *
 * @internal
 */
export class Transactions {
  readonly #surroundings: TransactionSurroundings;
  readonly #byId = new Map<string, Transaction>();
  #nextProducerId = 1;

  constructor(surroundings: TransactionSurroundings) {
    this.#surroundings = surroundings;
  }

  /** A new incarnation of a transactional producer ends the transaction of the one before and fences it. */
  initProducer(
    transactionalId: string | null | undefined,
    timeoutMs: number,
  ): { producerId: number; producerEpoch: number } {
    const known = transactionalId ? this.#byId.get(transactionalId) : undefined;
    if (known !== undefined) {
      this.#end(known, 'abort');
      known.complete?.();
      known.epoch += 1;
      known.timeoutMs = timeoutMs;
      return { producerId: known.producerId, producerEpoch: known.epoch };
    }
    const producerId = this.#nextProducerId;
    this.#nextProducerId += 1;
    if (transactionalId) {
      this.#byId.set(transactionalId, {
        producerId,
        epoch: 0,
        timeoutMs,
        isOngoing: false,
        complete: undefined,
        partitions: new Map(),
        groups: new Set(),
        cancelTimeout: () => {},
      });
    }
    return { producerId, producerEpoch: 0 };
  }

  addPartition(claim: ProducerClaim, topic: string, partition: number): number {
    const { transaction, errorCode } = this.#check(claim);
    if (transaction === undefined) return errorCode;
    this.#begin(transaction);
    transaction.partitions.set(`${topic}/${partition}`, { topic, partition });
    return errorCodes.NONE;
  }

  addGroup(claim: ProducerClaim, groupId: string): number {
    const { transaction, errorCode } = this.#check(claim);
    if (transaction === undefined) return errorCode;
    this.#begin(transaction);
    transaction.groups.add(groupId);
    return errorCodes.NONE;
  }

  /** Whether offsets may be committed inside the transaction. */
  refusalToCommit(claim: ProducerClaim): number {
    return this.#check(claim).errorCode;
  }

  /** Whether records may be written inside the transaction. */
  refusalToProduce(claim: ProducerClaim, topic: string, partition: number): number {
    const { transaction, errorCode } = this.#check(claim);
    if (transaction === undefined) return errorCode;
    return transaction.partitions.has(`${topic}/${partition}`)
      ? errorCodes.NONE
      : errorCodes.INVALID_TXN_STATE;
  }

  end(claim: ProducerClaim, how: 'commit' | 'abort'): number {
    const { transaction, errorCode } = this.#check(claim);
    if (transaction === undefined) return errorCode;
    if (!transaction.isOngoing) return errorCodes.INVALID_TXN_STATE;
    this.#end(transaction, how);
    return errorCodes.NONE;
  }

  /** After the broker's process came back: its timers went with it. */
  restored(): void {
    for (const transaction of this.#byId.values()) {
      transaction.complete?.();
      if (transaction.isOngoing) this.#startTimeout(transaction);
    }
  }

  #check(claim: ProducerClaim): { transaction?: Transaction; errorCode: number } {
    const transaction = this.#byId.get(claim.transactionalId);
    if (transaction?.producerId !== Number(claim.producerId)) {
      return { errorCode: errorCodes.INVALID_PRODUCER_ID_MAPPING };
    }
    if (claim.producerEpoch !== transaction.epoch) {
      return { errorCode: errorCodes.INVALID_PRODUCER_EPOCH };
    }
    return transaction.complete === undefined
      ? { transaction, errorCode: errorCodes.NONE }
      : { errorCode: errorCodes.CONCURRENT_TRANSACTIONS };
  }

  #begin(transaction: Transaction): void {
    if (transaction.isOngoing) return;
    transaction.isOngoing = true;
    this.#startTimeout(transaction);
  }

  #startTimeout(transaction: Transaction): void {
    transaction.cancelTimeout = this.#surroundings.timers.after(transaction.timeoutMs, () => {
      this.#end(transaction, 'abort');
      transaction.epoch += 1;
    });
  }

  #end(transaction: Transaction, how: 'commit' | 'abort'): void {
    if (!transaction.isOngoing) return;
    transaction.isOngoing = false;
    transaction.cancelTimeout();
    const { topics, wallMs, endInGroup, timers, markersMs } = this.#surroundings;
    const partitions = [...transaction.partitions.values()];
    const groups = [...transaction.groups];
    transaction.partitions.clear();
    transaction.groups.clear();
    transaction.complete = () => {
      transaction.complete = undefined;
      for (const { topic, partition } of partitions) {
        const log = topics.partition(topic, partition)?.log;
        log?.endTransaction(transaction.producerId, how, wallMs());
      }
      for (const groupId of groups) endInGroup(groupId, String(transaction.producerId), how);
    };
    timers.after(markersMs, () => transaction.complete?.());
  }
}
