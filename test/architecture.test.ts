import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, expect, it } from 'vitest';

const sourceFolder = join(import.meta.dirname, '..', 'src');

interface Import {
  /** A file of `src` without its ending, `npm:` and a package, or `node:` and a module. */
  readonly target: string;
  readonly kind: 'value' | 'type';
}

interface SourceFile {
  /** Path below `src`, without its ending. */
  readonly path: string;
  readonly lineCount: number;
  readonly imports: readonly Import[];
}

const importPattern =
  /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)';|\bimport\(\s*'([^']+)'\s*\)|\brequire\(\s*'([^']+)'\s*\)/gm;

function parse(path: string, text: string): SourceFile {
  const code = text.replaceAll(/\/\*[^]*?\*\//g, '').replaceAll(/^\s*\/\/.*$/gm, '');
  const imports = [...code.matchAll(importPattern)].map(([, type, from, dynamic, required]) => {
    const specifier = from ?? dynamic ?? required ?? '';
    const kind = type === undefined ? 'value' : 'type';
    return { target: resolveTarget(path, specifier), kind } as const;
  });
  return { path, lineCount: text.split('\n').length - 1, imports };
}

function resolveTarget(importer: string, specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  if (!specifier.startsWith('.')) return `npm:${specifier}`;
  return posix.join(posix.dirname(importer), specifier).replace(/\.js$/, '');
}

function readSources(): readonly SourceFile[] {
  return readdirSync(sourceFolder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) =>
      parse(name.replace(/\.ts$/, ''), readFileSync(join(sourceFolder, name), 'utf8')),
    );
}

/**
 * Files that decide: values in, values out. They may load each other, the errors that they throw, the check of their options
 * `node:buffer` and the checksum of `node:zlib`, and nothing else; from the rest they know types only.
 */
const pure =
  /^(strategy\/|position\/(?!(planner|mirror-refresh|log-ranges|exact|recognise|retracing|progress-log)$)|health\/(?!(canary|monitor|rounds)$)|signals\/(signal-state|consul-address|consul-query|consul-settings)$|agreement\/(agreement|decision|kafka-log|consul-members|fleet-state|limits|place|status)$|switch\/(state|transition|run|phase-lists|report|exactness|loss|format-report|answers|participant|active)$|replication\/(?!(tailer|mirror|catch-up)$)|failback\/(gates|steps)$|ledger\/(ledger|ledger-reader|answered|generation|segment|memory-pool|span|copies|report|spool-format)$|replay\/(marker|replay-record|replay-index|report)$|cluster\/(cursor|produced-frame|record-batch)$|journal$|(nearest|unreachable|caught|record-count|missing-pieces|topic-readiness)$)/;
const pureMayLoad =
  /^(errors|options-calls|signals\/desired|agreement\/(member|fleet-part)|node:buffer|node:zlib)$/;

interface Rule {
  readonly name: string;
  /** The files that the rule is about. */
  readonly files: RegExp;
  /** What they must not import, or, with `only`, all that they may. */
  readonly never?: RegExp;
  readonly only?: RegExp;
  /** Default: values and types alike. */
  readonly kind?: Import['kind'];
}

