import { unreachable } from '../../src/unreachable.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import type { Fleet } from './fleet.js';
import type { HistoryEvent } from './history.js';
import type { Step } from './scenario.js';

/** Performs the steps of a scenario, each at its time. */
export async function performSteps(
  steps: readonly Step[],
  { memory, fleet, events }: { memory: MemoryWorld; fleet: Fleet; events: HistoryEvent[] },
): Promise<void> {
  const { clock } = memory;
  const begunAtMs = clock.nowMs();
  for (const step of steps) {
    const waitMs = begunAtMs + step.atMs - clock.nowMs();
    if (waitMs > 0) await clock.sleep(waitMs);
    const { atMs: _atMs, ...what } = step;
    events.push({ atMs: clock.nowMs(), kind: 'fault', what: JSON.stringify(what) });
    perform(step, memory, fleet);
  }
}

function perform(step: Step, memory: MemoryWorld, fleet: Fleet): void {
  switch (step.kind) {
    case 'order':
      fleet.order(step);
      return;
    case 'join':
      void fleet.join();
      return;
    case 'leave':
      fleet.leave();
      return;
    case 'close':
    case 'crash':
      fleet.end(step.kind);
      return;
    case 'stall':
      fleet.stall(step.forMs);
      return;
    case 'slow':
      memory.cluster(step.cluster).slow(step.byMs);
      return;
    case 'lose-ack':
      memory.cluster(step.cluster).loseNextAcknowledgement(step.apiName);
      return;
    case 'mirror':
      steerMirror(memory, step);
      return;
    case 'down':
    case 'up':
    case 'freeze':
    case 'thaw':
    case 'refuse':
    case 'blackhole':
    case 'heal':
      memory.cluster(step.cluster)[step.kind]();
      return;
    default:
      unreachable(step);
  }
}

function steerMirror(memory: MemoryWorld, step: Extract<Step, { kind: 'mirror' }>): void {
  const mirror = memory.mirrors.find(({ source, target }) => `${source}->${target}` === step.flow);
  if (mirror === undefined) return;
  if (step.what === 'start' && mirror.state !== 'stopped') return;
  if (step.what === 'resume' && mirror.state !== 'paused') return;
  mirror[step.what]();
}

/** Takes every fault back. */
export function heal(memory: MemoryWorld): void {
  for (const cluster of memory.clusters) {
    cluster.thaw();
    cluster.up();
    cluster.heal();
    cluster.slow(0);
  }
  for (const mirror of memory.mirrors) {
    if (mirror.state === 'stopped') mirror.start();
    if (mirror.state === 'paused') mirror.resume();
  }
}
