import type { Cluster, PartitionAssigner } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { FetchHold, type GroupJoin } from '../../src/consumer/fetch-hold.js';
import { silentLogger } from '../support/silent-logger.js';
import { manualWorld, settle } from '../support/manual-world.js';

const HEARTBEAT_MS = 3_000;
const JOIN: GroupJoin = {
  duration: 5,
  groupId: 'billing',
  isLeader: true,
  leaderId: 'm',
  groupProtocol: 'RoundRobinAssigner',
  memberId: 'm',
  memberAssignment: { orders: [0] },
};

/** A hold before the fetches of a cluster; `fetch` is what kafkajs does before each of them. */
function held() {
  const world = manualWorld();
  const hold = new FetchHold(world, HEARTBEAT_MS);
  let refreshCount = 0;
  const cluster = {
    refreshMetadataIfNecessary: async () => {
      refreshCount += 1;
    },
    refreshMetadata: async () => {},
  };
  const none: PartitionAssigner = () => ({
    name: 'none',
    version: 1,
    assign: async () => [],
    protocol: () => ({ name: 'none', metadata: Buffer.alloc(0) }),
  });
  for (const assigner of hold.over([none, none])) {
    assigner({
      cluster: cluster as unknown as Cluster,
      groupId: 'billing',
      logger: silentLogger(),
    });
  }
  const outcomes: string[] = [];
  const fetch = (): void => {
    cluster.refreshMetadataIfNecessary().then(
      () => outcomes.push('fetches'),
      (error: Error) => outcomes.push(error.name),
    );
  };
  return { world, hold, fetch, outcomes, refreshCount: () => refreshCount };
}

describe('a consumer that is held before its first fetch', () => {
  it('connects and joins as ever', async () => {
    const { fetch, outcomes } = held();
    fetch();
    await settle();
    expect(outcomes).toEqual(['fetches']);
  });

  it('waits from its join on, and gives each fetch up after the time of a heartbeat', async () => {
    const { world, hold, fetch, outcomes } = held();
    expect(hold.joined(JOIN)).toBe(true);
    fetch();
    await world.advance(HEARTBEAT_MS - 1);
    expect(outcomes).toEqual([]);
    await world.advance(1);
    // What kafkajs takes for a fetch without records.
    expect(outcomes).toEqual(['KafkaJSConnectionClosedError']);
    expect(world.timerCount).toBe(0);
  });

  it('fetches at once when it is opened, not when it is entered', async () => {
    const { world, hold, fetch, outcomes } = held();
    hold.joined(JOIN);
    hold.open();
    fetch();
    hold.enter();
    await world.advance(HEARTBEAT_MS);
    expect(outcomes).toEqual(['KafkaJSConnectionClosedError']);
    fetch();
    await settle();
    hold.open();
    await settle();
    expect(outcomes).toEqual(['KafkaJSConnectionClosedError', 'fetches']);
    expect(world.timerCount).toBe(0);
    await expect(hold.flowing).resolves.toBeUndefined();
  });

  it('is not held again by a join after it was entered', async () => {
    const { hold, fetch, outcomes } = held();
    hold.joined(JOIN);
    hold.enter();
    expect(hold.joined(JOIN)).toBe(false);
    hold.open();
    fetch();
    await settle();
    expect(outcomes).toEqual(['fetches']);
  });

  it('never fetches where it ended before, and whoever waits hears why', async () => {
    const { world, hold, fetch, outcomes } = held();
    hold.joined(JOIN);
    fetch();
    await settle();
    const error = new Error('it was stopped');
    hold.end(error);
    await settle();
    fetch();
    await settle();
    hold.enter();
    hold.open();
    expect(outcomes).toEqual(Array(2).fill('KafkaJSConnectionClosedError'));
    await expect(hold.flowing).rejects.toBe(error);
    await expect(hold.ended).resolves.toBe(error);
    expect(world.timerCount).toBe(0);
  });
});
