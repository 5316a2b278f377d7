import type { Effort } from './meter.js';
import { medianRange, medianRatio, ratiosOf, type Range } from './statistics.js';

/** @internal One measured round of one contender. */
export interface Round extends Effort {
  readonly recordCount: number;
  /** Latency of each call or record, in milliseconds; empty where none is measured. */
  readonly latenciesMs: readonly number[];
}

/** @internal Two neighbouring rounds. */
export interface Pair {
  readonly bare: Round;
  readonly wrapped: Round;
}

/** @internal Bare kafkajs against the wrapper, in one run. */
export interface Comparison {
  /** Wrapper's records a second by bare's: median over the pairs of rounds. 1 is equal, less is slower. */
  readonly ratio: number;
  /** Wrapper's CPU time for a record by bare's: median over the pairs. 1 is equal, more is slower. */
  readonly cpuRatio: number;
  /** Where the two lie, as far as the pairs tell: between neighbouring rounds the machine is not the same either. */
  readonly ratioRange: Range;
  readonly cpuRatioRange: Range;
  readonly pairs: readonly Pair[];
}

/**
 * Lets two contenders take turns, and compares each pair of neighbouring rounds, so that what the machine does meanwhile
 * hits both alike. Who goes first changes from pair to pair, and nobody has to clear away the other's garbage. A pair for
 * warming up is not counted.
 *
 * @internal
 */
export async function alternate(
  pairCount: number,
  bare: (round: number) => Promise<Round>,
  wrapped: (round: number) => Promise<Round>,
): Promise<Comparison> {
  const pairs: Pair[] = [];
  const take = (contender: typeof bare, round: number): Promise<Round> => {
    globalThis.gc?.();
    return contender(round);
  };
  for (let round = -1; round < pairCount; round += 1) {
    const bareFirst = round % 2 === 0;
    const first = await take(bareFirst ? bare : wrapped, round);
    const second = await take(bareFirst ? wrapped : bare, round);
    if (round < 0) continue;
    pairs.push(bareFirst ? { bare: first, wrapped: second } : { bare: second, wrapped: first });
  }
  return {
    ratio: medianRatio(pairs, perSecond),
    cpuRatio: medianRatio(pairs, cpuMicrosPerRecord),
    ratioRange: medianRange(ratiosOf(pairs, perSecond)),
    cpuRatioRange: medianRange(ratiosOf(pairs, cpuMicrosPerRecord)),
    pairs,
  };
}

/** @internal Records a second. */
export function perSecond({ recordCount, seconds }: Round): number {
  return recordCount / seconds;
}

/** @internal */
export function cpuMicrosPerRecord({ recordCount, cpuMicros }: Round): number {
  return cpuMicros / recordCount;
}
