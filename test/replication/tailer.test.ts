import { describe, expect, it, onTestFinished } from 'vitest';
import type { FetchedRecord } from '../../src/cluster/access.js';
import type { TailedTopic } from '../../src/replication/tail-state.js';
import { TopicTailer } from '../../src/replication/tailer.js';
import { manualWorld, settle, type ManualWorld } from '../support/manual-world.js';
import { EventLog } from './event-log.js';
import { FakeCluster } from './fake-cluster.js';

const topic = 'A.checkpoints.internal';
const record = (text: string) => ({ key: Buffer.from(text), value: Buffer.from('') });

interface Rig {
  readonly cluster: FakeCluster;
  readonly world: ManualWorld;
  readonly events: EventLog;
  readonly tailer: TopicTailer;
  /** What is known: the keys of the records since the last beginning. */
  readonly known: string[];
  readonly calls: string[];
}

function tail(cluster: FakeCluster, options: Partial<TailedTopic> = {}): Rig {
  const world = manualWorld();
  const events = new EventLog();
  const known: string[] = [];
  const calls: string[] = [];
  const tailer = new TopicTailer(
    {
      access: cluster,
      topic,
      onBegin: () => {
        calls.push('begin');
        known.length = 0;
      },
      onRecord: (message: FetchedRecord) => {
        known.push(message.key?.toString() ?? '');
        return message.key?.toString() === 'junk' ? 'short-buffer' : undefined;
      },
      onComplete: () => calls.push('complete'),
      ...options,
    },
    { world, events, pollMs: 250 },
  );
  onTestFinished(() => tailer.close());
  return { cluster, world, events, tailer, known, calls };
}

/** The first answer is an error, and the second question waits a little. */
async function caughtUp(tailer: TopicTailer, world: ManualWorld): Promise<void> {
  const reading = tailer.readToEnd();
  await world.advance(1_000);
  await reading;
}

