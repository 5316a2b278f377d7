import { realWorld } from '../world.js';
import type { Clock } from './clock.js';

/**
 * The process's own time, for memory clusters that ordinary code talks to at ordinary speed.
 *
 * @public
 */
export function realClock(): Clock {
  const world = realWorld();
  return {
    nowMs: () => world.nowMs(),
    wallMs: () => world.wallMs(),
    after(delayMs, callback, { keepAlive = false } = {}) {
      if (keepAlive) return world.after(delayMs, callback);
      // oxlint-disable-next-line no-restricted-globals -- World's timers keep the process alive, a memory cluster's do not
      const timer = setTimeout(callback, delayMs);
      timer.unref();
      return () => clearTimeout(timer);
    },
    sleep(delayMs) {
      return new Promise((resolve) => {
        this.after(delayMs, resolve, { keepAlive: true });
      });
    },
  };
}
