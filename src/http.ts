/**
 * What an HTTP request needs to reach a TLS server, all of it as PEM text.
 *
 * @public
 */
export interface HttpTls {
  /** Certificates that are trusted instead of the system's. */
  readonly ca?: string;
  /** The client's own certificate, where the server asks for one. */
  readonly cert?: string;
  /** The key of `cert`. */
  readonly key?: string;
  /** The name that the server's certificate must carry. Default: the host of the address. */
  readonly servername?: string;
  /** False accepts any certificate. Default true. */
  readonly rejectUnauthorized?: boolean;
}

/**
 * One request of {@link World.request}.
 *
 * @public
 */
export interface HttpRequest {
  /** An absolute `http:` or `https:` address. */
  readonly url: string;
  /** Default `'GET'`. */
  readonly method?: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as UTF-8. Default: none. */
  readonly body?: string;
  /** For `https:`. Default: what the system trusts. */
  readonly tls?: HttpTls;
  /** Path of a Unix socket that is connected to instead of the host of `url`. Default: none. */
  readonly socketPath?: string;
  /** Longest time until the whole answer is here, in milliseconds, connecting included. */
  readonly timeoutMs: number;
  /** Longest body of an answer, in bytes; a longer one rejects, and is not read to its end. Default 1048576 (1 MiB). */
  readonly maxBytes?: number;
  /** Ends the request, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * An answer, whatever its status; redirects are not followed.
 *
 * @public
 */
export interface HttpResponse {
  /** 200, 404, ... */
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** Read as UTF-8. */
  readonly body: string;
}

/** @internal Where {@link HttpRequest.maxBytes} is not given. */
export const DEFAULT_MAX_BYTES: number = 1024 * 1024;

/** @internal Why there is no answer although a server may have sent one. */
export type HttpErrorCode = 'ERR_HTTP_TIMEOUT' | 'ERR_HTTP_TOO_LARGE';

/** @internal A limit of the request was reached. Everything else that fails is an error of the network, with its own code. */
export class HttpLimitError extends Error {
  override readonly name: string = 'HttpLimitError';
  readonly code: HttpErrorCode;

  private constructor(code: HttpErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  static timeout(timeoutMs: number): HttpLimitError {
    return new HttpLimitError('ERR_HTTP_TIMEOUT', `there was no answer within ${timeoutMs} ms`);
  }

  static tooLarge(maxBytes: number): HttpLimitError {
    return new HttpLimitError('ERR_HTTP_TOO_LARGE', `the answer is longer than ${maxBytes} bytes`);
  }
}
