import type { Consumer } from 'kafkajs';
import { describe, expect, it, vi } from 'vitest';
import { CONSUMER_EVENTS } from '../../src/consumer/consumer-events.js';
import { FencedError } from '../../src/errors.js';
import { kafka } from '../../src/kafkajs.js';
import { controlled, harness, planFor, settle, start } from './support.js';

describe('a failover consumer with no switch', () => {
  it('connects, subscribes and runs on the active cluster, as it was told', async () => {
    const h = harness({ sessionTimeout: 12_345 });
    await h.consumer.connect();
    await h.consumer.subscribe({ topic: 'orders', fromBeginning: true });
    await h.consumer.run({ eachMessage: async () => {}, autoCommitInterval: 500 });

    expect(h.a.inners).toHaveLength(1);
    expect(h.a.inner.config).toMatchObject({ groupId: 'billing', sessionTimeout: 12_345 });
    expect(h.a.inner.config).not.toHaveProperty('allowAutoTopicCreation');
    expect(h.a.inner.config.retry).toMatchObject({ retries: 5 });
    expect(h.a.inner.subscriptions.at(-1)).toEqual({ topics: ['orders'], fromBeginning: true });
    expect(h.a.inner.runConfig).toMatchObject({ autoCommitInterval: 500 });
    expect(h.heard.map(({ type }) => type)).toEqual([
      CONSUMER_EVENTS.CONNECT,
      CONSUMER_EVENTS.GROUP_JOIN,
    ]);
  });

  it('is a kafkajs Consumer for whoever expects one', () => {
    const { consumer } = harness();
    const expected: Consumer = consumer;
    const { connect, run, on } = expected;
    // As with kafkajs, methods need no `this`.
    expect([connect, run, on].map((method) => typeof method)).toEqual(Array(3).fill('function'));
    expect(Object.keys(consumer).toSorted()).toEqual(
      Object.keys(new kafka.Kafka({ brokers: [] }).consumer({ groupId: 'g' })).toSorted(),
    );
  });

  it('gives kafkajs a fresh run config, because instrumentation writes into it', async () => {
    const h = harness();
    const run = { eachMessage: async () => {} };
    await start(h, run);
    expect(h.a.inner.runConfig).not.toBe(run);
    expect(Object.isFrozen(h.a.inner.runConfig)).toBe(false);
    await h.switchTo('B');
    expect(h.b.inner.runConfig).not.toBe(h.a.inner.runConfig);
  });

  it('warns and does nothing where run is called twice', async () => {
    const h = harness();
    await start(h);
    await h.consumer.run({ eachMessage: async () => {} });
    expect(h.a.inners).toHaveLength(1);
    expect(h.consumer.logger().warn).toHaveBeenCalledOnce();
  });

  it("hands out kafkajs's payload under the original name, and where it was read", async () => {
    const h = harness();
    const payloads: Record<string, unknown>[] = [];
    await start(h, {
      eachMessage: async (payload: object) => {
        payloads.push({ ...payload });
      },
    });
    await h.a.inner.deliver('orders', 1, 5);
    expect(payloads[0]).toMatchObject({
      topic: 'orders',
      partition: 1,
      physicalTopic: 'orders',
      cluster: 'A',
      switchEpoch: 1,
      message: { offset: '5' },
    });
    expect(Object.keys(payloads[0] ?? {})).toEqual(expect.arrayContaining(['heartbeat', 'pause']));
    expect(Object.isExtensible(payloads[0]?.['message'])).toBe(true);
  });

  it('refuses to subscribe while running, in the words of kafkajs', async () => {
    const h = harness();
    await start(h);
    await expect(h.consumer.subscribe({ topics: ['x'] })).rejects.toThrow(
      'Cannot subscribe to topic while consumer is running',
    );
  });

  it('takes part in switches also where run is all that was called', async () => {
    const h = harness();
    await h.consumer.run({ eachMessage: async () => {} });
    expect([...h.active.participants]).toEqual([h.client.participant]);
  });

  it('forgets a subscription that the cluster refused', async () => {
    const h = harness();
    await h.consumer.connect();
    h.a.subscribeError = new Error('unknown topic');
    await expect(h.consumer.subscribe({ topics: ['nowhere'] })).rejects.toThrow('unknown topic');
    h.a.subscribeError = undefined;
    await h.consumer.subscribe({ topics: ['orders'] });
    await h.consumer.run({ eachMessage: async () => {} });
    expect(h.a.inner.subscriptions.at(-1)?.topics).toEqual(['orders']);
  });

  it('refuses a remote topic by its name alone, also where there is no cluster to ask', async () => {
    const h = harness();
    h.active.inForce = undefined;
    const refused = { code: 'ERR_FAILOVER_OPTIONS', topic: 'orders' };
    await expect(h.consumer.subscribe({ topics: ['A.orders'] })).rejects.toMatchObject(refused);
    expect(h.client.participant.need()).toBeUndefined();
    await h.consumer.subscribe({ topics: ['orders'] });
    const running = h.consumer.run({ eachMessage: async () => {} });
    expect(h.client.participant.need()?.selectors).toEqual(['orders']);
    await h.consumer.stop();
    await running;
  });

  it.each([
    [{ groupId: '' }, /groupId must be a non-empty string/],
    [{ heartbeatInterval: 30_000 }, /heartbeatInterval \(30000\) must be lower than/],
  ])('refuses the config %j at once, as kafkajs does', (config, words) => {
    expect(() => harness(config)).toThrow(words);
  });

  it('throws before run what kafkajs throws', async () => {
    const h = harness();
    await h.consumer.connect();
    const words = 'Consumer group was not initialized, consumer#run must be called first';
    expect(() => h.consumer.pause([{ topic: 'orders' }])).toThrow(words);
    expect(() => h.consumer.resume([{ topic: 'orders' }])).toThrow(words);
    expect(() => h.consumer.seek({ topic: 'orders', partition: 0, offset: '1' })).toThrow(words);
    await expect(
      h.consumer.commitOffsets([{ topic: 'orders', partition: 0, offset: '1' }]),
    ).rejects.toThrow(words);
    expect(h.consumer.paused()).toEqual([]);
  });

  it('remembers a seek made right after run was called, and carries it out when there is a group', async () => {
    const h = harness();
    await h.consumer.connect();
    await h.consumer.subscribe({ topics: ['orders'] });
    const running = h.consumer.run({ eachMessage: async () => {} });
    h.consumer.seek({ topic: 'orders', partition: 0, offset: '42' });
    await running;
    expect(h.a.inner.seeks).toEqual([{ topic: 'orders', partition: 0, offset: '42' }]);
  });

  it('reports a remembered seek that is refused, and runs', async () => {
    const h = harness();
    await start(h);
    await h.a.inner.deliver('orders', 0, 500);
    await h.consumer.stop();
    await h.switchTo('B');
    const running = h.consumer.run({ eachMessage: async () => {} });
    h.consumer.seek({ topic: 'orders', partition: 0, offset: '1', switchEpoch: 1 });
    await running;
    expect(h.client.status().state).toBe('running');
    expect(h.facts.map(({ name }) => name)).toEqual(['consumer.offset-refused']);
  });

  it('asks the user before kafkajs restarts, and does not where the user says no', async () => {
    const asked: Error[] = [];
    const h = harness({
      retry: {
        retries: 2,
        restartOnFailure: async (error) => {
          asked.push(error);
          return false;
        },
      },
    });
    await start(h);
    const error = new Error('crash');
    await expect(h.a.inner.config.retry?.restartOnFailure?.(error)).resolves.toBe(false);
    expect(asked).toEqual([error]);
    expect(h.a.inner.config.retry?.retries).toBe(2);
  });

  it("asks the whole client's restartOnFailure where the consumer has none", async () => {
    const restartOnFailure = vi.fn(async () => false);
    const h = harness({}, { kafkaRetry: { restartOnFailure } });
    await start(h);
    await h.a.inner.config.retry?.restartOnFailure?.(new Error('crash'));
    expect(restartOnFailure).toHaveBeenCalledOnce();
    // Of what a switch has ended, nobody is asked.
    const old = h.a.inner;
    await h.switchTo('B');
    await old.config.retry?.restartOnFailure?.(new Error('fenced'));
    expect(restartOnFailure).toHaveBeenCalledOnce();
  });

  it('starts at positions of its own where the group comes from another cluster', async () => {
    const h = harness();
    h.active.plan = planFor('A', [['orders', 0, 17n]]);
    await start(h);
    expect(h.a.idleCommits).toMatchObject([{ topic: 'orders', partition: 0, offset: 17n }]);
    // And the rest from its beginning: a failed-over group must not skip.
    expect(h.a.inner.subscriptions.at(-1)).toEqual({ topics: ['orders'], fromBeginning: true });
  });
});

