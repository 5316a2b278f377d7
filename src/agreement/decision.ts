import { readDesired } from '../signals/desired.js';
import type { AgreedDecision } from './agreement.js';

/** @internal A decision that was kept as a text, understood or refused. */
export type ReadDecision =
  | { readonly kind: 'decision'; readonly decision: AgreedDecision }
  | { readonly kind: 'refused'; readonly because: string };

/**
 * Understands a decision as a store keeps it: the same text as an outside source's (`{ cluster, epoch, mode, reason, by }`), with an
 * epoch. So a person can write it, and a plain signal can follow it.
 *
 * @internal
 */
export function readDecision(text: string, aliases: readonly string[]): ReadDecision {
  const read = readDesired(text, aliases);
  if (read.kind === 'refused') return read;
  const { cluster, epoch, mode, reason = 'no reason was given', by = 'operator' } = read.desired;
  return epoch === undefined
    ? { kind: 'refused', because: `it names ${cluster} without an epoch` }
    : { kind: 'decision', decision: { epoch, cluster, mode, reason, by } };
}

/** @internal The text of a decision. */
export function writeDecision({ epoch, cluster, mode, reason, by }: AgreedDecision): string {
  return JSON.stringify({ cluster, epoch, mode, reason: reason.slice(0, MAX_REASON_LENGTH), by });
}

/** Shorter than what a reader refuses. */
const MAX_REASON_LENGTH = 1_000;

/**
 * What is wrong with a decision that a store holds after another one: its epoch has not grown. It was written by hand, or a snapshot
 * was restored. Undefined: nothing is.
 *
 * @internal
 */
export function setBackBecause(
  where: string,
  before: AgreedDecision | undefined,
  { epoch, cluster }: AgreedDecision,
): string | undefined {
  if (before === undefined || epoch > before.epoch) return undefined;
  if (epoch === before.epoch && cluster === before.cluster) return undefined;
  return (
    `${where} holds decision ${epoch} for ${cluster}, after decision ${before.epoch} for ${before.cluster}: it moves nothing. ` +
    `Write one with an epoch above ${before.epoch}.`
  );
}
