import type { LogRange } from '../cluster/access.js';
import type { MirroredEvidence } from './bounds.js';
import type { MissingBound } from './missing.js';
import { missingBoundInWords, noTranslationInWords } from './missing.js';

/**
 * The log that a log of the target is a mirror of, and how far it is mirrored. All offsets are the source's.
 *
 * @public
 */
export interface UpstreamLog {
  /** Its topic on the source. */
  readonly topic: string;
  /**
   * Everything below `end` is on the target, and nothing from there on. `atLeast`: more may be there; `atMost`: less, because
   * MirrorMaker has copied records twice.
   */
  readonly mirrored:
    | { readonly kind: 'known'; readonly end: bigint }
    | { readonly kind: 'atLeast'; readonly end: bigint }
    | { readonly kind: 'atMost'; readonly end: bigint }
    | { readonly kind: 'unknown'; readonly because: string };
  /**
   * Where it ends: as the source says now, or, where the source was not asked or did not answer, the end of what was seen of it, which
   * may be less.
   */
  readonly end:
    { readonly kind: 'asked' | 'seen'; readonly offset: bigint } | { readonly kind: 'unknown' };
  /** The group has handled everything below it; undefined where that is not known. */
  readonly handledEnd: bigint | undefined;
}

const NEWEST = 2n ** 63n - 1n;

/**
 * How far a log of the source is mirrored, from the newest offset sync (u, d) and the end of the target's log: MirrorMaker writes a
 * sync behind every gap that it meets, so the copies behind d are those of u + 1, u + 2, ... Pure.
 *
 * Not known so are: a shared log, where the records behind d may be others' (then at least u is mirrored), and a replay, where they
 * are second copies (then at most so much).
 *
 * @param sourceEnd - the source's own word; undefined where it has none.
 * @param unread - why MirrorMaker's records are not known as they are now; empty where they are.
 * @internal
 */
export function upstreamOf(
  evidence: MirroredEvidence,
  range: LogRange,
  sourceEnd: bigint | undefined,
  unread: readonly MissingBound[],
): UpstreamLog {
  const { upstreamTopic, processed, sourceCommit, checkpoint } = evidence;
  const mirrored = mirroredOf(evidence, range, unread);
  const handledEnd = highest(processed?.offset, sourceCommit);
  const seen = highest(
    handledEnd,
    processed?.deliveredBelow,
    checkpoint?.upstreamOffset,
    mirrored.kind === 'unknown' ? undefined : mirrored.end,
  );
  const end =
    sourceEnd !== undefined
      ? ({ kind: 'asked', offset: sourceEnd } as const)
      : seen === undefined
        ? ({ kind: 'unknown' } as const)
        : ({ kind: 'seen', offset: seen } as const);
  return { topic: upstreamTopic, mirrored, end, handledEnd };
}

function mirroredOf(
  { mirror, isShared, upstreamTopic, partition }: MirroredEvidence,
  { high }: LogRange,
  unread: readonly MissingBound[],
): UpstreamLog['mirrored'] {
  const [doubt] = unread;
  if (doubt !== undefined) return { kind: 'unknown', because: missingBoundInWords(doubt) };
  const readable = mirror.translate(upstreamTopic, partition, NEWEST);
  if (readable.kind === 'unavailable' && readable.reason !== 'before-oldest-sync') {
    return { kind: 'unknown', because: noTranslationInWords(readable.reason, mirror.source) };
  }
  const around = mirror.syncsAround(upstreamTopic, partition, NEWEST);
  if (around.kind !== 'known' || around.floor === undefined) {
    const reason = around.kind === 'not-read' ? 'not-read' : 'no-sync';
    return { kind: 'unknown', because: noTranslationInWords(reason, mirror.source) };
  }
  const { upstreamOffset, downstreamOffset } = around.floor;
  const next = upstreamOffset + 1n;
  if (isShared) return { kind: 'atLeast', end: next };
  const behind = high - downstreamOffset - 1n;
  const end = behind > 0n ? next + behind : next;
  return { kind: around.replay === undefined ? 'known' : 'atMost', end };
}

function highest(...offsets: readonly (bigint | undefined)[]): bigint | undefined {
  let best: bigint | undefined;
  for (const one of offsets)
    if (one !== undefined && (best === undefined || one > best)) best = one;
  return best;
}
