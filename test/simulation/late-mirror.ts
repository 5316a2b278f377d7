import type { Random } from '../../src/testing/index.js';
import type { FlowName, Step } from './scenario.js';

/** Share of the fleets that replay, and whose mirror is away for so long that there is something to replay. */
const SHARE = 0.6;

/** Replays come about five seconds after a switch: the mirror is back before it, in its middle, or behind it. */
const BACK_AFTER_MS = 4_500;

/**
 * The mirror falls behind shortly before a cluster is given up, and comes back about when its tail is replayed. Whatever else the story has in mind for this flow
 * meanwhile does not happen. Pure.
 */
export function withLateMirror(
  random: Random,
  steps: readonly Step[],
  { isOneWay }: { readonly isOneWay: boolean },
): readonly Step[] {
  const departures = steps.filter(isUnplanned);
  if (departures.length === 0 || !random.chance(SHARE)) return steps;
  const departure = random.pick(departures);
  const from = isOneWay ? 'A' : sourceOf(departure);
  const flow: FlowName = `${from}->${from === 'A' ? 'B' : 'A'}`;
  const fromMs = Math.max(600, departure.atMs - 300 - random.below(900));
  const toMs = departure.atMs + BACK_AFTER_MS + random.below(3_000);
  const isInTheWay = (step: Step): boolean =>
    step.kind === 'mirror' && step.flow === flow && step.atMs >= fromMs && step.atMs <= toMs;
  return [
    ...steps.filter((step) => !isInTheWay(step)),
    { kind: 'mirror', atMs: fromMs, flow, what: 'pause' },
    { kind: 'mirror', atMs: toMs, flow, what: 'resume' },
  ];
}

function isUnplanned(step: Step): boolean {
  return (step.kind === 'order' && !step.planned) || step.kind === 'down';
}

function sourceOf(step: Step): string {
  if (step.kind === 'down') return step.cluster;
  return step.kind === 'order' && step.to === 'A' ? 'B' : 'A';
}
