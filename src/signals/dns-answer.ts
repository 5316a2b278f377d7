import type { DnsRecordType } from '../world.js';
import { canonicalRecord, canonicalSet } from './dns-names.js';
import { failed, readingOf } from './reading.js';
import type { Reading } from './signal.js';

/** @internal How the records of a name are understood. */
export interface DnsRule {
  readonly type: DnsRecordType;
  /** TXT only: what the record begins with that counts. */
  readonly prefix: string | undefined;
  /** Alias by record, or by a set of records, in their canonical writing. Undefined: the text itself counts. */
  readonly aliases: ReadonlyMap<string, string> | undefined;
}

/** @internal A map of the options with its keys in their canonical writing. */
export function canonicalAliases(
  type: DnsRecordType,
  map: Readonly<Record<string, string>>,
): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(map).flatMap(([key, alias]) => {
      const canonical = canonicalKey(type, key);
      return canonical === undefined ? [] : [[canonical, alias] as const];
    }),
  );
}

/** @internal A key of the map in its canonical writing, or undefined where it is no record or set of records of this type. */
export function canonicalKey(type: DnsRecordType, key: string): string | undefined {
  // A name has one CNAME, and a text may hold commas.
  const isSet = type === 'A' || type === 'AAAA' || type === 'SRV';
  return canonicalSet(type, isSet ? key.split(',') : [key]);
}

/** @internal Understands the records of an answer, whose order does not matter. Pure and total. */
export function readRecords(records: readonly string[], rule: DnsRule): Reading {
  if (records.length === 0) return failed(`it has no ${rule.type} record`);
  return rule.type === 'TXT' ? readTexts(records, rule) : readSet(records, rule);
}

function readTexts(records: readonly string[], { prefix, aliases }: DnsRule): Reading {
  const texts =
    prefix === undefined
      ? records
      : records
          .filter((record) => record.startsWith(prefix))
          .map((record) => record.slice(prefix.length));
  const [text, ...others] = [...new Set(texts)];
  if (text === undefined) return { kind: 'absent' };
  if (others.length > 0) {
    return failed(
      prefix === undefined
        ? `it has ${others.length + 1} TXT records: name the right one by the option prefix`
        : `${others.length + 1} TXT records begin with ${JSON.stringify(prefix)}`,
    );
  }
  if (aliases === undefined || text.trim() === '') return readingOf(text);
  const alias = aliases.get(text);
  return alias === undefined ? unknownRecord(text) : readingOf(alias);
}

function readSet(records: readonly string[], { type, aliases = new Map() }: DnsRule): Reading {
  const whole = aliases.get(canonicalSet(type, records) ?? '');
  if (whole !== undefined) return readingOf(whole);
  const found = new Map<string, string>();
  for (const record of records) {
    const canonical = canonicalRecord(type, record);
    const alias = canonical === undefined ? undefined : aliases.get(canonical);
    if (alias === undefined) return unknownRecord(record);
    if (!found.has(alias)) found.set(alias, record);
  }
  const [first, second] = [...found];
  if (first === undefined || second !== undefined) {
    const each = [...found].map(([alias, record]) => `${record} is ${alias}`);
    return failed(`it names two clusters at a time: ${each.toSorted().join(', ')}`);
  }
  return readingOf(first[0]);
}

function unknownRecord(record: string): Reading {
  return failed(`${JSON.stringify(record)} stands not in the option map`);
}