describe('a tailer', () => {
  it('reads from the beginning to the end as of start, and says when it has', async () => {
    const cluster = new FakeCluster('B').create(topic);
    cluster.maxRecordsPerFetch = 2;
    for (const text of ['a', 'b', 'c', 'd', 'e']) cluster.append(topic, record(text));
    const { tailer, known, calls } = tail(cluster);
    expect(tailer.isComplete).toBe(false);
    expect(tailer.state()).toMatchObject({ phase: 'starting', position: undefined });
    await tailer.readToEnd();
    expect(known).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(calls).toEqual(['begin', 'complete']);
    expect(tailer.state()).toMatchObject({ phase: 'following', position: 5n, recordCount: 5 });
  });

  it('reads at a tenth of its pace while nobody waits, and as fast as it can for whoever does', async () => {
    const cluster = new FakeCluster('B').create(topic);
    cluster.maxRecordsPerFetch = 1;
    for (let index = 0; index < 30; index += 1) cluster.append(topic, record(`${index}`));
    const { tailer, world, known } = tail(cluster);
    cluster.beforeAnswer = () => new Promise((resolve) => world.after(10, resolve));
    for (let round = 1; round <= 5; round += 1) {
      await world.advance(10);
      expect(known).toHaveLength(round);
      await world.advance(89);
      expect(known).toHaveLength(round);
      await world.advance(1);
    }
    const reading = tailer.readToEnd();
    for (let index = 0; index < 26; index += 1) await world.advance(10);
    await reading;
    expect(known).toHaveLength(30);
  });

  it('goes back to the background when who waited does so no longer, and reads on', async () => {
    const cluster = new FakeCluster('B').create(topic);
    cluster.maxRecordsPerFetch = 1;
    for (let index = 0; index < 30; index += 1) cluster.append(topic, record(`${index}`));
    const { tailer, world, known } = tail(cluster);
    cluster.beforeAnswer = () => new Promise((resolve) => world.after(10, resolve));
    const limit = new AbortController();
    const reading = tailer.readToEnd({ signal: limit.signal });
    for (let index = 0; index < 5; index += 1) await world.advance(10);
    const readMeanwhile = known.length;
    expect(readMeanwhile).toBeGreaterThan(3);
    limit.abort(new Error('too long'));
    await expect(reading).rejects.toThrow('too long');
    await world.advance(500);
    expect(known.length).toBeGreaterThan(readMeanwhile);
    expect(known.length).toBeLessThanOrEqual(readMeanwhile + 6);
  });

  it('waits for nobody whose signal was aborted before', async () => {
    const cluster = new FakeCluster('B').create(topic);
    const { tailer } = tail(cluster);
    const signal = AbortSignal.abort(new Error('too late'));
    await expect(tailer.readToEnd({ signal })).rejects.toThrow('too late');
    await expect(tailer.readToEnd()).resolves.toBeUndefined();
  });

  it('does not rest for long after an outage, however long that was', async () => {
    const cluster = new FakeCluster('B').create(topic);
    cluster.maxRecordsPerFetch = 2;
    const { known, world } = tail(cluster);
    await world.advance(1_000);
    cluster.mood = 'fails';
    await world.advance(600_000);
    for (const text of ['a', 'b', 'c', 'd', 'e', 'f']) cluster.append(topic, record(text));
    cluster.mood = 'answers';
    await world.advance(5_000);
    expect(known).toHaveLength(6);
  });

  it('is complete at the end as of start, although more has come since', async () => {
    const cluster = new FakeCluster('B').create(topic);
    cluster.maxRecordsPerFetch = 1;
    for (const text of ['a', 'b']) cluster.append(topic, record(text));
    let fetchCount = 0;
    cluster.beforeAnswer = (question) => {
      if (!question.startsWith('fetch')) return;
      fetchCount += 1;
      // One comes for each that is read: the end is never reached.
      if (fetchCount < 20) cluster.append(topic, record(`late-${fetchCount}`));
    };
    const { calls, known } = tail(cluster, {
      onComplete: () => {
        calls.push(`complete with ${known.length}`);
      },
    });
    await settle();
    expect(calls).toEqual(['begin', 'complete with 2']);
  });

  it('follows what comes later, at its own pace', async () => {
    const cluster = new FakeCluster('B').create(topic);
    const { tailer, world, known } = tail(cluster);
    await tailer.readToEnd();
    cluster.append(topic, record('new'));
    await world.advance(249);
    expect(known).toEqual([]);
    await world.advance(1);
    expect(known).toEqual(['new']);
  });

  it('reads what is there at once when somebody asks', async () => {
    const cluster = new FakeCluster('B').create(topic);
    const { tailer, known } = tail(cluster);
    await tailer.readToEnd();
    cluster.append(topic, record('new'));
    await tailer.readToEnd();
    expect(known).toEqual(['new']);
  });

  it('answers who asks only by a question that was sent afterwards', async () => {
    const cluster = new FakeCluster('B').create(topic);
    const { tailer, world, known } = tail(cluster);
    await tailer.readToEnd();
    let appended = false;
    let asked: Promise<void> | undefined;
    cluster.beforeAnswer = () => {
      // A fetch is under way that will not see the record.
      if (appended) return;
      appended = true;
      void Promise.resolve().then(() => {
        cluster.append(topic, record('new'));
        asked = tailer.readToEnd();
      });
    };
    await world.advance(250);
    await asked;
    expect(known).toEqual(['new']);
  });

  it('tells the age of what it knows', async () => {
    const cluster = new FakeCluster('B').create(topic);
    const { tailer, world } = tail(cluster);
    expect(tailer.state().ageMs).toBeUndefined();
    await tailer.readToEnd();
    cluster.mood = 'hangs';
    await world.advance(5_000);
    expect(tailer.state().ageMs).toBe(5_000);
  });

  it('can begin near the end', async () => {
    const cluster = new FakeCluster('B').create(topic);
    for (const text of ['a', 'b', 'c', 'd']) cluster.append(topic, record(text));
    const { tailer, known } = tail(cluster, { lastCount: 2n });
    await tailer.readToEnd();
    expect(known).toEqual(['c', 'd']);
    const short = tail(cluster, { lastCount: 100n });
    await short.tailer.readToEnd();
    expect(short.known).toEqual(['a', 'b', 'c', 'd']);
  });

  it('passes offsets that hold no record', async () => {
    const cluster = new FakeCluster('B').create(topic);
    cluster.append(topic, record('a'));
    cluster.skip(topic, 3n);
    const { tailer } = tail(cluster);
    await tailer.readToEnd();
    expect(tailer.state().position).toBe(4n);
  });

  it('counts what cannot be read, by reason, and reports the first ones', async () => {
    const cluster = new FakeCluster('B').create(topic);
    for (let index = 0; index < 50; index += 1) cluster.append(topic, record('junk'));
    cluster.append(topic, record('good'));
    const { tailer, events, known } = tail(cluster);
    await tailer.readToEnd();
    expect(known).toHaveLength(51);
    expect(tailer.state().skippedCounts).toEqual({ 'short-buffer': 50 });
    const skipped = events.named('mirror.record-skipped');
    expect(skipped).toHaveLength(10);
    expect(skipped[0]).toEqual({ cluster: 'B', topic, offset: '0', because: 'short-buffer' });
  });
});

