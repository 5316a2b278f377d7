import { describe, expect, it } from 'vitest';
import type { AgreementNews, Proposal } from '../../src/agreement/agreement.js';
import { kafkaAgreement } from '../../src/agreement/kafka.js';
import { writeMember } from '../../src/agreement/member.js';
import { openControlLog } from '../../src/cluster/control-log.js';
import { FailoverOptionsError } from '../../src/errors.js';
import type { KafkaAgreementOptions } from '../../src/options-agreement.js';
import { createMemoryWorld, type MemoryWorld } from '../../src/testing/index.js';
import type { World } from '../../src/world.js';
import { rejectionOf, thrownBy } from '../support/failures.js';
import { join, type StoreStage, until } from './stage.js';
import { storeContract } from './store-contract.js';

const decisions = '__kafkajs-failover.decisions';
const members = '__kafkajs-failover.members';

const NOT_ENOUGH_REPLICAS = 19;

/** A fleet on two memory clusters. */
function memoryStage(memory: MemoryWorld, options: KafkaAgreementOptions = {}): StoreStage {
  const aliases = ['A', 'B'];
  return {
    world: memory.world,
    open: (world: World, tell: (news: AgreementNews) => void) =>
      kafkaAgreement(options).open({
        world,
        aliases,
        tell,
        log: (alias, topic, settings) =>
          openControlLog({
            alias,
            topic,
            settings,
            world,
            clusterOptions: { brokers: [...memory.cluster(alias).brokers] },
            kafkaConfig: {},
          }),
      }),
    break: async () => memory.cluster('B').down(),
    repair: async () => memory.cluster('B').up(),
    spoil: async (text) => {
      memory.cluster('B').append(decisions, 0, [{ key: 'somebody', value: text }]);
    },
    sleep: (ms) => memory.clock.sleep(ms),
    run: (body) => memory.run(body),
    close: async () => memory.close(),
  };
}

storeContract('Kafka (memory clusters)', async () => ({
  fleet: async () => memoryStage(createMemoryWorld()),
  stop: async () => {},
}));

const toB: Proposal = { cluster: 'B', mode: 'unplanned', reason: 'A is dead', by: 'health' };
const toA: Proposal = { cluster: 'A', mode: 'planned', reason: 'A is well', by: 'operator' };

type Join = (instance: string) => ReturnType<typeof join>;

/** Runs a test with a fleet of its own on two memory clusters. What it opens is closed at the end. */
async function withFleet(
  body: (fleet: { memory: MemoryWorld; stage: StoreStage; join: Join }) => Promise<void>,
): Promise<void> {
  const memory = createMemoryWorld();
  const stage = memoryStage(memory);
  const voices: ReturnType<Join>[] = [];
  await memory.run(async () => {
    try {
      await body({
        memory,
        stage,
        join(instance) {
          const voice = join(stage, instance);
          voices.push(voice);
          return voice;
        },
      });
    } finally {
      await Promise.all(voices.map(({ store }) => store.close()));
    }
  });
  memory.close();
}

const valuesOf = (memory: MemoryWorld, alias: string, topic: string): string[] =>
  memory
    .cluster(alias)
    .records(topic, 0)
    .map(({ value }) => String(value));

