import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../src/caught.js';
import type { Cluster, Stack } from '../../stack/index.js';
import { inWords, type Run } from './figures.js';
import { Fleet } from './fleet.js';
import { measureSwitch } from './measure.js';
import { nowMs, type ServiceSettings } from './messages.js';

const SEND_EVERY_MS = 5;
/** The pause between two questions to a cluster (`health.intervalMs`): runs begin anywhere in it. */
const PROBE_PAUSE_MS = 500;

const ANSWER_LIMIT_MS = 10_000;

/** Half of them send, the others handle what these send. */
const FLEET_SIZE = 6;

/**
 * A is lost under services that are decided by health, and comes back for the next run.
 *
 * - `killed`, `stopped`: a process that sends and one that handles records.
 * - `fleet`: killed, under six processes that decide together.
 *
 * @internal
 */
export async function measureLoss(
  { clusters: { A, B } }: Stack,
  how: 'killed' | 'stopped' | 'fleet',
  { runs, topic, say }: { runs: number; topic: string; say(words: string): void },
): Promise<readonly Run[]> {
  const common = { brokers: { A: A.brokers, B: B.brokers }, topic, consul: undefined };
  const producer = { ...common, sendEveryMs: SEND_EVERY_MS, groupId: undefined };
  const consumer = { ...common, sendEveryMs: undefined, groupId: topic };
  const services: readonly ServiceSettings[] =
    how === 'fleet'
      ? Array.from({ length: FLEET_SIZE }, (_, index) => ({
          ...(index % 2 === 0 ? producer : { ...consumer, groupId: `${topic}-${index}` }),
          name: `member-${index + 1}`,
          fleet: topic,
        }))
      : [
          { ...producer, name: 'producer' },
          { ...consumer, name: 'consumer' },
        ];
  const fleet = new Fleet(services);
  const parts = {
    processes: services.length,
    producers: services.length / 2,
    consumers: services.length / 2,
  };
  const measured: Run[] = [];
  try {
    for (let run = 1; run <= runs; run += 1) {
      const failedSendCount = await fleet.settle('A', nowMs()).catch(async (error: unknown) => {
        throw new Error(`${messageOf(error)}\nA is ${A.state.kind}, and ${await seenOf(A)}`, {
          cause: error,
        });
      });
      await sleep(Math.random() * PROBE_PAUSE_MS);
      const one = await measureSwitch(fleet, 'B', parts, () =>
        how === 'stopped' ? A.pause() : A.kill(),
      );
      measured.push(one);
      say(`  run ${run}: ${inWords(one)}; failed sends so far ${failedSendCount}`);
      if (how === 'stopped') A.resume();
      else await A.start();
    }
  } finally {
    await fleet.stop();
  }
  return measured;
}

/** Where services see no healthy cluster again: are they blind, or is it dead? */
async function seenOf(cluster: Cluster): Promise<string> {
  const asked = cluster
    .withAdmin((admin) => admin.describeCluster())
    .then(
      ({ brokers }) => `answers another client, with ${brokers.length} brokers`,
      (error: unknown) => `answers no other client either: ${messageOf(error)}`,
    );
  const limit = sleep(ANSWER_LIMIT_MS, 'answers no other client within ten seconds');
  return Promise.race([asked, limit]);
}