describe('stop and disconnect', () => {
  it('reports STOP and DISCONNECT in this order, and leaves the switches', async () => {
    const h = harness();
    await start(h);
    h.heard.length = 0;
    await h.consumer.disconnect();
    expect(h.heard.map(({ type }) => type)).toEqual([
      CONSUMER_EVENTS.STOP,
      CONSUMER_EVENTS.DISCONNECT,
    ]);
    expect(h.active.participants.size).toBe(0);
    expect(h.a.inner.disconnectCount).toBe(1);
  });

  it('calls no handler after stop, also where kafkajs joins after all', async () => {
    const h = harness();
    h.a.joinsByItself = false;
    const handler = vi.fn(async () => {});
    await h.consumer.connect();
    await h.consumer.subscribe({ topics: ['orders'] });
    const running = h.consumer.run({ eachMessage: handler });
    await settle();
    const { inner } = h.a;
    await h.consumer.stop();
    await running;
    // kafkajs was joining: its stop did nothing, and its join ends now. Disconnected, it would be a dead member.
    expect(inner.disconnectCount).toBe(0);
    expect(() => inner.join({ orders: [0] })).toThrow();
    await settle();
    expect(h.a.left).toEqual(['member-0']);
    await expect(inner.deliver('orders', 0, 1)).rejects.toThrow();
    expect(handler).not.toHaveBeenCalled();
  });

  it('keeps a stopped consumer from joining at all', async () => {
    const h = harness();
    h.a.joinsByItself = false;
    await h.consumer.connect();
    await h.consumer.subscribe({ topics: ['orders'] });
    const running = h.consumer.run({ eachMessage: async () => {} });
    await settle();
    const [assigner] = h.a.inner.config.partitionAssigners ?? [];
    const made = assigner?.({ cluster: {}, groupId: 'billing', logger: {} } as never);
    expect(() => made?.protocol({ topics: ['orders'] })).not.toThrow();
    await h.consumer.stop();
    await running;
    expect(() => made?.protocol({ topics: ['orders'] })).toThrow();
  });

  it('waits for the running handler, whose result still counts for kafkajs', async () => {
    const h = harness();
    const handling = controlled();
    await start(h, { eachMessage: () => handling.promise });
    const delivered = h.a.inner.deliver('orders', 0, 1);
    let isStopped = false;
    const stopping = h.consumer.stop().then(() => (isStopped = true));
    await settle();
    expect(isStopped).toBe(false);
    handling.resolve();
    await stopping;
    await expect(delivered).resolves.toBeUndefined();
  });

  it('runs again after stop, with what was subscribed before', async () => {
    const h = harness();
    await start(h);
    await h.consumer.stop();
    await h.consumer.run({ eachMessage: async () => {} });
    expect(h.a.inners).toHaveLength(2);
    expect(h.a.inner.subscriptions.at(-1)?.topics).toEqual(['orders']);
  });

  it('hands nothing new to a handler from the call of stop on', async () => {
    const h = harness();
    const handling = controlled();
    const handler = vi.fn(() => handling.promise);
    await start(h, { eachMessage: handler });
    void h.a.inner.deliver('orders', 0, 1);
    const stopping = h.consumer.stop();
    const late = h.a.inner.deliver('orders', 1, 1);
    handling.resolve();
    await stopping;
    await expect(late).rejects.toThrow();
    expect(handler).toHaveBeenCalledOnce();
  });

  it('forgets pauses, as kafkajs does', async () => {
    const h = harness();
    await start(h);
    h.consumer.pause([{ topic: 'orders' }]);
    await h.consumer.stop();
    await h.consumer.run({ eachMessage: async () => {} });
    expect(h.consumer.paused()).toEqual([]);
    expect(h.a.inner.pauses).toEqual([]);
  });

  it('rejects a commit while it stops, which kafkajs drops without a word', async () => {
    const h = harness();
    await start(h);
    h.a.inner.stopResult = controlled();
    const stopping = h.consumer.stop();
    await expect(
      h.consumer.commitOffsets([{ topic: 'orders', partition: 0, offset: '1' }]),
    ).rejects.toMatchObject({ code: 'ERR_FAILOVER_CLOSED' });
    h.a.inner.stopResult.resolve();
    await stopping;
  });

  it('rejects a commit that kafkajs resolved but did not store', async () => {
    const h = harness();
    await start(h);
    h.a.inner.storesCommits = false;
    await expect(
      h.consumer.commitOffsets([{ topic: 'orders', partition: 0, offset: '1' }]),
    ).rejects.toThrow(/Not committed: orders\[0\]@1/);
  });

  it('closes within its limit where a handler never ends', async () => {
    const h = harness();
    await start(h, { eachMessage: () => new Promise(() => {}) });
    void h.a.inner.deliver('orders', 0, 1);
    let isClosed = false;
    const closing = h.client.close().then(() => {
      isClosed = true;
    });
    await h.world.advance(29_999);
    expect(isClosed).toBe(false);
    await h.world.advance(1);
    expect(isClosed).toBe(true);
    await closing;
  });
});

