import type { MemoryWorld } from '../../src/testing/index.js';
import type { Automation } from './automation.js';
import { everybodyArrives } from './decision-checkers.js';
import type { Fleet } from './fleet.js';
import type { HistoryEvent } from './history.js';
import { OpenOrders } from './open-orders.js';
import { MEASURES } from './size.js';
import type { Scenario } from './scenario.js';
import { isMirrored } from './observation.js';
import type { Stage } from './steps.js';

/** Longest wait for the fleet to come to rest after everything was healed, in simulated milliseconds. */
const REST_LIMIT_MS = 120_000;

/** A handler that is at work for long is silent, and what it holds up comes behind it. */
const ACTIVITY: ReadonlySet<HistoryEvent['kind']> = new Set([
  'handling',
  'handled',
  'handler-failed',
  'planned',
]);

/**
 * Waits until the mirrors have copied everything, every send and order has settled, and everything that was acknowledged is
 * handled; or until nothing has happened for so long that nothing will.
 */
export async function comeToRest(
  memory: MemoryWorld,
  events: readonly HistoryEvent[],
  {
    pending,
    scenario,
    fleet,
  }: { pending: ReadonlySet<string>; scenario: Scenario; fleet: Pick<Fleet, 'services'> },
): Promise<void> {
  const { clock } = memory;
  const { restLookMs, quietMs, doneMs } = MEASURES[scenario.size];
  const giveUpAtMs = clock.nowMs() + REST_LIMIT_MS;
  const unhandled = new Set<string>();
  const handled = new Set<string>();
  const orders = new OpenOrders();
  let quietSinceMs = clock.nowMs();
  let seenCount = 0;
  while (clock.nowMs() < giveUpAtMs) {
    await clock.sleep(restLookMs);
    for (const event of events.slice(seenCount)) {
      orders.take(event);
      if (ACTIVITY.has(event.kind)) quietSinceMs = clock.nowMs();
      if (event.kind === 'acknowledged' && !handled.has(event.id)) unhandled.add(event.id);
      if (event.kind !== 'handled') continue;
      handled.add(event.id);
      unhandled.delete(event.id);
    }
    seenCount = events.length;
    const isReplaying = fleet.services.some(
      ({ kafka }) => kafka.status().ledger?.replay.kind === 'replaying',
    );
    const isBusy = pending.size > 0 || orders.areSome || !isMirrored(memory) || isReplaying;
    if (isBusy) quietSinceMs = clock.nowMs();
    const isDone = !scenario.isRestLong && unhandled.size === 0;
    if (clock.nowMs() - quietSinceMs > (isDone ? doneMs : quietMs)) return;
  }
}

/** Longest wait for every process to be where it ought to be: a cooldown, and the longest pause after a refused switch. */
const SETTLE_LIMIT_MS = 50_000;

const SETTLE_LOOK_MS = 500;

/** So long after a cooldown it is asked whether they may stay where they are instead: what waited for it has come to pass. */
const AFTER_COOLDOWN_MS = 5_000;

/**
 * Waits until every process is where it ought to be, or has had time enough to get there, and writes down where it is.
 *
 * @param automation - where every fault is over: it is asked whether they may stay where they are.
 */
export async function settle(
  { memory, fleet, conditions, source, plane, events }: Stage,
  automation?: Automation,
): Promise<void> {
  const { clock } = memory;
  const { wish } = source;
  // Where a fleet decides together, that is the last word.
  const wanted = plane === undefined ? wish?.cluster : plane.newest?.cluster;
  const isSettled = ({ state, active }: { state: string; active: string | undefined }): boolean =>
    state === 'steady' &&
    active !== undefined &&
    conditions.of(active).length === 0 &&
    (wanted === undefined || wanted === active);
  const resting = (): readonly HistoryEvent[] =>
    fleet.services.map(({ number: process, kafka }) => {
      const { state, active: cluster } = kafka.status();
      return { atMs: clock.nowMs(), kind: 'resting', process, state, cluster, wish };
    });
  const coolMs = automation && automation.limits.cooldownMs + AFTER_COOLDOWN_MS;
  // What the source says was overtaken by a switch, for example.
  const mayStay = (): boolean =>
    plane === undefined &&
    everybodyArrives({ events: [...events, ...resting()], automation, agreement: undefined })
      .length === 0;
  for (let waitedMs = 0; waitedMs < SETTLE_LIMIT_MS; waitedMs += SETTLE_LOOK_MS) {
    if (fleet.services.every(({ kafka }) => isSettled(kafka.status()))) break;
    if (coolMs !== undefined && waitedMs > 0 && waitedMs % coolMs === 0 && mayStay()) break;
    await clock.sleep(SETTLE_LOOK_MS);
  }
  events.push(...resting());
}
