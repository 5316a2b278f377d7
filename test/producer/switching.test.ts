import { KafkaJSConnectionError, KafkaJSError, type Message } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import {
  FailoverClosedError,
  FailoverHaltedError,
  FencedError,
  HoldBufferFullError,
  HoldTimeoutError,
  OutcomeUnknownError,
} from '../../src/errors.js';
import {
  answer,
  answered,
  connected,
  FakeSession,
  openOn,
  overtake,
  record,
  settle,
  turn,
  watch,
  type Harness,
} from './support.js';

/** What kafkajs says of a send that was written and then fenced (facts/measured.md 3). */
function fencedConnectError(): Error {
  return new KafkaJSConnectionError('Failed to connect: fenced', {});
}

/** Answers everything that the inner producer has now. */
async function acknowledgeAll(session: FakeSession): Promise<void> {
  for (;;) {
    const before = session.inner.calls.length;
    for (const call of session.inner.calls) call.resolve(answer());
    await settle();
    await settle();
    if (session.inner.calls.length === before) return;
  }
}

describe('sends during a switch', () => {
  it('wait, and go to the new cluster in their order', async () => {
    const h = await connected();
    await overtake(h);
    const sends = ['1', '2', '3'].map((value) => watch(h.producer.send(record(value))));
    expect(h.handle.status()).toMatchObject({ state: 'held', heldCount: 3, inFlightCount: 0 });
    await openOn(h);
    await acknowledgeAll(h.b);
    expect(h.b.inner.values()).toEqual(['1', '2', '3']);
    expect(sends.map((send) => send.state)).toEqual(['resolved', 'resolved', 'resolved']);
    expect(h.a.inner.calls.length).toBe(0);
    expect(h.handle.status()).toMatchObject({ state: 'open', cluster: 'B', switchEpoch: 2 });
  });

  it('are released behind the first one, which learns the topic, and then within a window', async () => {
    const h = await connected();
    h.b.writesAtOnce = true;
    await overtake(h);
    for (let index = 0; index < 100; index += 1) void h.producer.send(record(String(index)));
    await openOn(h);
    await settle();
    expect(h.b.inner.values()).toEqual(['0']);
    h.b.inner.call('0').resolve(answer());
    await settle();
    expect(h.b.inner.calls.length).toBe(1 + 32);
    h.b.inner.call('7').resolve(answer());
    await settle();
    expect(h.b.inner.calls.length).toBe(1 + 33);
    await acknowledgeAll(h.b);
    expect(h.b.inner.values()).toEqual(Array.from({ length: 100 }, (_, index) => String(index)));
  });

  it('are started one behind the other, each when the one before is on the wire', async () => {
    const h = await connected();
    await overtake(h);
    for (const value of ['1', '2', '3']) void h.producer.send(record(value));
    await openOn(h);
    h.b.inner.call('1').resolve(answer());
    await settle();
    // kafkajs compresses, or waits for its turn: nothing is on the wire yet.
    await h.world.advance(100);
    expect(h.b.inner.values()).toEqual(['1', '2']);
    h.b.wire.produceRequestCount += 1;
    await h.world.advance(100);
    expect(h.b.inner.values()).toEqual(['1', '2', '3']);
    expect(h.handle.status().state).toBe('held');
    h.b.wire.produceRequestCount += 1;
    await h.world.advance(100);
    expect(h.handle.status().state).toBe('open');
  });

  it('queue behind those that still wait, also while these are being released', async () => {
    const h = await connected();
    await overtake(h);
    void h.producer.send(record('1'));
    void h.producer.send(record('2'));
    await openOn(h);
    void h.producer.send(record('3'));
    expect(h.b.inner.values()).toEqual(['1']);
    await acknowledgeAll(h.b);
    expect(h.b.inner.values()).toEqual(['1', '2', '3']);
    void h.producer.send(record('4'));
    expect(h.b.inner.values()).toEqual(['1', '2', '3', '4']);
  });

  it('go on with the rest where the first one fails, and its caller hears why', async () => {
    const h = await connected();
    await overtake(h);
    const first = watch(h.producer.send(record('1')));
    const second = watch(h.producer.send(record('2')));
    await openOn(h);
    const error = new KafkaJSError('no such topic on B');
    h.b.inner.call('1').reject(error);
    await settle();
    h.b.inner.call('2').resolve(answer());
    await settle();
    expect(first.error).toBe(error);
    expect(second.state).toBe('resolved');
  });

  it('pass those of other topics that do not get through, and the cluster is open', async () => {
    const h = await connected();
    await overtake(h);
    for (const value of ['a1', 'a2']) void h.producer.send(record(value, 'audit'));
    for (const value of ['o1', 'o2']) void h.producer.send(record(value));
    await openOn(h);
    expect(h.b.inner.values()).toEqual(['a1']);
    h.b.writesAtOnce = true;
    await h.world.advance(1_000);
    expect(h.b.inner.values()).toEqual(['a1', 'o1', 'o2']);
    expect(h.handle.status()).toMatchObject({ state: 'open', heldCount: 1 });
    expect(h.events.at(-1)).toMatchObject({ name: 'producer.released', facts: { sendCount: 3 } });
    void h.producer.send(record('o3'));
    expect(h.b.inner.values()).toEqual(['a1', 'o1', 'o2', 'o3']);
  });

  it('follow what does not get through of their own topics in their order, also those that come later', async () => {
    const h = await connected();
    await overtake(h);
    void watch(h.producer.send(record('a1', 'audit')));
    void h.producer.sendBatch({
      topicMessages: ['audit', 'invoices'].map((topic) => record('a2+i1', topic)),
    });
    void h.producer.send(record('o1'));
    await openOn(h);
    h.b.writesAtOnce = true;
    await h.world.advance(1_000);
    void h.producer.send(record('i2', 'invoices'));
    void h.producer.send(record('a3', 'audit'));
    void h.producer.send(record('o2'));
    expect(h.b.inner.values()).toEqual(['a1', 'o1', 'o2']);
    h.b.inner.call('a1').reject(new KafkaJSError('no such topic on B'));
    await settle();
    // Alone, until it is known whether this one gets through.
    expect(h.b.inner.values()).toEqual(['a1', 'o1', 'o2', 'a2+i1']);
    h.b.inner.call('a2+i1').resolve(answer());
    await settle();
    expect(h.b.inner.values()).toEqual(['a1', 'o1', 'o2', 'a2+i1', 'i2', 'a3']);
    void h.producer.send(record('a4', 'audit'));
    expect(h.b.inner.values().at(-1)).toBe('a4');
    expect(h.handle.status()).toMatchObject({ state: 'open', heldCount: 0 });
  });

  it('pass those that fill the window without an answer', async () => {
    const h = await connected();
    h.b.writesAtOnce = true;
    await overtake(h);
    void h.producer.send(record('first'));
    for (let index = 0; index < 40; index += 1) {
      void h.producer.send(record(`a${index}`, 'audit'));
    }
    void h.producer.send(record('last'));
    await openOn(h);
    h.b.inner.call('first').resolve(answer());
    await settle();
    expect(h.b.inner.values().at(-1)).toBe('a31');
    await h.world.advance(1_000);
    expect(h.b.inner.values().at(-1)).toBe('last');
    expect(h.handle.status()).toMatchObject({ state: 'open', heldCount: 8 });
  });

  it('are told what they waited for where their topic never gets through', async () => {
    const h = await connected({ limits: { holdMaxWaitMs: 5_000 } });
    await overtake(h);
    void h.producer.send(record('a1', 'audit'));
    const second = watch(h.producer.send(record('a2', 'audit')));
    await openOn(h);
    await h.world.advance(5_000);
    expect(second.error).toBeInstanceOf(HoldTimeoutError);
    expect(second.error).toMatchObject({
      message: expect.stringContaining('behind a send of its'),
    });
  });

  it('go to the next cluster in their order where they were held back until the next switch', async () => {
    const h = await connected();
    await overtake(h);
    for (const value of ['a1', 'a2']) void h.producer.send(record(value, 'audit'));
    void h.producer.send(record('o1'));
    await openOn(h);
    await h.world.advance(1_000);
    await h.world.advance(20_000);
    void h.producer.send(record('a3', 'audit'));
    await overtake(h, h.b);
    // They wait from the beginning of this switch on.
    await h.world.advance(20_000);
    const c = new FakeSession('A', 3);
    await openOn(h, c);
    await acknowledgeAll(c);
    expect(c.inner.values()).toEqual(['a1', 'o1', 'a2', 'a3']);
  });

  it('pass at once after disconnect() and connect(), whatever was held back before', async () => {
    const h = await connected();
    await overtake(h);
    for (const value of ['a1', 'a2']) void watch(h.producer.send(record(value, 'audit')));
    await openOn(h);
    await h.world.advance(1_000);
    const leaving = h.producer.disconnect();
    h.b.inner.call('a1').reject(new KafkaJSError('no such topic on B'));
    await leaving;
    await h.producer.connect();
    void h.producer.send(record('a3', 'audit'));
    expect(h.b.inner.values()).toEqual(['a3']);
  });

  it('carry the time at which they were sent, without touching what the user passed', async () => {
    const h = await connected();
    await overtake(h);
    const headers = { trace: 'abc' };
    const plain = { key: 'k', value: '1', headers };
    const timed = { value: '2', timestamp: '42' };
    const mine = { topic: 'orders', acks: 1, messages: [plain, timed] };
    const calledAtWallMs = h.world.wallMs();
    void h.producer.send(mine);
    void h.producer.sendBatch({ topicMessages: [{ topic: 'orders', messages: [plain] }] });
    await h.world.advance(5_000);
    await openOn(h);
    await acknowledgeAll(h.b);
    const [sent, batch] = h.b.inner.calls.map((call) => call.payload);
    expect(sent).toEqual({
      ...mine,
      messages: [{ ...plain, timestamp: String(calledAtWallMs) }, timed],
    });
    const messages: Message[] = sent !== undefined && 'messages' in sent ? sent.messages : [];
    expect(messages[0]?.headers).toBe(headers);
    expect(messages[1]).toBe(timed);
    expect(batch).toEqual({
      topicMessages: [
        { topic: 'orders', messages: [{ ...plain, timestamp: String(calledAtWallMs) }] },
      ],
    });
    expect(plain).toEqual({ key: 'k', value: '1', headers: { trace: 'abc' } });
    expect(mine.messages).toEqual([plain, timed]);
  });

  it('are refused at once where the buffer is full, and said to be certainly not sent', async () => {
    const h = await connected({ limits: { holdMaxBytes: 500 } });
    await overtake(h);
    const first = watch(h.producer.send(record('x'.repeat(300))));
    const second = watch(h.producer.send(record('y'.repeat(300))));
    const third = watch(h.producer.send(record('z'.repeat(300))));
    await settle();
    expect(first.state).toBe('pending');
    expect(second.error).toBeInstanceOf(HoldBufferFullError);
    expect(third.error).toMatchObject({ code: 'ERR_FAILOVER_HOLD_FULL', topic: 'orders' });
    expect(h.handle.status()).toMatchObject({ heldCount: 1, refusedCount: 2 });
    expect(h.eventNames()).toEqual([
      'producer.held',
      'producer.hold-filling',
      'producer.hold-full',
    ]);
  });

  it('are rejected at their own time limit, watched by one timer beside that of all deadlines', async () => {
    const h = await connected({ limits: { holdMaxWaitMs: 10_000 } });
    await overtake(h);
    const early = watch(h.producer.send(record('1')));
    await h.world.advance(4_000);
    const late = watch(h.producer.send(record('2')));
    expect(h.world.timerCount).toBe(2);
    await h.world.advance(5_999);
    expect(early.state).toBe('pending');
    await h.world.advance(1);
    expect(early.error).toBeInstanceOf(HoldTimeoutError);
    expect(late.state).toBe('pending');
    await h.world.advance(4_000);
    expect(late.error).toMatchObject({ code: 'ERR_FAILOVER_HOLD_TIMEOUT', topic: 'orders' });
    await h.world.advance(120_000);
    expect(h.world.timerCount).toBe(0);
  });

  it('say for which switch they waited, also where it has turned back meanwhile', async () => {
    const h = await connected({ limits: { holdMaxBytes: 500, holdMaxWaitMs: 1_000 } });
    await overtake(h);
    const held = watch(h.producer.send(record('x'.repeat(300))));
    const refused = watch(h.producer.send(record('y'.repeat(300))));
    await settle();
    expect(refused.error).toMatchObject({
      from: 'A',
      to: 'B',
      switchEpoch: 2,
      message: expect.stringContaining('the switch from A to B (epoch 2)'),
    });
    await h.participant.detach(turn({ from: 'B', to: 'A', switchEpoch: 3 }));
    await h.world.advance(1_000);
    expect(held.error).toMatchObject({
      from: 'B',
      to: 'A',
      switchEpoch: 3,
      message: expect.stringContaining('the switch from B to A (epoch 3)'),
    });
  });

  it('are refused where the user never connected', async () => {
    const h = await connected();
    await h.producer.disconnect();
    h.active.inForce = undefined;
    h.active.onRegister = (participant) => participant.hold(turn());
    void watch(h.producer.connect());
    await settle();
    const sent = watch(h.producer.send(record('1')));
    await settle();
    expect(sent.error).toMatchObject({ message: 'The producer is disconnected' });
  });

  it('wait a random part of the jitter before they are released', async () => {
    const h = await connected({ limits: { releaseJitterMs: 1_000 } });
    await overtake(h);
    void h.producer.send(record('1'));
    h.world.randomValue = 0.25;
    const opening = watch(openOn(h));
    await settle();
    await h.world.advance(249);
    expect(h.b.inner.calls.length).toBe(0);
    await h.world.advance(1);
    expect(h.b.inner.calls.length).toBe(1);
    expect(opening.state).toBe('resolved');
  });

  it('leave no timer of the jitter behind a disconnect', async () => {
    const h = await connected({ limits: { releaseJitterMs: 20_000 } });
    await overtake(h);
    const opening = watch(openOn(h));
    await settle();
    expect(h.world.timerCount).toBe(1);
    await h.producer.disconnect();
    await settle();
    expect(h.world.timerCount).toBe(0);
    expect(opening.state).toBe('resolved');
  });

  it('report the beginning and the end of the wait once per switch', async () => {
    const h = await connected();
    h.participant.hold(turn());
    expect(h.events).toEqual([]);
    void h.producer.send(record('1'));
    void h.producer.send(record('2'));
    h.a.fence();
    await h.participant.detach(turn());
    await openOn(h);
    await acknowledgeAll(h.b);
    const facts = { producer: 'producer-1', cluster: 'B' };
    expect(h.events).toEqual([
      { name: 'producer.held', facts, switchEpoch: 2 },
      {
        name: 'producer.released',
        facts: { ...facts, sendCount: 2, resentCount: 0 },
        switchEpoch: 2,
      },
    ]);
  });
});

