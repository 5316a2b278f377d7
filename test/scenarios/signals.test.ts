import { describe, expect, it } from 'vitest';
import type { FailoverEvents } from '../../src/events.js';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import type { Reading } from '../../src/signals/signal.js';
import { combine } from '../../src/strategy/combine.js';
import { followStrategy } from '../../src/strategy/follow.js';
import { healthStrategy } from '../../src/strategy/health.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { consumeOrders, hang, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { Said } from '../support/said.js';

const STATE = '/var/lib/service/kafka.json';

async function inWorld(
  main: (memory: MemoryWorld, files: Map<string, string>) => Promise<void>,
): Promise<void> {
  const files = new Map<string, string>();
  const memory = ordersWorld({ files });
  await memory.run(() => main(memory, files));
}

async function start(
  memory: MemoryWorld,
  said: Said,
  { withHealth = false }: { withHealth?: boolean } = {},
): Promise<FailoverKafka> {
  const follow = followStrategy(said);
  const kafka = kafkaIn(memory, {
    stateFile: STATE,
    strategy: withHealth ? combine({ follow, orElse: healthStrategy() }) : follow,
  });
  await kafka.producer().connect();
  return kafka;
}

const isOn = (kafka: FailoverKafka, cluster: string) => (): boolean => {
  const { state, active } = kafka.status();
  return state === 'steady' && active === cluster;
};

describe('a service that follows a source', () => {
  it('goes where the source says, and comes back when it says so', () =>
    inWorld(async (memory) => {
      const said = new Said({ kind: 'value', text: 'A' });
      const kafka = await start(memory, said);
      const changes: FailoverEvents['signal.changed'][] = [];
      kafka.on('signal.changed', (event) => changes.push(event));
      said.say('{"cluster":"B","epoch":2,"reason":"maintenance"}');
      await until(memory, 'it is on B', isOn(kafka, 'B'));
      said.say('{"cluster":"A","epoch":3}');
      await until(memory, 'it is home', isOn(kafka, 'A'));
      expect(changes.map(({ to }) => to)).toMatchObject([
        { kind: 'desired', desired: { cluster: 'B', epoch: 2 } },
        { kind: 'desired', desired: { cluster: 'A', epoch: 3 } },
      ]);
      await kafka.close();
      expect(said.watchCount).toBe(0);
    }));

  it('starts where the source says', () =>
    inWorld(async (memory) => {
      const kafka = await start(memory, new Said({ kind: 'value', text: 'B' }));
      expect(kafka.status()).toMatchObject({ active: 'B', switchEpoch: 1 });
      await kafka.close();
    }));

  it.each<[string, Reading]>([
    ['garbage', { kind: 'value', text: '{"cluster":' }],
    ['an unknown alias', { kind: 'value', text: 'C' }],
    ['an older epoch', { kind: 'value', text: '{"cluster":"B","epoch":4}' }],
    ['no epoch any more', { kind: 'value', text: 'B' }],
    ['a novel', { kind: 'value', text: 'B'.repeat(5_000) }],
    ['nothing any more', { kind: 'absent' }],
    ['that it cannot be read', { kind: 'failed', because: 'ECONNREFUSED' }],
    ['what is no reading', { kind: 'value', text: 5 } as never],
    ['nothing at all', undefined as never],
  ])('stays where the source says %s', (_what, reading) =>
    inWorld(async (memory) => {
      const said = new Said({ kind: 'value', text: '{"cluster":"A","epoch":5}' });
      const kafka = await start(memory, said);
      said.tell(reading);
      await memory.clock.sleep(60_000);
      const { active, switchEpoch, signals } = kafka.status();
      expect({ active, switchEpoch }).toEqual({ active: 'A', switchEpoch: 1 });
      expect(signals[0]?.lastGood?.desired).toMatchObject({ cluster: 'A', epoch: 5 });
      expect(signals[0]?.opinion.kind).not.toBe('desired');
      await kafka.close();
    }),
  );

  it('is not taken back by the same old value after an operator has moved it', () =>
    inWorld(async (memory) => {
      const said = new Said({ kind: 'value', text: 'A' });
      const kafka = await start(memory, said);
      await kafka.switchTo('B');
      said.say('A');
      await memory.clock.sleep(60_000);
      expect(kafka.status()).toMatchObject({ active: 'B', switchEpoch: 2 });
      said.say('B');
      said.say('A');
      await until(memory, 'news is followed', isOn(kafka, 'A'));
      await kafka.close();
    }));

  it('carries out what it hears during a switch after that switch', () =>
    inWorld(async (memory) => {
      const said = new Said({ kind: 'value', text: '{"cluster":"A","epoch":1}' });
      const kafka = await start(memory, said);
      kafka.on('switch.started', ({ to }) => {
        if (to === 'B') said.say('{"cluster":"A","epoch":3}');
      });
      said.say('{"cluster":"B","epoch":2}');
      await until(memory, 'it went to B', () => kafka.status().switchEpoch > 1);
      await until(memory, 'it came back', isOn(kafka, 'A'));
      expect(kafka.status().switchEpoch).toBe(3);
      await kafka.close();
    }));

  it('tries again where the switch is refused, ever more rarely', () =>
    inWorld(async (memory) => {
      const said = new Said({ kind: 'value', text: 'A' });
      const kafka = await start(memory, said);
      let refusals = 0;
      kafka.on('switch.refused', () => {
        refusals += 1;
      });
      memory.cluster('B').down();
      said.say('B');
      await memory.clock.sleep(120_000);
      expect(refusals).toBeGreaterThan(3);
      expect(refusals).toBeLessThan(12);
      memory.cluster('B').up();
      await until(memory, 'it is on B', isOn(kafka, 'B'), 60_000);
      await kafka.close();
    }));

  it('leaves a dead cluster by health where the source is dead as well', () =>
    inWorld(async (memory) => {
      const said = new Said({ kind: 'value', text: '{"cluster":"A","epoch":1}' });
      const kafka = await start(memory, said, { withHealth: true });
      await memory.clock.sleep(3_000);
      said.tell({ kind: 'failed', because: 'ECONNREFUSED' });
      memory.cluster('A').down();
      await until(memory, 'it is on B', isOn(kafka, 'B'));
      await kafka.close();
    }));

  it('stays with a dead cluster where the source has pinned it', () =>
    inWorld(async (memory) => {
      const said = new Said({ kind: 'value', text: '{"cluster":"A","mode":"pinned"}' });
      const kafka = await start(memory, said, { withHealth: true });
      const stayed: string[] = [];
      kafka.on('strategy.stayed', ({ because }) => stayed.push(because));
      await memory.clock.sleep(3_000);
      memory.cluster('A').down();
      await memory.clock.sleep(30_000);
      expect(stayed).toEqual(['pinned']);
      expect(kafka.status().active).toBe('A');
      said.say('{"cluster":"A","reason":"automatic switches are allowed again"}');
      await until(memory, 'it is on B', isOn(kafka, 'B'));
      await kafka.close();
    }));
});