const rules: readonly Rule[] = [
  {
    name: 'what decides loads only what decides',
    files: pure,
    only: new RegExp(`${pure.source}|${pureMayLoad.source}`),
    kind: 'value',
  },
  {
    name: 'a strategy sees types, and loads only the errors that it throws, the check of its options and the words of health and of signals',
    files: /^strategy\//,
    only: /^(strategy\/|health\/health$|signals\/signal-state$|(errors|options-calls)$)/,
    kind: 'value',
  },
  {
    name: 'the switch sees participants, never who they are',
    files: /^switch\//,
    never: /^(producer|consumer|admin|testing|strategy)\/|^(failover-kafka|index)$/,
  },
  {
    name: 'the switch knows of clusters only their sessions, as types',
    files: /^switch\//,
    never: /^(cluster|replication)\//,
    kind: 'value',
  },
  {
    name: 'a fleet knows nothing of clients, clusters and mirrors',
    files: /^agreement\//,
    never:
      /^(producer|consumer|admin|cluster|replication|position|health|testing)\/|^failover-kafka$/,
  },
  {
    name: 'a signal reads its source, and knows nothing of who asks and what follows',
    files: /^signals\//,
    only: /^(signals\/|(options-signals|options-consul|caught|events|http|unreachable|wait|waiters|world)$|npm:zod$|node:buffer$)/,
  },
  {
    name: 'what a source says is understood without asking it again',
    files: /^signals\/(desired|dns-answer|dns-names|eureka-app|http-answer|json-pointer|reading)$/,
    only: /^(signals\/(desired|dns-answer|dns-names|eureka-app|http-answer|json-pointer|reading)$|unreachable$|npm:zod$)/,
    kind: 'value',
  },
  {
    name: 'an agreement keeps and orders decisions, and knows nothing of who asks and what follows',
    files: /^agreement\/(consul|kafka|topic-reader)/,
    only: /^(agreement\/|signals\/|strategy\/strategy$|(errors|options-agreement|options-consul|caught|wait|world)$|npm:zod$)/,
  },
  {
    name: 'the real world is known to the world alone',
    files: /^(?!world$)/,
    never: /^(real-dns|real-files|real-http)$/,
  },
  {
    name: 'the replication knows MirrorMaker and nothing of failover',
    files: /^replication\//,
    never:
      /^(switch|strategy|position|health|producer|consumer|admin)\/|^(options|failover-kafka)$/,
  },
  {
    name: 'positions do not know who asked',
    files: /^position\//,
    never: /^(switch|strategy|producer|consumer|admin)\/|^(options|failover-kafka)$/,
  },
  {
    name: 'a cluster knows nothing of switches and clients',
    files: /^cluster\//,
    never: /^(switch|strategy|position|producer|consumer|admin)\/|^failover-kafka$/,
  },
  {
    name: 'the ledger does not know who sends, nor who switches',
    files: /^ledger\//,
    never: /^(switch|strategy|producer|consumer|admin)\/|^(options|failover-kafka)$/,
  },
  {
    name: 'replays know no switch, and of clients only a producer, as a type',
    files: /^replay\//,
    never: /^(switch|strategy|consumer|admin)\/|^(options|failover-kafka)$/,
  },
  {
    name: 'the health knows nothing of switches and clients',
    files: /^health\//,
    never: /^(switch|strategy|position|producer|consumer|admin)\/|^failover-kafka$/,
  },
  {
    name: 'the producer takes part in switches, and knows neither who runs them nor the consumer',
    files: /^producer\//,
    never: /^(switch\/(?!active$|participant$)|strategy\/|consumer\/|admin\/|replication\/)/,
  },
  {
    name: 'the consumer takes part in switches, and knows neither who runs them nor the producer',
    files: /^consumer\//,
    never: /^(switch\/(?!active$|participant$)|strategy\/|producer\/|admin\/)/,
  },
  {
    name: 'only the composition root and the entry points know FailoverKafka',
    files: /^(?!index$|testing\/)/,
    never: /^(failover-kafka|index)$/,
  },
  {
    name: 'the testing kit is imported by nothing else',
    files: /^(?!testing\/)/,
    never: /^testing\//,
  },
  {
    name: 'kafkajs is loaded in one place, and re-exported in one',
    files: /^(?!kafkajs$|index$)/,
    never: /^npm:kafkajs/,
    kind: 'value',
  },
  {
    name: 'each package has its place',
    files: /^(?!vendor\/)/,
    never: /^npm:p-retry$/,
  },
  {
    name: 'what comes from outside is validated at its door',
    files:
      /^(?!(testing\/)?options|signals\/(desired|eureka-app)$|agreement\/(member|fleet-part)$|state-file$|ledger\/spool-state$)/,
    never: /^npm:zod/,
  },
  { name: 'events are emitted in one place', files: /^(?!emitter$)/, never: /^npm:eventemitter3$/ },
  {
    name: 'I/O comes through the world',
    files: /^(?!world$|real-dns$|real-files$|real-http$|testing\/)/,
    never: /^node:(?!buffer$|async_hooks$|events$|zlib$)/,
    kind: 'value',
  },
];

function violations(files: readonly SourceFile[]): readonly string[] {
  return rules.flatMap((rule) =>
    files
      .filter(({ path }) => rule.files.test(path))
      .flatMap(({ path, imports }) =>
        imports
          .filter(({ kind }) => rule.kind === undefined || kind === rule.kind)
          .filter(({ target }) => breaks(rule, target))
          .map(({ target }) => `${path} imports ${target}: ${rule.name}`),
      ),
  );
}

