import { describe, expect, it } from 'vitest';
import type { FailoverKafka } from '../src/failover-kafka.js';
import { manualStrategy } from '../src/strategy/manual.js';
import type { MemoryWorld } from '../src/testing/index.js';
import { kafkaIn, ordersWorld } from './support/memory-service.js';

function service(): { memory: MemoryWorld; kafka: FailoverKafka } {
  const memory = ordersWorld();
  return { memory, kafka: kafkaIn(memory) };
}

/** What calls from JavaScript, which no compiler has seen, are answered with. */
type Loose = (...args: unknown[]) => unknown;

const refusal = (option: string, remedy: string): object =>
  expect.objectContaining({
    code: 'ERR_FAILOVER_OPTIONS',
    option,
    message: expect.stringContaining(remedy),
  });

describe('the options of calls', () => {
  it.each([
    [['B', { plannd: false }], 'switchTo.plannd', 'Did you mean "planned"?'],
    [['B', { planned: 'no' }], 'switchTo.planned', 'got "no"'],
    [['B', { reason: 5 }], 'switchTo.reason', 'got 5'],
    [['B', { signal: 'stop' }], 'switchTo.signal', 'must be an AbortSignal'],
    [['B', null], 'switchTo', 'got null'],
    [['B', false], 'switchTo', "switchTo('B', { planned: false"],
    [[undefined], 'to', 'must be the alias of a cluster, got undefined'],
    [[5], 'to', 'got 5'],
    [['C'], 'to', 'the configured ones are A, B'],
  ])('name what is wrong with a call of switchTo: %j', async (args, option, remedy) => {
    const { memory, kafka } = service();
    await memory.run(async () => {
      await kafka.producer().connect();
      const started: string[] = [];
      kafka.on('switch.started', ({ to }) => started.push(to));
      const switchTo = kafka.switchTo.bind(kafka) as Loose;
      await expect(switchTo(...args)).rejects.toEqual(refusal(option, remedy));
      expect(started).toEqual([]);
      await kafka.close();
    });
  });

  it.each([
    [{ too: 'B' }, 'plan.too', 'Did you mean "to"?'],
    [{}, 'plan.to', 'must be the alias of a cluster'],
    [{ to: 'B', too: 'B' }, 'plan.too', 'Did you mean "to"?'],
    [{ to: 'C' }, 'to', 'the configured ones are A, B'],
    ['B', 'plan', `must be an object that names the target: plan({ to: 'B' }), got "B"`],
    [undefined, 'plan', "plan({ to: 'B' }), got undefined"],
  ])('name what is wrong with a call of plan: %j', async (options, option, remedy) => {
    const { memory, kafka } = service();
    await memory.run(async () => {
      const plan = kafka.plan.bind(kafka) as Loose;
      await expect(plan(options)).rejects.toEqual(refusal(option, remedy));
      await kafka.close();
    });
  });

  it.each([
    [{ cluster: 5 }, 'admin.cluster', 'must be the alias of a cluster, got 5'],
    [{ cluster: 'C' }, 'admin.cluster', 'the configured ones are A, B'],
    [{ clustr: 'B' }, 'admin.clustr', 'Did you mean "cluster"?'],
    [{ retry: 3 }, 'admin.retry', 'must be an object, got 3'],
    ['B', 'admin', 'got "B"'],
  ])('name what is wrong with a call of admin: %j', (options, option, remedy) => {
    const { kafka } = service();
    const admin = kafka.admin.bind(kafka) as Loose;
    expect(() => admin(options)).toThrow(refusal(option, remedy));
  });

  it.each([
    [{ enviroment: 'X' }, 'strategy.enviroment', 'Did you mean "environment"?'],
    [{ environment: 5 }, 'strategy.environment', 'got 5'],
    [{ file: true }, 'strategy.file', 'got true'],
    [{ initial: ['B'] }, 'strategy.initial', 'got ["B"]'],
    ['B', 'strategy', 'got "B"'],
  ])('name what is wrong with a call of manualStrategy: %j', (options, option, remedy) => {
    const make = manualStrategy as Loose;
    expect(() => make(options)).toThrow(refusal(option, remedy));
  });

  it.each([[undefined], [{}], [{ groupId: '' }]])(
    "refuse a consumer without a group in kafkajs's own words: %j",
    (config) => {
      const { kafka } = service();
      const consumer = kafka.consumer.bind(kafka) as Loose;
      expect(() => consumer(config)).toThrow('Consumer groupId must be a non-empty string.');
    },
  );

  it('may be undefined one by one', async () => {
    const { memory, kafka } = service();
    await memory.run(async () => {
      await kafka.producer().connect();
      const switchTo = kafka.switchTo.bind(kafka) as Loose;
      const options = { planned: undefined, reason: undefined, signal: undefined };
      await expect(switchTo('B', options)).resolves.toMatchObject({ kind: 'switched' });
      await kafka.close();
    });
  });
});

describe('the signal of a call', () => {
  it('ends the waiting for a switch, and the switch goes on', async () => {
    const { memory, kafka } = service();
    await memory.run(async () => {
      await kafka.producer().connect();
      const completed = new Promise((resolve) => {
        kafka.on('switch.completed', ({ report }) => resolve(report.to));
      });
      const limit = new AbortController();
      kafka.on('switch.started', () => limit.abort(new Error('the request was cancelled')));
      await expect(kafka.switchTo('B', { signal: limit.signal })).rejects.toThrow('cancelled');
      expect(await completed).toBe('B');
      expect(kafka.status()).toMatchObject({ state: 'steady', active: 'B' });
      await kafka.close();
    });
  });

  it('keeps an order from being given where it was aborted before', async () => {
    const { memory, kafka } = service();
    await memory.run(async () => {
      await kafka.producer().connect();
      const signal = AbortSignal.abort(new Error('too late'));
      await expect(kafka.switchTo('B', { signal })).rejects.toThrow('too late');
      await expect(kafka.plan({ to: 'B', signal })).rejects.toThrow('too late');
      expect(kafka.status()).toMatchObject({ state: 'steady', active: 'A', switchEpoch: 1 });
      await kafka.close();
    });
  });

  it('ends a plan that waits for a cluster', async () => {
    const { memory, kafka } = service();
    await memory.run(async () => {
      await kafka.producer().connect();
      memory.cluster('B').freeze();
      const limit = new AbortController();
      const planning = expect(kafka.plan({ to: 'B', signal: limit.signal })).rejects.toThrow(
        'enough',
      );
      await memory.clock.sleep(10);
      limit.abort(new Error('enough'));
      await planning;
      await kafka.close();
    });
  });
});
