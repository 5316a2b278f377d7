import {
  checkDesired,
  MAX_TEXT_LENGTH as MAX_DESIRED_LENGTH,
  parseDesired,
  tooLong,
} from '../signals/desired.js';
import type { AgreedDecision } from './agreement.js';
import { splitPart } from './fleet-part.js';

/** @internal A decision that was kept as a text, understood or refused. */
export type ReadDecision =
  | { readonly kind: 'decision'; readonly decision: AgreedDecision }
  | { readonly kind: 'refused'; readonly because: string };

/** Longest text that is looked at, in characters, where it moves a part: some thousand names fit, and Consul keeps it (512 KiB). */
const MAX_TEXT_LENGTH = 262_144;

/**
 * Understands a decision as a store keeps it: the same text as an outside source's (`{ cluster, epoch, mode, reason, by }`), with an
 * epoch. So a person can write it, and a plain signal can follow it. One that moves a part of the fleet has `only` beside that, which a
 * plain signal refuses: it knows nothing of parts.
 *
 * @internal
 */
export function readDecision(text: string, aliases: readonly string[]): ReadDecision {
  const parsed = parseDesired(text, MAX_TEXT_LENGTH);
  if (parsed.kind === 'refused') return parsed;
  const split = splitPart(parsed.value);
  if (split.kind === 'refused') return split;
  // A text without a part is one that a plain signal can follow.
  const because = split.only === undefined ? tooLong(text, MAX_DESIRED_LENGTH) : undefined;
  if (because !== undefined) return { kind: 'refused', because };
  const read = checkDesired(split.rest, aliases);
  if (read.kind === 'refused') return read;
  const { cluster, epoch, mode, reason = 'no reason was given', by = 'operator' } = read.desired;
  if (epoch === undefined) {
    return { kind: 'refused', because: `it names ${cluster} without an epoch` };
  }
  const decision = { epoch, cluster, mode, reason, by };
  const { only } = split;
  return { kind: 'decision', decision: only === undefined ? decision : { ...decision, only } };
}

/** @internal The text of a decision. */
export function writeDecision({ epoch, cluster, mode, reason, by, only }: AgreedDecision): string {
  return JSON.stringify({
    ...{ cluster, epoch, mode, reason: reason.slice(0, MAX_REASON_LENGTH), by },
    ...(only === undefined ? {} : { only }),
  });
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
