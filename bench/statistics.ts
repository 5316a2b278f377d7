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

/** @internal Three significant digits: what a benchmark knows. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

/** @internal Median of what one round says by what its partner says, over the pairs. */
export function medianRatio<T>(
  pairs: readonly { readonly bare: T; readonly wrapped: T }[],
  figure: (round: T) => number,
): number {
  return rounded(median(pairs.map(({ bare, wrapped }) => figure(wrapped) / figure(bare))));
}
