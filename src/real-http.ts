import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { HttpRequest, HttpResponse } from './world.js';

const DEFAULT_MAX_BYTES = 1_048_576;

/**
 * Asks over HTTP, on a connection of its own that is closed with the answer.
 *
 * @internal
 */
export function realRequest(asked: HttpRequest): Promise<HttpResponse> {
  const { url, method = 'GET', headers, body, tls, socketPath, timeoutMs, signal } = asked;
  const { maxBytes = DEFAULT_MAX_BYTES } = asked;
  return new Promise((resolve, reject) => {
    const options = {
      method,
      agent: false,
      ...(headers === undefined ? {} : { headers: { ...headers } }),
      ...(socketPath === undefined ? {} : { socketPath }),
      ...(signal === undefined ? {} : { signal }),
    };
    const isTls = new URL(url).protocol === 'https:';
    const call = isTls ? requestHttps(url, { ...tls, ...options }) : requestHttp(url, options);
    const timer = setTimeout(
      () => call.destroy(new Error(`no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    call.once('close', () => clearTimeout(timer));
    call.on('error', reject);
    call.once('response', (answer) => {
      readBody(answer, maxBytes).then(
        (text) =>
          resolve({ status: answer.statusCode ?? 0, headers: flat(answer.headers), body: text }),
        (error: Error) => {
          call.destroy();
          reject(error);
        },
      );
    });
    call.end(body);
  });
}

async function readBody(answer: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > maxBytes) throw new Error(`the answer is longer than ${maxBytes} bytes`);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function flat(headers: IncomingMessage['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}
