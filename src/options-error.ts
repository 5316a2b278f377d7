import * as z from 'zod';
import { FailoverOptionsError } from './errors.js';
import { nearest } from './nearest.js';

/**
 * Checks a value against a schema, and speaks plainly of the first thing that is wrong with it: the option, the value, and
 * for a misspelt option the nearest right one. What is checked is taken from the answer only where the schema fills in
 * defaults; otherwise the input itself keeps its identity.
 *
 * @param options.at - where the value stands, in front of the names of its options: `switchTo`. Default: nowhere.
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - names the option, the value and the remedy.
 * @internal
 */
export function checkOptions<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  { at = [] }: { at?: readonly string[] } = {},
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw optionsError(parsed.error, { schema, value, at });
}

interface Checked {
  readonly schema: z.ZodType;
  readonly value: unknown;
  readonly at: readonly string[];
}

function optionsError(error: z.ZodError, checked: Checked): FailoverOptionsError {
  // First what is misspelt: what is missing is then missing because of it.
  const misspelt = error.issues.find(({ code }) => code === 'unrecognized_keys');
  const issue = misspelt ?? error.issues[0];
  if (issue === undefined) {
    return new FailoverOptionsError('', checked.value, 'The options could not be read.', {
      cause: error,
    });
  }
  if (issue.code === 'unrecognized_keys') return unknownOption(issue, checked, error);
  const path = [...checked.at, ...issue.path].map(String);
  const given = valueAt(checked.value, issue.path);
  const isSecret =
    (holdsSecrets(path) || holdsPassword(given)) && given !== undefined && given !== null;
  const value = isSecret ? undefined : given;
  const option = path.length === 0 ? 'options' : path.join('.');
  return new FailoverOptionsError(
    option,
    value,
    `${option}: ${inWords(issue)}, got ${isSecret ? 'a value that is not shown' : shown(value)}`,
    { cause: error },
  );
}

function unknownOption(
  issue: z.core.$ZodIssueUnrecognizedKeys,
  { schema, at }: Checked,
  cause: unknown,
): FailoverOptionsError {
  const key = issue.keys[0] ?? '';
  const option = [...at, ...issue.path, key].map(String).join('.');
  const known = knownKeys(schema, issue.path);
  const best = nearest(key, known);
  const remedy =
    best === undefined
      ? `Known options: ${known.join(', ')}`
      : `Did you mean ${JSON.stringify(best)}?`;
  return new FailoverOptionsError(
    option,
    // The value is left out: a misspelt `sasl` holds a password.
    undefined,
    `${option} is not an option. ${remedy}`,
    { cause },
  );
}

/** The options that a schema knows at a place in it. */
function knownKeys(schema: z.core.$ZodType, path: readonly PropertyKey[]): readonly string[] {
  if (
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault
  ) {
    return knownKeys(schema.unwrap(), path);
  }
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((one) => knownKeys(one, path));
  const [first, ...rest] = path;
  if (schema instanceof z.ZodRecord) return knownKeys(schema.valueType, rest);
  if (!(schema instanceof z.ZodObject)) return [];
  if (first === undefined) return Object.keys(schema.shape);
  const inner = schema.shape[String(first)];
  return inner === undefined ? [] : knownKeys(inner, rest);
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value: unknown = root;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}

/** What the value must be. The schemas' own words are kept; zod's are put plainly. */
function inWords(issue: z.core.$ZodIssue): string {
  // What is wrong with a key is said by the key's own schema.
  const [inner] = issue.code === 'invalid_key' ? issue.issues : [];
  if (inner !== undefined) return inWords(inner);
  const message = issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
  if (!/^(invalid|too) /.test(message)) return message;
  if (issue.code === 'invalid_type') return `must be ${withArticle(issue.expected)}`;
  if (issue.code === 'invalid_value') {
    return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
  }
  if (issue.code === 'too_small') {
    return `must be ${issue.inclusive === false ? 'above' : 'at least'} ${issue.minimum}`;
  }
  if (issue.code === 'too_big') {
    return `must be ${issue.inclusive === false ? 'below' : 'at most'} ${issue.maximum}`;
  }
  return message;
}

function withArticle(noun: string): string {
  return `${/^[aeio]/.test(noun) ? 'an' : 'a'} ${noun === 'int' ? 'integer' : noun}`;
}

/** Options that may hold a password, a key or a token. */
const SECRET_OPTIONS = new Set(['sasl', 'ssl', 'url', 'headers', 'tls', 'token']);

/** What is in these is never shown, nor what they may be in: a whole cluster, all clusters, all options. */
function holdsSecrets(path: readonly string[]): boolean {
  if (path.some((part) => SECRET_OPTIONS.has(part))) return true;
  const [first] = path;
  if (first === 'clusters') return path.length <= 2;
  return path.length === 0 || (path.length === 1 && /(Signal|Agreement)$/.test(first ?? ''));
}

/** An address such as `https://user:password@host`, with its scheme or without. */
function holdsPassword(value: unknown): boolean {
  return typeof value === 'string' && /[:/][^\s/@]*@/.test(value);
}

/** Values are shown short, and as what they are: JSON has no word for NaN, undefined and bigint, and none for a circle. */
function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object' || value === null) return short(literal(value));
  try {
    return short(
      JSON.stringify(value, (_key, part: unknown) => (isPlain(part) ? part : literal(part))),
    );
  } catch {
    return 'an object';
  }
}

/** JSON says what it is. */
function isPlain(value: unknown): boolean {
  return (
    typeof value === 'string' ||
    typeof value === 'object' ||
    typeof value === 'boolean' ||
    Number.isFinite(value)
  );
}

function literal(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function short(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
