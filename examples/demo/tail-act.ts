import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../../stack/wait.js';
import { MEMBERS, quiet, withCast, type Act, type Stage } from './acts.js';
import type { Cast } from './cast.js';
import { countRecords, readRecords } from './reader.js';
import { tallyTail, type TailTally } from './tail.js';
import type { LoggedRecord } from './tally.js';

/** MirrorMaker is behind by what is sent in this time, when A is killed. */
const BEHIND_MS = 3_000;
/** How long the producer goes on after the replay. */
const AFTERWARDS_MS = 3_000;
const WORD_WITHIN_MS = 90_000;
const MIRRORED_WITHIN_MS = 120_000;

const ACT: Act = {
  name: 'not mirrored',
  topic: 'orders',
  groupId: 'order-handling',
  planned: false,
};

/** What came of it. */
export interface TailResult {
  readonly tally: TailTally;
  readonly failures: readonly string[];
}

/**
 * A dies with records that MirrorMaker has not copied: they are named, sent again to B, and handled once; also when A comes back and MirrorMaker brings them.
 *
 * @param stage - its services have `producer.onUnmirrored: 'replay'`.
 */
export function playTail(stage: Stage): Promise<TailResult> {
  return withCast(ACT, stage, async (cast) => {
    const { playground, timeline } = stage;
    const { topic } = ACT;
    const read = (cluster: 'A' | 'B', name: string): Promise<readonly LoggedRecord[]> =>
      readRecords(playground.plainKafka(cluster), { cluster, topics: [name] });
    await playground.mirrorToB('stop');
    timeline.fact('MirrorMaker', 'copies nothing more from A to B');
    await sleep(BEHIND_MS, undefined, { signal: cast.signal });
    await playground.kill('A');
    timeline.fact('A', 'KILLED (-9) in full flow');
    if (stage.strategy === 'manual') {
      await cast.switchAll({ kind: 'switch', to: 'B', planned: false, reason: 'A was killed' });
    } else {
      await cast.allSwitched('B');
    }
    const mirrored = await read('B', `A.${topic}`);
    await word('what the library has replayed', cast, () => cast.replayed);
    await sleep(AFTERWARDS_MS, undefined, { signal: cast.signal });

    await playground.restart('A');
    timeline.fact('A', 'is started again, with all that it had');
    await word('what A still has', cast, () => cast.reconciled);
    await playground.mirrorToB('start');
    timeline.fact('MirrorMaker', 'brings what is left');
    const countOnA = await countRecords(playground.plainKafka('A'), [topic]);
    await waitFor(
      "A's records on B",
      () => countRecords(playground.plainKafka('B'), [`A.${topic}`]),
      {
        until: (count) => count >= countOnA,
        timeoutMs: MIRRORED_WITHIN_MS,
        everyMs: 200,
        signal: cast.signal,
      },
    );
    await cast.stop(['producer']);
    await quiet('the consumers are done', () => cast.handled.length, cast.signal);
    await cast.stop(MEMBERS);
    const tally = tallyTail({
      ...{ topic, mirrored, onA: await read('A', topic), onB: await read('B', topic) },
      ...{ acknowledged: cast.acknowledged, handled: cast.handled },
      searched: cast.searched,
    });
    await cast.allGone();
    return { tally, failures: cast.failures };
  });
}

async function word(
  description: string,
  { signal }: Cast,
  said: () => object | undefined,
): Promise<void> {
  await waitFor(description, said, {
    until: (report) => report !== undefined,
    timeoutMs: WORD_WITHIN_MS,
    everyMs: 100,
    signal,
  });
}
