import type { UpstreamLog } from '../../src/position/upstream.js';
import { type EventOf, type HistoryEvent, positionsOf, type Run } from './history.js';
import { Ledger } from './ledger.js';
import { type RemovedCopy, RemovedCopies } from './removed-copies.js';

/**
 * I14. What a plan leaves out because its copies are not on the target any more (retention, or the topic was made anew) it names: nothing is
 * passed over in silence.
 *
 * The first member of a group that finds positions names it, and its commit then speaks for the others.
 *
 * Not asked of it: what nobody can know there. That is so in a shared log, where the group's position on the source or MirrorMaker's syncs are not
 * known, while MirrorMaker copies a second time, and where the syncs that are known begin with such a copying. Nor what had gone from the
 * source by then: it is nowhere.
 */
export function removedIsNamed(run: Run): readonly string[] {
  if (run.isShared) return [];
  const ledger = new Ledger(run);
  const removed = new RemovedCopies(run);
  const named = new Set<string>();
  const begunAtMs = new Map<number, number>();
  /** Flows that have copied a second time, by their target. */
  const hasCopiedAgain = new Set<string>();
  return run.events.flatMap((event) => {
    ledger.take(event);
    removed.take(event);
    const killed = killedFlow(event);
    if (killed !== undefined) hasCopiedAgain.add(killed);
    if (event.kind === 'phase' && event.phase === 'translate') {
      begunAtMs.set(event.process, event.atMs);
    }
    if (event.kind !== 'planned' || hasCopiedAgain.has(event.plan.cluster)) return [];
    const byMs = begunAtMs.get(event.process) ?? event.atMs - STARTING_MS;
    return unnamedIn(event, byMs, { ledger, removed, named });
  });
}

/** A process that finds positions at its start has begun to at most so long ago. */
const STARTING_MS = 4_000;

function unnamedIn(
  event: EventOf<'planned'>,
  byMs: number,
  { ledger, removed, named }: { ledger: Ledger; removed: RemovedCopies; named: Set<string> },
): readonly string[] {
  return positionsOf(event).flatMap(({ log, one }) => {
    const { upstream } = one;
    if (upstream === undefined || !isKnown(upstream)) return [];
    const { gone } = upstream;
    const isNamed = ({ offset }: RemovedCopy): boolean =>
      gone !== undefined && offset >= gone.first && offset <= gone.last;
    const copies = removed.of(log, byMs);
    for (const copy of copies) if (isNamed(copy)) named.add(`${log} ${copy.id}`);
    const unnamed = copies.find(({ id }) => !ledger.has(id) && !named.has(`${log} ${id}`));
    const words = gone === undefined ? 'nothing' : `${gone.first} to ${gone.last}`;
    return unnamed === undefined
      ? []
      : [
          `${log}: the copy of ${unnamed.id} at ${unnamed.offset} was not handled and is gone, and the plan of process ${event.process} at ${event.atMs} names ${words}`,
        ];
  });
}

function isKnown({ mirrored, handledEnd }: UpstreamLog): boolean {
  return mirrored.kind === 'known' && handledEnd !== undefined;
}

/** The target of a flow whose MirrorMaker dies. */
function killedFlow(event: HistoryEvent): string | undefined {
  if (event.kind !== 'fault') return undefined;
  const step = JSON.parse(event.what) as { kind: string; what?: string; flow?: string };
  return step.kind === 'mirror' && step.what === 'kill' ? step.flow?.split('->')[1] : undefined;
}
