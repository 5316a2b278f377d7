import { messageOf } from '../caught.js';
import type { HttpRequest, HttpResponse } from '../http.js';
import type { ConsulSignalOptions } from '../options-consul.js';
import { withinDeadline } from '../wait.js';
import type { World } from '../world.js';
import { type ConsulCredentials, readCredentials } from './consul-credentials.js';
import { type ConsulRefusal, keyUrl } from './consul-query.js';
import { type ConsulSettings, readSettings, type ReadSettings } from './consul-settings.js';

/** @internal A request about a key, or about a prefix of keys. */
export interface ConsulRequest extends Pick<HttpRequest, 'method' | 'body' | 'timeoutMs'> {
  readonly key: string;
  /** Those of the question itself; datacenter, namespace and partition are added. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
  /** Longest answer that is read, in bytes. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** For token and certificates, which may lie on a network drive. */
const FILES_TIMEOUT_MS = 5_000;

/**
 * Asks one agent. Token and certificates are read anew for each request; the environment is read once, when this is made.
 *
 * @internal
 */
export class ConsulClient {
  readonly #world: World;
  readonly #settings: ReadSettings;

  constructor(options: ConsulSignalOptions, world: World) {
    this.#world = world;
    this.#settings = readSettings(options, world.environment);
  }

  /**
   * Asks once.
   *
   * @param read - understands the answer. What it refuses is a failure like no answer at all.
   * @throws Error - (rejects) there is no answer that counts; the message says why, and never holds the token. The signal's
   *   reason where that is aborted.
   */
  async ask<Answer extends { readonly kind: string }>(
    { key, parameters, signal, ...request }: ConsulRequest,
    read: (response: HttpResponse) => Answer | ConsulRefusal,
  ): Promise<Answer> {
    if (this.#settings.kind === 'refused') throw new Error(this.#settings.because);
    const { settings } = this.#settings;
    const { address, scope } = settings;
    const { token, tls } = await this.#credentials(settings, signal);
    try {
      const response = await this.#world.request({
        ...request,
        url: keyUrl(address.base, key, [...scope, ...parameters]),
        headers: token === undefined ? {} : { 'X-Consul-Token': token },
        ...(tls === undefined ? {} : { tls }),
        ...(address.socketPath === undefined ? {} : { socketPath: address.socketPath }),
        signal,
      });
      const answer = read(response);
      if (isRefusal(answer)) throw new Error(answer.because);
      return answer;
    } catch (error) {
      signal.throwIfAborted();
      const message = `${address.shown}: ${messageOf(error)}`;
      // oxlint-disable-next-line preserve-caught-error -- an agent, or a proxy before it, may repeat the token that it was sent
      throw new Error(token === undefined ? message : message.replaceAll(token, '***'));
    }
  }

  async #credentials(settings: ConsulSettings, signal: AbortSignal): Promise<ConsulCredentials> {
    const world = this.#world;
    const deadlineAtMs = world.nowMs() + FILES_TIMEOUT_MS;
    const read = await withinDeadline(world, deadlineAtMs, () => readCredentials(world, settings), {
      signal,
    });
    if (read.kind === 'settled') return read.value;
    throw new Error(`token and certificates could not be read within ${FILES_TIMEOUT_MS} ms`);
  }
}

function isRefusal(answer: { readonly kind: string }): answer is ConsulRefusal {
  return answer.kind === 'refused';
}
