import { isForeign } from './foreigners.js';
import { type EventOf, logName, positionsOf, type Run } from './history.js';

/** I7. After a process has fenced a cluster it writes neither Produce nor OffsetCommit to it, until it opens it anew. */
export function nothingIsWrittenAfterTheFence({ events }: Run): readonly string[] {
  const open = new Map<number, Set<string>>();
  const violations: string[] = [];
  for (const event of events) {
    if (event.kind === 'opened') {
      const clusters = open.get(event.process) ?? new Set();
      open.set(event.process, clusters.add(event.cluster));
    }
    if (event.kind === 'fenced') open.get(event.process)?.delete(event.cluster);
    if (event.kind !== 'written' || open.get(event.process)?.has(event.cluster) === true) continue;
    const { process, apiName, cluster, atMs } = event;
    violations.push(
      `process ${process} wrote ${apiName} to ${cluster} at ${atMs}, after its fence`,
    );
  }
  return violations;
}

/** I7. A process works with one cluster at a time: it has fenced the one before it opens the next. */
export function oneClusterAtATime({ events }: Run): readonly string[] {
  const open = new Map<number, string>();
  return events.flatMap((event) => {
    if (event.kind === 'fenced' && open.get(event.process) === event.cluster) {
      open.delete(event.process);
    }
    if (event.kind !== 'opened') return [];
    const other = open.get(event.process);
    open.set(event.process, event.cluster);
    return other === undefined || other === event.cluster
      ? []
      : [
          `process ${event.process} opened ${event.cluster} at ${event.atMs}, and has ${other} open`,
        ];
  });
}

/**
 * I8. The epoch of a process never decreases; nor does it over a restart on a machine whose state file is intact, where it
 * goes on with the same cluster in the same epoch, or with another one in a later epoch.
 */
export function epochsOnlyGrow({ events }: Run): readonly string[] {
  const newest = new Map<number, number>();
  const hosts = new Map<number, number>();
  const kept = new Map<number, EventOf<'fenced' | 'opened'>>();
  return events.flatMap((event) => {
    if (event.kind === 'started') {
      hosts.set(event.process, event.host);
      if (!event.isIntact) kept.delete(event.host);
    }
    if (event.kind !== 'opened') return [];
    const { process, switchEpoch, cluster } = event;
    const before = newest.get(process) ?? 0;
    newest.set(process, switchEpoch);
    const violations =
      switchEpoch > before
        ? []
        : [`process ${process} opened epoch ${switchEpoch} after epoch ${before}`];
    const host = hosts.get(process);
    if (host === undefined) return violations;
    const last = kept.get(host);
    kept.set(host, event);
    if (last === undefined || last.process === process) return violations;
    const isLater = switchEpoch > last.switchEpoch;
    const isSame = switchEpoch === last.switchEpoch && cluster === last.cluster;
    return isLater || isSame
      ? violations
      : [
          ...violations,
          `process ${process} began with ${cluster} in epoch ${switchEpoch}, where process ${last.process} had opened ${last.cluster} in epoch ${last.switchEpoch}`,
        ];
  });
}

/** I17. Sends and orders settle, and in time. */
export function promisesSettle(run: Run): readonly string[] {
  const { events, unsettledSends, sendLimitMs, orderLimitMs } = run;
  const violations = unsettledSends.map((id) => `the send of ${id} never settled`);
  const sentAtMs = new Map<string, number>();
  const orderedAtMs = new Map<number, { process: number; atMs: number }>();
  for (const event of events) {
    switch (event.kind) {
      case 'sent':
        sentAtMs.set(event.id, event.atMs);
        break;
      case 'acknowledged':
      case 'send-failed': {
        const tookMs = event.atMs - (sentAtMs.get(event.id) ?? event.atMs);
        if (tookMs > sendLimitMs) violations.push(`the send of ${event.id} took ${tookMs} ms`);
        break;
      }
      case 'ordered':
        orderedAtMs.set(event.order, event);
        break;
      case 'order-settled': {
        const tookMs = event.atMs - (orderedAtMs.get(event.order)?.atMs ?? event.atMs);
        orderedAtMs.delete(event.order);
        if (tookMs > orderLimitMs) violations.push(`order ${event.order} took ${tookMs} ms`);
        break;
      }
      case 'crashed':
        // Nobody is left who would wait for it.
        for (const [order, { process }] of orderedAtMs) {
          if (process === event.process) orderedAtMs.delete(order);
        }
        break;
      default:
    }
  }
  for (const order of orderedAtMs.keys()) violations.push(`order ${order} never settled`);
  return violations;
}