describe('a topic that does not exist', () => {
  it('is known to hold nothing, and is looked for again', async () => {
    const cluster = new FakeCluster('B');
    const { tailer, world, known, calls } = tail(cluster);
    await tailer.readToEnd();
    expect(tailer.isComplete).toBe(true);
    expect(tailer.state().phase).toBe('missing');
    expect(calls).toEqual(['begin', 'complete']);
    await world.advance(3_000);
    expect(calls).toEqual(['begin', 'complete']);
    cluster.create(topic).append(topic, record('first'));
    await world.advance(1_000);
    expect(known).toEqual(['first']);
    expect(tailer.state().phase).toBe('following');
  });

  it('is found at once when somebody asks', async () => {
    const cluster = new FakeCluster('B');
    const { tailer, known } = tail(cluster);
    await tailer.readToEnd();
    cluster.create(topic).append(topic, record('first'));
    await tailer.readToEnd();
    expect(known).toEqual(['first']);
  });

  it('makes what was known void where it existed before', async () => {
    const cluster = new FakeCluster('B').create(topic);
    cluster.append(topic, record('old'));
    const { tailer, world, known } = tail(cluster);
    await tailer.readToEnd();
    cluster.delete(topic);
    await caughtUp(tailer, world);
    expect(known).toEqual([]);
    expect(tailer.state().phase).toBe('missing');
  });
});

describe('a topic that was created anew', () => {
  it('is read from its beginning', async () => {
    const cluster = new FakeCluster('B').create(topic);
    for (const text of ['a', 'b', 'c']) cluster.append(topic, record(text));
    const { tailer, world, known, calls } = tail(cluster);
    await tailer.readToEnd();
    cluster.delete(topic);
    cluster.create(topic).append(topic, record('x'));
    await caughtUp(tailer, world);
    expect(known).toEqual(['x']);
    expect(calls).toEqual(['begin', 'complete', 'begin', 'complete']);
    expect(tailer.state()).toMatchObject({ position: 1n, recordCount: 1 });
  });

  it('is read anew also where records were removed that had not been read', async () => {
    const cluster = new FakeCluster('B').create(topic);
    cluster.append(topic, record('a'));
    const { tailer, world, known, calls } = tail(cluster);
    await tailer.readToEnd();
    for (const text of ['b', 'c', 'd']) cluster.append(topic, record(text));
    cluster.setRange(topic, 0, { low: 3n, high: 4n });
    await caughtUp(tailer, world);
    expect(known).toEqual(['d']);
    expect(calls).toEqual(['begin', 'complete', 'begin', 'complete']);
  });
});

