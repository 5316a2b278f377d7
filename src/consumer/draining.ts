import type { ClusterAccess } from '../cluster/access.js';
import { fencedError, type ClusterSession } from '../cluster/session.js';
import { firstCommits } from './beginnings.js';
import type { Commits, PhysicalOffset } from './commits.js';
import type { InnerConsumer } from './inner-consumer.js';

/** @internal What {@link drain} works with. */
export interface DrainingParts {
  readonly session: ClusterSession;
  readonly access: () => ClusterAccess;
  readonly config: { readonly groupId: string };
  readonly commits: Commits;
  /** What was handled, or sought, and is not committed. */
  readonly handled: () => readonly (PhysicalOffset & { readonly offset: string })[];
}

/**
 * Ends an inner consumer in order: see {@link InnerConsumer.drain}.
 *
 * @internal
 */
export async function drain(inner: InnerConsumer, parts: DrainingParts): Promise<void> {
  inner.gate.hold();
  await inner.idle();
  await parts.commits.settled();
  try {
    const handled = parts.handled();
    const offsets = [...handled, ...(await firstCommits(inner.beginnings(), handled, parts))];
    if (offsets.length > 0 && !inner.isRetired) await inner.commit(offsets);
  } finally {
    inner.retire(fencedError(parts.session));
    await inner.leave();
  }
}
