import { Kafka, KafkaJSError, KafkaJSNonRetriableError, type RecordMetadata } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { FailoverClosedError, FailoverHaltedError, HoldTimeoutError } from '../../src/errors.js';
import { rejectionOf, thrownBy } from '../support/failures.js';
import {
  answer,
  answered,
  connected,
  harness,
  openOn,
  overtake,
  record,
  settle,
  turn,
  watch,
} from './support.js';

const bare = new Kafka({ brokers: ['localhost:1'], logLevel: 0 });

describe('a producer with no switch under way', () => {
  it('has the surface of kafkajs, no more and no less, and methods that need no this', async () => {
    const { producer, a } = await connected();
    expect(Object.keys(producer).sort()).toEqual(Object.keys(bare.producer()).sort());
    expect(producer.events).toEqual(bare.producer().events);
    const { send } = producer;
    const sent = send(record('1'));
    a.inner.call('1').resolve(answer());
    expect(await sent).toEqual(answered(a));
  });

  it('hands over the very same record and hands back the very same answer, with the cluster that gave it', async () => {
    const { producer, a } = await connected();
    const mine = record('1');
    const theirs = answer();
    const sent = producer.send(mine);
    expect(a.inner.calls[0]?.payload).toBe(mine);
    a.inner.call('1').resolve(theirs);
    expect(await sent).toBe(theirs);
    expect(theirs).toEqual(answered(a));
  });

  it('hands a batch over as it is', async () => {
    const { producer, a } = await connected();
    const batch = { acks: 1, topicMessages: [{ topic: 'orders', messages: [{ value: '1' }] }] };
    const sent = producer.sendBatch(batch);
    expect(a.inner.calls[0]).toMatchObject({ method: 'sendBatch' });
    expect(a.inner.calls[0]?.payload).toBe(batch);
    a.inner.call('1').resolve(answer());
    await sent;
  });

  it('hands the inner error to the caller, the very same object', async () => {
    const { producer, a } = await connected();
    const error = new KafkaJSNonRetriableError('no such topic');
    const sent = watch(producer.send(record('1')));
    a.inner.call('1').reject(error);
    await settle();
    expect(sent.error).toBe(error);
  });

  it('calls the send that instrumentation put there after the producer was made', async () => {
    const { producer, a } = await connected();
    const seen: unknown[] = [];
    const original = a.inner.producer.send;
    a.inner.producer.send = (one) => {
      seen.push(one);
      return original(one);
    };
    const mine = record('1');
    void producer.send(mine);
    expect(seen).toEqual([mine]);
  });

  it('rejects where a patched send throws instead of rejecting', async () => {
    const { producer, a } = await connected();
    const error = new TypeError('patched badly');
    a.inner.producer.send = () => {
      throw error;
    };
    await expect(producer.send(record('1'))).rejects.toBe(error);
  });

  it('takes what a patched send returns without a promise for its answer', async () => {
    const { producer, a, handle } = await connected();
    a.inner.producer.send = () => answer() as unknown as Promise<RecordMetadata[]>;
    await expect(producer.send(record('1'))).resolves.toEqual(answered(a));
    expect(handle.status().inFlightCount).toBe(0);
  });

  it('answers isIdempotent and logger as kafkajs does', async () => {
    expect(harness().producer.isIdempotent()).toBe(false);
    expect(harness({ config: { idempotent: true } }).producer.isIdempotent()).toBe(true);
    expect(typeof harness().producer.logger().info).toBe('function');
  });

  it('refuses an idempotent producer without retries with the words of kafkajs', () => {
    const config = { idempotent: true, retry: { retries: 0 } };
    const theirs = thrownBy(() => bare.producer(config));
    expect(thrownBy(() => harness({ config }))).toEqual(theirs);
  });

  it('lets topics be created on the home cluster as the user configured it, and never on the other', async () => {
    const h = await connected({ config: { allowAutoTopicCreation: true, metadataMaxAge: 7 } });
    expect(h.a.inner.config).toEqual({ allowAutoTopicCreation: true, metadataMaxAge: 7 });
    await overtake(h);
    await openOn(h);
    expect(h.b.inner.config).toEqual({ allowAutoTopicCreation: false, metadataMaxAge: 7 });
  });
});