describe('what a consumer knows of switches', () => {
  it('ends where it is disconnected in the middle of one: it connects again afterwards', async () => {
    const h = harness();
    await start(h);
    h.client.participant.hold(h.turnTo('B'));
    await h.consumer.disconnect();
    expect(h.active.participants.size).toBe(0);
    await settle();
    await h.consumer.connect();
    expect([...h.active.participants]).toEqual([h.client.participant]);
  });

  it('ends where it is disconnected while halted', async () => {
    const h = harness();
    await start(h);
    h.client.participant.halt(new Error('halted'));
    await h.consumer.disconnect();
    await h.consumer.connect();
    expect(h.client.status().state).toBe('idle');
  });

  it('reaches a caller who only describes the group, and no longer than that', async () => {
    const h = harness();
    const source = h.active.inForce;
    h.active.inForce = undefined;
    h.active.onRegister = (participant) => participant.hold(h.turnTo('B'));
    const describing = h.consumer.describeGroup();
    await settle();
    expect([...h.active.participants]).toEqual([h.client.participant]);
    source?.fence(new FencedError('fenced'));
    h.active.inForce = h.b.session(2);
    await h.client.participant.attach(h.active.inForce, undefined);
    expect(await describing).toMatchObject({ state: 'B' });
    expect(h.active.participants.size).toBe(0);
  });

  it('is not taken from a connect() by a call that ends beside it', async () => {
    const h = harness();
    await Promise.all([h.consumer.connect(), h.consumer.describeGroup()]);
    expect([...h.active.participants]).toEqual([h.client.participant]);
  });

  it('is not told twice: one CRASH for one halt', async () => {
    const h = harness();
    await start(h);
    h.active.onRegister = (participant) => participant.halt(new Error('halted'));
    h.client.participant.halt(new Error('halted'));
    await expect(h.consumer.describeGroup()).rejects.toThrow('halted');
    expect(h.heard.filter(({ type }) => type === CONSUMER_EVENTS.CRASH)).toHaveLength(1);
  });
});

