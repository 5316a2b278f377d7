import { untilDeadline } from '../wait.js';
import type { World } from '../world.js';
import type { PendingSend } from './pending-send.js';

/**
 * Promise turns that kafkajs gets to bring a send to the wire. It takes 25 to 28 where nothing has to be awaited (measured
 * with 2.2.4), more only where the records are compressed or an earlier send has to be answered first.
 */
const TURNS_TO_WIRE = 100;
/** Longest pause between looks at the wire after that, in milliseconds; the first one is 1. */
const WIRE_POLL_MAX_MS = 256;

/**
 * Resolves true when all that kafkajs has made of a send is on the wire, or the send left; false where nothing of it came in time. Where the
 * client does not tell, true when a Produce request was written since the send began.
 *
 * @internal
 */
export async function untilWritten(
  world: World,
  send: PendingSend,
  left: Promise<void>,
  maxMs: number,
): Promise<boolean> {
  const { inner, tag } = send;
  const isWaiting = (): boolean =>
    inner !== undefined && send.inner === inner && !isWritten(send, inner.wire);
  for (let turn = 0; turn < TURNS_TO_WIRE; turn += 1) {
    // Without a tag all turns in any case: the request that was written may be another send's.
    if (tag !== undefined && !isWaiting()) return true;
    await Promise.resolve();
  }
  const giveUpAtMs = world.nowMs() + maxMs;
  for (let pauseMs = 1; isWaiting(); pauseMs = Math.min(pauseMs * 2, WIRE_POLL_MAX_MS)) {
    if (world.nowMs() >= giveUpAtMs) return false;
    await untilDeadline(world, world.nowMs() + pauseMs, left);
  }
  return true;
}

function isWritten(
  { tag, startedAtRequestCount }: PendingSend,
  { produceRequestCount }: { readonly produceRequestCount: number },
): boolean {
  if (tag === undefined) return produceRequestCount !== startedAtRequestCount;
  const { attempts } = tag;
  // One that failed before it was written is made anew, and another request of the send may be under way.
  return (
    attempts.some(({ written }) => written) &&
    attempts.every(({ written, isOver }) => written || isOver)
  );
}
