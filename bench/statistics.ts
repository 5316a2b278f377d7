/** @internal The value below which a share of the samples lies; NaN without samples. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const index = Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1);
  return sorted[Math.max(0, index)] ?? Number.NaN;
}

/** @internal */
export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5);
}

/** @internal The mean of the lower part of the samples. */
export function meanOfCheapest(share: number, samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const cheapest = sorted.slice(0, Math.ceil(share * sorted.length));
  return cheapest.reduce((sum, one) => sum + one, 0) / cheapest.length;
}

/** @internal Three significant digits: what a benchmark knows. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

/** @internal */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/**
 * Where the true median lies, with 95 %: by ranks, so nothing is assumed of how the samples are spread. Of fewer than six it is all of
 * them, and says less than that.
 *
 * @internal
 */
export function medianRange(samples: readonly number[]): Range {
  const sorted = [...samples].sort((a, b) => a - b);
  const count = sorted.length;
  const skipped = Math.max(1, Math.floor((count - 1.96 * Math.sqrt(count)) / 2)) - 1;
  const at = (index: number): number => rounded(sorted[index] ?? Number.NaN);
  return { low: at(skipped), high: at(count - 1 - skipped) };
}

/** @internal What one round says by what its partner says, of each pair. */
export function ratiosOf<T>(
  pairs: readonly { readonly bare: T; readonly wrapped: T }[],
  figure: (round: T) => number,
): readonly number[] {
  return pairs.map(({ bare, wrapped }) => figure(wrapped) / figure(bare));
}

/** @internal Median of {@link ratiosOf}. */
export function medianRatio<T>(
  pairs: readonly { readonly bare: T; readonly wrapped: T }[],
  figure: (round: T) => number,
): number {
  return rounded(median(ratiosOf(pairs, figure)));
}