describe('a send that a switch overtakes', () => {
  it('is acknowledged where its answer came before the fence', async () => {
    const h = await connected();
    const sent = watch(h.producer.send(record('1')));
    h.participant.hold(turn());
    h.a.inner.call('1').resolve(answer());
    await settle();
    expect(sent.state).toBe('resolved');
    h.a.fence();
    await h.participant.detach(turn());
    await openOn(h);
    expect(h.b.inner.calls.length).toBe(0);
  });

  it('waits with the others where the wire proves that nothing was sent', async () => {
    const h = await connected({ limits: { onUnknownOutcome: 'reject' } });
    h.a.wire.produceRequestCount = 7;
    const sent = watch(h.producer.send(record('1')));
    await overtake(h);
    await settle();
    expect(sent.state).toBe('pending');
    await openOn(h);
    await acknowledgeAll(h.b);
    expect(sent.state).toBe('resolved');
    expect(h.events.at(-1)?.facts).toMatchObject({ sendCount: 1, resentCount: 0 });
  });

  it('is resent with the time of its first attempt where it is unknown, which is the default', async () => {
    const h = await connected();
    const calledAtWallMs = h.world.wallMs();
    const sent = watch(h.producer.send(record('1')));
    h.a.wire.produceRequestCount += 1;
    await h.world.advance(2_000);
    await overtake(h);
    await openOn(h);
    await acknowledgeAll(h.b);
    expect(sent.state).toBe('resolved');
    expect(h.b.inner.calls[0]?.payload).toMatchObject({
      messages: [{ key: 'k', value: '1', timestamp: String(calledAtWallMs) }],
    });
    expect(h.events.at(-1)?.facts).toMatchObject({ sendCount: 1, resentCount: 1 });
  });

  it('is rejected as unknown where the user says so, and where the producer is idempotent', async () => {
    for (const options of [
      { limits: { onUnknownOutcome: 'reject' as const } },
      { config: { idempotent: true } },
    ]) {
      const h = await connected(options);
      const sent = watch(h.producer.send(record('1')));
      h.a.wire.produceRequestCount += 1;
      await overtake(h);
      await settle();
      expect(sent.error).toBeInstanceOf(OutcomeUnknownError);
      expect(sent.error).toMatchObject({ cluster: 'A', switchEpoch: 1, topic: 'orders' });
      expect((sent.error as Error).cause).toBeInstanceOf(FencedError);
    }
  });

  it('is resent where an idempotent producer is told to', async () => {
    const h = await connected({
      config: { idempotent: true },
      limits: { onUnknownOutcome: 'resend' },
    });
    const sent = watch(h.producer.send(record('1')));
    h.a.wire.produceRequestCount += 1;
    await overtake(h);
    await openOn(h);
    await acknowledgeAll(h.b);
    expect(sent.state).toBe('resolved');
  });

  it('never shows the caller the connect error of the fence, before detach or after it', async () => {
    const h = await connected();
    const before = watch(h.producer.send(record('1')));
    const after = watch(h.producer.send(record('2')));
    h.participant.hold(turn());
    h.a.fence();
    h.a.inner.call('1').reject(fencedConnectError());
    await settle();
    expect(before.state).toBe('pending');
    await h.participant.detach(turn());
    h.a.inner.call('2').reject(fencedConnectError());
    await settle();
    expect(after.state).toBe('pending');
    await openOn(h);
    await acknowledgeAll(h.b);
    expect([before.state, after.state]).toEqual(['resolved', 'resolved']);
    expect(h.b.inner.values()).toEqual(['1', '2']);
  });

  it('keeps what kafkajs said as the cause of an unknown outcome', async () => {
    const h = await connected({ limits: { onUnknownOutcome: 'reject' } });
    const sent = watch(h.producer.send(record('1')));
    h.a.wire.produceRequestCount += 1;
    h.participant.hold(turn());
    const error = fencedConnectError();
    h.a.inner.call('1').reject(error);
    await settle();
    h.a.fence();
    await h.participant.detach(turn());
    await settle();
    expect((sent.error as Error).cause).toBe(error);
  });

  it('goes in front of what came after it, in the order of the calls', async () => {
    const h = await connected();
    void h.producer.send(record('1'));
    h.a.wire.produceRequestCount += 1;
    void h.producer.send(record('2'));
    h.participant.hold(turn());
    void h.producer.send(record('3'));
    h.a.fence();
    await h.participant.detach(turn());
    void h.producer.send(record('4'));
    await openOn(h);
    await acknowledgeAll(h.b);
    expect(h.b.inner.values()).toEqual(['1', '2', '3', '4']);
  });

  it('ignores an acknowledgement of the old cluster that comes after detach', async () => {
    const h = await connected();
    const sent = watch(h.producer.send(record('1')));
    await overtake(h);
    h.a.inner.call('1').resolve([{ topicName: 'late', partition: 0, errorCode: 0 }]);
    await settle();
    expect(sent.state).toBe('pending');
    await openOn(h);
    await acknowledgeAll(h.b);
    expect(sent.value).toEqual(answered(h.b));
  });

  it('is accepted back although the buffer is full, and nothing new fits', async () => {
    const h = await connected({ limits: { holdMaxBytes: 0 } });
    const sent = watch(h.producer.send(record('1')));
    await overtake(h);
    const refused = watch(h.producer.send(record('2')));
    await settle();
    expect([sent.state, refused.state]).toEqual(['pending', 'rejected']);
    await openOn(h);
    await acknowledgeAll(h.b);
    expect(sent.state).toBe('resolved');
  });

  it('is said to be unknown, not unsent, where it times out after it may have been written', async () => {
    const h = await connected({ limits: { holdMaxWaitMs: 1_000 } });
    const written = watch(h.producer.send(record('1')));
    h.a.wire.produceRequestCount += 1;
    const unsent = watch(h.producer.send(record('2')));
    await overtake(h);
    await h.world.advance(1_000);
    expect(written.error).toBeInstanceOf(OutcomeUnknownError);
    expect((written.error as Error).cause).toBeInstanceOf(HoldTimeoutError);
    expect(unsent.error).toBeInstanceOf(HoldTimeoutError);
  });

  it('waits anew where a much later switch overtakes it on the next cluster', async () => {
    const h = await connected({ limits: { holdMaxWaitMs: 30_000 } });
    await overtake(h);
    const sent = watch(h.producer.send(record('1')));
    await openOn(h);
    await h.world.advance(40_000);
    await overtake(h, h.b);
    await h.world.advance(29_999);
    expect(sent.state).toBe('pending');
    await h.world.advance(1);
    expect(sent.error).toBeInstanceOf(HoldTimeoutError);
  });

  it('stays unknown where resending it fails', async () => {
    const h = await connected();
    const sent = watch(h.producer.send(record('1')));
    h.a.wire.produceRequestCount += 1;
    await overtake(h);
    await openOn(h);
    const error = new KafkaJSError('record too large for B');
    h.b.inner.call('1').reject(error);
    await settle();
    expect(sent.error).toBeInstanceOf(OutcomeUnknownError);
    expect((sent.error as Error).cause).toBe(error);
  });

  it('is unknown where the session was not fenced: nothing can be proven of it', async () => {
    const h = await connected({ limits: { onUnknownOutcome: 'reject' } });
    const sent = watch(h.producer.send(record('1')));
    h.participant.hold(turn());
    await h.participant.detach(turn());
    await settle();
    expect(sent.error).toBeInstanceOf(OutcomeUnknownError);
  });

  it('leaves no unhandled rejection behind, and does not wait for the old inner producer', async () => {
    const h = await connected();
    void h.producer.send(record('1'));
    h.a.inner.automatic = false;
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', onUnhandled);
    await overtake(h);
    expect(h.a.inner.disconnects.length).toBe(1);
    await openOn(h);
    h.a.inner.call('1').reject(fencedConnectError());
    h.a.inner.disconnects[0]?.reject(fencedConnectError());
    await settle();
    await settle();
    process.off('unhandledRejection', onUnhandled);
    expect(unhandled).toEqual([]);
  });
});

