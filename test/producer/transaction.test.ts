import { Kafka, KafkaJSError, KafkaJSNonRetriableError, type Transaction } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import {
  FailoverHaltedError,
  HoldTimeoutError,
  OutcomeUnknownError,
  StaleOffsetError,
  TransactionFencedError,
} from '../../src/errors.js';
import {
  answer,
  connected,
  controlled,
  harness,
  openOn,
  overtake,
  record,
  settle,
  turn,
  watch,
  type FakeSession,
  type FakeTransaction,
  type Harness,
} from './support.js';

const config = { transactionalId: 'tx-1' };

/** kafkajs's transaction, as far as its state shows: an end moves it before the request is answered. */
function fakeTransaction(): FakeTransaction {
  const fake: FakeTransaction = {
    active: true,
    calls: [],
    isActive: () => fake.active,
    send: (argument) => call('send', argument) as ReturnType<Transaction['send']>,
    sendBatch: (argument) => call('sendBatch', argument) as ReturnType<Transaction['sendBatch']>,
    sendOffsets: (argument) => call('sendOffsets', argument) as Promise<void>,
    commit: () => end('commit'),
    abort: () => end('abort'),
  };
  const call = (method: string, argument: unknown): Promise<unknown> => {
    if (!fake.active) return Promise.reject(new KafkaJSNonRetriableError('ended'));
    const answer = controlled<unknown>();
    fake.calls.push({ method, argument, answer });
    return answer.promise;
  };
  const end = (method: string): Promise<void> => {
    const ended = call(method, undefined) as Promise<void>;
    fake.active = false;
    return ended;
  };
  return fake;
}

async function begin(
  h: Harness,
  session: FakeSession = h.a,
): Promise<{ transaction: Transaction; inner: FakeTransaction }> {
  const begun = h.producer.transaction();
  await settle();
  const inner = fakeTransaction();
  session.inner.transactions.at(-1)?.answer.resolve(inner);
  return { transaction: await begun, inner };
}

describe('a transaction with no switch under way', () => {
  it('passes everything on, and answers unchanged', async () => {
    const h = await connected({ config });
    const { transaction, inner } = await begin(h);
    expect(transaction.isActive()).toBe(true);
    const mine = record('1');
    const sent = transaction.send(mine);
    expect(inner.calls[0]?.argument).toBe(mine);
    const theirs = answer();
    inner.calls[0]?.answer.resolve(theirs);
    expect(await sent).toBe(theirs);
    const offsets = { consumerGroupId: 'g', topics: [] };
    const added = transaction.sendOffsets(offsets);
    await settle();
    expect(inner.calls[1]?.argument).toBe(offsets);
    inner.calls[1]?.answer.resolve(undefined);
    await added;
    const committed = transaction.commit();
    inner.calls[2]?.answer.resolve(undefined);
    await committed;
    expect(transaction.isActive()).toBe(false);
    await expect(transaction.commit()).rejects.toThrow('ended');
  });

  it('has the surface of kafkajs', async () => {
    const h = await connected({ config });
    const { transaction } = await begin(h);
    // From kafkajs src/producer/index.js: a transaction cannot be had from it without a broker.
    expect(Object.keys(transaction).sort()).toEqual(
      ['abort', 'commit', 'isActive', 'send', 'sendBatch', 'sendOffsets'].sort(),
    );
  });

  it('hands an inner error to the caller, the very same object', async () => {
    const h = await connected({ config });
    const { transaction, inner } = await begin(h);
    const error = new KafkaJSError('too large');
    const sent = watch(transaction.send(record('1')));
    inner.calls[0]?.answer.reject(error);
    await settle();
    expect(sent.error).toBe(error);
    expect(transaction.isActive()).toBe(true);
  });

  it('refuses a producer without a transactional id with the words of kafkajs', async () => {
    const bare = new Kafka({ brokers: ['localhost:1'], logLevel: 0 }).producer();
    const theirs = watch(bare.transaction());
    const mine = watch(harness().producer.transaction());
    await settle();
    expect(mine.error).toEqual(theirs.error);
  });

  it('hands the error of beginning to the caller', async () => {
    const h = await connected({ config });
    const begun = watch(h.producer.transaction());
    const error = new KafkaJSNonRetriableError('There is already an ongoing transaction');
    h.a.inner.transactions[0]?.answer.reject(error);
    await settle();
    expect(begun.error).toBe(error);
  });

  it('refuses to begin before connect and after disconnect', async () => {
    const h = harness({ config });
    await expect(h.producer.transaction()).rejects.toThrow('The producer is disconnected');
    await h.producer.connect();
    await h.producer.disconnect();
    await expect(h.producer.transaction()).rejects.toThrow('The producer is disconnected');
  });

  it('sends offsets as the gate translates them, and refuses those that it refuses', async () => {
    const gate = { error: undefined as Error | undefined };
    const h = await connected({
      config,
      offsetsGate: (offsets, session) => {
        if (gate.error !== undefined) throw gate.error;
        const consumerGroupId = `${offsets.consumerGroupId}@${session.alias}`;
        return { offsets: { ...offsets, consumerGroupId }, committed: () => {} };
      },
    });
    const { transaction, inner } = await begin(h);
    void transaction.sendOffsets({ consumerGroupId: 'g', topics: [] });
    await settle();
    expect(inner.calls[0]?.argument).toEqual({ consumerGroupId: 'g@A', topics: [] });
    gate.error = new StaleOffsetError('older epoch');
    await expect(transaction.sendOffsets({ consumerGroupId: 'g', topics: [] })).rejects.toBe(
      gate.error,
    );
    expect(inner.calls.length).toBe(1);
  });
});

