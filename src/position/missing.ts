import type { NoTranslation } from '../replication/translate.js';
import { unreachable } from '../unreachable.js';

/**
 * Why a position could be no better in one partition.
 *
 * - `no-own-commit`: the group has no commit in the log on the target that counts.
 * - `no-checkpoint`: MirrorMaker has written no checkpoint for the group.
 * - `no-source-position`: where the group is on the source is not known.
 * - `no-translation`: the offset syncs do not lead from there to the target.
 * - `no-origin`: copies and records that were born on the target share the log, and nobody can tell them apart.
 * - `not-known`: MirrorMaker's records, or the source, could not be read in time; `because` says more.
 * - `too-new`: the partition appeared while the plan was made.
 *
 * @public
 */
export type MissingBound =
  | { readonly kind: 'no-own-commit' }
  | { readonly kind: 'no-checkpoint' }
  | { readonly kind: 'no-source-position'; readonly source: string }
  | { readonly kind: 'no-translation'; readonly reason: NoTranslation; readonly source: string }
  | { readonly kind: 'no-origin' }
  | { readonly kind: 'not-known'; readonly because: string }
  | { readonly kind: 'too-new' };

/** @internal */
export function missingBoundInWords(missing: MissingBound): string {
  switch (missing.kind) {
    case 'no-own-commit':
      return 'the group has no commit in this log that counts';
    case 'no-checkpoint':
      return 'MirrorMaker has written no checkpoint for the group';
    case 'no-source-position':
      return `no position of the group on ${missing.source} is known`;
    case 'no-translation':
      return noTranslationInWords(missing.reason, missing.source);
    case 'no-origin':
      return 'without offset syncs nobody can tell copies from records born on the target';
    case 'not-known':
      return missing.because;
    case 'too-new':
      return 'the partition appeared while the plan was made';
    default:
      return unreachable(missing);
  }
}

/** @internal */
export function noTranslationInWords(reason: NoTranslation, source: string): string {
  switch (reason) {
    case 'not-read':
      return 'the offset syncs have not been read to their end';
    case 'not-readable':
      return `the offset syncs are kept on ${source} (offset-syncs.topic.location)`;
    case 'no-sync':
      return 'MirrorMaker has written no offset sync for the partition';
    case 'before-oldest-sync':
      return "the group's position is older than every offset sync that is kept";
    default:
      return unreachable(reason);
  }
}
