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
}

/** A request as the fake understood it. */
export interface SeenRequest {
  readonly atMs: number;
  readonly key: string;
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
  /** Tokens that may read; undefined: ACLs are off. */
  tokens: Set<string> | undefined;
  /** True: a question about a missing key is answered at every write to any key, as older versions do. */
  wakesForOthers = false;
  readonly #clock: FakeClock;
  readonly #waiters = new Set<() => void>();
  #store: Store = { index: 10, entries: new Map() };
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
    this.#store.entries.delete(key);
    this.#changed();
  }

  writeOthers(count: number): void {
    for (let each = 0; each < count; each += 1) this.put(`others/${each}`, `${this.#store.index}`);
  }

  /** What the store holds now; {@link FakeConsul.restore} brings it back. */
  snapshot(): Store {
    return { index: this.#store.index, entries: new Map(this.#store.entries) };
  }

  /** The store is replaced: whatever waits is answered at once, out of the old one. */
  restore({ index, entries }: Store): void {
    this.#store = { index, entries: new Map(entries) };
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
    this.#store = { index: entries.length, entries: new Map(entries) };
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
    const response = (await this.#scripted(seen)) ?? (await this.#read(seen, request.signal));
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

  #see({ url, headers = {} }: HttpRequest): SeenRequest {
    const { pathname, searchParams } = new URL(url);
    const [, path = ''] = /^\/v1\/kv\/(.*)$/.exec(pathname) ?? [];
    const token = Object.entries(headers).find(([name]) => name.toLowerCase() === 'x-consul-token');
    return {
      atMs: this.#clock.nowMs(),
      key: decodeURIComponent(path),
      parameters: Object.fromEntries(searchParams),
      token: token?.[1],
    };
  }

  async #read(
    { key, parameters, token }: SeenRequest,
    signal?: AbortSignal,
  ): Promise<HttpResponse> {
    if (this.tokens !== undefined && !this.tokens.has(token ?? '')) {
      return failure(403, `Permission denied: the token lacks permission 'key:read' on "${key}"`);
    }
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

function toResponse(key: string, entry: Entry | undefined, index: number): HttpResponse {
  const headers = {
    'x-consul-index': String(index),
    'x-consul-knownleader': 'true',
    'x-consul-lastcontact': '0',
  };
  if (entry === undefined) return { status: 404, headers, body: '' };
  const { value, modifyIndex } = entry;
  const body = [
    {
      LockIndex: 0,
      Key: key,
      Flags: 0,
      Value: value.length === 0 ? null : value.toString('base64'),
      CreateIndex: 1,
      ModifyIndex: modifyIndex,
    },
  ];
  return { status: 200, headers, body: JSON.stringify(body) };
}
