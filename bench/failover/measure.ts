import { countBusyCores } from './busy-cores.js';
import type { Run } from './figures.js';
import type { Fleet } from './fleet.js';
import { nowMs, type Alias } from './messages.js';

/** How many services of a fleet send, and how many handle records. */
interface Parts {
  readonly processes: number;
  readonly producers: number;
  readonly consumers: number;
}

/** A switch that takes longer than this has failed. */
const SWITCH_LIMIT_MS = 120_000;

/**
 * Lets something happen to a fleet at rest, and measures until all of it is on the other cluster.
 *
 * @param trigger - its call is the instant from which is measured.
 * @internal
 */
export async function measureSwitch(
  fleet: Fleet,
  to: Alias,
  { processes, producers, consumers }: Parts,
  trigger: () => Promise<void>,
): Promise<Run> {
  fleet.order({ kind: 'watch', on: to, sinceMs: nowMs() });
  const busyCores = countBusyCores();
  const sinceMs = nowMs();
  const triggered = trigger();
  const since = { sinceMs, limitMs: SWITCH_LIMIT_MS };
  const [started, completed, acknowledged, handled] = await Promise.all([
    fleet.all('switch-started', { ...since, count: processes }),
    fleet.all('switch-completed', { ...since, count: processes }),
    fleet.all('acknowledged', { ...since, count: producers }),
    fleet.all('handled', { ...since, count: consumers }),
    triggered,
  ]);
  const after = (facts: readonly { atMs: number }[]): number[] =>
    facts.map(({ atMs }) => atMs - sinceMs);
  return {
    detectMs: after(started),
    switchMs: completed.map(({ atMs }, index) => atMs - (started[index]?.atMs ?? Number.NaN)),
    switchedMs: [Math.max(...after(completed))],
    firstAckMs: [Math.max(...after(acknowledged))],
    firstRecordMs: [Math.max(...after(handled))],
    busyCores: busyCores(),
    phases: completed.flatMap(({ phases }) => phases),
    reasons: started.map(({ reason }) => reason),
  };
}