describe('a planned switch', () => {
  it('drains: waits for the sends in flight and holds new ones', async () => {
    const h = await connected();
    const first = watch(h.producer.send(record('1')));
    h.participant.hold(turn({ planned: true }));
    const drained = watch(h.participant.drain(turn({ planned: true })));
    void h.producer.send(record('2'));
    await settle();
    expect(drained.state).toBe('pending');
    expect(h.a.inner.values()).toEqual(['1']);
    h.a.inner.call('1').resolve(answer());
    await settle();
    expect([first.state, drained.state]).toEqual(['resolved', 'resolved']);
  });

  it('ends the draining when the last send in flight fails, and resends that one', async () => {
    const h = await connected();
    const sent = watch(h.producer.send(record('1')));
    h.participant.hold(turn({ planned: true }));
    const drained = watch(h.participant.drain(turn({ planned: true })));
    h.a.inner.call('1').reject(new KafkaJSError('broker is shutting down'));
    await settle();
    expect([sent.state, drained.state]).toEqual(['pending', 'resolved']);
    h.a.fence();
    await h.participant.detach(turn({ planned: true }));
    await openOn(h);
    await acknowledgeAll(h.b);
    expect(sent.state).toBe('resolved');
  });

  it('waits also for the sends of a producer that is leaving', async () => {
    const h = await connected();
    const sent = watch(h.producer.send(record('1')));
    const left = watch(h.producer.disconnect());
    const planned = turn({ planned: true });
    expect([...h.active.participants]).toEqual([h.participant]);
    h.participant.hold(planned);
    const drained = watch(h.participant.drain(planned));
    await settle();
    expect(drained.state).toBe('pending');
    h.a.inner.call('1').resolve(answer());
    await settle();
    expect([sent.state, drained.state, left.state]).toEqual(['resolved', 'resolved', 'resolved']);
    h.a.fence();
    await h.participant.detach(planned);
    expect(h.handle.status().state).toBe('idle');
    expect(h.active.participants.size).toBe(0);
  });

  it('does not leave the draining pending where the deadline lets detach come first', async () => {
    const h = await connected();
    void h.producer.send(record('1'));
    h.participant.hold(turn({ planned: true }));
    const drained = watch(h.participant.drain(turn({ planned: true })));
    h.a.fence();
    await h.participant.detach(turn({ planned: true }));
    await settle();
    expect(drained.state).toBe('resolved');
  });

  it('goes back to the source in a new epoch where it is rolled back', async () => {
    const h = await connected();
    h.participant.hold(turn({ planned: true }));
    const held = watch(h.producer.send(record('1')));
    h.a.fence();
    await h.participant.detach(turn({ planned: true }));
    // The roll back fences again: detach may come twice.
    await h.participant.detach(turn({ switchEpoch: 3, from: 'B', to: 'A' }));
    const again = new FakeSession('A', 3);
    await openOn(h, again);
    await acknowledgeAll(again);
    expect(held.state).toBe('resolved');
    expect(h.handle.status()).toMatchObject({ state: 'open', cluster: 'A', switchEpoch: 3 });
  });
});

