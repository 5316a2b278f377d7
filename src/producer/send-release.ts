import { untilDeadline } from '../wait.js';
import type { World } from '../world.js';
import type { HoldBuffer } from './hold-buffer.js';
import type { InnerProducer } from './inner-producer.js';
import { topicsOf, withTimestamps } from './payload.js';
import type { PendingSend } from './pending-send.js';
import { Release } from './release.js';
import { untilWritten } from './wire-wait.js';

/** Most held sends that are under way at the same time after a switch. */
const RELEASE_WINDOW = 32;
/** How long the release waits for one send before it goes on with those of other topics, in milliseconds. */
const STUCK_AFTER_MS = 1_000;

/** @internal */
export interface ReleaseParts {
  readonly world: World;
  readonly held: HoldBuffer<PendingSend>;
  /** The inner producer in use; undefined as soon as a newer switch, or the end, took over. */
  inner(): InnerProducer | undefined;
  begin(send: PendingSend, inner: InnerProducer): void;
  /** @param resentCount - of those `sendCount`: how many a cluster may have had before. */
  onReleased(sendCount: number, resentCount: number): void;
}

/**
 * The release of what a producer holds.
 *
 * @internal
 */
export function releaseOf(parts: ReleaseParts): Release<PendingSend> {
  const { world, held, inner, begin, onReleased } = parts;
  let sendCount = 0;
  let resentCount = 0;
  return new Release<PendingSend>({
    windowCount: RELEASE_WINDOW,
    waiting: () => held.items(),
    topicsOf: ({ payload }) => topicsOf(payload),
    isCurrent: () => inner() !== undefined,
    start: (send) => {
      const to = inner();
      if (to === undefined || !held.remove(send)) return undefined;
      sendCount += 1;
      if (send.maybeWritten) resentCount += 1;
      send.payload = withTimestamps(send.payload, send.stampWallMs);
      return new Promise((resolve) => {
        send.onLeft = resolve;
        begin(send, to);
      });
    },
    written: (send, left) => untilWritten(world, send, left, STUCK_AFTER_MS),
    inTime: async (work) => {
      const waited = await untilDeadline(world, world.nowMs() + STUCK_AFTER_MS, work);
      return waited.kind === 'settled';
    },
    onReleased: () => onReleased(sendCount, resentCount),
  });
}
