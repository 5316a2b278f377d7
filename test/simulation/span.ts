import type { Step } from './scenario.js';

/** From when to when, in milliseconds. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What comes so early is how the world is at its start. */
const START_MS = 500;

/** When the first and the last step come that are not the start's. */
export function spanOf(steps: readonly Step[]): Span {
  const times = steps.map(({ atMs }) => atMs).filter((atMs) => atMs > START_MS);
  return { fromMs: Math.min(...times), toMs: Math.max(...times) };
}

/** The same steps, each of them earlier by so much; those of the start stay. */
export function earlier(steps: readonly Step[], byMs: number): readonly Step[] {
  return steps.map((step) => (step.atMs > START_MS ? { ...step, atMs: step.atMs - byMs } : step));
}
