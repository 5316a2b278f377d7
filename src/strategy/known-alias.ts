import { FailoverOptionsError } from '../errors.js';

/** A file may hold anything: what goes into an error message is cut to a readable length. */
const SHOWN_CHARACTERS = 60;

/**
 * A text that must name a cluster.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - it does not; `option` says where it came from.
 * @internal
 */
export function knownAlias(alias: string, aliases: readonly string[], option: string): string {
  if (aliases.includes(alias)) return alias;
  const shown = alias.length > SHOWN_CHARACTERS ? `${alias.slice(0, SHOWN_CHARACTERS)}...` : alias;
  throw new FailoverOptionsError(
    option,
    alias,
    `${option} must name one of the clusters ${aliases.join(', ')}, got ${JSON.stringify(shown)}. ` +
      'Correct it, or leave it empty to start on the first configured cluster.',
  );
}
