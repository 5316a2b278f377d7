import { Buffer } from 'node:buffer';
import {
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
  request as openHttp,
} from 'node:http';
import { request as openHttps } from 'node:https';
import { DEFAULT_MAX_BYTES, HttpLimitError, type HttpRequest, type HttpResponse } from './http.js';

/**
 * An HTTP request over Node's own client: {@link World.request} of the real world. Each request has a connection of its
 * own, so that none is left behind and none is reused that died in silence. Not global `fetch`: it takes neither a CA nor
 * a Unix socket, and its fixed header timeout of 300 s collides with long polls (undici `lib/dispatcher/client.js`).
 *
 * @throws {@link HttpLimitError} ERR_HTTP_TIMEOUT, ERR_HTTP_TOO_LARGE - (rejects) a limit of the request was reached.
 * @throws Error - (rejects) the address is none, nobody listens there, TLS fails, or the connection ends too early; the
 *   signal's reason where that is aborted.
 * @internal
 */
export function realRequest(asked: HttpRequest): Promise<HttpResponse> {
  const { timeoutMs, maxBytes = DEFAULT_MAX_BYTES, signal } = asked;
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason);
      return;
    }
    const sent = open(asked);
    const settle = (outcome: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      outcome();
    };
    const fail = (error: unknown): void => {
      settle(() => reject(error));
      sent.destroy();
    };
    const onAbort = (): void => fail(signal?.reason);
    const timer = setTimeout(() => fail(HttpLimitError.timeout(timeoutMs)), timeoutMs);
    signal?.addEventListener('abort', onAbort, { once: true });
    // It stays for good: a destroyed request may emit another error after the first.
    sent.on('error', (error) => fail(inWords(error)));
    sent.once('response', (answer) => {
      readBody(answer, maxBytes).then((body) => {
        settle(() => resolve({ status: answer.statusCode ?? 0, headers: headersOf(answer), body }));
      }, fail);
    });
    sent.end(asked.body);
  });
}

function open({
  url,
  method = 'GET',
  headers = {},
  tls = {},
  socketPath,
}: HttpRequest): ClientRequest {
  const { protocol, hostname, port, pathname, search } = new URL(url);
  const options: RequestOptions = {
    method,
    headers: { ...headers },
    path: `${pathname}${search}`,
    // A one-off agent, which keeps no connection alive.
    agent: false,
    // An IPv6 address is in brackets in an address, and nowhere else.
    host: hostname.replaceAll(/^\[|\]$/g, ''),
    ...(port === '' ? {} : { port }),
    ...(socketPath === undefined ? {} : { socketPath }),
  };
  if (protocol === 'https:') return openHttps({ ...options, ...tls });
  if (protocol === 'http:') return openHttp(options);
  throw new Error(`${protocol}// is no address that can be asked: it must be http: or https:`);
}

function readBody(answer: IncomingMessage, maxBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let byteCount = 0;
    answer.on('data', (chunk: Buffer) => {
      byteCount += chunk.length;
      if (byteCount > maxBytes) reject(HttpLimitError.tooLarge(maxBytes));
      else chunks.push(chunk);
    });
    answer.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    // Emitted also where the connection ends before the answer does.
    answer.on('error', reject);
  });
}

function headersOf(answer: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(answer.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  );
}

/** Where a name has several addresses and none of them answers, Node's error has all of their errors and no message. */
function inWords(error: Error): Error {
  if (!(error instanceof AggregateError) || error.message !== '') return error;
  const messages = error.errors.map((each: unknown) =>
    each instanceof Error ? each.message : String(each),
  );
  return Object.assign(new Error(messages.join('; '), { cause: error }), {
    ...('code' in error ? { code: error.code } : {}),
  });
}
