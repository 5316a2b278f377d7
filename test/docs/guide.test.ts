import { describe, expect, it } from 'vitest';
import { resolveOptions } from '../../src/options.js';
import { readText, section, tableRows } from './markdown.js';

const guide = readText('docs/guide.md');

/** The members of an interface of `src`, by name. */
function membersOf(file: string, name: string): readonly string[] {
  const text = readText(file);
  const start = text.search(new RegExp(`export interface ${name}\\s`));
  if (start < 0) throw new Error(`${file} has no interface ${name}`);
  const body = text.slice(start, text.indexOf('\n}\n', start));
  return [...body.matchAll(/^ {2}(?:readonly )?'?([\w.-]+)'?\??[:(]/gm)].flatMap(
    ([, member]) => member ?? [],
  );
}

/** The string literals of a union type of `src`. */
function wordsOf(file: string, name: string): readonly string[] {
  const text = readText(file);
  const start = text.indexOf(`export type ${name} =`);
  if (start < 0) throw new Error(`${file} has no type ${name}`);
  return [...text.slice(start, text.indexOf(';', start)).matchAll(/'([^']+)'/g)].flatMap(
    ([, word]) => word ?? [],
  );
}

/** Options in groups of their own; everything else of the config stands by itself. */
const groups = {
  'clusters.<alias>': 'ClusterOptions',
  mirror: 'MirrorOptions',
  producer: 'ProducerFailoverOptions',
  consumer: 'ConsumerFailoverOptions',
  switch: 'SwitchOptions',
  health: 'HealthOptions',
  failback: 'FailbackOptions',
} as const;

const optionFiles: Readonly<Record<string, string>> = {
  HealthOptions: 'src/options-health.ts',
  ProducerFailoverOptions: 'src/options-producer.ts',
  FailbackOptions: 'src/options-failback.ts',
  SwitchOptions: 'src/options-switch.ts',
};

function optionNames(): readonly string[] {
  const grouped = Object.entries(groups).flatMap(([group, name]) =>
    membersOf(optionFiles[name] ?? 'src/options.ts', name).map((member) => `${group}.${member}`),
  );
  const known = new Set(['clusters', ...Object.keys(groups)]);
  const single = membersOf('src/options.ts', 'FailoverKafkaConfig').filter(
    (name) => !known.has(name),
  );
  return [...grouped, ...single];
}

function firstWords(text: string): readonly string[] {
  return tableRows(text).flatMap(([cell]) => cell?.replaceAll('`', '') ?? []);
}

describe('the guide', () => {
  it('describes every option', () => {
    const names = [
      ...optionNames(),
      ...membersOf('src/options-failback.ts', 'FailbackCallOptions'),
    ];
    expect(names.length).toBeGreaterThan(20);
    const described = new Set(firstWords(section(guide, 'Options')));
    expect(names.filter((name) => !described.has(name))).toEqual([]);
  });

  it('describes no option that does not exist', () => {
    const strategy = [
      ...membersOf('src/strategy/manual.ts', 'ManualStrategyOptions'),
      ...membersOf('src/strategy/health.ts', 'HealthStrategyOptions'),
      ...membersOf('src/strategy/follow.ts', 'FollowOptions'),
    ];
    const switchTo = membersOf('src/options-calls.ts', 'SwitchToOptions');
    const failback = [
      ...membersOf('src/options-failback.ts', 'FailbackCallOptions'),
      ...membersOf('src/options-failback.ts', 'GradualFailbackOptions').map(
        (name) => `gradually.${name}`,
      ),
    ];
    const agreement = [
      ...membersOf('src/agreement/agreement.ts', 'AgreementLimits'),
      ...membersOf('src/options-agreement.ts', 'KafkaAgreementOptions'),
      ...membersOf('src/options-agreement.ts', 'ConsulAgreementOptions'),
    ];
    const known = new Set([
      ...optionNames(),
      ...[...strategy, ...switchTo, ...failback, ...agreement],
      // kafkajs's own, named in one row of their own.
      'clusters.<alias>.brokers',
    ]);
    const described = firstWords(section(guide, 'Options'));
    expect(described.filter((name) => !known.has(name))).toEqual([]);
  });

  it('gives the defaults that the options really have', () => {
    const resolved = resolveOptions({
      clusters: { A: { brokers: ['a:9092'] }, B: { brokers: ['b:9092'] } },
    });
    const real: Record<string, unknown> = {
      ...under('mirror', resolved.mirror),
      ...under('producer', resolved.producer),
      ...under('consumer', resolved.consumer),
      ...under('switch', resolved.deadlines),
      ...under('health', resolved.health),
      socketStalledAfterMs: resolved.socketStalledAfterMs,
    };
    const given = tableRows(section(guide, 'Options')).flatMap(([name = '', value = '']) => {
      const option = name.replaceAll('`', '');
      return option in real && real[option] !== undefined
        ? [[option, value.replaceAll('`', '')] as const]
        : [];
    });
    expect(given.length).toBeGreaterThan(14);
    expect(given).toEqual(given.map(([option]) => [option, String(real[option])]));
  });

  it('says what to do about every error code', () => {
    const codes = wordsOf('src/errors.ts', 'FailoverErrorCode');
    expect(codes.length).toBeGreaterThan(10);
    expect([...firstWords(section(guide, 'Errors'))].toSorted()).toEqual([...codes].toSorted());
  });

  it('explains every event', () => {
    const events = membersOf('src/events.ts', 'FailoverEvents');
    expect(events.length).toBeGreaterThan(15);
    expect([...firstWords(section(guide, 'Events'))].toSorted()).toEqual([...events].toSorted());
  });

  it.each([
    ['FailoverStatus', 'src/status.ts'],
    ['ProducerStatus', 'src/producer/failover-producer.ts'],
    ['ConsumerStatus', 'src/consumer/failover-consumer.ts'],
    ['MirrorState', 'src/replication/mirror.ts'],
    ['SwitchReport', 'src/switch/report.ts'],
  ])('names every field of %s', (name, file) => {
    const text = section(guide, 'What you can ask: status, plan and report');
    const fields = membersOf(file, name);
    expect(fields.length).toBeGreaterThan(5);
    expect(fields.filter((field) => !text.includes(`\`${field}\``))).toEqual([]);
  });

  it('explains every phase of a switch, and every way to find a position', () => {
    const phases = wordsOf('src/events.ts', 'SwitchPhase');
    const methods = wordsOf('src/position/plan.ts', 'PositionMethod');
    expect(phases.length + methods.length).toBe(17);
    expect([...phases, ...methods].filter((word) => !guide.includes(`\`${word}\``))).toEqual([]);
  });
});

function under(group: string, values: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`${group}.${name}`, value]),
  );
}
