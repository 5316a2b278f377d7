import { Resolver } from 'node:dns/promises';
import { unreachable } from './unreachable.js';
import type { DnsAnswer, DnsRecordType, DnsResolver, DnsResolverOptions } from './world.js';

/**
 * A resolver of Node's, which asks name servers itself: sockets use `dns.lookup`, the operating system's, which knows no
 * TTL and honours the hosts file. Node hands out the TTL of addresses only.
 *
 * @internal
 */
export function realDnsResolver({ servers, timeoutMs }: DnsResolverOptions): DnsResolver {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 1 });
  if (servers !== undefined) resolver.setServers(servers);
  return {
    resolve: (name, type) => resolve(resolver, name, type),
    cancel: () => resolver.cancel(),
  };
}

async function resolve(resolver: Resolver, name: string, type: DnsRecordType): Promise<DnsAnswer> {
  switch (type) {
    case 'TXT':
      return withoutTtl((await resolver.resolveTxt(name)).map((parts) => parts.join('')));
    case 'CNAME':
      return withoutTtl(await resolver.resolveCname(name));
    case 'SRV':
      return withoutTtl(
        (await resolver.resolveSrv(name)).map(({ name: host, port }) => `${host}:${port}`),
      );
    case 'A':
      return withTtl(await resolver.resolve4(name, { ttl: true }));
    case 'AAAA':
      return withTtl(await resolver.resolve6(name, { ttl: true }));
    default:
      return unreachable(type);
  }
}

function withoutTtl(records: readonly string[]): DnsAnswer {
  return { records, ttlSeconds: undefined };
}

function withTtl(records: readonly { address: string; ttl: number }[]): DnsAnswer {
  return {
    records: records.map(({ address }) => address),
    ttlSeconds: records.length === 0 ? undefined : Math.min(...records.map(({ ttl }) => ttl)),
  };
}