describe('offsets that a transaction has sent', () => {
  /** A transaction that has sent offsets; how often they were said to be committed. */
  async function withOffsets() {
    const told = { count: 0 };
    const h = await connected({
      config,
      offsetsGate: (offsets) => ({ offsets, committed: () => (told.count += 1) }),
    });
    const { transaction, inner } = await begin(h);
    const sent = transaction.sendOffsets({ consumerGroupId: 'g', topics: [] });
    await settle();
    inner.calls[0]?.answer.resolve(undefined);
    await sent;
    return { h, told, transaction, inner };
  }

  it('are committed when the transaction is, once', async () => {
    const { told, transaction, inner } = await withOffsets();
    const committed = transaction.commit();
    await settle();
    expect(told.count).toBe(0);
    inner.calls[1]?.answer.resolve(undefined);
    await committed;
    expect(told.count).toBe(1);
  });

  it('are not where it is aborted, or its commit fails', async () => {
    const aborted = await withOffsets();
    const ended = aborted.transaction.abort();
    aborted.inner.calls[1]?.answer.resolve(undefined);
    await ended;
    const failed = await withOffsets();
    const committed = watch(failed.transaction.commit());
    failed.inner.calls[1]?.answer.reject(new KafkaJSError('broken'));
    await settle();
    expect([aborted.told.count, failed.told.count, committed.state]).toEqual([0, 0, 'rejected']);
  });

  it('are not where the commit is answered behind the fence', async () => {
    const { h, told, transaction, inner } = await withOffsets();
    const committed = watch(transaction.commit());
    await overtake(h);
    inner.calls[1]?.answer.resolve(undefined);
    await settle();
    expect(committed.error).toBeInstanceOf(OutcomeUnknownError);
    expect(told.count).toBe(0);
  });
});

describe('a transaction whose end failed', () => {
  for (const method of ['commit', 'abort'] as const) {
    it(`hands the error of ${method} to the caller, and the next one begins on a new inner producer`, async () => {
      const h = await connected({ config });
      const { transaction, inner } = await begin(h);
      const error = new KafkaJSNonRetriableError('INVALID_PRODUCER_EPOCH');
      const ended = watch(transaction[method]());
      inner.calls[0]?.answer.reject(error);
      await settle();
      expect(ended.error).toBe(error);
      const plain = watch(h.producer.send(record('1')));
      const [old] = h.a.inners;
      await begin(h);
      expect(h.a.inners.length).toBe(2);
      // A send of the old one comes to its end before that is disconnected.
      expect(old?.disconnects.length).toBe(0);
      old?.call('1').resolve(answer());
      await settle();
      expect(plain.state).toBe('resolved');
      expect(old?.disconnects.length).toBe(1);
    });
  }

  it('is not taken for one that was merely ended twice', async () => {
    const h = await connected({ config });
    const { transaction, inner } = await begin(h);
    const committed = transaction.commit();
    inner.calls[0]?.answer.resolve(undefined);
    await committed;
    await expect(transaction.abort()).rejects.toThrow('ended');
    await begin(h);
    expect(h.a.inners.length).toBe(1);
  });

  it('hands the error of the new inner producer to the caller, and tries again at the next call', async () => {
    const h = await connected({ config });
    const { transaction, inner } = await begin(h);
    void watch(transaction.commit());
    inner.calls[0]?.answer.reject(new Error('broken'));
    await settle();
    h.a.automatic = false;
    const error = new KafkaJSError('refused');
    const begun = watch(h.producer.transaction());
    await settle();
    h.a.inner.connects[0]?.reject(error);
    await settle();
    expect(begun.error).toBe(error);
    h.a.automatic = true;
    await begin(h);
    expect(h.a.inners.length).toBe(3);
  });
});

