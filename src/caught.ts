/**
 * What a `catch` got, as an Error: user code may throw anything.
 *
 * @internal
 */
export function asError(caught: unknown): Error {
  return caught instanceof Error ? caught : new Error(String(caught));
}

/** @internal What a `catch` got, in words. */
export function messageOf(caught: unknown): string {
  return caught instanceof Error ? caught.message : String(caught);
}
