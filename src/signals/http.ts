import { checkHttpSignal } from '../options-signals.js';
import { unreachable } from '../unreachable.js';
import type { HttpTls } from '../http.js';
import type { World } from '../world.js';
import { judgeAnswer } from './http-answer.js';
import { HttpSource } from './http-source.js';
import { parsePointer, valueAtPointer } from './json-pointer.js';
import { type Look, watchByPolling } from './polling.js';
import { spread } from '../wait.js';
import { failed, readingOf } from './reading.js';
import type { Reading, Signal } from './signal.js';

/**
 * Which URL holds the opinion.
 *
 * @public
 */
export interface HttpSignalOptions {
  /**
   * Absolute, `http:` or `https:`. User info in it is sent as Basic authorization, unless `headers` has an Authorization of
   * its own. User info and query are shown nowhere.
   */
  readonly url: string;
  /** Header fields of every question, for example a token. Shown nowhere. Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** TLS settings for `https:`. Default: Node's own. */
  readonly tls?: HttpTls;
  /** Pause between an answer and the next question, in milliseconds; a tenth of it is jitter. At least 100. Default 5000. */
  readonly pollMs?: number;
  /** How long a whole answer may take, in milliseconds. At least 100. Default 3000. */
  readonly timeoutMs?: number;
  /**
   * JSON pointer (RFC 6901) to the value inside of a larger document, for example `/kafka/active`. The value is a text, or an
   * object `{ cluster, epoch, mode, reason }`. Default: the whole body is the text.
   */
  readonly pointer?: string;
}

/**
 * The answer of an HTTP server: an alias, or JSON `{ cluster, epoch, mode, reason }`, or, with `pointer`, a part of a
 * larger JSON document. Fits a configuration service of your own, Spring Cloud Config, and AWS AppConfig's agent on localhost.
 *
 * It asks with If-None-Match where the server gives an ETag, and takes 304 for unchanged. 404, 204, a blank body, and
 * nothing or `null` at the pointer are no opinion. Every other status is a failure: redirects are not followed. So is an
 * answer that is late, longer than 1 MiB or no JSON where a pointer is given. Retry-After (seconds or a date, at most ten
 * minutes) is honoured with 429 and 503. It cannot know whether a proxy in between answers from an old copy: an epoch in the
 * value protects from that.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - at once, when an option is missing, unknown or wrong.
 * @example
 * ```ts
 * const signal = httpSignal({ url: 'https://config.example.com/kafka', pointer: '/active' });
 * ```
 * @public
 */
export function httpSignal(options: HttpSignalOptions): Signal {
  checkHttpSignal(options);
  const { url, headers = {}, tls, pollMs = 5_000, timeoutMs = 3_000, pointer } = options;
  const source = new HttpSource({ url, headers, tls, timeoutMs });
  return {
    name: `http ${source.shown}${pointer === undefined ? '' : `#${pointer}`}`,
    watch: (world, tell) =>
      watchByPolling(world, { look: looks(world, source, { pollMs, pointer }), pollMs }, tell),
  };
}

function looks(
  world: World,
  source: HttpSource,
  { pollMs, pointer }: { pollMs: number; pointer: string | undefined },
): (signal: AbortSignal) => Promise<Look> {
  let etag: string | undefined;
  return async (signal) => {
    const known = etag;
    // Forgotten until the next good answer: after a failure everything is read anew.
    etag = undefined;
    const isConditional = known !== undefined;
    const headers = isConditional ? { 'if-none-match': known } : {};
    const response = await source.ask(world, { headers, signal });
    const answer = judgeAnswer(response, { isConditional, wallMs: world.wallMs() });
    const restMs = spread(world, pollMs);
    switch (answer.kind) {
      case 'unchanged':
        etag = known;
        return { reading: undefined, restMs };
      case 'absent':
        return { reading: { kind: 'absent' }, restMs };
      case 'body': {
        const reading = readBody(answer.body, pointer);
        if (reading.kind !== 'failed') etag = response.headers['etag'];
        return { reading, restMs };
      }
      case 'failed':
        return {
          reading: failed(answer.because),
          // Later than asked, never earlier: a whole fleet may have been told the same.
          restMs: Math.max(restMs, (answer.retryAfterMs ?? 0) + world.random() * pollMs),
        };
      default:
        return unreachable(answer);
    }
  };
}

function readBody(body: string, pointer: string | undefined): Reading {
  if (pointer === undefined) return readingOf(body);
  let document: unknown;
  try {
    document = JSON.parse(body.trim());
  } catch {
    return failed('the answer is no JSON');
  }
  const value = valueAtPointer(document, parsePointer(pointer) ?? []) ?? null;
  if (value === null) return { kind: 'absent' };
  if (typeof value === 'string') return readingOf(value);
  if (typeof value === 'object' && !Array.isArray(value)) return readingOf(JSON.stringify(value));
  const kind = Array.isArray(value) ? 'list' : typeof value;
  return failed(`${JSON.stringify(pointer)} is a ${kind}, where a text or an object is expected`);
}
