import { Buffer } from 'node:buffer';
import type { HttpRequest, HttpResponse } from '../../src/http.js';

/** Time and chance, as a world has them. */
export interface FakeClock {
  nowMs(): number;
  after(delayMs: number, callback: () => void): () => void;
  random(): number;
}

interface Entry {
  readonly value: Buffer;
  readonly modifyIndex: number;
}

/** One history of the store; a restored snapshot is another one. */
interface Store {
  index: number;
  readonly entries: Map<string, Entry>;
  /** Keys that were deleted, and when: a question about a prefix must hear of it (`agent/consul/state/graveyard.go`). */
  readonly graveyard: Map<string, number>;
}

/** A request as the fake understood it. */
export interface SeenRequest {
  readonly atMs: number;
  readonly method: string;
  readonly key: string;
  readonly body: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly token: string | undefined;
}

/** Every other datacenter is unknown. */
const DATACENTER = 'dc1';

/** Consul's longest value (`kv_max_value_size`). */
const MAX_VALUE_BYTES = 512 * 1024;

/**
 * Consul's KV endpoint, as its source has it (hashicorp/consul `agent/kvs_endpoint.go`, `agent/consul/kvs_endpoint.go`,
 * `agent/blockingquery/blockingquery.go`): indexes, blocking, missing keys, ACL, leaders, restored snapshots. It has no
 * time of its own.
 */
export class FakeConsul {
  readonly seen: SeenRequest[] = [];
  /** Answers instead of the store, where it is set and answers at all. */
  answer: ((request: SeenRequest) => HttpResponse | undefined) | undefined;
  /** Tokens that may do everything; undefined: ACLs are off. */
  tokens: Set<string> | undefined;
  /** True: a question about a missing key is answered at every write to any key, as older versions do. */
  wakesForOthers = false;
  readonly #clock: FakeClock;
  readonly #waiters = new Set<() => void>();
  #store: Store = { index: 10, entries: new Map(), graveyard: new Map() };
  /** Where it is set, a deposed leader answers with it whatever is not `consistent`. */
  #old: Store | undefined;
  #hasLeader = true;
  #isHung = false;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  /** Requests that wait for an answer. */
  get waitingCount(): number {
    return this.#waiters.size;
  }

