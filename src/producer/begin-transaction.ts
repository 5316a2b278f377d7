import type { Transaction } from 'kafkajs';
import { kafka } from '../kafkajs.js';
import { unreachable } from '../unreachable.js';
import { untilAborted } from '../wait.js';
import { closedError, type OpenState, type ProducerCore } from './core.js';
import { disconnectedError } from './disconnected.js';
import type { InnerProducer } from './inner-producer.js';
import { FencibleTransaction, type OffsetsGate } from './transaction.js';

/**
 * Begins a transaction on the cluster in force. During a switch it waits for the new cluster, as long as a send would
 * (`producer.holdMaxWaitMs`).
 *
 * After a failed commit or abort kafkajs's producer can never begin another transaction, and after a batch without an answer its sequence numbers are those of a
 * batch that the broker may have; a new inner producer takes its place then, and the broker aborts what it left open (same transactional id, newer producer epoch).
 *
 * @internal
 */
export async function beginTransaction(
  core: ProducerCore,
  gate: OffsetsGate,
): Promise<Transaction> {
  if (!core.parts.config?.transactionalId) {
    throw new kafka.KafkaJSNonRetriableError(
      'Must provide transactional id for transactional producer',
    );
  }
  const deadlineAtMs = core.holdDeadlineAtMs();
  for (;;) {
    const { state } = core;
    switch (state.kind) {
      case 'open': {
        const begun = await beginOn(core, state, gate);
        if (begun !== undefined) return begun.facade;
        // Overtaken. If the switch has not told us yet, there is nothing to look at but its end.
        if (core.state === state) await core.untilOpen('transaction()', deadlineAtMs);
        break;
      }
      case 'held':
        if (!core.connected) throw disconnectedError();
        await core.untilOpen('transaction()', deadlineAtMs);
        break;
      case 'halted':
        throw state.error;
      case 'idle':
      case 'leaving':
        throw disconnectedError();
      case 'closed':
        throw closedError('transaction()');
      default:
        return unreachable(state);
    }
  }
}

/** @returns undefined where a switch or the end overtook it; nothing was sent in what may have begun. */
async function beginOn(
  core: ProducerCore,
  state: OpenState,
  gate: OffsetsGate,
): Promise<FencibleTransaction | undefined> {
  const { transactionsDead, tap } = state.inner;
  const isUsable = !transactionsDead && tap?.sequences.isInOrder !== false;
  const inner = isUsable ? state.inner : await replace(core, state);
  if (inner === undefined) return undefined;
  let transaction: Transaction;
  try {
    transaction = await untilAborted(inner.session.signal, inner.producer.transaction());
  } catch (error) {
    if (inner.overtaken) return undefined;
    throw error;
  }
  if (core.state.kind !== 'open' || core.state.inner !== inner || inner.overtaken) {
    void transaction.abort().catch(() => {});
    return undefined;
  }
  const begun = new FencibleTransaction(transaction, inner, gate);
  core.transactionBegan(begun);
  return begun;
}

/** Puts a new inner producer of the same session in the place of one that cannot begin a transaction any more, or must not. */
async function replace(core: ProducerCore, state: OpenState): Promise<InnerProducer | undefined> {
  const fresh = core.makeInner(state.inner.session);
  try {
    await untilAborted(fresh.session.signal, fresh.producer.connect());
  } catch (error) {
    fresh.retire();
    if (state.inner.overtaken) return undefined;
    throw error;
  }
  if (core.state !== state) {
    fresh.retire();
    return undefined;
  }
  core.open(fresh);
  core.parts.relay.attach(fresh.producer);
  state.inner.retire();
  core.parts.sends.resumeKeptBack();
  return fresh;
}