describe('crashes', () => {
  it("leaves a consumer dead where its own handler's error killed it, as kafkajs does", async () => {
    const h = harness();
    await start(h);
    h.heard.length = 0;
    h.a.inner.crash(new TypeError('a bug'), false);
    await h.world.advance(60_000);
    expect(h.heard).toMatchObject([{ type: CONSUMER_EVENTS.CRASH, payload: { restart: false } }]);
    expect(h.a.inners).toHaveLength(1);
    expect(h.client.status().state).toBe('idle');
  });

  it('begins again where the cluster made kafkajs give up, and says so in the event', async () => {
    const h = harness();
    await start(h);
    h.heard.length = 0;
    h.a.inner.crash(
      Reflect.construct(kafka.KafkaJSGroupCoordinatorNotFound, ['no coordinator']),
      false,
    );
    expect(h.heard).toMatchObject([{ type: CONSUMER_EVENTS.CRASH, payload: { restart: true } }]);
    await h.world.advance(1_000);
    expect(h.a.inners).toHaveLength(2);
    expect(h.client.status().state).toBe('running');
  });

  it('brings the pauses back after a restart by kafkajs, which forgets them', async () => {
    const h = harness();
    await start(h);
    h.consumer.pause([{ topic: 'orders', partitions: [1] }]);
    h.a.inner.pauses.length = 0;
    h.a.inner.crash(new Error('retriable'), true);
    h.a.inner.join({ orders: [0, 1] });
    expect(h.a.inner.pauses).toEqual([{ method: 'pause', topic: 'orders', partitions: [1] }]);
  });
});

describe('halt', () => {
  it('reports CRASH, refuses what comes, and runs again after the next switch', async () => {
    const h = harness();
    await start(h);
    h.heard.length = 0;
    const halted = new Error('wrong cluster');
    h.active.inForce?.fence(new FencedError('halted'));
    h.active.inForce = undefined;
    h.client.participant.halt(halted);
    expect(h.heard).toMatchObject([
      { type: CONSUMER_EVENTS.CRASH, payload: { error: halted, restart: false } },
    ]);
    await expect(h.consumer.commitOffsets([])).rejects.toBe(halted);
    await expect(h.consumer.connect()).rejects.toBe(halted);
    await h.switchTo('B');
    expect(h.client.status()).toMatchObject({ state: 'running', cluster: 'B' });
  });

  it('rejects a run that waits', async () => {
    const h = harness();
    await h.consumer.connect();
    await h.consumer.subscribe({ topics: ['orders'] });
    h.client.participant.hold(h.turnTo('B'));
    const running = h.consumer.run({ eachMessage: async () => {} });
    await settle();
    h.client.participant.halt(new Error('wrong cluster'));
    await expect(running).rejects.toThrow('wrong cluster');
  });
});
