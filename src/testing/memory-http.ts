import { Buffer } from 'node:buffer';
import { DEFAULT_MAX_BYTES, HttpLimitError, type HttpRequest, type HttpResponse } from '../http.js';
import { withinDeadline } from '../wait.js';
import type { World } from '../world.js';

/** @internal The server that all requests of a world meet; undefined: there is none. */
export type HttpHandler = ((request: HttpRequest) => Promise<HttpResponse>) | undefined;

/**
 * {@link World.request} on a world's own clock. The handler's signal is aborted when nobody waits for its answer any more,
 * as the connection of a real server ends then.
 *
 * @internal
 */
export async function answerRequest(
  world: World,
  request: HttpRequest,
  handler: HttpHandler,
): Promise<HttpResponse> {
  const { url, timeoutMs, maxBytes = DEFAULT_MAX_BYTES, signal } = request;
  signal?.throwIfAborted();
  if (handler === undefined) {
    const { host } = new URL(url);
    throw Object.assign(new Error(`connect ECONNREFUSED ${host}`), { code: 'ECONNREFUSED' });
  }
  const answer = await withinDeadline(
    world,
    world.nowMs() + timeoutMs,
    (cut) => handler({ ...request, signal: cut }),
    { signal },
  );
  if (answer.kind === 'overrun') throw HttpLimitError.timeout(timeoutMs);
  if (Buffer.byteLength(answer.value.body) > maxBytes) throw HttpLimitError.tooLarge(maxBytes);
  return answer.value;
}