function breaks({ never, only }: Rule, target: string): boolean {
  return (never?.test(target) ?? false) || (only !== undefined && !only.test(target));
}

/** Files and folders of `src` that a pattern names; not packages and modules. */
function namesIn(pattern: RegExp | undefined): readonly string[] {
  const ours = (pattern?.source ?? '').replaceAll(/(npm|node):(\(\?![^)]*\)|[\w-]*)/g, '');
  return ours.match(/[a-z][a-z-]*/g) ?? [];
}

describe('who may import whom', () => {
  const files = readSources();

  it('is looked at in every file, and the imports are seen', () => {
    expect(files.length).toBeGreaterThan(60);
    expect(files.flatMap(({ imports }) => imports).length).toBeGreaterThan(200);
    expect(files.filter(({ path }) => pure.test(path)).length).toBeGreaterThan(15);
  });

  it('names files that exist', () => {
    const known = new Set(files.map(({ path }) => path));
    const unknown = files.flatMap(({ path, imports }) =>
      imports
        .filter(({ target }) => !/^(npm|node):/.test(target) && !known.has(target))
        .map(({ target }) => `${path} imports ${target}`),
    );
    expect(unknown).toEqual([]);
  });

  it.each(rules)('has rules about files that exist: $name', (rule) => {
    expect(files.filter(({ path }) => rule.files.test(path))).not.toEqual([]);
    const names = new Set(files.flatMap(({ path }) => path.split('/')));
    const unknown = [rule.files, rule.never, rule.only].flatMap((pattern) =>
      namesIn(pattern).filter((name) => !names.has(name)),
    );
    expect(unknown).toEqual([]);
  });

  it('is kept to in every file', () => {
    expect(violations(files)).toEqual([]);
  });

  it.each([
    ['switch/state', "import { sleep } from '../wait.js';"],
    ['switch/transition', "import { readFile } from 'node:fs/promises';"],
    ['strategy/manual', "import { Coordinator } from '../switch/coordinator.js';"],
    ['switch/coordinator', "import type { Producer } from '../producer/failover-producer.js';"],
    ['replication/translate', "import type { Strategy } from '../strategy/strategy.js';"],
    ['position/bounds', "import { kafka } from '../kafkajs.js';"],
    ['producer/sends', "export * from '../consumer/core.js';"],
    ['producer/sends', "const zod = require('zod');"],
    ['consumer/consumer-setup', "const kit = await import('../testing/index.js');"],
    ['cluster/kafka-session', "import {\n  Kafka,\n  logLevel,\n} from 'kafkajs';"],
    ['health/failure', "import pRetry from 'p-retry';"],
    ['events', "import 'node:net';"],
    ['signals/file', "import { readFile } from 'node:fs/promises';"],
    ['signals/dns', "import type { Strategy } from '../strategy/strategy.js';"],
    ['signals/dns-answer', "import { sleep } from '../wait.js';"],
    ['switch/phases', "import { readTextFile } from '../real-files.js';"],
    ['signals/consul', "import { realRequest } from '../real-http.js';"],
    ['signals/consul', "import type { View } from '../strategy/strategy.js';"],
    ['agreement/consul', "import { healthStrategy } from '../strategy/health.js';"],
    ['agreement/consul-members', "import { sleep } from '../wait.js';"],
  ])('sees what is wrong with %s: %s', (path, text) => {
    expect(violations([parse(path, text)])).not.toEqual([]);
  });

  it('is not disturbed by comments and types', () => {
    const text = [
      "/* import { kafka } from 'kafkajs'; */",
      "// import { kafka } from 'kafkajs';",
      "import type { Kafka } from 'kafkajs';",
      "import type { Socket } from 'node:net';",
    ].join('\n');
    expect(violations([parse('switch/state', text)])).toEqual([]);
  });
});

describe('the size of things', () => {
  it('is at most 350 lines a file', () => {
    const long = readSources()
      .filter(({ lineCount }) => lineCount > 350)
      .map(({ path, lineCount }) => `${path}: ${lineCount}`);
    expect(long).toEqual([]);
  });
});
