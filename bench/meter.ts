/** @internal What one stretch of work took. */
export interface Effort {
  readonly seconds: number;
  /** CPU of the whole process, user and system, in microseconds. */
  readonly cpuMicros: number;
  /** In which the event loop had nothing to do: for the broker, that is. */
  readonly waitingSeconds: number;
}

/**
 * Begins to measure; the answer ends it.
 *
 * CPU time is the quieter figure on a machine that does other things meanwhile: waiting does not count.
 *
 * @internal
 */
export function startMeter(): () => Effort {
  const cpu = process.cpuUsage();
  const loop = performance.eventLoopUtilization();
  const startedAtMs = performance.now();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return {
      seconds: (performance.now() - startedAtMs) / 1_000,
      cpuMicros: user + system,
      waitingSeconds: performance.eventLoopUtilization(loop).idle / 1_000,
    };
  };
}
