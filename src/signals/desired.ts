import * as z from 'zod';

/**
 * What a source wants.
 *
 * @public
 */
export interface Desired {
  /** Alias of the cluster that should be active. */
  readonly cluster: string;
  /** The number of the decision; a lower one than was seen before is refused. Undefined: a plain alias, which has none. */
  readonly epoch: number | undefined;
  /**
   * `planned`: the source is drained first. `unplanned`: it is fenced at once. `pinned`: as planned, and no automatic switch
   * leads away from it. Undefined: planned, unless the source is known to be unhealthy.
   */
  readonly mode: 'planned' | 'unplanned' | 'pinned' | undefined;
  /** Why, in the words of whoever wrote it. */
  readonly reason: string | undefined;
  /** Whose opinion it was, where an agreement wrote it (`by` of a decision). Undefined: a person's, or another program's. */
  readonly by?: 'operator' | 'signal' | 'health' | 'identity' | 'agreement' | undefined;
}

/** @internal A text, understood or refused. */
export type ReadDesired =
  | { readonly kind: 'desired'; readonly desired: Desired }
  | { readonly kind: 'refused'; readonly because: string };

/** Longest text that is looked at, in characters: an alias and a sentence fit many times. */
export const MAX_TEXT_LENGTH = 4_096;

/** How much of a foreign text goes into a message. */
const SHOWN_CHARACTERS = 60;

const MAX_REASON_LENGTH = 1_000;

const shape = z.strictObject({
  cluster: z.string(),
  epoch: z.int().min(1).optional(),
  mode: z.enum(['planned', 'unplanned', 'pinned']).optional(),
  reason: z.string().max(MAX_REASON_LENGTH).optional(),
  by: z.enum(['operator', 'signal', 'health', 'identity', 'agreement']).optional(),
});

/**
 * Understands the text of a source: a plain alias (white space around it is ignored), or a JSON object. Pure and total:
 * what cannot be understood is refused, with the reason.
 *
 * @internal
 */
export function readDesired(text: string, aliases: readonly string[]): ReadDesired {
  const parsed = parseDesired(text, MAX_TEXT_LENGTH);
  return parsed.kind === 'refused' ? parsed : checkDesired(parsed.value, aliases);
}

/** @internal The first half of {@link readDesired}: what the text says, not looked at yet. */
export function parseDesired(
  text: string,
  maxLength: number,
): { readonly kind: 'value'; readonly value: unknown } | Extract<ReadDesired, { kind: 'refused' }> {
  const because = tooLong(text, maxLength);
  if (because !== undefined) return refused(because);
  const trimmed = text.trim();
  if (trimmed === '') return refused('it is empty');
  if (!trimmed.startsWith('{')) return { kind: 'value', value: { cluster: trimmed } };
  try {
    return { kind: 'value', value: JSON.parse(trimmed) };
  } catch {
    return refused(`it is no JSON: ${shown(trimmed)}`);
  }
}

/** @internal What is said of a text that is too long; undefined: it is not. */
export function tooLong(text: string, maxLength: number): string | undefined {
  return text.length > maxLength
    ? `it holds ${text.length} characters, more than ${maxLength}`
    : undefined;
}

/** @internal The second half. */
export function checkDesired(value: unknown, aliases: readonly string[]): ReadDesired {
  const checked = shape.safeParse(value);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    return refused(issue === undefined ? 'it is not understood' : inWords(issue));
  }
  const { cluster, epoch, mode, reason, by } = checked.data;
  const wish = { cluster, epoch, mode, reason };
  return known(by === undefined ? wish : { ...wish, by }, aliases);
}

function inWords({ code, path, message, ...issue }: z.core.$ZodIssue): string {
  if (code === 'unrecognized_keys' && 'keys' in issue) {
    return `${issue.keys.join(', ')}: the fields are cluster, epoch, mode and reason`;
  }
  const field = path.join('.');
  return `${field}: ${FIELDS[field] ?? message}`;
}

/** What each field must be. */
const FIELDS: Readonly<Record<string, string>> = {
  cluster: 'must be the alias of a cluster, in quotes',
  epoch: 'must be a whole number of at least 1, without quotes',
  mode: 'must be "planned", "unplanned" or "pinned"',
  reason: `must be a text of at most ${MAX_REASON_LENGTH} characters`,
  by: 'is written by an agreement, and is no name of a person: leave it out',
};

function known(desired: Desired, aliases: readonly string[]): ReadDesired {
  if (aliases.includes(desired.cluster)) return { kind: 'desired', desired };
  return refused(
    `it names ${shown(desired.cluster)}, which is none of the clusters ${aliases.join(', ')}`,
  );
}

function refused(because: string): Extract<ReadDesired, { kind: 'refused' }> {
  return { kind: 'refused', because };
}

function shown(text: string): string {
  return JSON.stringify(
    text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text,
  );
}
