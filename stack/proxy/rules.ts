import type { ApiName } from './apis.js';

/** @internal Which way a frame goes: to the broker, or back to the client. */
export type Direction = 'request' | 'response';

/** @internal What rules are about. */
export interface FrameInfo {
  direction: Direction;
  /** Undefined for a request without a known name, and for an answer that belongs to no request. */
  api: ApiName | undefined;
}

/** What every rule has: a name for the log, and the frames that it is about. */
interface Scope {
  /** `stall#1`; no two rules of a proxy have the same. */
  name: string;
  direction: Direction | 'both';
  /** Undefined: all. */
  apiKeys: ReadonlySet<ApiName> | undefined;
}

/** @internal One fault. */
export type Rule = Scope &
  (
    | { kind: 'stall' }
    | { kind: 'drop'; timesLeft: number }
    | { kind: 'answer'; errorCode: number; timesLeft: number }
    | { kind: 'delay'; ms: number; jitterMs: number; random: () => number }
    | { kind: 'limit'; bytesPerSecond: number }
    | { kind: 'cut' }
  );

/** @internal One kind of rule. */
export type RuleOf<Kind extends Rule['kind']> = Extract<Rule, { kind: Kind }>;

/** @internal What is done with a frame whose turn it is. */
export type Verdict =
  | { kind: 'pass' }
  | { kind: 'hold'; by: string }
  | { kind: 'drop'; by: string }
  | { kind: 'answer'; by: string; errorCode: number };

/** @internal */
export interface Judgement {
  verdict: Verdict;
  /** The rules from now on: what was to happen a number of times may have happened for the last time. */
  rules: readonly Rule[];
}

/**
 * Decides about a frame. Of the rules that stall, drop or answer, the newest that is about the frame decides alone;
 * `rules` are in the order in which they were set.
 *
 * @internal
 */
export function judge(rules: readonly Rule[], frame: FrameInfo): Judgement {
  const rule = rules.findLast(
    (each) =>
      (each.kind === 'stall' || each.kind === 'drop' || each.kind === 'answer') &&
      isAbout(each, frame),
  );
  switch (rule?.kind) {
    case 'stall':
      return { verdict: { kind: 'hold', by: rule.name }, rules };
    case 'drop':
      return { verdict: { kind: 'drop', by: rule.name }, rules: countDown(rules, rule) };
    case 'answer':
      return {
        verdict: { kind: 'answer', by: rule.name, errorCode: rule.errorCode },
        rules: countDown(rules, rule),
      };
    default:
      return { verdict: { kind: 'pass' }, rules };
  }
}

/** @internal The newest delay that is about this frame. */
export function delayFor(rules: readonly Rule[], frame: FrameInfo): RuleOf<'delay'> | undefined {
  return rules.filter((rule) => rule.kind === 'delay').findLast((rule) => isAbout(rule, frame));
}

/** @internal How long a delay lasts for one frame, in milliseconds: `ms`, give or take up to `jitterMs`, never below 0. */
export function delayMs({ ms, jitterMs, random }: RuleOf<'delay'>): number {
  return Math.max(0, ms + (jitterMs === 0 ? 0 : (2 * random() - 1) * jitterMs));
}

/** @internal The newest throughput limit of this direction. */
export function limitFor(
  rules: readonly Rule[],
  direction: Direction,
): RuleOf<'limit'> | undefined {
  return rules.filter((rule) => rule.kind === 'limit').findLast((rule) => goes(rule, direction));
}

/** @internal The newest cut of this direction, by its name. */
export function cutOf(rules: readonly Rule[], direction: Direction): string | undefined {
  return rules.findLast((rule) => rule.kind === 'cut' && goes(rule, direction))?.name;
}

/**
 * When the last byte of a frame has passed a line that carries `bytesPerSecond` and is busy until `freeAtMs`.
 *
 * @internal
 */
export function departsAtMs(
  freeAtMs: number,
  nowMs: number,
  byteCount: number,
  bytesPerSecond: number,
): number {
  return Math.max(freeAtMs, nowMs) + (byteCount * 1000) / bytesPerSecond;
}

function isAbout(rule: Rule, frame: FrameInfo): boolean {
  if (!goes(rule, frame.direction)) return false;
  return rule.apiKeys === undefined || (frame.api !== undefined && rule.apiKeys.has(frame.api));
}

function goes(rule: Rule, direction: Direction): boolean {
  return rule.direction === 'both' || rule.direction === direction;
}

/** The rules after one of them has been applied once; the last time ends it. */
function countDown(
  rules: readonly Rule[],
  applied: RuleOf<'drop'> | RuleOf<'answer'>,
): readonly Rule[] {
  const timesLeft = applied.timesLeft - 1;
  return timesLeft === 0
    ? rules.filter((rule) => rule !== applied)
    : rules.map((rule) => (rule === applied ? { ...applied, timesLeft } : rule));
}
