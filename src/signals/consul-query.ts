import { Buffer } from 'node:buffer';
import type { HttpResponse } from '../http.js';

/** @internal What a key holds. Two answers are the same one where all of it is the same. */
export type ConsulContent =
  | {
      readonly kind: 'value';
      readonly text: string;
      /** The number of the write; it goes back where a snapshot is restored. */
      readonly modifyIndex: number;
    }
  | { readonly kind: 'absent' };

/** @internal An answer to a question about one key. */
export interface ConsulAnswer {
  readonly kind: 'answer';
  readonly content: ConsulContent;
  /** What the next question waits for a change of: the write of the key, or where there is no key, of the whole store. */
  readonly index: bigint;
  /** How long ago the answering server heard from its leader, in milliseconds; 0 is the leader itself. */
  readonly lastContactMs: number;
}

/** @internal Why an answer is none. */
export interface ConsulRefusal {
  readonly kind: 'refused';
  readonly because: string;
}

/** @internal An answer, or why it is none. */
export type ReadAnswer = ConsulAnswer | ConsulRefusal;

/** @internal A key, and what it holds. */
export interface ConsulEntry {
  readonly key: string;
  /** Undefined: it holds bytes that are no text. */
  readonly text: string | undefined;
  /** As in {@link ConsulContent}. */
  readonly modifyIndex: number;
}

/** @internal An answer to a question about every key of a prefix. */
export interface ConsulList extends Pick<ConsulAnswer, 'index' | 'lastContactMs'> {
  readonly kind: 'list';
  readonly entries: readonly ConsulEntry[];
}

/** @internal A list, or why it is none. */
export type ReadList = ConsulList | ConsulRefusal;

/** @internal Whether a write was done: a compare-and-set is not where the key was written meanwhile. */
export type ReadWritten = { readonly kind: 'written'; readonly isDone: boolean } | ConsulRefusal;

/** How much of a foreign text goes into a message. */
const SHOWN_CHARACTERS = 160;

/** @internal The address of a question about a key. Slashes of the key stay, everything else is encoded. */
export function keyUrl(
  base: string,
  key: string,
  parameters: readonly (readonly [name: string, value: string])[],
): string {
  const path = key.split('/').map(encodeURIComponent).join('/');
  const query = new URLSearchParams(
    parameters.map(([name, value]): [string, string] => [name, value]),
  );
  return `${base}/v1/kv/${path}?${query.toString()}`;
}

/**
 * Reads an answer (hashicorp/consul `agent/kvs_endpoint.go`). Total: whatever is not plainly a value or its absence, told
 * by a server that knows a leader, is refused.
 *
 * @internal
 */
export function readAnswer(response: HttpResponse, key: string): ReadAnswer {
  const head = readHead(response, `reading needs a token with key:read on ${key}`);
  if (head.kind === 'refused') return head;
  const content = response.status === 404 ? absent : readContent(response.body, key);
  if (content.kind === 'refused') return content;
  const { index, lastContactMs } = head;
  return { kind: 'answer', content, index, lastContactMs };
}

/**
 * Reads an answer about every key of a prefix, as {@link readAnswer}. A value that is no text is in it, without a text: it must
 * not hide the others.
 *
 * @internal
 */
export function readList(response: HttpResponse, prefix: string): ReadList {
  const head = readHead(response, `reading needs a token with key:read on ${prefix}`);
  if (head.kind === 'refused') return head;
  const found = response.status === 404 ? [] : readEntries(response.body);
  if (isRefusal(found)) return found;
  if (!found.every(({ Key }) => Key.startsWith(prefix))) {
    return refused(`answered with entries of other keys: ${excerpt(response.body)}`);
  }
  const entries = found.map(({ Key, Value, ModifyIndex }) => ({
    key: Key,
    text: decode(Value ?? ''),
    modifyIndex: ModifyIndex,
  }));
  const { index, lastContactMs } = head;
  return { kind: 'list', entries, index, lastContactMs };
}

/** @internal Reads an answer to a PUT or a DELETE (`agent/kvs_endpoint.go`, `KVSPut`, `KVSDelete`). Total. */
export function readWritten({ status, body }: HttpResponse, key: string): ReadWritten {
  const right = `writing needs a token with key:write on ${key}`;
  if (status !== 200) return refused(inWords(status, body, right));
  const said = body.trim();
  if (said === 'true' || said === 'false') return { kind: 'written', isDone: said === 'true' };
  return refused(`answered with what is neither true nor false: ${excerpt(body)}`);
}

