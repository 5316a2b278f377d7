import type { ConsulSignalOptions } from '../options-consul.js';
import { ConsulClient, type ConsulRequest } from '../signals/consul-client.js';
import {
  confirmed,
  type ConsulEntry,
  type ConsulList,
  readList,
  readWritten,
} from '../signals/consul-query.js';
import { DEFAULT_WAIT_MS, waitingFor } from '../signals/consul-waits.js';
import type { World } from '../world.js';
import type { MemberState } from './agreement.js';
import { memberKey, membersPrefix } from './consul-members.js';
import { writeMember } from './member.js';

/** @internal Heartbeats come every few seconds: who waits longer for one answer hears of nothing else meanwhile. */
export const REQUEST_TIMEOUT_MS = 3_000;

/** Consul's longest value (512 KiB) in base64, and what stands around it: garbage of any length must be seen to be replaced. */
const MAX_DECISION_BYTES = 1024 * 1024;

/** Some thousand members with some groups each. */
const MAX_MEMBERS_BYTES = 4 * 1024 * 1024;

/** The leader makes sure that it still is one before it answers. */
const CONSISTENT = ['consistent', ''] as const;
const RECURSE = ['recurse', ''] as const;

/** A write of one key. */
type Write = Pick<ConsulRequest, 'method' | 'key' | 'parameters' | 'body'>;

/**
 * The keys of one fleet, asked and written one at a time. Every promise rejects where there is no answer that counts, as
 * {@link ConsulClient.ask}.
 *
 * @internal
 */
export class ConsulKeys {
  /** Holds the decision. */
  readonly key: string;
  readonly #client: ConsulClient;
  readonly #waitMs: number;

  constructor(options: ConsulSignalOptions, world: World) {
    this.key = options.key;
    this.#client = new ConsulClient(options, world);
    this.#waitMs = options.waitMs ?? DEFAULT_WAIT_MS;
  }

  /** What the key holds now, by the leader's word. Undefined: there is no key. */
  async decision(signal: AbortSignal): Promise<ConsulEntry | undefined> {
    const { key } = this;
    const { entries } = await this.#client.ask(
      {
        key,
        parameters: [CONSISTENT],
        timeoutMs: REQUEST_TIMEOUT_MS,
        maxBytes: MAX_DECISION_BYTES,
        signal,
      },
      (response) => confirmed(readList(response, key)),
    );
    return entries.find((entry) => entry.key === key);
  }

  /** Every member's key now, by the leader's word. */
  members(signal: AbortSignal): Promise<ConsulList> {
    const prefix = membersPrefix(this.key);
    return this.#client.ask(
      {
        key: prefix,
        parameters: [RECURSE, CONSISTENT],
        timeoutMs: REQUEST_TIMEOUT_MS,
        maxBytes: MAX_MEMBERS_BYTES,
        signal,
      },
      (response) => confirmed(readList(response, prefix)),
    );
  }

  /** Every member's key, as soon as something may have changed since `index`; a deposed leader may answer what is old. */
  membersAfter(index: bigint, signal: AbortSignal): Promise<ConsulList> {
    const prefix = membersPrefix(this.key);
    const { parameters, timeoutMs } = waitingFor(index, this.#waitMs);
    return this.#client.ask(
      {
        key: prefix,
        parameters: [RECURSE, ...parameters],
        timeoutMs,
        maxBytes: MAX_MEMBERS_BYTES,
        signal,
      },
      (response) => readList(response, prefix),
    );
  }

  /** Writes a decision, unless the key was written since `modifyIndex` (0: since there was none). False: it was. */
  swapDecision(text: string, modifyIndex: number, signal: AbortSignal): Promise<boolean> {
    return this.#write(
      { method: 'PUT', key: this.key, parameters: [['cas', String(modifyIndex)]], body: text },
      signal,
    );
  }

  async writeMember(member: MemberState, signal: AbortSignal): Promise<void> {
    const key = memberKey(this.key, member.instance);
    await this.#write({ method: 'PUT', key, parameters: [], body: writeMember(member) }, signal);
  }

  async deleteMember(instance: string, signal: AbortSignal): Promise<void> {
    const key = memberKey(this.key, instance);
    await this.#write({ method: 'DELETE', key, parameters: [] }, signal);
  }

  /** Deletes a key, unless it was written since `modifyIndex`. */
  async deleteUnchanged(key: string, modifyIndex: number, signal: AbortSignal): Promise<void> {
    const parameters = [['cas', String(modifyIndex)]] as const;
    await this.#write({ method: 'DELETE', key, parameters }, signal);
  }

  async #write(write: Write, signal: AbortSignal): Promise<boolean> {
    const { isDone } = await this.#client.ask(
      { ...write, timeoutMs: REQUEST_TIMEOUT_MS, maxBytes: MAX_DECISION_BYTES, signal },
      (response) => readWritten(response, write.key),
    );
    return isDone;
  }
}
