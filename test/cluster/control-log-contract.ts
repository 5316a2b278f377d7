import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ControlLog, ControlRecords } from '../../src/agreement/agreement.js';
import { rejectionOf } from '../support/failures.js';

/** A cluster on which logs are opened, and what may happen to it. */
export interface ControlLogHarness {
  /** Opens a log, by a process of its own. */
  open(topic: string, settings?: Readonly<Record<string, string>>): ControlLog;
  /** A topic's setting; undefined where there is no such topic. */
  setting(topic: string, name: string): Promise<string | undefined>;
  deleteTopic(topic: string): Promise<void>;
  /** SIGSTOP and SIGCONT. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** kill -9, and the start after it. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Runs a test's body, on the clock that the cluster lives by. */
  run(body: () => Promise<void>): Promise<void>;
  sleep(ms: number): Promise<void>;
  nowMs(): number;
  stop(): Promise<void>;
}

const never = new AbortController().signal;

/** Longer than any test: whoever waits so long was not told. */
const FOREVER_MS = 300_000;

const LONGEST_WAIT_MS = 60_000;

/** What a control log promises, wherever its cluster runs. */
export function controlLogContract(name: string, start: () => Promise<ControlLogHarness>): void {
  describe(`a control log on ${name}`, () => {
    let harness: ControlLogHarness;
    let topicCount = 0;
    beforeAll(async () => {
      harness = await start();
    });
    afterAll(() => harness?.stop());

    const newTopic = (): string => `control-${(topicCount += 1)}.internal`;
    const read = (
      log: ControlLog,
      from: bigint | 'beginning' | 'end' = 'beginning',
      maxWaitMs = 0,
    ): Promise<ControlRecords> => log.read(from, { maxWaitMs, signal: never });
    const valuesOf = ({ records }: ControlRecords): (string | undefined)[] =>
      records.map(({ value }) => value);

    /** Asks until it is answered: a cluster that comes back needs a moment. */
    const eventually = async <T>(what: string, ask: () => Promise<T>): Promise<T> => {
      const deadlineAtMs = harness.nowMs() + LONGEST_WAIT_MS;
      for (;;) {
        try {
          return await ask();
        } catch (error) {
          if (harness.nowMs() > deadlineAtMs) throw new Error(`in vain: ${what}`, { cause: error });
        }
        await harness.sleep(50);
      }
    };

    /** Runs a test with two processes that have opened the same log. */
    const withLogs = (
      body: (one: ControlLog, two: ControlLog, topic: string) => Promise<void>,
    ): Promise<void> =>
      harness.run(async () => {
        const topic = newTopic();
        const logs = [harness.open(topic), harness.open(topic)] as const;
        try {
          // One that was frozen is taken for dead by its controller, and is in office a moment later.
          for (const log of logs) await eventually('a cluster at work', () => read(log));
          await body(...logs, topic);
        } finally {
          await Promise.all(logs.map((log) => log.close()));
        }
      });

    it('takes several at once, in their order, and tombstones', () =>
      withLogs(async (one, two) => {
        await one.appendAll([
          { key: 'k1', value: 'first' },
          { key: 'k2', value: 'second' },
          { key: 'k1', value: null },
        ]);
        expect((await read(two)).records).toEqual([
          { offset: 0n, key: 'k1', value: 'first' },
          { offset: 1n, key: 'k2', value: 'second' },
          { offset: 2n, key: 'k1', value: undefined },
        ]);
      }));

    it('gives what was appended, to everybody, in one order', () =>
      withLogs(async (one, two) => {
        await one.append('k1', 'first');
        await two.append('k2', 'zweiter ✓');
        for (const log of [one, two]) {
          expect(await read(log)).toEqual({
            records: [
              { offset: 0n, key: 'k1', value: 'first' },
              { offset: 1n, key: 'k2', value: 'zweiter ✓' },
            ],
            next: 2n,
            end: 2n,
          });
        }
      }));

    it('is read from any place, and is empty behind its end', () =>
      withLogs(async (log) => {
        expect(await read(log)).toEqual({ records: [], next: 0n, end: 0n });
        for (const value of ['a', 'b', 'c']) await log.append('k', value);
        expect(valuesOf(await read(log, 1n))).toEqual(['b', 'c']);
        for (const from of [3n, 'end'] as const) {
          expect(await read(log, from)).toEqual({ records: [], next: 3n, end: 3n });
        }
      }));

    it('makes its topic with the settings, where it is missing', () =>
      harness.run(async () => {
        const topic = newTopic();
        expect(await harness.setting(topic, 'retention.ms')).toBeUndefined();
        const settings = { 'cleanup.policy': 'delete', 'retention.ms': '-1' };
        const log = harness.open(topic, settings);
        await log.append('k', 'v');
        expect(await harness.setting(topic, 'retention.ms')).toBe('-1');
        // Another one that would have it otherwise takes it as it is.
        const other = harness.open(topic, { 'retention.ms': '1000' });
        expect(valuesOf(await read(other))).toEqual(['v']);
        expect(await harness.setting(topic, 'retention.ms')).toBe('-1');
        await Promise.all([log.close(), other.close()]);
      }));

    it('is made once by many at the same time', () =>
      harness.run(async () => {
        const topic = newTopic();
        const logs = Array.from({ length: 5 }, () => harness.open(topic));
        await Promise.all(logs.map((log, index) => log.append('k', String(index))));
        const [first] = logs;
        const values = first === undefined ? [] : valuesOf(await read(first));
        expect(values).toHaveLength(5);
        expect(new Set(values)).toEqual(new Set(['0', '1', '2', '3', '4']));
        await Promise.all(logs.map((log) => log.close()));
      }));

    it('says so where it cannot be made', () =>
      harness.run(async () => {
        const log = harness.open('no topic/name');
        expect(await rejectionOf(log.append('k', 'v'))).toBeInstanceOf(Error);
        expect(await rejectionOf(read(log))).toBeInstanceOf(Error);
        await log.close();
      }));

    it('waits for the first record, and does not hold up what is asked meanwhile', () =>
      withLogs(async (log, other) => {
        await log.append('k', 'before');
        const { end } = await read(log);
        let isTold = false;
        const waiting = read(log, end, FOREVER_MS).then((records) => {
          isTold = true;
          return records;
        });
        expect(valuesOf(await read(log))).toEqual(['before']);
        expect(isTold).toBe(false);
        await other.append('k', 'after');
        expect(valuesOf(await waiting)).toEqual(['after']);
      }));

    it('waits no longer than asked for', () =>
      withLogs(async (log) => {
        expect(await read(log, 'end', 200)).toEqual({ records: [], next: 0n, end: 0n });
      }));

    it('ends a read when nobody waits for it any more, with the reason', () =>
      withLogs(async (log) => {
        await log.append('k', 'before');
        const controller = new AbortController();
        const reason = new Error('nobody waits any more');
        const { signal } = controller;
        const waiting = rejectionOf(log.read('end', { maxWaitMs: FOREVER_MS, signal }));
        await read(log);
        controller.abort(reason);
        expect(await waiting).toBe(reason);
        expect(await rejectionOf(log.read('end', { maxWaitMs: 0, signal }))).toBe(reason);
      }));

    it('begins again where its topic was deleted and made anew', () =>
      withLogs(async (log, other, topic) => {
        for (const value of ['a', 'b', 'c']) await log.append('k', value);
        expect(valuesOf(await read(other))).toEqual(['a', 'b', 'c']);
        await harness.deleteTopic(topic);
        await eventually('a second life', () => log.append('k', 'anew'));
        const again = await eventually('the new log', () => read(other, 3n));
        expect(again).toMatchObject({
          records: [{ offset: 0n, value: 'anew' }],
          next: 1n,
          end: 1n,
        });
      }));

    it('rejects while its cluster is frozen, and answers again when it has thawed', () =>
      withLogs(async (log, other) => {
        await log.append('k', 'before');
        await harness.freeze();
        try {
          // First over the open connection, then over a new one.
          for (const _ of [1, 2]) {
            await rejectionOf(log.append('k', 'never mind'));
            await rejectionOf(read(log));
          }
          await rejectionOf(read(other));
        } finally {
          await harness.thaw();
        }
        const values = await eventually('an answer', async () => valuesOf(await read(log)));
        expect(values[0]).toBe('before');
        await eventually('a record', () => log.append('k', 'after'));
      }));

    it('rejects what it waits for when its cluster is killed, and goes on when it is back', () =>
      withLogs(async (log) => {
        await log.append('k', 'before');
        const waiting = rejectionOf(read(log, 'end', FOREVER_MS));
        expect(valuesOf(await read(log))).toEqual(['before']);
        await harness.kill();
        await waiting;
        await rejectionOf(log.append('k', 'lost'));
        await rejectionOf(read(log));
        await harness.start();
        await eventually('a record', () => log.append('k', 'after'));
        expect(valuesOf(await read(log))).toEqual(['before', 'after']);
      }));

    it('is closed once and for all, whatever it waits for', () =>
      withLogs(async (log) => {
        await log.append('k', 'v');
        const waiting = rejectionOf(read(log, 'end', FOREVER_MS));
        const asked = Promise.allSettled([log.append('k', 'w'), read(log)]);
        await log.close();
        await log.close();
        await asked;
        for (const error of [
          await waiting,
          await rejectionOf(log.append('k', 'w')),
          await rejectionOf(read(log)),
        ]) {
          expect(error).toMatchObject({ code: 'ERR_FAILOVER_CLOSED' });
        }
      }));
  });
}
