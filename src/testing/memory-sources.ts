import { Buffer } from 'node:buffer';
import type { DnsAnswer, DnsRecordType, DnsResolver, ReadTextOptions } from '../world.js';

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

/** @internal As `World.dnsResolver` makes it, answered by a function. */
export function memoryDns(dns: MemoryDns | undefined): DnsResolver {
  let cancelled = (): void => {};
  const cancelling = new Promise<never>((_resolve, reject) => {
    cancelled = () => reject(withCode('ECANCELLED', 'query ECANCELLED'));
  });
  cancelling.catch(() => {});
  return {
    async resolve(name, type) {
      if (dns === undefined)
        throw withCode('ECONNREFUSED', 'query ECONNREFUSED: this memory world has no such server');
      return Promise.race([dns(name, type), cancelling]);
    },
    cancel: () => cancelled(),
  };
}

function withCode(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
