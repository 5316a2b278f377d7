import type { DnsRecordType } from '../../src/world.js';
import type { DnsRecord } from '../../stack/dnsmasq.js';

/** All records of a name server. */
export type Zone = readonly DnsRecord[];

/** What an authoritative server answers: the records, none of them, or that there is no such name. */
export function lookUp(
  zone: Zone,
  name: string,
  type: DnsRecordType,
): readonly string[] | 'NXDOMAIN' {
  const ofName = zone.filter((record) => record.name.toLowerCase() === name.toLowerCase());
  if (ofName.length === 0) return 'NXDOMAIN';
  return ofName.filter((record) => record.type === type).map(({ text }) => text);
}