  put(key: string, value: string | Buffer): void {
    const bytes = Buffer.from(value);
    if (bytes.length > MAX_VALUE_BYTES) throw new Error('Consul takes no value of this size');
    // The same value again is no write (`agent/consul/state/kvs.go`, `kvsSetTxn`).
    if (this.#store.entries.get(key)?.value.equals(bytes) === true) return;
    this.#write(key, bytes);
  }

  /** A write that leaves the value as it is: a lock that is acquired, a flag. */
  touch(key: string): void {
    const entry = this.#store.entries.get(key);
    if (entry === undefined) throw new Error(`there is no ${key}`);
    this.#write(key, entry.value);
  }

  delete(key: string): void {
    this.#store.index += 1;
    if (this.#store.entries.delete(key)) this.#store.graveyard.set(key, this.#store.index);
    this.#changed();
  }

  /** What a key holds, as text. Undefined: there is no such key. */
  textOf(key: string): string | undefined {
    return this.#store.entries.get(key)?.value.toString('utf8');
  }

  /** Every key that there is. */
  keys(): readonly string[] {
    return [...this.#store.entries.keys()];
  }

  writeOthers(count: number): void {
    for (let each = 0; each < count; each += 1) this.put(`others/${each}`, `${this.#store.index}`);
  }

  /** What the store holds now; {@link FakeConsul.restore} brings it back. */
  snapshot(): Store {
    const { index, entries, graveyard } = this.#store;
    return { index, entries: new Map(entries), graveyard: new Map(graveyard) };
  }

  /** The store is replaced: whatever waits is answered at once, out of the old one. */
  restore({ index, entries, graveyard }: Store): void {
    this.#store = { index, entries: new Map(entries), graveyard: new Map(graveyard) };
    this.#changed();
  }

  /**
   * As behind a load balancer that leads to other servers from now on: their indexes are low, and all is as it was. What
   * waits at the old ones waits to its end.
   */
  rebuild(): void {
    const entries = [...this.#store.entries].map(
      ([key, { value }], at) => [key, { value, modifyIndex: at + 1 }] as const,
    );
    this.#store = { index: entries.length, entries: new Map(entries), graveyard: new Map() };
  }

  /** From now on a server that was deposed, and does not know it, answers from what it knows today. */
  depose(): void {
    this.#old = this.snapshot();
  }

  /** It finds out. */
  endDeposed(): void {
    this.#old = undefined;
    this.#changed();
  }

  loseLeader(): void {
    this.#hasLeader = false;
    this.#changed();
  }

  electLeader(): void {
    this.#hasLeader = true;
  }

  /** SIGSTOP: connections are accepted, nothing is answered. */
  hang(): void {
    this.#isHung = true;
  }

  wake(): void {
    this.#isHung = false;
    this.#changed();
  }

  /** The answer to a request. Rejects where its signal is aborted before there is one. */
  async handle(request: HttpRequest): Promise<HttpResponse> {
    const seen = this.#see(request);
    this.seen.push(seen);
    await this.#awake(request.signal);
    const response =
      (await this.#scripted(seen)) ??
      (seen.method === 'GET' ? await this.#read(seen, request.signal) : this.#written(seen));
    await this.#awake(request.signal);
    return response;
  }

  /** After a millisecond: in simulated time, whoever asks again at once would stop the clock. */
  async #scripted(seen: SeenRequest): Promise<HttpResponse | undefined> {
    const response = this.answer?.(seen);
    if (response === undefined) return undefined;
    await new Promise<void>((resolve) => {
      this.#clock.after(1, resolve);
    });
    return response;
  }

  #see({ url, method = 'GET', headers = {}, body = '' }: HttpRequest): SeenRequest {
    const { pathname, searchParams } = new URL(url);
    const [, path = ''] = /^\/v1\/kv\/(.*)$/.exec(pathname) ?? [];
    const token = Object.entries(headers).find(([name]) => name.toLowerCase() === 'x-consul-token');
    return {
      atMs: this.#clock.nowMs(),
      method,
      key: decodeURIComponent(path),
      body,
      parameters: Object.fromEntries(searchParams),
      token: token?.[1],
    };
  }

  async #read(
    { key, parameters, token }: SeenRequest,
    signal?: AbortSignal,
  ): Promise<HttpResponse> {
    if (!this.#isAllowed(token)) {
      return failure(403, `Permission denied: the token lacks permission 'key:read' on "${key}"`);
    }
    if ('recurse' in parameters) return this.#readPrefix(key, parameters, signal);
    if (!['', DATACENTER].includes(parameters['dc'] ?? ''))
      return failure(500, 'No path to datacenter');
    const waitMs = Number(/^(\d+)ms$/.exec(parameters['wait'] ?? '300000ms')?.[1]);
    const deadlineAtMs = this.#clock.nowMs() + waitMs + this.#clock.random() * (waitMs / 16);
    let beyond = Number(parameters['index'] ?? 0);
    const isBlocking = beyond > 0;
    let wasMissing = false;
    for (;;) {
      if (!this.#hasLeader) return failure(500, 'No cluster leader');
      const store = this.#storeFor(parameters);
      const entry = store.entries.get(key);
      const index = entry?.modifyIndex ?? Math.max(store.index, 1);
      // A key that was missing, and still is, is no news, although the store's index moved.
      if (entry === undefined && wasMissing && !this.wakesForOthers) beyond = index;
      wasMissing = entry === undefined;
      const leftMs = deadlineAtMs - this.#clock.nowMs();
      if (!isBlocking || index > beyond || leftMs <= 0) return toResponse(key, entry, index);
      await this.#change(signal, leftMs);
      if (store !== this.#storeFor(parameters)) return toResponse(key, entry, index);
    }
  }

  /** Without the waits for a time that is over, as who follows members needs none. */
  async #readPrefix(
    prefix: string,
    parameters: SeenRequest['parameters'],
    signal?: AbortSignal,
  ): Promise<HttpResponse> {
    const waitMs = Number(/^(\d+)ms$/.exec(parameters['wait'] ?? '300000ms')?.[1]);
    const deadlineAtMs = this.#clock.nowMs() + waitMs;
    const beyond = Number(parameters['index'] ?? 0);
    for (;;) {
      if (!this.#hasLeader) return failure(500, 'No cluster leader');
      const store = this.#storeFor(parameters);
      const entries = [...store.entries].filter(([key]) => key.startsWith(prefix));
      const graves = [...store.graveyard].filter(([key]) => key.startsWith(prefix));
      const last = Math.max(
        ...entries.map(([, { modifyIndex }]) => modifyIndex),
        ...graves.map(([, index]) => index),
      );
      // Where nothing ever was, the index is that of all keys (`agent/consul/state/kvs.go`, `kvsListTxn`).
      const index = Number.isFinite(last) ? last : store.index;
      const leftMs = deadlineAtMs - this.#clock.nowMs();
      if (beyond === 0 || index > beyond || leftMs <= 0) return toList(entries, index);
      await this.#change(signal, leftMs);
      if (store !== this.#storeFor(parameters)) return toList(entries, index);
    }
  }

  #written({ method, key, body, parameters, token }: SeenRequest): HttpResponse {
    if (!this.#isAllowed(token)) {
      return failure(403, `Permission denied: the token lacks permission 'key:write' on "${key}"`);
    }
    if (!this.#hasLeader) return failure(500, 'No cluster leader');
    const { cas } = parameters;
    const modifyIndex = this.#store.entries.get(key)?.modifyIndex ?? 0;
    // A compare-and-delete of what is not there is done (`agent/consul/state/kvs.go`, `kvsDeleteCASTxn`).
    const isDone =
      cas === undefined ||
      Number(cas) === modifyIndex ||
      (method === 'DELETE' && modifyIndex === 0);
    if (isDone && method === 'PUT') this.put(key, body);
    else if (isDone) this.delete(key);
    return { status: 200, headers: {}, body: String(isDone) };
  }

  #isAllowed(token: string | undefined): boolean {
    return this.tokens === undefined || this.tokens.has(token ?? '');
  }

  #storeFor(parameters: SeenRequest['parameters']): Store {
    return 'consistent' in parameters ? this.#store : (this.#old ?? this.#store);
  }

  #write(key: string, value: Buffer): void {
    this.#store.index += 1;
    this.#store.entries.set(key, { value, modifyIndex: this.#store.index });
    this.#changed();
  }

  #changed(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  async #awake(signal: AbortSignal | undefined): Promise<void> {
    while (this.#isHung) await this.#change(signal);
  }

  /** Resolves at the next change, or when the time is over. Rejects where nobody waits for the answer any more. */
  #change(signal: AbortSignal | undefined, withinMs?: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#waiters.delete(onChange);
        cancel?.();
        signal?.removeEventListener('abort', onAbort);
      };
      const onChange = (): void => {
        settle();
        resolve();
      };
      const onAbort = (): void => {
        settle();
        reject(new Error('nobody waits for the answer'));
      };
      const cancel = withinMs === undefined ? undefined : this.#clock.after(withinMs, onChange);
      this.#waiters.add(onChange);
      if (signal?.aborted === true) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}

function failure(status: number, body: string): HttpResponse {
  return { status, headers: {}, body };
}

function headersOf(index: number): Record<string, string> {
  return {
    'x-consul-index': String(index),
    'x-consul-knownleader': 'true',
    'x-consul-lastcontact': '0',
  };
}

function toResponse(key: string, entry: Entry | undefined, index: number): HttpResponse {
  return toList(entry === undefined ? [] : [[key, entry]], index);
}

function toList(entries: readonly (readonly [string, Entry])[], index: number): HttpResponse {
  const headers = headersOf(index);
  if (entries.length === 0) return { status: 404, headers, body: '' };
  const body = entries.map(([key, { value, modifyIndex }]) => ({
    LockIndex: 0,
    Key: key,
    Flags: 0,
    Value: value.length === 0 ? null : value.toString('base64'),
    CreateIndex: 1,
    ModifyIndex: modifyIndex,
  }));
  return { status: 200, headers, body: JSON.stringify(body) };
}
