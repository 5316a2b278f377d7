import type { KafkaMessage } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { HandledElsewhere, ReplayedRecords } from '../../src/consumer/replayed-records.js';
import { contentHash } from '../../src/position/fingerprint.js';
import type { PartitionPlan } from '../../src/position/plan.js';
import { markedHeaders } from '../../src/replay/marker.js';
import { ReplayIndex } from '../../src/replay/replay-index.js';

const ORIGIN = { cluster: 'A', topic: 'orders', partition: 0, offset: '17', switchEpoch: 1 };

const message = (offset: number, headers: KafkaMessage['headers'] = {}): KafkaMessage => ({
  ...{ key: null, value: Buffer.from('same'), timestamp: '1000', attributes: 0 },
  ...{ offset: String(offset), headers },
});

function indexOf(...offsets: number[]): ReplayIndex {
  const index = new ReplayIndex();
  const { cluster, topic, partition, switchEpoch } = ORIGIN;
  const hash = contentHash(message(0));
  index.take('B', {
    kind: 'announced',
    log: { cluster, topic, partition, switchEpoch },
    copiedAt: 3n,
    identities: offsets.map((offset) => ({ offset, timestamp: '1000', hash })),
  });
  return index;
}

const recordsOf = (...offsets: number[]): ReplayedRecords =>
  new ReplayedRecords(indexOf(...offsets), (cluster, topic) => `${cluster}.${topic}`);

const REPLAY = { origin: ORIGIN, isOfLastLog: true };

const copies = { cluster: 'B', topic: 'orders', physicalTopic: 'A.orders', partition: 0 };
const born = { ...copies, physicalTopic: 'orders' };

describe('records that are there twice', () => {
  it('have one id: the replay by its header, the mirrored one by its content', () => {
    const records = recordsOf(17);
    const replay = records.claim(message(4, markedHeaders({}, REPLAY)), born);
    const mirrored = records.claim(message(9), copies);
    expect(replay).toMatchObject({ kind: 'replay', replay: REPLAY });
    expect(mirrored).toMatchObject({ kind: 'original', replayedAt: undefined });
    expect(mirrored?.id).toBe(replay?.id);
  });

  it('are told from others that look alike, which were not announced', () => {
    const records = recordsOf(17, 18);
    const ids = [5, 6, 7].map((offset) => records.claim(message(offset), copies)?.id);
    expect(new Set(ids).size).toBe(3);
    expect(ids[2]).toBeUndefined();
    // Each stays what it is when it is delivered again; in another log, and for another group, there is another one.
    expect([5, 6, 7].map((offset) => records.claim(message(offset), copies)?.id)).toEqual(ids);
    const other = recordsOf(17, 18);
    expect(other.claim(message(8), copies)?.id).toBe(ids[0]);
  });

  it('are only where they can be: in the place of the first one, or among what the mirror has brought behind the last copy that was found', () => {
    const origins = { ...copies, cluster: 'A', physicalTopic: 'orders' };
    const isOriginal = (offset: number, log: typeof copies): boolean =>
      recordsOf(17).claim(message(offset), log) !== undefined;
    expect(isOriginal(17, origins)).toBe(true);
    expect(isOriginal(18, origins)).toBe(false);
    expect(isOriginal(4, copies)).toBe(true);
    expect(isOriginal(3, copies)).toBe(false);
    expect(isOriginal(17, born)).toBe(false);
    // Under the Identity policy it may be born there.
    const underIdentity = new ReplayedRecords(indexOf(17), (_, topic) => topic);
    expect(underIdentity.claim(message(17), born)).toBeUndefined();
    expect(isOriginal(17, { ...copies, partition: 1 })).toBe(false);
  });
});

describe('what was handled on the cluster that was left', () => {
  const planned = (end: bigint | undefined): PartitionPlan[] => [
    {
      ...{ kind: 'resume', topic: 'orders', physicalTopic: 'orders', partition: 0 },
      ...{ offset: 3n, method: 'own-commit', maxRereadCount: 0n, voidCommit: undefined },
      ...{ awaited: [], missing: [], notes: [], end },
    },
    {
      ...{ kind: 'resume', topic: 'orders', physicalTopic: 'A.orders', partition: 0 },
      ...{ offset: 8n, method: 'exact', maxRereadCount: 0n, voidCommit: undefined },
      ...{ awaited: [], missing: [], notes: [], end: 8n },
      upstream: {
        topic: 'orders',
        mirrored: { kind: 'known', end: 8n },
        end: { kind: 'seen', offset: 20n },
        handledEnd: 18n,
      },
    },
  ];
  const at = (offset: bigint) => ({ ...born, offset });

  it('is everything below the place that the group had come to', () => {
    const handled = new HandledElsewhere(planned(5n));
    expect(handled.includes(REPLAY, at(5n))).toBe(true);
    expect(handled.includes({ ...REPLAY, isOfLastLog: false }, at(5n))).toBe(false);
    expect(handled.includes({ ...REPLAY, origin: { ...ORIGIN, offset: '18' } }, at(5n))).toBe(
      false,
    );
    expect(handled.includes({ ...REPLAY, origin: { ...ORIGIN, partition: 1 } }, at(5n))).toBe(
      false,
    );
    expect(handled.includes({ ...REPLAY, origin: { ...ORIGIN, cluster: 'B' } }, at(5n))).toBe(
      false,
    );
  });

  it('is not known of what was replayed before the plan was made: it may be of a log that was lost since', () => {
    const handled = new HandledElsewhere(planned(5n));
    expect(handled.includes(REPLAY, at(4n))).toBe(false);
    const unknown = new HandledElsewhere(planned(undefined));
    expect(unknown.includes(REPLAY, at(5n))).toBe(false);
  });

  it('does not count where somebody has moved back since, in that partition', () => {
    const handled = new HandledElsewhere(planned(5n));
    handled.movesBack('orders', 1);
    expect(handled.includes(REPLAY, at(5n))).toBe(true);
    handled.movesBack('orders', 0);
    expect(handled.includes(REPLAY, at(5n))).toBe(false);
  });
});
