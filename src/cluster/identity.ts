import { WrongClusterError } from '../errors.js';

/** @internal What {@link checkIdentity} finds. */
export type IdentityVerdict =
  | { readonly kind: 'ok' }
  /** Another cluster stands behind the name than before, or than the options say. */
  | { readonly kind: 'mismatch'; readonly error: WrongClusterError }
  /** Two aliases reach one and the same cluster: a switch between them would be no switch. */
  | { readonly kind: 'same-cluster'; readonly error: WrongClusterError };

/**
 * Is the cluster that answered under `alias` the one it should be? A DNS name or a load balancer that was turned round,
 * or an option copied twice, would otherwise send one cluster's offsets to the other.
 *
 * @param known - the ids learned so far in this process, by alias.
 * @param seenId - the id that the brokers under `alias` have just given.
 * @param configuredIds - the ids that the options demand (`clusters.X.clusterId`), by alias; they outrank what was learned.
 * @internal
 */
export function checkIdentity(
  known: ReadonlyMap<string, string>,
  alias: string,
  seenId: string,
  configuredIds: ReadonlyMap<string, string | undefined>,
): IdentityVerdict {
  const idOf = (name: string): string | undefined => configuredIds.get(name) ?? known.get(name);
  const expectedId = idOf(alias);
  const twin = [...new Set([...configuredIds.keys(), ...known.keys()])].find(
    (name) => name !== alias && idOf(name) === seenId,
  );
  const ids = { expectedClusterId: expectedId, actualClusterId: seenId };
  if (expectedId !== undefined && expectedId !== seenId) {
    const source = configuredIds.get(alias) === undefined ? 'it was before' : 'the options demand';
    const other = twin === undefined ? 'an unknown cluster' : `the cluster known as ${twin}`;
    const message =
      `Behind the name ${alias} stands ${other}: its id is ${seenId}, where ${source} ${expectedId}. ` +
      `Nothing is sent there. Look at the brokers of ${alias}: DNS, load balancer, options.`;
    return {
      kind: 'mismatch',
      error: new WrongClusterError(message, ids, { cluster: alias }),
    };
  }
  if (twin !== undefined) {
    const message =
      `${alias} and ${twin} reach one and the same cluster (id ${seenId}): ` +
      `there is nothing to switch to. Look at clusters.${alias}.brokers and clusters.${twin}.brokers.`;
    return {
      kind: 'same-cluster',
      error: new WrongClusterError(message, ids, { cluster: alias }),
    };
  }
  return { kind: 'ok' };
}