/** I17. Handlers of one logical partition never overlap in a consumer, nor begin after its stop. */
export function oneHandlerAtATime({ events }: Run): readonly string[] {
  /** The record in work, by consumer and logical partition. */
  const running = new Map<string, string>();
  const stopped = new Set<string>();
  const violations: string[] = [];
  for (const event of events) {
    switch (event.kind) {
      case 'handling': {
        const lane = `${event.consumer} ${event.logical}`;
        const other = running.get(lane);
        if (other !== undefined) {
          violations.push(`${lane}: ${event.id} was begun while ${other} was being handled`);
        }
        if (stopped.has(event.consumer)) {
          violations.push(`${event.consumer} was stopped, and then handled ${event.id}`);
        }
        running.set(lane, event.id);
        break;
      }
      case 'handled':
      case 'handler-failed':
        running.delete(`${event.consumer} ${event.logical}`);
        break;
      case 'consumer-stopped':
        stopped.add(event.consumer);
        break;
      default:
    }
  }
  return violations;
}

/**
 * I18. In a new epoch a process handles nothing before its group's positions on the new cluster are planned, and each log
 * begins at its planned position or beyond it: the group's own commits are there, and may have gone on.
 *
 * Members plan for themselves, and the first one to come decides; so the floor of a log is the lowest of the newest plans
 * of all processes. A log that a plan does not name is read from its beginning. A rolled back switch plans nothing: it
 * returns to the group's own commits. Where a foreigner has gone on with a log since, its commit is the group's.
 */
export function positionsBeforeHandling({ events }: Run): readonly string[] {
  const plans = new Map<string, Map<number, ReadonlyMap<string, bigint>>>();
  const planned = new Set<string>();
  const moved = new Set<string>();
  /** They have no consumer yet: a switch finds no positions for one that comes later. */
  const starting = new Set<number>();
  const begun = new Set<string>();
  /** Where foreigners came to in each log, since the newest plan of its cluster. */
  const foreign = new Map<string, bigint>();
  const violations: string[] = [];
  for (const event of events) {
    if (event.kind === 'started') starting.add(event.process);
    if (event.kind === 'ready') starting.delete(event.process);
    if (event.kind === 'phase' && event.phase === 'translate' && !starting.has(event.process)) {
      moved.add(`${event.process} ${event.switchEpoch}`);
    }
    if (event.kind === 'planned') {
      const { process, switchEpoch, plan } = event;
      planned.add(`${process} ${switchEpoch}`);
      const byProcess = plans.get(plan.cluster) ?? new Map();
      plans.set(plan.cluster, byProcess.set(process, offsetsOf(event)));
      for (const log of offsetsOf(event).keys()) foreign.delete(log);
    }
    if (event.kind === 'handled' && isForeign(event.process)) {
      foreign.set(logName(event.place), event.place.offset + 1n);
    }
    if (event.kind !== 'handling') continue;
    const { process, switchEpoch, consumer, place } = event;
    const epoch = `${process} ${switchEpoch}`;
    const log = logName(place);
    const key = `${epoch} ${consumer} ${log}`;
    if (begun.has(key)) continue;
    begun.add(key);
    if (moved.has(epoch) && !planned.has(epoch)) {
      violations.push(`${consumer} begins ${log} in epoch ${switchEpoch}, before a plan was made`);
    }
    if (!planned.has(epoch)) continue;
    const position = lowest(plans.get(place.cluster)?.values() ?? [], log);
    const committed = foreign.get(log);
    const isPassed =
      position === undefined || place.offset >= position || place.offset === committed;
    if (!isPassed) {
      violations.push(
        `${consumer} begins ${log} in epoch ${switchEpoch} at ${place.offset}, below its planned position ${position}`,
      );
    }
  }
  return violations;
}

function offsetsOf(event: EventOf<'planned'>): ReadonlyMap<string, bigint> {
  return new Map(
    positionsOf(event).flatMap(({ log, one }) =>
      one.kind === 'resume' ? [[log, one.offset] as const] : [],
    ),
  );
}

function lowest(plans: Iterable<ReadonlyMap<string, bigint>>, log: string): bigint | undefined {
  let low: bigint | undefined;
  for (const plan of plans) {
    const offset = plan.get(log) ?? 0n;
    if (low === undefined || offset < low) low = offset;
  }
  return low;
}
