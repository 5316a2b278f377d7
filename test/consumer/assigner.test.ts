import type { Cluster, PartitionAssigner } from 'kafkajs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { siblingsTogether, withSiblings } from '../../src/consumer/assigner.js';
import { kafka } from '../../src/kafkajs.js';
import { silentLogger } from '../support/silent-logger.js';

const { MemberAssignment } = kafka.AssignerProtocol;
const { roundRobin } = kafka.PartitionAssigners;

function clusterWith(counts: Record<string, number>): Cluster {
  return {
    findTopicPartitionMetadata: (topic: string) =>
      Array.from({ length: counts[topic] ?? 0 }, (_, partitionId) => ({ partitionId })),
  } as unknown as Cluster;
}

const logical = (...names: string[]) => ({
  topic: names[0]?.replace(/^[AB]\./, '') ?? '',
  logs: names.map((name) => ({ name, origin: undefined })),
});

async function assign(
  counts: Record<string, number>,
  topics: ReturnType<typeof logical>[],
  memberCount: number,
  assigner: PartitionAssigner = roundRobin,
) {
  const wrapped = siblingsTogether(assigner, {
    topics: () => topics,
    deals: () => {},
    assertInUse: () => {},
    isStandby: () => false,
  });
  const made = wrapped({ cluster: clusterWith(counts), groupId: 'g', logger: silentLogger() });
  const members = Array.from({ length: memberCount }, (_, index) => ({
    memberId: `m${index}`,
    memberMetadata: Buffer.alloc(0),
  }));
  const assigned = await made.assign({ members, topics: Object.keys(counts) });
  return Object.fromEntries(
    assigned.map(({ memberId, memberAssignment }) => [
      memberId,
      MemberAssignment.decode(memberAssignment)?.assignment ?? {},
    ]),
  );
}

describe('an assigner that keeps the logs of a logical partition together', () => {
  it('gives both logs of each partition to the same member', async () => {
    const counts = { orders: 3, 'A.orders': 3 };
    await expect(assign(counts, [logical('orders', 'A.orders')], 2)).resolves.toEqual({
      m0: { 'A.orders': [0, 2], orders: [0, 2] },
      m1: { 'A.orders': [1], orders: [1] },
    });
  });

  it('deals out every partition of the larger log where the counts differ', async () => {
    const assigned = await assign({ orders: 1, 'A.orders': 3 }, [logical('orders', 'A.orders')], 3);
    expect(assigned).toEqual({
      m0: { 'A.orders': [0], orders: [0] },
      m1: { 'A.orders': [1] },
      m2: { 'A.orders': [2] },
    });
  });

  it('works exactly as the own assigner where no topic has two logs', async () => {
    const counts = { orders: 3, bills: 2 };
    const own = roundRobin({ cluster: clusterWith(counts), groupId: 'g', logger: silentLogger() });
    const members = ['m0', 'm1'].map((memberId) => ({ memberId, memberMetadata: Buffer.alloc(0) }));
    const wrapped = siblingsTogether(roundRobin, {
      topics: () => [logical('orders'), logical('bills')],
      deals: () => {},
      assertInUse: () => {},
      isStandby: () => false,
    })({ cluster: clusterWith(counts), groupId: 'g', logger: silentLogger() });
    expect(wrapped).toMatchObject({ name: own.name, version: own.version });
    expect(await wrapped.assign({ members, topics: ['orders', 'bills'] })).toEqual(
      await own.assign({ members, topics: ['orders', 'bills'] }),
    );
    expect(wrapped.protocol({ topics: ['orders'] })).toEqual(own.protocol({ topics: ['orders'] }));
  });

  it('keeps the user data of a custom assigner', async () => {
    const custom: PartitionAssigner = () => ({
      name: 'Custom',
      version: 4,
      protocol: () => ({ name: 'Custom', metadata: Buffer.alloc(0) }),
      assign: async ({ members }) =>
        members.map(({ memberId }) => ({
          memberId,
          memberAssignment: MemberAssignment.encode({
            version: 4,
            assignment: { orders: [0] },
            userData: Buffer.from('mine'),
          }),
        })),
    });
    const wrapped = siblingsTogether(custom, {
      topics: () => [logical('orders', 'A.orders')],
      deals: () => {},
      assertInUse: () => {},
      isStandby: () => false,
    })({
      cluster: clusterWith({ orders: 1, 'A.orders': 1 }),
      groupId: 'g',
      logger: silentLogger(),
    });
    const [assigned] = await wrapped.assign({
      members: [{ memberId: 'm', memberMetadata: Buffer.alloc(0) }],
      topics: ['orders', 'A.orders'],
    });
    expect(MemberAssignment.decode(assigned?.memberAssignment ?? Buffer.alloc(0))).toMatchObject({
      version: 4,
      assignment: { orders: [0], 'A.orders': [0] },
      userData: Buffer.from('mine'),
    });
  });

  it('assigns every physical partition to exactly one member, siblings to the same', async () => {
    const shape = fc.record({
      memberCount: fc.integer({ min: 1, max: 6 }),
      topics: fc.array(
        fc.record({
          local: fc.integer({ min: 0, max: 5 }),
          remote: fc.integer({ min: 0, max: 5 }),
        }),
        { minLength: 1, maxLength: 4 },
      ),
    });
    await fc.assert(
      fc.asyncProperty(shape, async ({ memberCount, topics }) => {
        const counts: Record<string, number> = {};
        const logicalTopics = topics.flatMap(({ local, remote }, index) => {
          const names = [
            ...(local > 0 ? [`t${index}`] : []),
            ...(remote > 0 ? [`A.t${index}`] : []),
          ];
          if (local > 0) counts[`t${index}`] = local;
          if (remote > 0) counts[`A.t${index}`] = remote;
          return names.length > 0 ? [logical(...names)] : [];
        });
        const assigned = await assign(counts, logicalTopics, memberCount);
        const owner = new Map<string, string>();
        for (const [member, assignment] of Object.entries(assigned)) {
          for (const [topic, partitions] of Object.entries(assignment)) {
            for (const partition of partitions) {
              expect(owner.has(`${topic}-${partition}`)).toBe(false);
              owner.set(`${topic}-${partition}`, member);
            }
          }
        }
        const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
        expect(owner.size).toBe(total);
        for (const { logs } of logicalTopics) {
          const [first, second] = logs.map(({ name }) => name);
          if (first === undefined || second === undefined) continue;
          const shared = Math.min(counts[first] ?? 0, counts[second] ?? 0);
          for (let partition = 0; partition < shared; partition += 1) {
            expect(owner.get(`${first}-${partition}`)).toBe(owner.get(`${second}-${partition}`));
          }
        }
      }),
    );
  });

  it('adds no partition that a sibling does not have', () => {
    expect(withSiblings({ 'A.o': [0, 3] }, new Map([['A.o', ['o']]]), () => 2)).toEqual({
      'A.o': [0, 3],
      o: [0],
    });
  });
});
