import type { HistoryEvent, Run } from './history.js';
import { isForeign } from './foreigners.js';

/** What must happen to logs and groups in some run. */
export const LOG_MARKS: Readonly<Record<string, (run: Run) => boolean>> = {
  'retention removed records of the service': has((event) => event.kind === 'removed'),
  'a plan named copies that are gone': has(
    (event) =>
      event.kind === 'planned' &&
      event.plan.partitions.some(({ upstream }) => upstream?.gone !== undefined),
  ),
  'a record was removed before it was handled': ({ events, logs }) => {
    const handled = new Set(events.flatMap((event) => (event.kind === 'handled' ? event.id : [])));
    return logs.some(({ ids, low, isEnded = false }) =>
      [...ids].some(([offset, id]) => (isEnded || offset < low) && !handled.has(id)),
    );
  },
  'a remote topic was made anew': has((event) => event.kind === 'remade'),
  'an operator set the group back': has((event) => event.kind === 'set-back'),
  'a foreigner handled a record': has(
    (event) => event.kind === 'handled' && isForeign(event.process),
  ),
};

function has(shows: (event: HistoryEvent) => boolean): (run: Run) => boolean {
  return ({ events }) => events.some(shows);
}