describe('opening the new cluster', () => {
  /** Begins to open it; the test answers its connections. */
  async function openByHand(h: Harness): Promise<ReturnType<typeof watch>> {
    h.b.automatic = false;
    const opening = watch(openOn(h));
    await settle();
    return opening;
  }

  /** The producer is disconnected while the new cluster is opened, and gets the inner disconnect's answer. */
  async function disconnectedWhileOpening(
    h: Harness,
  ): Promise<Record<'opening' | 'disconnecting', ReturnType<typeof watch>>> {
    const opening = await openByHand(h);
    const disconnecting = watch(h.producer.disconnect());
    h.b.inner.disconnects[0]?.resolve();
    await settle();
    return { opening, disconnecting };
  }

  it('keeps trying to connect until it succeeds', async () => {
    const h = await connected();
    await overtake(h);
    const held = watch(h.producer.send(record('1')));
    const opening = await openByHand(h);
    for (let attempt = 0; attempt < 5; attempt += 1) {
      h.b.inner.connects[attempt]?.reject(new KafkaJSError('refused'));
      await settle();
      await h.world.advance(2_000);
    }
    expect(h.b.inner.connects.length).toBe(6);
    expect(opening.state).toBe('pending');
    h.b.inner.connects[5]?.resolve();
    await settle();
    expect(opening.state).toBe('resolved');
    await acknowledgeAll(h.b);
    expect(held.state).toBe('resolved');
  });

  it('keeps trying also where kafkajs trips over half an answer', async () => {
    const h = await connected();
    await overtake(h);
    const opening = await openByHand(h);
    h.b.inner.connects[0]?.reject(
      new TypeError("Cannot read properties of undefined (reading 'map')"),
    );
    await settle();
    await h.world.advance(100);
    h.b.inner.connects[1]?.resolve();
    await settle();
    expect(opening.state).toBe('resolved');
    expect(h.handle.status().state).toBe('open');
  });

  it('ends at once when the new session is fenced, and what waits goes on waiting', async () => {
    const h = await connected();
    await overtake(h);
    const held = watch(h.producer.send(record('1')));
    const opening = await openByHand(h);
    const reason = new FencedError('B was fenced');
    h.participant.hold(turn({ switchEpoch: 3, from: 'B', to: 'A' }));
    h.b.fence(reason);
    await settle();
    expect(opening.error).toBe(reason);
    await h.participant.detach(turn({ switchEpoch: 3, from: 'B', to: 'A' }));
    const again = new FakeSession('A', 3);
    await openOn(h, again);
    await acknowledgeAll(again);
    expect(held.state).toBe('resolved');
    expect(h.b.inner.calls.length).toBe(0);
  });

  it('stops releasing when a newer switch takes over, and loses nothing', async () => {
    const h = await connected();
    await overtake(h);
    const sends = ['1', '2', '3'].map((value) => watch(h.producer.send(record(value))));
    await openOn(h);
    await settle();
    expect(h.b.inner.values()).toEqual(['1']);
    await overtake(h, h.b);
    h.b.inner.call('1').reject(fencedConnectError());
    await settle();
    expect(h.b.inner.values()).toEqual(['1']);
    const again = new FakeSession('A', 3);
    await openOn(h, again);
    await acknowledgeAll(again);
    expect(again.inner.values()).toEqual(['1', '2', '3']);
    expect(sends.every((send) => send.state === 'resolved')).toBe(true);
  });

  it('accepts a participant that never met detach', async () => {
    const h = await connected();
    const sent = watch(h.producer.send(record('1')));
    h.a.wire.produceRequestCount += 1;
    h.participant.hold(turn());
    h.a.fence();
    await openOn(h);
    await acknowledgeAll(h.b);
    expect(sent.state).toBe('resolved');
  });

  it('does nothing for a producer that disconnected in the middle of the switch', async () => {
    const h = await connected();
    await overtake(h);
    const held = watch(h.producer.send(record('1')));
    await h.producer.disconnect();
    expect(held.error).toBeInstanceOf(FailoverClosedError);
    await h.participant.detach(turn());
    await openOn(h);
    expect(h.b.inners.length).toBe(0);
    expect(h.handle.status().state).toBe('idle');
  });

  it('gives back an inner producer whose connect succeeds after disconnect', async () => {
    const h = await connected();
    await overtake(h);
    const { opening, disconnecting } = await disconnectedWhileOpening(h);
    expect(disconnecting.state).toBe('resolved');
    const before = h.b.inner.disconnects.length;
    h.b.inner.connects[0]?.resolve();
    await settle();
    expect(opening.state).toBe('resolved');
    expect(h.b.inner.disconnects.length).toBe(before + 1);
    expect(h.handle.status().state).toBe('idle');
  });

  it('stops trying to connect after disconnect', async () => {
    const h = await connected();
    await overtake(h);
    const { opening, disconnecting } = await disconnectedWhileOpening(h);
    h.b.inner.connects[0]?.reject(new KafkaJSError('refused'));
    await h.world.advance(60_000);
    expect(h.b.inner.connects.length).toBe(1);
    expect([opening.state, disconnecting.state]).toEqual(['resolved', 'resolved']);
  });
});