describe('a cluster in trouble', () => {
  it('is asked again until it answers; one spell of failures is one report', async () => {
    const cluster = new FakeCluster('B').create(topic);
    cluster.append(topic, record('a'));
    cluster.mood = 'fails';
    const { tailer, world, events, known } = tail(cluster);
    const reading = tailer.readToEnd();
    await world.advance(10_000);
    expect(tailer.isComplete).toBe(false);
    expect(tailer.state().failure).toBe(cluster.failure);
    expect(events.named('mirror.read-failed')).toEqual([
      { cluster: 'B', topic, error: cluster.failure },
    ]);
    cluster.mood = 'answers';
    await world.advance(2_000);
    await reading;
    expect(known).toEqual(['a']);
    expect(tailer.state().failure).toBeUndefined();
    cluster.mood = 'fails';
    await world.advance(1_000);
    expect(events.named('mirror.read-failed')).toHaveLength(2);
  });

  it('loses nothing that was read before', async () => {
    const cluster = new FakeCluster('B').create(topic);
    cluster.append(topic, record('a'));
    const { tailer, world, known, calls } = tail(cluster);
    await tailer.readToEnd();
    cluster.mood = 'fails';
    await world.advance(5_000);
    expect(tailer.isComplete).toBe(true);
    cluster.append(topic, record('b'));
    cluster.mood = 'answers';
    await world.advance(5_000);
    expect(known).toEqual(['a', 'b']);
    expect(calls).toEqual(['begin', 'complete']);
  });

  it('may fail in any way, a TypeError included', async () => {
    const cluster = new FakeCluster('B').create(topic);
    cluster.append(topic, record('a'));
    cluster.failure = new TypeError("Cannot read properties of undefined (reading 'leader')");
    cluster.mood = 'fails';
    const { tailer, world, known } = tail(cluster);
    await world.advance(2_000);
    expect(tailer.state().failure).toBe(cluster.failure);
    cluster.mood = 'answers';
    await world.advance(2_000);
    expect(known).toEqual(['a']);
  });

  it('is not asked without a pause where it hands nothing out', async () => {
    const cluster = new FakeCluster('B').create(topic);
    cluster.append(topic, record('a'));
    cluster.fetch = (_topic, _partition, offset) => {
      cluster.asked.push('fetch');
      return Promise.resolve({ records: [], nextOffset: offset, range: { low: 0n, high: 1n } });
    };
    const { tailer, world } = tail(cluster);
    const reading = tailer.readToEnd();
    await world.advance(1_000);
    expect(tailer.isComplete).toBe(false);
    expect(cluster.asked.length).toBeLessThan(10);
    tailer.close();
    await expect(reading).rejects.toMatchObject({ code: 'ERR_FAILOVER_CLOSED' });
  });
});

describe('closing', () => {
  it('ends everything at once, also while the cluster does not answer', async () => {
    const cluster = new FakeCluster('B').create(topic);
    cluster.append(topic, record('a'));
    cluster.mood = 'hangs';
    const { tailer, world, known } = tail(cluster);
    await settle();
    const reading = tailer.readToEnd();
    tailer.close();
    tailer.close();
    await expect(reading).rejects.toMatchObject({ code: 'ERR_FAILOVER_CLOSED' });
    await expect(tailer.readToEnd()).rejects.toMatchObject({ code: 'ERR_FAILOVER_CLOSED' });
    cluster.answerHeld();
    const askedCount = cluster.asked.length;
    await world.advance(10_000);
    expect(known).toEqual([]);
    expect(cluster.asked.length).toBe(askedCount);
    expect(world.timerCount).toBe(0);
  });

  it('leaves no timer behind while it follows, or tries again', async () => {
    const cluster = new FakeCluster('B').create(topic);
    const following = tail(cluster);
    await following.tailer.readToEnd();
    await settle();
    following.tailer.close();
    await settle();
    expect(following.world.timerCount).toBe(0);
    cluster.mood = 'fails';
    const failing = tail(cluster);
    await settle();
    failing.tailer.close();
    await settle();
    expect(failing.world.timerCount).toBe(0);
    expect(failing.events.named('mirror.read-failed')).toHaveLength(1);
  });
});
