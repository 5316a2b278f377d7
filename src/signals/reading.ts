import type { Reading } from './signal.js';

/** Longest reason that is told, in characters: foreign words go into it. */
const MAX_REASON_LENGTH = 300;

/**
 * What a text says before it is understood: a blank one is no opinion, and what is no text is a failure. Pure.
 *
 * @internal
 */
export function readingOf(text: string): Reading {
  // Where bytes are not UTF-8, decoding puts U+FFFD in their place.
  if (/[\0\uFFFD]/.test(text)) return failed('it holds bytes that are no text');
  return text.trim() === '' ? { kind: 'absent' } : { kind: 'value', text };
}

/** @internal A failure, told in one line of a readable length. */
export function failed(because: string): Reading {
  const line = because.replaceAll(/\s+/g, ' ').trim();
  const isLong = line.length > MAX_REASON_LENGTH;
  return { kind: 'failed', because: isLong ? `${line.slice(0, MAX_REASON_LENGTH)}...` : line };
}

/** @internal True where both say the same. */
export function isSame(one: Reading | undefined, other: Reading | undefined): boolean {
  if (one?.kind === 'value' && other?.kind === 'value') return one.text === other.text;
  if (one?.kind === 'failed' && other?.kind === 'failed') return one.because === other.because;
  return one?.kind === other?.kind;
}
