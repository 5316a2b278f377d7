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

/** @internal An answer, or why it is none. */
export type ReadAnswer = ConsulAnswer | { readonly kind: 'refused'; readonly because: string };

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
export function readAnswer({ status, headers, body }: HttpResponse, key: string): ReadAnswer {
  if (status !== 200 && status !== 404) return refused(inWords(status, body, key));
  const index = /^\d+$/.exec(headers['x-consul-index'] ?? '')?.[0];
  if (index === undefined) {
    return refused(
      `answered ${status} without an X-Consul-Index: is a Consul agent behind the address?`,
    );
  }
  if (headers['x-consul-knownleader'] === 'false') {
    return refused('answered without knowing a leader: what it holds may be old');
  }
  const content = status === 404 ? absent : readContent(body, key);
  if (content.kind === 'refused') return content;
  const lastContactMs = Number(headers['x-consul-lastcontact'] ?? 0);
  return { kind: 'answer', content, index: BigInt(index), lastContactMs };
}

const absent: ConsulContent = { kind: 'absent' };

function readContent(body: string, key: string): ConsulContent | Refused {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return refused(`answered with what is no JSON: ${excerpt(body)}`);
  }
  const [entry, ...others]: readonly unknown[] = Array.isArray(value) ? value : [];
  if (!isEntry(entry) || others.length > 0 || entry.Key !== key) {
    return refused(`answered with what is no entry of the key: ${excerpt(body)}`);
  }
  const text = decode(entry.Value ?? '');
  if (text === undefined) {
    return refused('answered with a value that is no UTF-8 text in base64');
  }
  return { kind: 'value', text, modifyIndex: entry.ModifyIndex };
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

type Refused = Extract<ReadAnswer, { kind: 'refused' }>;

function refused(because: string): Refused {
  return { kind: 'refused', because };
}

function inWords(status: number, body: string, key: string): string {
  const said = excerpt(body);
  const answered = `answered ${status}${said === '' ? '' : `: ${said}`}`;
  if (status === 401 || status === 403)
    return `${answered} (reading needs a token with key:read on ${key})`;
  if (status >= 300 && status < 400) return `${answered} (redirects are not followed)`;
  return answered;
}

/** One line, and not a long one. */
function excerpt(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > SHOWN_CHARACTERS ? `${line.slice(0, SHOWN_CHARACTERS)}...` : line;
}
