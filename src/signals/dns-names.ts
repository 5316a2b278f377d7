import { unreachable } from '../unreachable.js';
import type { DnsRecordType } from '../world.js';

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/;
const IPV6 = /^[\da-f:.]+$/i;
const HOST = /^[^\s:,]+$/;

/**
 * A record in the one way of writing that can be compared: host names in lower case and without the final dot, IPv6
 * addresses as short as they can be. Undefined where it is no record of this type. Pure.
 *
 * @internal
 */
export function canonicalRecord(type: DnsRecordType, text: string): string | undefined {
  switch (type) {
    case 'TXT':
      return text;
    case 'A':
      return IPV4.test(text) ? text : undefined;
    case 'AAAA':
      return IPV6.test(text) && text.includes(':') ? canonicalIpv6(text) : undefined;
    case 'CNAME':
      return canonicalHost(text);
    case 'SRV': {
      const [, host, port = ''] = /^(.*):(\d+)$/.exec(text) ?? [];
      const canonical = host === undefined ? undefined : canonicalHost(host);
      return canonical === undefined ? undefined : `${canonical}:${Number(port)}`;
    }
    default:
      return unreachable(type);
  }
}

/**
 * A set of records in one text: sorted, without repetitions, joined by commas. Undefined where one of them is no record of
 * this type. Pure.
 *
 * @internal
 */
export function canonicalSet(type: DnsRecordType, records: readonly string[]): string | undefined {
  const canonical = records.flatMap((record) => canonicalRecord(type, record.trim()) ?? []);
  if (records.length === 0 || canonical.length < records.length) return undefined;
  return [...new Set(canonical)].toSorted().join(',');
}

function canonicalHost(text: string): string | undefined {
  const name = text.replace(/\.$/, '').toLowerCase();
  return HOST.test(name) ? name : undefined;
}

/** The URL standard writes an IPv6 host in one way only (section 3.5, "IPv6 serializer"). */
function canonicalIpv6(text: string): string | undefined {
  const url = `http://[${text}]/`;
  return URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : undefined;
}
