import { median, rounded } from './statistics.js';

/** @internal One measured round of one contender. */
export interface Round {
  /** Records a second. */
  readonly throughput: number;
  /** Latency of each call, in milliseconds; empty where calls are not measured. */
  readonly latenciesMs: readonly number[];
}

/** @internal Bare kafkajs against the wrapper, in one run. */
export interface Comparison {
  /** Wrapper's throughput by bare's: median over the pairs of rounds. 1 is equal, less is slower. */
  readonly ratio: number;
  readonly bare: readonly Round[];
  readonly wrapped: readonly Round[];
}

/**
 * Lets two contenders take turns, and compares each pair of neighbouring rounds, so that what the machine does meanwhile
 * hits both alike. Who goes first changes from pair to pair. A pair for warming up is not counted.
 *
 * @internal
 */
export async function alternate(
  pairCount: number,
  bare: (round: number) => Promise<Round>,
  wrapped: (round: number) => Promise<Round>,
): Promise<Comparison> {
  const rounds: { bare: Round[]; wrapped: Round[] } = { bare: [], wrapped: [] };
  for (let pair = -1; pair < pairCount; pair += 1) {
    const bareFirst = pair % 2 === 0;
    const first = await (bareFirst ? bare(pair) : wrapped(pair));
    const second = await (bareFirst ? wrapped(pair) : bare(pair));
    if (pair < 0) continue;
    rounds.bare.push(bareFirst ? first : second);
    rounds.wrapped.push(bareFirst ? second : first);
  }
  const ratios = rounds.wrapped.map(
    (round, index) => round.throughput / (rounds.bare[index]?.throughput ?? Number.NaN),
  );
  return { ratio: rounded(median(ratios)), ...rounds };
}