describe('a fleet’s decisions in Kafka', () => {
  it('are made without a cluster that is dead, and written to the other one alone', () =>
    withFleet(async ({ memory, stage, join }) => {
      const [one, two] = [join('one'), join('two')];
      await Promise.all([one.exchange(), two.exchange()]);
      memory.cluster('A').down();
      await one.exchange();
      expect(await one.propose(toB, 0)).toEqual({ ...toB, epoch: 2 });
      await until(stage, 'the decision', () => two.newest()?.epoch === 2);
      expect(valuesOf(memory, 'B', decisions)).toHaveLength(1);
      expect(valuesOf(memory, 'A', decisions)).toEqual([]);
    }));

  it.each<[string, (memory: MemoryWorld) => void, (memory: MemoryWorld) => void]>([
    ['was dead', (memory) => memory.cluster('A').down(), (memory) => memory.cluster('A').up()],
    [
      'was frozen',
      (memory) => memory.cluster('A').freeze(),
      (memory) => memory.cluster('A').thaw(),
    ],
    [
      'was cut off',
      (memory) => memory.cluster('A').blackhole(),
      (memory) => memory.cluster('A').heal(),
    ],
  ])('are heard when a log is back that %s', (_what, fault, repair) =>
    withFleet(async ({ memory, stage, join }) => {
      const one = join('one');
      const decision = await one.propose(toA, 0);
      await one.store.close();
      fault(memory);
      const two = join('two');
      await two.exchange();
      expect(two.decisions()).toEqual([]);
      repair(memory);
      await until(stage, 'the decision', () => two.newest()?.epoch === decision.epoch);
      expect(two.newest()).toEqual(decision);
    }),
  );

  it('are found out where the acknowledgement was lost', () =>
    withFleet(async ({ memory, join }) => {
      const [one] = [join('one')];
      await one.exchange();
      memory.cluster('B').loseNextAcknowledgement();
      expect(await one.propose(toB, 0)).toEqual({ ...toB, epoch: 2 });
      expect(valuesOf(memory, 'B', decisions)).toHaveLength(1);
    }));

  it('are not made on a cluster that takes no records, and the error names it', () =>
    withFleet(async ({ memory, join }) => {
      const one = join('one');
      await one.exchange();
      const accept = memory
        .cluster('B')
        .intercept(({ apiName }) =>
          apiName === 'Produce' ? { kind: 'refuse', errorCode: NOT_ENOUGH_REPLICAS } : undefined,
        );
      expect((await rejectionOf(one.propose(toB, 0))).message).toContain('on cluster B');
      accept();
      expect(await one.propose(toB, 0)).toMatchObject({ ...toB, epoch: 2 });
    }));

  it('are refused where they are in the wrong log or have its number, each told once', () =>
    withFleet(async ({ memory, stage, join }) => {
      const [one, two] = [join('one'), join('two')];
      await Promise.all([one.exchange(), two.exchange()]);
      const texts = ['{"cluster":"A","epoch":2}', '{"cluster":"B","epoch":3}', 'B'];
      for (const value of texts) memory.cluster('B').append(decisions, 0, [{ value }]);
      memory.cluster('B').append(members, 0, [{ value: 'garbage' }, { value: null }]);
      await until(stage, 'the refusals', () => one.refusals().length >= 5);
      const decision = await one.propose(toB, 0);
      expect(decision.epoch).toBe(2);
      await two.exchange();
      expect(two.newest()).toEqual(decision);
      for (const voice of [one, two]) {
        expect(new Set(voice.refusals()).size).toBeGreaterThanOrEqual(4);
        expect(voice.refusals()).toHaveLength(5);
        for (const because of voice.refusals()) expect(because).toContain('on cluster B');
      }
    }));

  it('are those of a fleet: another topic prefix is another fleet', () =>
    withFleet(async ({ memory, join: open }) => {
      const one = open('one');
      await one.exchange();
      await one.propose(toB, 0);
      const other = join(memoryStage(memory, { topicPrefix: 'billing' }), 'other');
      await other.exchange();
      expect([other.decisions(), other.members().map(({ instance }) => instance)]).toEqual([
        [],
        expect.not.arrayContaining(['one']),
      ]);
      await other.store.close();
      expect(memory.cluster('A').topicNames().toSorted()).toEqual([
        '__billing.decisions',
        '__billing.members',
        decisions,
        members,
      ]);
    }));

  it('go on where their topic was deleted and made anew', () =>
    withFleet(async ({ memory, stage, join }) => {
      const [one, two] = [join('one'), join('two')];
      await Promise.all([one.exchange(), two.exchange()]);
      await one.propose(toB, 0);
      const before = await one.propose(toB, 2);
      memory.cluster('B').deleteTopic(decisions);
      let after = before;
      await until(stage, 'another decision', async () => {
        after = await two.propose(toB, before.epoch).catch(() => before);
        return after !== before;
      });
      expect(after.epoch).toBeGreaterThan(before.epoch);
      await until(stage, 'the decision', () => one.newest()?.epoch === after.epoch);
    }));
});