describe('a transaction that ended before a switch', () => {
  for (const how of ['committed', 'failed'] as const) {
    it(`leaves every further call to kafkajs (${how})`, async () => {
      const h = await connected({ config });
      const { transaction, inner } = await begin(h);
      const committed = watch(transaction.commit());
      if (how === 'committed') inner.calls[0]?.answer.resolve(undefined);
      else inner.calls[0]?.answer.reject(new KafkaJSError('Connection timeout'));
      await settle();
      h.a.fence();
      const betweenFenceAndDetach = watch(transaction.abort());
      await overtake(h);
      const afterDetach = watch(transaction.abort());
      await openOn(h);
      await settle();
      expect(committed.state).toBe(how === 'committed' ? 'resolved' : 'rejected');
      expect(betweenFenceAndDetach.error).toMatchObject({ message: 'ended' });
      expect(afterDetach.error).toMatchObject({ message: 'ended' });
    });
  }

  it('does so too where others began after it', async () => {
    const h = await connected({ config });
    const { transaction, inner } = await begin(h);
    const committed = transaction.commit();
    inner.calls[0]?.answer.resolve(undefined);
    await committed;
    await begin(h);
    await overtake(h);
    await expect(transaction.abort()).rejects.toThrow('ended');
  });

  it('settles a send that it left behind when the next one began', async () => {
    const h = await connected({ config });
    const { transaction, inner } = await begin(h);
    const sent = watch(transaction.send(record('1')));
    const aborted = transaction.abort();
    inner.calls[1]?.answer.resolve(undefined);
    await aborted;
    await begin(h);
    await begin(h);
    h.participant.hold(turn());
    h.a.fence();
    inner.calls[0]?.answer.reject(new RangeError('fenced'));
    await settle();
    await h.participant.detach(turn());
    await settle();
    expect(sent.error).toBeInstanceOf(TransactionFencedError);
  });
});

