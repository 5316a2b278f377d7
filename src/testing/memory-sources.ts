import { Buffer } from 'node:buffer';
import type {
  CancelTimer,
  DnsAnswer,
  DnsRecordType,
  DnsResolver,
  HttpRequest,
  HttpResponse,
  ReadTextOptions,
  World,
} from '../world.js';

/** @internal Answers HTTP requests in a test. */
export type MemoryHttp = (request: HttpRequest) => Promise<HttpResponse>;

/** @internal Answers questions to name servers in a test. */
export type MemoryDns = (name: string, type: DnsRecordType) => Promise<DnsAnswer>;

/** @internal As `World.readText`, from a map of files. */
export async function readMemoryFile(
  files: ReadonlyMap<string, string> | undefined,
  path: string,
  { maxBytes = Infinity }: ReadTextOptions = {},
): Promise<string | undefined> {
  const text = files?.get(path);
  if (text !== undefined && Buffer.byteLength(text) > maxBytes) {
    throw new Error(`${path} holds more than ${maxBytes} bytes`);
  }
  return text;
}

/** Timers, as a world or a clock has them. */
interface Timers {
  after(delayMs: number, callback: () => void): CancelTimer;
}

/** @internal As `World.request`, answered by a function. */
export function memoryHttp(timers: Timers, http: MemoryHttp | undefined): World['request'] {
  return (request) => {
    if (http === undefined) return Promise.reject(unreachableServer('connect'));
    const { timeoutMs, signal } = request;
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        cancel();
        signal?.removeEventListener('abort', onAbort);
        reject(error);
      };
      const onAbort = (): void => fail(signal?.reason);
      const cancel = timers.after(timeoutMs, () =>
        fail(new Error(`no answer within ${timeoutMs} ms`)),
      );
      if (signal?.aborted === true) {
        onAbort();
        return;
      }
      signal?.addEventListener('abort', onAbort, { once: true });
      http(request).then((response) => {
        cancel();
        signal?.removeEventListener('abort', onAbort);
        resolve(response);
      }, fail);
    });
  };
}

/** @internal As `World.dnsResolver` makes it, answered by a function. */
export function memoryDns(dns: MemoryDns | undefined): DnsResolver {
  let cancelled = (): void => {};
  const cancelling = new Promise<never>((_resolve, reject) => {
    cancelled = () => reject(withCode('ECANCELLED', 'query ECANCELLED'));
  });
  cancelling.catch(() => {});
  return {
    async resolve(name, type) {
      if (dns === undefined) throw unreachableServer('query');
      return Promise.race([dns(name, type), cancelling]);
    },
    cancel: () => cancelled(),
  };
}

function unreachableServer(what: string): Error {
  return withCode('ECONNREFUSED', `${what} ECONNREFUSED: this memory world has no such server`);
}

function withCode(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
