import kafkajs, { type logCreator, type LogEntry } from 'kafkajs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  logCreatorFor,
  oneForEachLevel,
  type SessionStage,
} from '../../src/cluster/log-creator.js';

afterEach(() => {
  vi.restoreAllMocks();
});

describe('oneForEachLevel', () => {
  it('asks a creator once for each level: it may open a file', () => {
    const levels: number[] = [];
    const create = oneForEachLevel((level) => {
      levels.push(level);
      return () => {};
    });
    expect(create(kafkajs.logLevel.INFO)).toBe(create(kafkajs.logLevel.INFO));
    create(kafkajs.logLevel.DEBUG);
    expect(levels).toEqual([kafkajs.logLevel.INFO, kafkajs.logLevel.DEBUG]);
  });
});

describe('logCreatorFor', () => {
  it('hands the user’s own creator each entry with the cluster in it', () => {
    const entries: LogEntry[] = [];
    const levels: number[] = [];
    const own: logCreator = (level) => {
      levels.push(level);
      return (entry) => entries.push(entry);
    };
    const logCreator = logCreatorFor('A', own);
    const client = new kafkajs.Kafka({ brokers: [], logLevel: kafkajs.logLevel.WARN, logCreator });
    client.logger().namespace('Test').error('broken', { topic: 'orders' });
    client.logger().info('not wanted at this level');
    expect(levels).toEqual([kafkajs.logLevel.WARN]);
    expect(entries).toEqual([
      {
        namespace: 'Test',
        level: kafkajs.logLevel.ERROR,
        label: 'ERROR',
        log: {
          timestamp: expect.any(String),
          logger: 'kafkajs',
          message: 'broken',
          topic: 'orders',
          cluster: 'A',
        },
      },
    ]);
  });

  it.each([
    ['is shown at DEBUG', kafkajs.logLevel.DEBUG, ['DEBUG Connection', 'ERROR Runner']],
    ['is not shown below DEBUG', kafkajs.logLevel.INFO, ['ERROR Runner']],
  ])(
    'what kafkajs says of a fenced cluster %s, but handlers are heard',
    (_, logLevel, expected) => {
      const lines: string[] = [];
      const own: logCreator = () => (entry) => lines.push(`${entry.label} ${entry.namespace}`);
      let stage: SessionStage = 'in-use';
      const logCreator = logCreatorFor('A', own, () => stage);
      const client = new kafkajs.Kafka({ brokers: [], logLevel, logCreator });
      const connection = client.logger().namespace('Connection');
      connection.error('Connection error: refused');
      expect(lines.splice(0)).toEqual(['ERROR Connection']);
      stage = 'fenced';
      connection.error('Connection error: fenced');
      client.logger().namespace('Runner').error('Error when calling eachMessage');
      expect(lines).toEqual(expected);
    },
  );

  it('shows at DEBUG that a consumer ends that is drained, and nothing else: sends still go there', () => {
    const lines: string[] = [];
    const own: logCreator = () => (entry) => lines.push(`${entry.label} ${entry.namespace}`);
    const logCreator = logCreatorFor('A', own, () => 'draining');
    const client = new kafkajs.Kafka({ brokers: [], logLevel: kafkajs.logLevel.DEBUG, logCreator });
    for (const name of ['Consumer', 'Connection', 'Runner'])
      client.logger().namespace(name).error('');
    expect(lines).toEqual(['DEBUG Consumer', 'ERROR Connection', 'ERROR Runner']);
  });

  it.each(['error', 'warn', 'info', 'debug'] as const)(
    'leaves kafkajs’s own console output as it is, but for the cluster (%s)',
    (method) => {
      const lines: string[] = [];
      // kafkajs prints DEBUG by console.log.
      vi.spyOn(console, method === 'debug' ? 'log' : method).mockImplementation((line) => {
        lines.push(line as string);
      });
      vi.useFakeTimers();
      const config = { brokers: [], logLevel: kafkajs.logLevel.DEBUG };
      const bare = new kafkajs.Kafka(config);
      const ours = new kafkajs.Kafka({ ...config, logCreator: logCreatorFor('A', undefined) });
      for (const client of [bare, ours]) {
        client.logger().namespace('Connection')[method]('message', { broker: 'a:1' });
        client.logger()[method]('no namespace');
      }
      vi.useRealTimers();
      const [named, plain, ...rest] = lines;
      const withCluster = (line: string | undefined): string =>
        (line ?? '').replace(/\}$/, ',"cluster":"A"}');
      expect(rest).toEqual([withCluster(named), withCluster(plain)]);
      expect(named).toContain('[Connection] message');
    },
  );
});