describe('members in Kafka', () => {
  it('need the clusters that they do not work with, and the error names the one that is away', () =>
    withFleet(async ({ memory, join }) => {
      const one = join('one');
      const never = new AbortController().signal;
      const self = {
        instance: 'one',
        incarnation: 'first',
        sequence: 1,
        obeyedEpoch: 0,
        groups: [],
        wants: undefined,
      };
      memory.cluster('A').down();
      await one.store.exchange({ ...self, cluster: 'A' }, never);
      const error = await rejectionOf(one.store.exchange({ ...self, cluster: 'B' }, never));
      expect(error.message).toContain('on cluster A');
    }));

  it('say what they are on both clusters, and so when they leave', () =>
    withFleet(async ({ memory, join }) => {
      const one = join('one');
      await one.exchange();
      await one.store.close();
      for (const alias of ['A', 'B']) {
        expect(valuesOf(memory, alias, members).map((text) => JSON.parse(text))).toMatchObject([
          { instance: 'one', sequence: 1 },
          { left: 'one' },
        ]);
      }
    }));

  it('are read from the last thousand statements on', () =>
    withFleet(async ({ memory, join }) => {
      const one = join('one');
      await one.exchange();
      const statement = (instance: string): { value: string } => ({
        value: writeMember({
          instance,
          incarnation: 'first',
          sequence: 1,
          cluster: 'A',
          obeyedEpoch: 0,
          groups: [],
          wants: undefined,
        }),
      });
      memory.cluster('B').append(members, 0, [statement('old')]);
      // With its own statement a newcomer makes it a thousand.
      const many = Array.from({ length: 998 }, () => statement('busy'));
      memory.cluster('B').append(members, 0, many);
      const late = join('late');
      await late.exchange();
      const heard = new Set(late.members().map(({ instance }) => instance));
      expect([heard.has('busy'), heard.has('old')]).toEqual([true, true]);
      const later = join('later');
      await later.exchange();
      const heardLater = new Set(later.members().map(({ instance }) => instance));
      expect([heardLater.has('busy'), heardLater.has('old')]).toEqual([true, false]);
    }));
});

describe('the topics of an agreement', () => {
  it('are made on both clusters, of one partition, and keep decisions for ever', () =>
    withFleet(async ({ memory, stage, join }) => {
      await join('one').exchange();
      for (const alias of ['A', 'B']) {
        const cluster = memory.cluster(alias);
        await until(stage, 'the topics', () => cluster.partitionCount(members) === 1);
        expect(cluster.partitionCount(decisions)).toBe(1);
        const admin = memory.createKafka(alias).admin();
        await admin.connect();
        const { resources } = await admin.describeConfigs({
          includeSynonyms: false,
          resources: [decisions, members].map((name) => ({ type: 2, name })),
        });
        await admin.disconnect();
        const settings = resources.map(({ configEntries }) =>
          Object.fromEntries(configEntries.map((each) => [each.configName, each.configValue])),
        );
        expect(settings).toMatchObject([
          { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1' },
          { 'cleanup.policy': 'delete', 'retention.ms': '3600000', 'segment.ms': '600000' },
        ]);
      }
    }));
});

describe('kafkaAgreement', () => {
  it('has a name and the limits that it was given', () => {
    const limits = { heartbeatMs: 500, quorum: { voices: 3 } };
    expect(kafkaAgreement({ ...limits, topicPrefix: 'billing' })).toMatchObject({
      name: 'kafka billing',
      limits,
    });
    expect(kafkaAgreement()).toMatchObject({ name: 'kafka kafkajs-failover', limits: {} });
  });

  it.each<[unknown, RegExp]>([
    [{ topicPrefix: 'a b' }, /kafkaAgreement\.topicPrefix/],
    [{ topicPrefix: '' }, /kafkaAgreement\.topicPrefix/],
    [{ topicPrefix: 'x'.repeat(201) }, /kafkaAgreement\.topicPrefix/],
    [{ topicPrefx: 'x' }, /topicPrefix/],
    [{ heartbeatMs: 1 }, /kafkaAgreement\.heartbeatMs/],
    [
      { leaseMs: 60_000 },
      /^kafkaAgreement\.leaseMs: is not possible with kafkaAgreement[^]*consulAgreement, got 60000$/,
    ],
    ['billing', /kafkaAgreement/],
  ])('refuses %j', (options, message) => {
    const error = thrownBy(() => kafkaAgreement(options as KafkaAgreementOptions));
    expect(error).toBeInstanceOf(FailoverOptionsError);
    expect(error).toMatchObject({ message: expect.stringMatching(message) });
  });
});