describe('a halt', () => {
  async function halted(): Promise<{
    h: Harness;
    error: Error;
    sends: ReturnType<typeof watch>[];
  }> {
    const h = await connected();
    const unsent = watch(h.producer.send(record('1')));
    h.participant.hold(turn());
    const held = watch(h.producer.send(record('2')));
    const error = new FailoverHaltedError('wrong cluster');
    h.active.inForce = undefined;
    h.a.fence();
    h.participant.halt(error);
    await settle();
    return { h, error, sends: [unsent, held] };
  }

  it('rejects what waits and what was certainly not sent with the reason itself', async () => {
    const { h, error, sends } = await halted();
    for (const send of sends) expect(send.error).toBe(error);
    await expect(h.producer.send(record('4'))).rejects.toBe(error);
    await expect(h.producer.connect()).rejects.toBe(error);
    expect(h.handle.status()).toMatchObject({ state: 'halted', inFlightCount: 0, heldCount: 0 });
  });

  it('reports a send that may have been written as unknown', async () => {
    const h = await connected();
    const inFlight = watch(h.producer.send(record('1')));
    h.a.wire.produceRequestCount += 1;
    h.a.fence();
    h.participant.halt(new FailoverHaltedError('wrong cluster'));
    await settle();
    expect(inFlight.error).toBeInstanceOf(OutcomeUnknownError);
  });

  it('reports a held send that may have been written before as unknown', async () => {
    const h = await connected();
    const sent = watch(h.producer.send(record('1')));
    h.a.wire.produceRequestCount += 1;
    await overtake(h);
    const error = new FailoverHaltedError('wrong cluster');
    h.participant.halt(error);
    await settle();
    expect(sent.error).toBeInstanceOf(OutcomeUnknownError);
    expect((sent.error as Error).cause).toBe(error);
  });

  it('ends with the next switch', async () => {
    const { h } = await halted();
    h.participant.hold(turn());
    const held = watch(h.producer.send(record('5')));
    await h.participant.detach(turn());
    await openOn(h);
    await acknowledgeAll(h.b);
    expect(held.state).toBe('resolved');
  });
});