/**
 * An answer to a question with `consistent`: the leader gives it, which has no contact with a leader to speak of.
 *
 * @internal
 */
export function confirmed<Answer extends ConsulAnswer | ConsulList>(
  answer: Answer | ConsulRefusal,
): Answer | ConsulRefusal {
  if (answer.kind === 'refused' || answer.lastContactMs === 0) return answer;
  return refused('a server answered that is not the leader');
}

interface Head extends Pick<ConsulAnswer, 'index' | 'lastContactMs'> {
  readonly kind: 'head';
}

function readHead({ status, headers, body }: HttpResponse, right: string): Head | ConsulRefusal {
  if (status !== 200 && status !== 404) return refused(inWords(status, body, right));
  const index = /^\d+$/.exec(headers['x-consul-index'] ?? '')?.[0];
  if (index === undefined) {
    return refused(
      `answered ${status} without an X-Consul-Index: is a Consul agent behind the address?`,
    );
  }
  if (headers['x-consul-knownleader'] === 'false') {
    return refused('answered without knowing a leader: what it holds may be old');
  }
  const lastContactMs = Number(headers['x-consul-lastcontact'] ?? 0);
  return { kind: 'head', index: BigInt(index), lastContactMs };
}

const absent: ConsulContent = { kind: 'absent' };

function readContent(body: string, key: string): ConsulContent | ConsulRefusal {
  const found = readEntries(body);
  if (isRefusal(found)) return found;
  const [entry, ...others] = found;
  if (entry === undefined || others.length > 0 || entry.Key !== key) {
    return refused(`answered with what is no entry of the key: ${excerpt(body)}`);
  }
  const text = decode(entry.Value ?? '');
  if (text === undefined) {
    return refused('answered with a value that is no UTF-8 text in base64');
  }
  return { kind: 'value', text, modifyIndex: entry.ModifyIndex };
}

function readEntries(body: string): readonly Entry[] | ConsulRefusal {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return refused(`answered with what is no JSON: ${excerpt(body)}`);
  }
  if (Array.isArray(value) && value.every(isEntry)) return value;
  return refused(`answered with what is no entry of the key: ${excerpt(body)}`);
}

interface Entry {
  readonly Key: string;
  /** In base64; null where the value is empty. */
  readonly Value: string | null;
  readonly ModifyIndex: number;
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== 'object' || value === null) return false;
  const { Key, Value, ModifyIndex }: Partial<Record<keyof Entry, unknown>> = value;
  return (
    typeof Key === 'string' &&
    (typeof Value === 'string' || Value === null) &&
    typeof ModifyIndex === 'number'
  );
}

/** Undefined: it is no base64, or no UTF-8. Node's own decoder skips what it does not know. */
function decode(value: string): string | undefined {
  const bytes = Buffer.from(value, 'base64');
  if (bytes.toString('base64') !== value) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** @internal True where both say the same of the key. Undefined: nothing was said. */
export function isSame(one: ConsulContent | undefined, other: ConsulContent): boolean {
  if (one?.kind !== 'value' || other.kind !== 'value') return one?.kind === other.kind;
  return one.modifyIndex === other.modifyIndex && one.text === other.text;
}

/**
 * The index to wait beyond after an answer. Undefined: it went back (a restored snapshot, another server), so nothing that
 * was known counts. Below 1 Consul does not wait at all, and the loop would spin.
 *
 * @param asked - the index of the question; undefined: it had none.
 * @internal
 */
export function nextIndex(asked: bigint | undefined, answered: bigint): bigint | undefined {
  if (asked !== undefined && answered < asked) return undefined;
  return answered < 1n ? 1n : answered;
}

function isRefusal(read: readonly Entry[] | ConsulRefusal): read is ConsulRefusal {
  return 'kind' in read;
}

function refused(because: string): ConsulRefusal {
  return { kind: 'refused', because };
}

function inWords(status: number, body: string, right: string): string {
  const said = excerpt(body);
  const answered = `answered ${status}${said === '' ? '' : `: ${said}`}`;
  if (status === 401 || status === 403) return `${answered} (${right})`;
  if (status >= 300 && status < 400) return `${answered} (redirects are not followed)`;
  return answered;
}

/** One line, and not a long one. */
function excerpt(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > SHOWN_CHARACTERS ? `${line.slice(0, SHOWN_CHARACTERS)}...` : line;
}