describe('connect and disconnect', () => {
  it('refuses sends before connect with the error of kafkajs', async () => {
    const theirs = await rejectionOf(bare.producer().send(record('1')));
    const { producer } = harness();
    const mine = await rejectionOf(producer.send(record('1')));
    expect(mine).toBeInstanceOf(KafkaJSError);
    expect([mine.name, mine.message]).toEqual([theirs.name, theirs.message]);
  });

  it('takes part in switches from connect to disconnect', async () => {
    const { producer, active, participant } = harness();
    expect(active.participants.size).toBe(0);
    await producer.connect();
    expect([...active.participants]).toEqual([participant]);
    await producer.disconnect();
    expect(active.participants.size).toBe(0);
  });

  it('hands the error of a first connect to the caller, and is as if it had not been called', async () => {
    const { producer, active, a, handle } = harness();
    a.automatic = false;
    const error = new KafkaJSError('refused');
    const connecting = watch(producer.connect());
    await settle();
    a.inner.connects[0]?.reject(error);
    await settle();
    expect(connecting.error).toBe(error);
    expect(active.participants.size).toBe(0);
    expect(handle.status().state).toBe('idle');
    a.automatic = true;
    await producer.connect();
    expect(handle.status()).toMatchObject({ state: 'open', cluster: 'A', switchEpoch: 1 });
  });

  it('rejects connect where the first cluster could not be chosen', async () => {
    const { producer, active } = harness();
    const error = new FailoverHaltedError('wrong cluster');
    active.startAnswer = Promise.reject(error);
    await expect(producer.connect()).rejects.toBe(error);
  });

  it('connects once where connect is called twice at the same time, and again when it is called later', async () => {
    const { producer, a } = harness();
    await Promise.all([producer.connect(), producer.connect()]);
    expect(a.inners.length).toBe(1);
    expect(a.inner.connects.length).toBe(1);
    await producer.connect();
    expect(a.inner.connects.length).toBe(2);
  });

  it('keeps working where a later connect fails', async () => {
    const { producer, a, handle } = await connected();
    a.inner.automatic = false;
    const error = new KafkaJSError('refused');
    const connecting = watch(producer.connect());
    await settle();
    a.inner.connects[1]?.reject(error);
    await settle();
    expect(connecting.error).toBe(error);
    expect(handle.status().state).toBe('open');
  });

  it('resolves connect on the new cluster where a switch overtakes it', async () => {
    const h = harness();
    h.a.automatic = false;
    const connecting = watch(h.producer.connect());
    await settle();
    await overtake(h);
    h.a.inner.connects[0]?.reject(new KafkaJSError('Failed to connect: fenced'));
    await settle();
    expect(connecting.state).toBe('pending');
    await openOn(h);
    await settle();
    expect(connecting.state).toBe('resolved');
    expect(h.handle.status()).toMatchObject({ state: 'open', cluster: 'B' });
  });

  it('waits for the switch where connect is called in the middle of one', async () => {
    const h = harness();
    h.active.inForce = undefined;
    h.active.onRegister = (participant) => participant.hold(turn());
    const connecting = watch(h.producer.connect());
    await settle();
    expect(connecting.state).toBe('pending');
    await openOn(h);
    await settle();
    expect(connecting.state).toBe('resolved');
  });

  it('rejects connect after the time limit where no cluster opens', async () => {
    const h = harness({ limits: { holdMaxWaitMs: 5_000 } });
    h.active.inForce = undefined;
    const connecting = watch(h.producer.connect());
    await settle();
    await h.world.advance(4_999);
    expect(connecting.state).toBe('pending');
    await h.world.advance(1);
    expect(connecting.error).toBeInstanceOf(HoldTimeoutError);
  });

  it('does not connect by itself after connect was rejected at the time limit', async () => {
    const h = harness({ limits: { holdMaxWaitMs: 5_000 } });
    h.active.inForce = undefined;
    h.active.onRegister = (participant) => participant.hold(turn());
    const rejected = watch(h.producer.connect());
    await settle();
    h.b.automatic = false;
    const opening = watch(h.participant.attach(h.b, undefined));
    await h.world.advance(5_000);
    expect(rejected.error).toBeInstanceOf(HoldTimeoutError);
    expect(h.active.participants.size).toBe(0);
    h.b.inner.connects[0]?.resolve();
    await settle();
    expect(opening.state).toBe('resolved');
    expect(h.handle.status().state).toBe('idle');
    expect(h.b.inner.disconnects.length).toBeGreaterThan(0);
    h.active.inForce = h.b;
    h.active.onRegister = () => {};
    h.b.automatic = true;
    await h.producer.connect();
    expect(h.handle.status()).toMatchObject({ state: 'open', cluster: 'B' });
  });

  it('rejects connect with the reason where the library is halted', async () => {
    const h = harness();
    const error = new FailoverHaltedError('halted');
    h.active.inForce = undefined;
    h.active.onRegister = (participant) => participant.halt(error);
    await expect(h.producer.connect()).rejects.toBe(error);
  });

  it('does not come back to life where disconnect overtakes connect', async () => {
    const h = harness();
    const opened = new Promise<void>((resolve) => setImmediate(resolve));
    h.active.startAnswer = opened;
    const connecting = watch(h.producer.connect());
    await h.producer.disconnect();
    await opened;
    await settle();
    expect(connecting.error).toBeInstanceOf(FailoverClosedError);
    expect(h.active.participants.size).toBe(0);
    expect(h.a.inners.length).toBe(0);
  });

  it('connects by the second call where disconnect came between two, and the first is still under way', async () => {
    const h = harness();
    h.a.automatic = false;
    const first = watch(h.producer.connect());
    await settle();
    const [abandoned] = h.a.inners;
    const left = h.producer.disconnect();
    abandoned?.disconnects[0]?.resolve();
    await left;
    const second = watch(h.producer.connect());
    await settle();
    abandoned?.connects[0]?.reject(new KafkaJSError('refused'));
    h.a.inner.connects[0]?.resolve();
    await settle();
    expect(first.error).toBeInstanceOf(FailoverClosedError);
    expect(second.state).toBe('resolved');
  });

  it('connects by the second call also where the first still waits for the start', async () => {
    const h = harness();
    const started = new Promise<void>((resolve) => setImmediate(resolve));
    h.active.startAnswer = started;
    const first = watch(h.producer.connect());
    await h.producer.disconnect();
    const second = watch(h.producer.connect());
    await started;
    await settle();
    expect(first.error).toBeInstanceOf(FailoverClosedError);
    expect(second.state).toBe('resolved');
  });

  it('disconnects an inner producer whose connect succeeds after disconnect', async () => {
    const h = harness();
    h.a.automatic = false;
    const connecting = watch(h.producer.connect());
    await settle();
    const disconnecting = watch(h.producer.disconnect());
    h.a.inner.disconnects[0]?.resolve();
    await settle();
    expect(disconnecting.state).toBe('resolved');
    h.a.inner.connects[0]?.resolve();
    await settle();
    expect(connecting.error).toBeInstanceOf(FailoverClosedError);
    expect(h.a.inner.disconnects.length).toBeGreaterThan(1);
  });

  it('answers as kafkajs while disconnect is under way and after it', async () => {
    const { producer, a } = await connected();
    a.inner.automatic = false;
    const disconnecting = producer.disconnect();
    expect((await rejectionOf(producer.send(record('1')))).message).toBe(
      "The producer is disconnecting; therefore, it can't safely accept messages anymore",
    );
    a.inner.disconnects[0]?.resolve();
    await disconnecting;
    expect((await rejectionOf(producer.send(record('1')))).message).toBe(
      'The producer is disconnected',
    );
  });

  it('waits for sends under way, then works with a new inner producer after the next connect', async () => {
    const { producer, a } = await connected();
    const sent = watch(producer.send(record('1')));
    const disconnecting = watch(producer.disconnect());
    await settle();
    expect(disconnecting.state).toBe('pending');
    a.inner.call('1').resolve(answer());
    await settle();
    expect([sent.state, disconnecting.state]).toEqual(['resolved', 'resolved']);
    await producer.connect();
    expect(a.inners.length).toBe(2);
    void producer.send(record('2'));
    expect(a.inner.values()).toEqual(['2']);
  });

  it('bounds disconnect and reports what has no answer as unknown', async () => {
    const { producer, world } = await connected({ disconnectMaxMs: 3_000 });
    const sent = watch(producer.send(record('1')));
    const disconnecting = watch(producer.disconnect());
    await world.advance(3_000);
    expect(disconnecting.state).toBe('resolved');
    expect(sent.error).toMatchObject({ code: 'ERR_FAILOVER_OUTCOME_UNKNOWN', topic: 'orders' });
  });

  it('does not wait for a fenced cluster in disconnect, and says what was certainly not sent', async () => {
    const { producer, a } = await connected();
    a.inner.automatic = false;
    const first = watch(producer.send(record('1')));
    a.wire.produceRequestCount += 1;
    const second = watch(producer.send(record('2')));
    const disconnecting = watch(producer.disconnect());
    a.fence();
    a.inner.call('1').reject(new KafkaJSError('Failed to connect: fenced'));
    await settle();
    expect(disconnecting.state).toBe('resolved');
    expect(first.error).toMatchObject({ code: 'ERR_FAILOVER_OUTCOME_UNKNOWN' });
    expect(second.error).toMatchObject({ code: 'ERR_FAILOVER_CLOSED' });
  });

  it('hands an error of the inner disconnect to the caller', async () => {
    const { producer, a, handle } = await connected();
    a.inner.automatic = false;
    const error = new Error('listener threw');
    const disconnecting = watch(producer.disconnect());
    a.inner.disconnects[0]?.reject(error);
    await settle();
    expect(disconnecting.error).toBe(error);
    expect(handle.status().state).toBe('idle');
  });

  it('may be disconnected twice, and before it was connected', async () => {
    const { producer, a, active, handle } = harness();
    await producer.disconnect();
    expect(handle.status().state).toBe('idle');
    await producer.connect();
    await Promise.all([producer.disconnect(), producer.disconnect()]);
    await producer.disconnect();
    expect(handle.status().state).toBe('idle');
    expect(active.participants.size).toBe(0);
    expect(a.inners.length).toBe(1);
    expect(a.inner.disconnects.length).toBeGreaterThan(0);
  });

  it('refuses everything after close', async () => {
    const h = await connected({ config: { transactionalId: 't' } });
    const held = watch(h.producer.send(record('1')));
    h.a.inner.call('1').resolve(answer());
    await h.handle.close();
    await h.handle.close();
    expect(held.state).toBe('resolved');
    const calls = [
      h.producer.connect(),
      h.producer.send(record('2')),
      h.producer.sendBatch({}),
      h.producer.transaction(),
    ].map((call: Promise<unknown>) => watch(call));
    await settle();
    for (const { error } of calls) expect(error).toMatchObject({ code: 'ERR_FAILOVER_CLOSED' });
    await h.producer.disconnect();
  });

  it('can be closed before it was connected', async () => {
    const h = harness();
    await h.handle.close();
    await expect(h.producer.connect()).rejects.toMatchObject({ code: 'ERR_FAILOVER_CLOSED' });
    expect(h.active.participants.size).toBe(0);
  });
});
