import { messageOf } from '../caught.js';
import { untilAborted } from '../wait.js';
import type { HttpResponse, HttpTls } from '../http.js';
import type { World } from '../world.js';

/** @internal Where is asked over HTTP, and how. */
export interface HttpSourceOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: HttpTls | undefined;
  readonly timeoutMs: number;
}

/** Shorter ones would hide half of a message. */
const MIN_SECRET_LENGTH = 3;

/**
 * A URL that is asked again and again. What may be secret in it, the user info, the query and the header fields, goes to
 * the server and nowhere else: it is in no name and in no reason.
 *
 * @internal
 */
export class HttpSource {
  /** The URL as it may be shown. */
  readonly shown: string;
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #options: HttpSourceOptions;
  readonly #secrets: readonly string[];

  /** @param path - is appended to the path of the URL. */
  constructor(options: HttpSourceOptions, path: string = '') {
    const url = new URL(options.url);
    const { username, password } = url;
    const headers = withLowerCaseNames(options.headers);
    const user = [username, password].map(decodeURIComponent).join(':');
    if (user !== ':') headers['authorization'] ??= `Basic ${Buffer.from(user).toString('base64')}`;
    url.username = '';
    url.password = '';
    url.hash = '';
    if (path !== '') url.pathname = `${url.pathname.replace(/\/+$/, '')}${path}`;
    this.#url = url.href;
    this.#headers = headers;
    this.#options = options;
    this.shown = `${url.origin}${url.pathname}`;
    // The longest first: one that begins another would leave the rest of it in the open.
    this.#secrets = [
      ...[username, password, decodeURIComponent(username), decodeURIComponent(password)],
      ...[url.search, ...url.searchParams.values()],
      ...Object.values(headers),
    ]
      .filter(({ length }) => length >= MIN_SECRET_LENGTH)
      .toSorted((a, b) => b.length - a.length);
  }

  /**
   * Asks once.
   *
   * @param options.headers - more header fields, by their lower-case names.
   * @throws Error - there was no answer; the message says why, and holds no secret.
   */
  async ask(
    world: World,
    { headers = {}, signal }: { headers?: Readonly<Record<string, string>>; signal: AbortSignal },
  ): Promise<HttpResponse> {
    const { tls, timeoutMs } = this.#options;
    const request = {
      url: this.#url,
      headers: { ...this.#headers, ...headers },
      timeoutMs,
      signal,
      ...(tls === undefined ? {} : { tls }),
    };
    try {
      return await untilAborted(signal, world.request(request));
    } catch (error) {
      throw this.#withoutSecrets(error);
    }
  }

  /** The error itself is not passed on as the cause: it may hold what its message must not. */
  #withoutSecrets(error: unknown): Error {
    const hide = (text: string, secret: string): string => text.replaceAll(secret, '***');
    return new Error(this.#secrets.reduce(hide, messageOf(error)));
  }
}

function withLowerCaseNames(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}
