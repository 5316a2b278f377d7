import { cutOf, delayFor, departsAtMs, judge, limitFor } from './rules.js';
import type { Direction, FrameInfo, Rule, RuleOf, Verdict } from './rules.js';

/** @internal A fault that is in force until it is cleared. */
export interface Fault {
  /** As the event log names it: `stall#1`. */
  readonly name: string;
  /** Ends it: what it kept goes on in order, and what it delayed goes at once. Does nothing the second time. */
  clear(): void;
}

/** @internal A rule before it has its name. */
export type NewRule = Rule extends infer Each
  ? Each extends Rule
    ? Omit<Each, 'name'>
    : never
  : never;

/** @internal The faults of one proxy, which all its connections obey. */
export class Faults {
  readonly #onChange: () => void;
  #rules: readonly Rule[] = [];
  #ruleCount = 0;
  /** When the line is free, for each direction: a throughput limit is one for all connections. */
  #freeAtMs: Record<Direction, number> = { request: 0, response: 0 };

  /** @param onChange - called when rules were set or cleared: what waits may go on. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  set(rule: NewRule): Fault {
    this.#ruleCount += 1;
    const name = `${rule.kind}#${this.#ruleCount}`;
    this.#rules = [...this.#rules, { ...rule, name }];
    this.#onChange();
    return { name, clear: () => this.#clear(name) };
  }

  clearAll(): void {
    this.#rules = [];
    this.#freeAtMs = { request: 0, response: 0 };
    this.#onChange();
  }

  has(name: string): boolean {
    return this.#rules.some((rule) => rule.name === name);
  }

  /** What is done with the frame now. To ask is to use up: a rule for one frame is gone when it was applied to this one. */
  judge(frame: FrameInfo): Verdict {
    const { verdict, rules } = judge(this.#rules, frame);
    this.#rules = rules;
    return verdict;
  }

  delayFor(frame: FrameInfo): RuleOf<'delay'> | undefined {
    return delayFor(this.#rules, frame);
  }

  cutOf(direction: Direction): string | undefined {
    return cutOf(this.#rules, direction);
  }

  /** Takes the line for a frame. @returns the limit's name and when the last byte has passed; undefined without a limit. */
  reserve(
    direction: Direction,
    byteCount: number,
    nowMs: number,
  ): { by: string; untilMs: number } | undefined {
    const limit = limitFor(this.#rules, direction);
    if (limit === undefined) return undefined;
    const untilMs = departsAtMs(this.#freeAtMs[direction], nowMs, byteCount, limit.bytesPerSecond);
    this.#freeAtMs[direction] = untilMs;
    return { by: limit.name, untilMs };
  }

  #clear(name: string): void {
    if (!this.has(name)) return;
    const wasLimit = this.#rules.some((rule) => rule.name === name && rule.kind === 'limit');
    this.#rules = this.#rules.filter((rule) => rule.name !== name);
    // Whoever had reserved goes at once, so the line is free.
    if (wasLimit) this.#freeAtMs = { request: 0, response: 0 };
    this.#onChange();
  }
}
