/** @internal The highest of the offsets that are known; undefined where none is. */
export function highest(...offsets: readonly (bigint | undefined)[]): bigint | undefined {
  let best: bigint | undefined;
  for (const one of offsets)
    if (one !== undefined && (best === undefined || one > best)) best = one;
  return best;
}
