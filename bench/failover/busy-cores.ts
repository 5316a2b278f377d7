import { cpus } from 'node:os';

/**
 * Begins to count. The answer tells how many cores of the machine were busy since then, on average, whoever kept them busy; undefined
 * where the system's clock for that has not moved yet.
 *
 * @internal
 */
export function countBusyCores(): () => number | undefined {
  const before = coreTimes();
  return () => {
    const after = coreTimes();
    const allMs = after.allMs - before.allMs;
    return allMs > 0 ? ((after.busyMs - before.busyMs) / allMs) * cpus().length : undefined;
  };
}

function coreTimes(): { readonly busyMs: number; readonly allMs: number } {
  let busyMs = 0;
  let allMs = 0;
  for (const { times } of cpus()) {
    const used = times.user + times.nice + times.sys + times.irq;
    busyMs += used;
    allMs += used + times.idle;
  }
  return { busyMs, allMs };
}
