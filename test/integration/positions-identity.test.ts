import { afterAll, beforeAll, expect, it } from 'vitest';
import { startStack, waitFor, type Stack } from '../../stack/index.js';
import {
  Logs,
  missingOf,
  numbered,
  predictedCount,
  startGroup,
  twice,
  type Group,
} from './group-support.js';
import { createTopic } from './stack-support.js';

const PARTITIONS = 3;

let stack: Stack;
let logs: Logs;

beforeAll(async () => {
  stack = await startStack({ name: 'positions-identity', policy: 'identity', startMirror: false });
  for (const topic of ['planned', 'killed', 'kept', 'rebuilt']) {
    await Promise.all(
      (['A', 'B'] as const).map((alias) =>
        createTopic(stack.clusters[alias], topic, { numPartitions: PARTITIONS }),
      ),
    );
  }
  await stack.mirror.start();
  logs = new Logs(stack);
});

afterAll(async () => {
  await logs?.close();
  await stack?.stop();
});

const spread = { partitions: PARTITIONS };

/** A group, and the records that were born on A for it. */
interface Begun {
  readonly topic: string;
  readonly ids: readonly string[];
  readonly group: Group;
}

/** There is no flow home: what was born on B never comes to A, and is waited for in vain. */
const options = {
  handleMs: 1,
  mirror: { policy: 'identity' },
  switch: { catchUpMs: 1_000 },
} as const;

it('is the very next record in a planned switch; and on the way home nothing is skipped, and no more comes again than was predicted', async () => {
  const ids = numbered('p', 600);
  await logs.send('A', 'planned', ids, spread);
  await logs.untilHeld('B', 'planned', ids.length);
  const group = await startGroup(stack, 'planned', options);
  await group.untilHandled(200);
  const { resumed } = await group.switchTo('B', { planned: true });
  const born = numbered('b', 90);
  await logs.send('B', 'planned', born, spread);
  await group.untilKnown(await logs.ids('B', 'planned'));
  expect(missingOf([...ids, ...born], group.handled)).toEqual([]);
  expect(twice(group.handled).length).toBeLessThanOrEqual(predictedCount(resumed));
  const handledAway = group.handled.length;
  const more = numbered('m', 90);
  await logs.send('A', 'planned', more, spread);
  const { resumed: home } = await group.switchTo('A', { planned: true });
  await group.untilKnown(await logs.ids('A', 'planned'));
  expect(missingOf([...ids, ...born, ...more], group.handled)).toEqual([]);
  const again = group.handled.slice(handledAway).filter((id) => !more.includes(id));
  // On B `m` may have been handled as well, before the switch.
  expect(again.length).toBeLessThanOrEqual(predictedCount(home));
});

it('skips nothing when A is killed in the middle of the work, and no more comes again than was predicted', async () => {
  const ids = numbered('k', 900);
  await logs.send('A', 'killed', ids, spread);
  await logs.untilHeld('B', 'killed', ids.length);
  const group = await startGroup(stack, 'killed', { ...options, commitsEveryMs: 600_000 });
  await group.untilHandled(300);
  await stack.clusters.A.kill();
  const handledOnA = group.handled.length;
  const { resumed } = await group.switchTo('B', { planned: false });
  await group.untilKnown(await logs.ids('B', 'killed'));
  expect(missingOf(ids, group.handled)).toEqual([]);
  expect(handledOnA).toBeLessThan(ids.length);
  expect(twice(group.handled).length).toBeLessThanOrEqual(predictedCount(resumed));
});

it('goes home by a mirror that is turned round, to a topic that was kept and to one that was made anew: nothing is skipped, and no more comes again than was predicted', async () => {
  const { A } = stack.clusters;
  await A.start();
  const begun = ['kept', 'rebuilt'].map(async (topic) => {
    const ids = numbered(`${topic}-a`, 300);
    await logs.send('A', topic, ids, spread);
    await logs.untilHeld('B', topic, ids.length);
    const group = await startGroup(stack, topic, options);
    await group.untilHandled(100);
    return { topic, ids, group };
  });
  const [kept, rebuilt] = (await Promise.all(begun)) as [Begun, Begun];
  await A.kill();
  for (const { topic, ids, group } of [kept, rebuilt]) {
    const { resumed } = await group.switchTo('B', { planned: false });
    const born = numbered(`${topic}-b`, 90);
    await logs.send('B', topic, born, spread);
    await group.untilKnown([...ids, ...born]);
    expect(twice(group.handled).length).toBeLessThanOrEqual(predictedCount(resumed));
  }
  await A.start();
  await stack.mirror.stop();
  // Nobody has handled it, and it never comes to B.
  const tail = numbered('tail', 30);
  await logs.send('A', 'kept', tail, spread);
  await A.withAdmin((admin) => admin.deleteTopics({ topics: ['rebuilt'] }));
  await waitFor('the topic to be gone', () => A.withAdmin((admin) => admin.listTopics()), {
    until: (topics) => !topics.includes('rebuilt'),
  });
  await createTopic(A, 'rebuilt', { numPartitions: PARTITIONS });
  await stack.mirror.turn();
  await logs.untilHeld('A', 'kept', 300 + 30 + 390);
  await logs.untilHeld('A', 'rebuilt', 390);
  for (const { topic, group } of [kept, rebuilt]) {
    const handledAway = group.handled.length;
    const { resumed } = await group.switchTo('A', { planned: true });
    const last = numbered(`${topic}-last`, 30);
    await logs.send('A', topic, last, spread);
    await group.untilKnown([...(await logs.ids('B', topic)), ...(await logs.ids('A', topic))]);
    const again = twice(group.handled).length - twice(group.handled.slice(0, handledAway)).length;
    expect(again).toBeLessThanOrEqual(predictedCount(resumed));
    // A log of copies alone is the same log: all of it was handled on B.
    if (topic === 'rebuilt') expect(again).toBe(0);
  }
  // The tail has no copy: what the mirror has brought lies behind it.
  expect(missingOf(tail, kept.group.handled)).toEqual([]);
});