describe('a transaction that a switch overtakes', () => {
  it('refuses every later call, and says that it can be begun again', async () => {
    const h = await connected({ config });
    const { transaction, inner } = await begin(h);
    h.participant.hold(turn());
    expect(transaction.isActive()).toBe(false);
    const calls = [
      transaction.send(record('1')),
      transaction.sendBatch({}),
      transaction.sendOffsets({ consumerGroupId: 'g', topics: [] }),
      transaction.commit(),
      transaction.abort(),
    ].map((call: Promise<unknown>) => watch(call));
    await settle();
    for (const { error } of calls) {
      expect(error).toBeInstanceOf(TransactionFencedError);
      expect(error).toMatchObject({ abortable: true, cluster: 'A', switchEpoch: 1 });
    }
    expect(inner.calls.length).toBe(0);
    h.a.fence();
    await h.participant.detach(turn());
    await openOn(h);
    await expect(transaction.commit()).rejects.toBeInstanceOf(TransactionFencedError);
  });

  it('says that the outcome of a commit under way is unknown, and everything else is void', async () => {
    const h = await connected({ config });
    const { transaction, inner } = await begin(h);
    const sent = watch(transaction.send(record('1')));
    const committed = watch(transaction.commit());
    h.participant.hold(turn());
    const error = new KafkaJSError('Failed to connect: fenced');
    inner.calls[1]?.answer.reject(error);
    await settle();
    expect([sent.state, committed.state]).toEqual(['pending', 'pending']);
    h.a.fence();
    await h.participant.detach(turn());
    await settle();
    expect(sent.error).toBeInstanceOf(TransactionFencedError);
    expect(committed.error).toBeInstanceOf(OutcomeUnknownError);
    expect((committed.error as Error).cause).toBe(error);
  });

  it('believes a commit that was acknowledged before the fence', async () => {
    const h = await connected({ config });
    const { transaction, inner } = await begin(h);
    const committed = watch(transaction.commit());
    h.participant.hold(turn());
    inner.calls[0]?.answer.resolve(undefined);
    await settle();
    expect(committed.state).toBe('resolved');
  });

  it('says of an abort under way that the transaction is over', async () => {
    const h = await connected({ config });
    const { transaction } = await begin(h);
    const aborted = watch(transaction.abort());
    await overtake(h);
    await settle();
    expect(aborted.error).toBeInstanceOf(TransactionFencedError);
  });

  it('may come to its end on the source while a planned switch drains', async () => {
    const h = await connected({ config });
    const { transaction, inner } = await begin(h);
    const planned = turn({ planned: true });
    h.participant.hold(planned);
    const drained = watch(h.participant.drain(planned));
    const sent = transaction.send(record('1'));
    inner.calls[0]?.answer.resolve(answer());
    await sent;
    await settle();
    expect(drained.state).toBe('pending');
    const committed = transaction.commit();
    inner.calls[1]?.answer.resolve(undefined);
    await committed;
    await settle();
    expect(drained.state).toBe('resolved');
  });

  it('is fenced where it outlasts the draining', async () => {
    const h = await connected({ config });
    const { transaction } = await begin(h);
    const planned = turn({ planned: true });
    h.participant.hold(planned);
    const drained = watch(h.participant.drain(planned));
    h.a.fence();
    await h.participant.detach(planned);
    await settle();
    expect(drained.state).toBe('resolved');
    await expect(transaction.send(record('1'))).rejects.toBeInstanceOf(TransactionFencedError);
  });

  it('is followed by one on the new cluster, for which transaction() waits', async () => {
    const h = await connected({ config });
    await begin(h);
    await overtake(h);
    const begun = watch(h.producer.transaction());
    await settle();
    expect(begun.state).toBe('pending');
    await openOn(h);
    await settle();
    h.b.inner.transactions[0]?.answer.resolve(fakeTransaction());
    await settle();
    expect(begun.state).toBe('resolved');
    expect(begun.value?.isActive()).toBe(true);
  });

  it('begins on the new cluster where the switch overtakes its beginning', async () => {
    const h = await connected({ config });
    const begun = watch(h.producer.transaction());
    await settle();
    await overtake(h);
    h.a.inner.transactions[0]?.answer.reject(new KafkaJSError('Failed to connect: fenced'));
    await openOn(h);
    await settle();
    h.b.inner.transactions[0]?.answer.resolve(fakeTransaction());
    await settle();
    expect(begun.state).toBe('resolved');
  });

  it('waits where the fence is known to it before the switch is', async () => {
    const h = await connected({ config });
    h.a.fence();
    const begun = watch(h.producer.transaction());
    await settle();
    expect(begun.state).toBe('pending');
    h.participant.hold(turn());
    await openOn(h);
    await settle();
    h.b.inner.transactions[0]?.answer.resolve(fakeTransaction());
    await settle();
    expect(begun.state).toBe('resolved');
  });

  it('is rejected after the time limit where no cluster opens', async () => {
    const h = await connected({ config, limits: { holdMaxWaitMs: 2_000 } });
    await overtake(h);
    const begun = watch(h.producer.transaction());
    await h.world.advance(2_000);
    expect(begun.error).toBeInstanceOf(HoldTimeoutError);
  });

  it('is rejected with the reason of a halt', async () => {
    const h = await connected({ config });
    const { transaction } = await begin(h);
    await overtake(h);
    const begun = watch(h.producer.transaction());
    const error = new FailoverHaltedError('wrong cluster');
    h.participant.halt(error);
    await settle();
    expect(begun.error).toBe(error);
    await expect(h.producer.transaction()).rejects.toBe(error);
    await expect(transaction.abort()).rejects.toBeInstanceOf(TransactionFencedError);
  });

  it('settles what is under way where the producer is disconnected', async () => {
    const h = await connected({ config, disconnectMaxMs: 1_000 });
    const { transaction } = await begin(h);
    const committed = watch(transaction.commit());
    await h.producer.disconnect();
    await settle();
    expect(committed.error).toBeInstanceOf(OutcomeUnknownError);
  });
});
