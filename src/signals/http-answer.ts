import type { HttpResponse } from '../http.js';

/** @internal What an answer over HTTP means to whoever polls. */
export type HttpAnswer =
  | { readonly kind: 'body'; readonly body: string }
  /** The same as before (304). */
  | { readonly kind: 'unchanged' }
  /** The server has nothing there (404, 204). */
  | { readonly kind: 'absent' }
  | {
      readonly kind: 'failed';
      readonly because: string;
      /** The server does not want to be asked before, in milliseconds from now. */
      readonly retryAfterMs: number | undefined;
    };

/** Nobody may silence a signal for longer. */
const MAX_RETRY_AFTER_MS = 600_000;

/**
 * Judges an answer by its status. Pure.
 *
 * @param options.isConditional - whether the question carried If-None-Match: without it a 304 makes no sense.
 * @param options.wallMs - the time that a date in Retry-After is compared with, where the server does not tell its own.
 * @internal
 */
export function judgeAnswer(
  { status, headers, body }: HttpResponse,
  { isConditional, wallMs }: { isConditional: boolean; wallMs: number },
): HttpAnswer {
  if (status === 200) return { kind: 'body', body };
  if (status === 204 || status === 404) return { kind: 'absent' };
  if (status === 304 && isConditional) return { kind: 'unchanged' };
  return {
    kind: 'failed',
    because: `the server answered ${status}${remark(status)}`,
    // 429: RFC 6585, section 4. 503: RFC 9110, section 15.6.4.
    retryAfterMs: status === 429 || status === 503 ? retryAfterMs(headers, wallMs) : undefined,
  };
}

function remark(status: number): string {
  if (status === 304) return ' to a question that had no If-None-Match';
  if (status >= 300 && status < 400) return ', and redirects are not followed';
  if (status === 401 || status === 403) return ': the credentials are missing, wrong, or too weak';
  return '';
}

/** Retry-After (RFC 9110, section 10.2.3): seconds, or a date, which is compared with the server's own clock where it is told. */
function retryAfterMs(headers: HttpResponse['headers'], wallMs: number): number | undefined {
  const value = headers['retry-after']?.trim() ?? '';
  const askedMs = /^\d+$/.test(value)
    ? Number(value) * 1_000
    : (dateMs(value) ?? NaN) - (dateMs(headers['date'] ?? '') ?? wallMs);
  return Number.isNaN(askedMs) || askedMs < 0 ? undefined : Math.min(askedMs, MAX_RETRY_AFTER_MS);
}

function dateMs(text: string): number | undefined {
  // oxlint-disable-next-line no-restricted-globals -- reads a text, not a clock
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
