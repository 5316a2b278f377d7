/**
 * Ends a `switch` over a union: the compiler proves that no member is left, and at run time a value from outside the
 * types fails loudly instead of falling through.
 *
 * @internal
 */
export function unreachable(value: never): never {
  throw new TypeError(`unreachable: ${JSON.stringify(value)}`);
}
