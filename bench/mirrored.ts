import type { FailoverKafka } from 'kafkajs-failover';
import { waitFor } from '../stack/index.js';

const READ_LIMIT_MS = 120_000;
/** What was read longer ago is not followed. */
const FOLLOWED_MS = 2_000;

/**
 * Waits until all that MirrorMaker has written is read and followed, as in a service that has run for a while. A client must
 * be connected, and stay so: when the last one leaves, the mirrors are closed, and the next one reads them anew.
 *
 * @internal
 */
export async function untilMirrorsAreFollowed(kafka: FailoverKafka): Promise<void> {
  await waitFor(
    'mirrors that are read to their end and followed',
    async () => {
      // A plan waits for the mirror, and reading is quick while somebody waits.
      await kafka.plan({ to: kafka.status().active === 'A' ? 'B' : 'A' });
      return kafka.status().mirrors.map(({ source, target, isComplete, ageMs }) => ({
        flow: `${source}->${target}`,
        isComplete,
        ageMs,
      }));
    },
    {
      until: (mirrors) =>
        mirrors.length === 2 &&
        mirrors.every(({ isComplete, ageMs = Infinity }) => isComplete && ageMs < FOLLOWED_MS),
      timeoutMs: READ_LIMIT_MS,
      everyMs: 200,
    },
  );
}
