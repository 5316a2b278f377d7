import { Kafka, KafkaJSNonRetriableError, type InstrumentationEvent } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { InstrumentationRelay, type RelayOptions } from '../src/instrumentation.js';
import {
  connected,
  FakeSession,
  openOn,
  overtake,
  settle,
  turn,
  watch,
} from './producer/support.js';
import { thrownBy } from './support/failures.js';

const { events } = new Kafka({ brokers: ['localhost:1'], logLevel: 0 }).producer();

function relay(overrides: Partial<RelayOptions> = {}): {
  relay: InstrumentationRelay;
  failed: [string, Error][];
} {
  const failed: [string, Error][] = [];
  return {
    failed,
    relay: new InstrumentationRelay({
      client: 'producer',
      events: { ...events },
      contained: () => false,
      onListenerFailed: (name, error) => void failed.push([name, error]),
      ...overrides,
    }),
  };
}

function client(): FakeSession['inner'] {
  const session = new FakeSession('A', 1);
  session.kafka.producer();
  return session.inner;
}

describe('the relay of instrumentation events', () => {
  it('refuses an unknown name with the words of kafkajs', () => {
    const bare = new Kafka({ brokers: ['localhost:1'], logLevel: 0 }).producer();
    const theirs = thrownBy(() => bare.on('producer.nothing' as 'producer.connect', () => {}));
    const mine = thrownBy(() => relay().relay.on('producer.nothing', () => {}));
    expect(mine).toBeInstanceOf(KafkaJSNonRetriableError);
    expect(mine).toEqual(theirs);
  });

  it('registers on an inner client only what somebody listens to', () => {
    const { relay: one } = relay();
    const inner = client();
    one.attach(inner.producer);
    expect(inner.emitter.eventNames()).toEqual([]);
    const remove = one.on(events.REQUEST, () => {});
    expect(inner.emitter.eventNames()).toEqual([events.REQUEST]);
    remove();
    remove();
    expect(inner.emitter.eventNames()).toEqual([]);
  });

  it('moves listeners from one inner client to the next, in their order', () => {
    const { relay: one } = relay();
    const [first, second] = [client(), client()];
    const heard: string[] = [];
    one.on(events.CONNECT, () => heard.push('a'));
    one.on(events.CONNECT, () => heard.push('b'));
    one.attach(first.producer);
    first.emit(events.CONNECT, null);
    one.attach(second.producer);
    first.emit(events.CONNECT, null);
    expect(heard).toEqual(['a', 'b']);
    second.emit(events.CONNECT, null);
    expect(heard).toEqual(['a', 'b', 'a', 'b']);
    expect(first.emitter.eventNames()).toEqual([]);
  });

  it('passes the event of the inner client on, the very same object, unless it is mapped or withheld', () => {
    const heard: InstrumentationEvent<unknown>[] = [];
    const { relay: plain } = relay();
    const { relay: mapping } = relay({
      map: (event) => (event.payload === 'secret' ? undefined : { ...event, payload: 'mapped' }),
    });
    const inner = client();
    for (const one of [plain, mapping]) {
      one.on(events.REQUEST, (event) => void heard.push(event));
      one.attach(inner.producer);
    }
    const event = { id: '1', type: events.REQUEST, timestamp: 1, payload: 'x' };
    inner.emitter.emit(events.REQUEST, event);
    expect(heard[0]).toBe(event);
    expect(heard[1]).toEqual({ ...event, payload: 'mapped' });
    inner.emit(events.REQUEST, 'secret');
    expect(heard.length).toBe(3);
  });

  it('does not call a listener that was removed while the event was being emitted', () => {
    const { relay: one } = relay();
    const inner = client();
    one.attach(inner.producer);
    const heard: string[] = [];
    one.on(events.CONNECT, () => removeSecond());
    const removeSecond = one.on(events.CONNECT, () => heard.push('second'));
    inner.emit(events.CONNECT, null);
    expect(heard).toEqual([]);
  });

  it('throws what a listener throws into the inner client, and contains it while that must not be', () => {
    let contained = false;
    const { relay: one, failed } = relay({ contained: () => contained });
    const inner = client();
    const error = new Error('listener threw');
    one.on(events.CONNECT, () => {
      throw error;
    });
    one.attach(inner.producer);
    expect(() => inner.emit(events.CONNECT, null)).toThrow(error);
    contained = true;
    inner.emit(events.CONNECT, null);
    expect(failed).toEqual([[events.CONNECT, error]]);
  });

  it('tells listeners of events that no inner client emits, and contains what they reject with', async () => {
    const { relay: one, failed } = relay();
    const heard: unknown[] = [];
    one.on(events.DISCONNECT, (event) => void heard.push(event));
    one.on(events.DISCONNECT, () => Promise.reject(new Error('later')));
    one.emit(events.CONNECT, null, 7);
    one.emit(events.DISCONNECT, null, 7);
    await settle();
    expect(heard).toMatchObject([{ type: events.DISCONNECT, timestamp: 7, payload: null }]);
    expect(failed.map(([name]) => name)).toEqual([events.DISCONNECT]);
  });
});

describe('the events of a producer', () => {
  async function listening(): Promise<{
    h: Awaited<ReturnType<typeof connected>>;
    heard: string[];
  }> {
    const h = await connected();
    const heard: string[] = [];
    h.producer.on(events.CONNECT, (event) => void heard.push(event.type));
    h.producer.on(events.DISCONNECT, (event) => void heard.push(event.type));
    return { h, heard };
  }

  it('come from the new inner producer after a switch, and not from the fenced one', async () => {
    const { h, heard } = await listening();
    await overtake(h);
    expect(h.a.inner.disconnects.length).toBe(1);
    await settle();
    expect(heard).toEqual([]);
    await openOn(h);
    expect(heard).toEqual([events.CONNECT]);
  });

  it('report one DISCONNECT for every disconnect(), also in the middle of a switch', async () => {
    const { h, heard } = await listening();
    await h.producer.disconnect();
    expect(heard).toEqual([events.DISCONNECT]);
    await h.producer.disconnect();
    expect(heard).toEqual([events.DISCONNECT, events.DISCONNECT]);
    await h.producer.connect();
    await overtake(h);
    await h.producer.disconnect();
    await settle();
    expect(heard.slice(2)).toEqual([events.CONNECT, events.DISCONNECT]);
  });

  it('do not break a switch where a listener throws, and it is reported', async () => {
    const { h } = await listening();
    const error = new Error('listener threw');
    h.producer.on(events.CONNECT, () => {
      throw error;
    });
    await overtake(h);
    await openOn(h);
    expect(h.handle.status().state).toBe('open');
    expect(h.events).toContainEqual({
      name: 'listener.failed',
      facts: { event: events.CONNECT, error },
    });
  });

  it('make connect() reject where a listener throws and no switch is under way, as with kafkajs', async () => {
    const { h } = await listening();
    await h.producer.disconnect();
    const error = new Error('listener threw');
    h.producer.on(events.CONNECT, () => {
      throw error;
    });
    const connecting = watch(h.producer.connect());
    await settle();
    expect(connecting.error).toBe(error);
    h.participant.hold(turn());
    expect(h.handle.status().state).toBe('idle');
  });
});