describe('a process that restarts', () => {
  it('comes back on the cluster that was active, in the same epoch, with the source dead', () =>
    inWorld(async (memory) => {
      const said = new Said({ kind: 'value', text: '{"cluster":"A","epoch":7}' });
      const before = await start(memory, said);
      said.say('{"cluster":"B","epoch":8}');
      await until(memory, 'it is on B', isOn(before, 'B'));
      await before.close();
      const silent = new Said();
      const after = await start(memory, silent);
      expect(after.status()).toMatchObject({ active: 'B', switchEpoch: 2 });
      // The source is back, with a value from before.
      silent.say('{"cluster":"A","epoch":7}');
      await memory.clock.sleep(10_000);
      expect(after.status()).toMatchObject({ active: 'B', signals: [{ refusedCount: 1 }] });
      silent.say('{"cluster":"A","epoch":9}');
      await until(memory, 'it follows news', isOn(after, 'A'));
      await after.close();
    }));

  it.each([
    ['with an epoch', '{"cluster":"B","epoch":5}', '{"cluster":"B","epoch":6}'],
    ['that is a plain alias', 'B', '{"cluster":"B","epoch":1}'],
  ])('is not taken back by a value %s that an order has overtaken', (_what, old, news) =>
    inWorld(async (memory, files) => {
      const said = new Said({ kind: 'value', text: old });
      const first = await start(memory, said);
      await first.switchTo('A');
      expect(first.status()).toMatchObject({ active: 'A', switchEpoch: 2 });
      await first.close();
      expect(JSON.parse(files.get(STATE) ?? '')).toMatchObject({
        cluster: 'A',
        switchEpoch: 2,
        heard: { key: { cluster: 'B', isOvertaken: true } },
      });
      // The source cannot be read during the whole second life.
      const second = await start(memory, new Said());
      await memory.clock.sleep(60_000);
      await second.close();
      const third = await start(memory, said);
      await memory.clock.sleep(60_000);
      expect(third.status()).toMatchObject({
        active: 'A',
        switchEpoch: 2,
        signals: [{ opinion: { kind: 'desired', desired: { cluster: 'B' } } }],
      });
      said.say(news);
      await until(memory, 'it follows news', isOn(third, 'B'));
      await third.close();
      expect(JSON.parse(files.get(STATE) ?? '')).toMatchObject({
        cluster: 'B',
        heard: { key: { cluster: 'B', isOvertaken: false } },
      });
    }),
  );

  it.each([
    ['is', ['admin']],
    ['are', ['producer', 'admin']],
  ] as const)(
    'is where an order has moved it, also where first %s connected: %j; and refuses an older epoch',
    (_verb, clients) =>
      inWorld(async (memory) => {
        const said = new Said({ kind: 'value', text: '{"cluster":"A","epoch":9}' });
        const before = await start(memory, said);
        await before.switchTo('B');
        await before.close();
        const after = kafkaIn(memory, { stateFile: STATE, strategy: followStrategy(said) });
        await Promise.all(clients.map((kind) => after[kind]().connect()));
        await memory.clock.sleep(60_000);
        expect(isOn(after, 'B')()).toBe(true);
        said.say('{"cluster":"A","epoch":3}');
        await memory.clock.sleep(60_000);
        expect(after.status()).toMatchObject({ active: 'B', signals: [{ refusedCount: 1 }] });
        await after.close();
      }),
  );

  it('is not taken back by what it has heard before, where an order came while the source could not be read', () =>
    inWorld(async (memory) => {
      const said = new Said({ kind: 'value', text: 'A' });
      const before = await start(memory, said);
      await before.close();
      const silent = new Said();
      const after = await start(memory, silent);
      await after.switchTo('B');
      silent.say('A');
      await memory.clock.sleep(60_000);
      expect(after.status()).toMatchObject({ active: 'B', signals: [{ overtaken: {} }] });
      silent.say('B');
      silent.say('A');
      await until(memory, 'it follows news', isOn(after, 'A'));
      await after.close();
    }));

  it('follows what it has heard before where that was said again during a switch, after something else', () =>
    inWorld(async (memory) => {
      const before = await start(memory, new Said({ kind: 'value', text: 'A' }));
      await before.close();
      const silent = new Said();
      const after = await start(memory, silent);
      after.on('switch.started', ({ to }) => {
        if (to !== 'B') return;
        silent.say('B');
        silent.say('A');
      });
      await after.switchTo('B');
      await until(memory, 'it follows news', isOn(after, 'A'));
      await after.close();
    }));

  it('is not taken back by a value that health has overtaken', () =>
    inWorld(async (memory) => {
      const said = new Said({ kind: 'value', text: '{"cluster":"A","epoch":5}' });
      const before = await start(memory, said, { withHealth: true });
      await memory.clock.sleep(3_000);
      memory.cluster('A').down();
      await until(memory, 'it is on B', isOn(before, 'B'));
      await before.close();
      memory.cluster('A').up();
      const after = await start(memory, said, { withHealth: true });
      await memory.clock.sleep(60_000);
      expect(after.status()).toMatchObject({ active: 'B', switchEpoch: 2 });
      await after.close();
    }));

  it('stays with a dead cluster where the source had pinned it, and cannot be read since', () =>
    inWorld(async (memory) => {
      const said = new Said({ kind: 'value', text: '{"cluster":"A","mode":"pinned"}' });
      const before = await start(memory, said, { withHealth: true });
      await memory.clock.sleep(3_000);
      await before.close();
      const silent = new Said({ kind: 'failed', because: 'timeout' });
      const after = await start(memory, silent, { withHealth: true });
      await memory.clock.sleep(3_000);
      memory.cluster('A').down();
      await memory.clock.sleep(60_000);
      expect(after.status().active).toBe('A');
      silent.say('A');
      await until(memory, 'nothing forbids it any more', isOn(after, 'B'));
      await after.close();
    }));

  it('has spent its automatic switches also where it was restarted since', () =>
    inWorld(async (memory) => {
      const life = async (cooldownMs: number): Promise<FailoverKafka> => {
        const strategy = healthStrategy({ cooldownMs, maxSwitchesPerHour: 1 });
        const kafka = kafkaIn(memory, { stateFile: STATE, strategy });
        await kafka.producer().connect();
        await memory.clock.sleep(3_000);
        return kafka;
      };
      const first = await life(0);
      memory.cluster('A').down();
      await until(memory, 'it is on B', isOn(first, 'B'));
      await first.close();
      memory.cluster('A').up();
      const second = await life(0);
      const stayed: string[] = [];
      second.on('strategy.stayed', ({ because }) => stayed.push(because));
      memory.cluster('B').down();
      await memory.clock.sleep(60_000);
      expect(second.status().active).toBe('B');
      expect(stayed).toEqual(['budget-spent']);
      await second.close();
    }));

  it('goes where the source says where it died in a switch before it had carried that out', () =>
    inWorld(async (memory, files) => {
      const said = new Said({ kind: 'value', text: '{"cluster":"A","epoch":5}' });
      const before = await start(memory, said);
      let kept = '';
      before.on('switch.started', ({ to }) => {
        if (to === 'B') said.say('{"cluster":"A","epoch":6}');
      });
      before.on('switch.completed', ({ report }) => {
        if (report.to === 'B') kept = files.get(STATE) ?? '';
      });
      await before.switchTo('B');
      await before.close();
      expect(JSON.parse(kept)).toMatchObject({
        cluster: 'B',
        heard: { key: { cluster: 'A', epoch: 6, isOvertaken: false } },
      });
      files.set(STATE, kept);
      const after = await start(memory, said);
      expect(after.status()).toMatchObject({ active: 'A', switchEpoch: 3 });
      await after.close();
    }));

  it('goes where the source says where a switch to there was rolled back', () =>
    inWorld(async (memory, files) => {
      const said = new Said({ kind: 'value', text: '{"cluster":"A","epoch":5}' });
      const before = await start(memory, said);
      await consumeOrders(before);
      // Positions cannot be found: the planned switch goes back.
      hang(memory.cluster('B'), 'OffsetFetch');
      let isBack = false;
      before.on('switch.rolled-back', () => {
        isBack = true;
      });
      said.say('{"cluster":"B","epoch":6}');
      await until(memory, 'it was rolled back', () => isBack, 120_000);
      expect(JSON.parse(files.get(STATE) ?? '')).toMatchObject({
        cluster: 'A',
        heard: { key: { cluster: 'B', epoch: 6, isOvertaken: false } },
      });
      await before.close();
    }));

  it('comes back to the cluster that it had begun to work with when it died in the middle of a switch', () =>
    inWorld(async (memory, files) => {
      const kafka = kafkaIn(memory, { stateFile: STATE });
      await consumeOrders(kafka);
      // The switch ends late: its consumer cannot join.
      hang(memory.cluster('B'), 'JoinGroup');
      const switched = kafka.switchTo('B', { planned: false });
      await until(memory, 'it opens B', () => kafka.status().phase === 'open');
      await until(memory, 'it is kept', () => (files.get(STATE) ?? '').includes('"cluster":"B"'));
      expect(kafka.status()).toMatchObject({ state: 'switching', switchEpoch: 2 });
      expect(JSON.parse(files.get(STATE) ?? '')).toMatchObject({ cluster: 'B', switchEpoch: 2 });
      await switched;
      await kafka.close();
    }));

  it.each([
    ['is missing', undefined, false],
    ['is empty', '', true],
    ['is half a file', '{"version":1,"cluster":"B","swi', true],
    ['is of another version', '{"version":2,"cluster":"B"}', true],
    [
      'names another cluster',
      '{"version":1,"cluster":"C","switchEpoch":3,"clusterIds":{},"signalEpochs":{}}',
      true,
    ],
  ])('starts on the first cluster where its state file %s', (_what, text, isLoud) =>
    inWorld(async (memory, files) => {
      if (text !== undefined) files.set(STATE, text);
      const failed: string[] = [];
      const kafka = kafkaIn(memory, { stateFile: STATE, strategy: healthStrategy() });
      kafka.on('state-file.failed', ({ because }) => failed.push(because));
      await kafka.producer().connect();
      expect(kafka.status()).toMatchObject({ active: 'A', switchEpoch: 1 });
      expect(failed.length).toBe(isLoud ? 1 : 0);
      await kafka.close();
      expect(JSON.parse(files.get(STATE) ?? '')).toEqual({
        version: 1,
        cluster: 'A',
        switchEpoch: 1,
        clusterIds: expect.objectContaining({ A: memory.cluster('A').clusterId }),
        signalEpochs: {},
        agreedEpoch: 0,
        heard: {},
        pinned: [],
        switches: [],
      });
    }),
  );

  it('reads a state file with its required fields alone', () =>
    inWorld(async (memory, files) => {
      files.set(
        STATE,
        '{"version":1,"cluster":"B","switchEpoch":3,"clusterIds":{},"signalEpochs":{}}',
      );
      const kafka = kafkaIn(memory, { stateFile: STATE });
      await kafka.producer().connect();
      expect(kafka.status()).toMatchObject({ active: 'B', switchEpoch: 3 });
      await kafka.close();
    }));

  it('works on where its state file cannot be written, and says so once', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory, { stateFile: STATE });
      const failed: string[] = [];
      kafka.on('state-file.failed', ({ because }) => failed.push(because));
      await kafka.producer().connect();
      await kafka.switchTo('B');
      await kafka.switchTo('A');
      expect(failed).toHaveLength(1);
      await kafka.close();
    });
  });
});
