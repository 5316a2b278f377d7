import * as z from 'zod';
import { checkOptions } from './options-error.js';
import { canonicalKey } from './signals/dns-answer.js';
import { canonicalRecord } from './signals/dns-names.js';
import type { DnsSignalOptions } from './signals/dns.js';
import type { EurekaSignalOptions } from './signals/eureka.js';
import type { FileSignalOptions } from './signals/file.js';
import type { HttpSignalOptions } from './signals/http.js';
import { parsePointer } from './signals/json-pointer.js';
import type { HttpTls } from './http.js';
import type { DnsRecordType } from './world.js';

/** One entry for each option, so that the compiler sees none missing. */
type Shape<Options> = Readonly<Record<keyof Options, z.ZodType>>;

/** A source that is asked more rarely than once a day is none. */
const MAX_POLL_MS = 86_400_000;
const pollMs = z.int().min(100).max(MAX_POLL_MS).optional();
const timeoutMs = z.int().min(100).max(600_000).optional();

const aText = (message: string) => z.string(message).min(1, message);

const httpUrl = z
  .string('must be an absolute http: or https: URL')
  .refine(isHttpUrl, 'must be an absolute http: or https: URL');
/** What Node lets pass as the name and the value of a header field (RFC 9110, section 5). */
const headers = z
  .record(
    z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/, 'is no name of a header field'),
    z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'must be a text without line breaks'),
    { error: "must be header fields by name, for example { 'x-api-key': '...' }" },
  )
  .optional();
const pem = z
  .string()
  .regex(/-----BEGIN /, 'must be PEM text, which begins with -----BEGIN, not a path')
  .optional();
const tlsShape = {
  ca: pem,
  cert: pem,
  key: pem,
  servername: z.string().optional(),
  rejectUnauthorized: z.boolean().optional(),
} satisfies Shape<HttpTls>;
const tls = z
  .strictObject(tlsShape)
  .refine(
    ({ cert, key }) => (cert === undefined) === (key === undefined),
    'must hold both cert and key, or neither',
  )
  .optional();

const fileShape = z.strictObject(
  { path: aText('must be the path of a file'), pollMs } satisfies Shape<FileSignalOptions>,
  "must be an object that names the file: fileSignal({ path: '/etc/kafka-active' })",
);

const httpShape = z.strictObject(
  {
    url: httpUrl,
    headers,
    tls,
    pollMs,
    timeoutMs,
    pointer: z
      .string()
      .refine(
        (text) => parsePointer(text) !== undefined,
        'must be a JSON pointer, for example "/kafka/active"',
      )
      .optional(),
  } satisfies Shape<HttpSignalOptions>,
  "must be an object that names the URL: httpSignal({ url: 'https://config.example.com/kafka' })",
);

const dnsShape = z
  .strictObject(
    {
      name: z
        .string('must be a DNS name')
        .regex(/^(?=.{1,254}$)[^.\s]{1,63}(\.[^.\s]{1,63})*\.?$/, 'must be a DNS name'),
      type: z.enum(['TXT', 'CNAME', 'A', 'AAAA', 'SRV']),
      map: z
        .record(z.string(), aText('must be the alias of a cluster'), {
          error: "must be aliases by answer, for example { 'kafka-b.example.com': 'B' }",
        })
        .optional(),
      prefix: aText('must not be empty; leave it out to take the only record').optional(),
      servers: z
        .array(
          z
            .string()
            .refine(isNameServer, 'must be an address, or address:port ([address]:port for IPv6)'),
        )
        .min(1, 'must name a server; leave it out to ask those of the system')
        .max(10)
        .optional(),
      pollMs,
      timeoutMs,
      equalAnswers: z.int().min(1).max(100).optional(),
    } satisfies Shape<DnsSignalOptions>,
    "must be an object that names the record: dnsSignal({ name: 'active.example.com', type: 'TXT' })",
  )
  .superRefine(({ type, map, prefix }, context) => {
    const wrong = (path: readonly string[], message: string): void =>
      context.addIssue({ code: 'custom', path: [...path], message });
    if (prefix !== undefined && type !== 'TXT') wrong(['prefix'], 'is for type TXT only');
    if (map === undefined) {
      if (type !== 'TXT') wrong(['map'], `must say which cluster an answer of type ${type} means`);
      return;
    }
    const fault = mapFault(type, map);
    if (fault !== undefined) wrong(fault.path, fault.message);
  });

const eurekaShape = z
  .strictObject(
    {
      url: httpUrl,
      app: aText('must be the name of an application'),
      metadata: aText('must be a key of the metadata').optional(),
      statusOf: z
        .record(z.string().min(1), aText('must be the alias of a cluster'), {
          error:
            "must be aliases by instance id or virtual address, for example { 'kafka-b': 'B' }",
        })
        .refine((aliases) => Object.keys(aliases).length > 0, 'must name an instance')
        .optional(),
      headers,
      tls,
      pollMs,
      timeoutMs,
    } satisfies Shape<EurekaSignalOptions>,
    "must be an object that names server and app: eurekaSignal({ url: 'http://eureka:8761/eureka', app: 'KAFKA' })",
  )
  .refine(({ metadata, statusOf }) => metadata === undefined || statusOf === undefined, {
    path: ['metadata'],
    message: 'is not possible together with statusOf',
  });

/**
 * What signals take, checked when they are made: a misspelt or wrong option would be a source that nobody listens to.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - names the option, the value and the remedy.
 * @internal
 */
export function checkFileSignal(options: unknown): void {
  checkOptions(fileShape, options, { at: ['fileSignal'] });
}

/** @internal As {@link checkFileSignal}. What may be secret is not in the error. */
export function checkHttpSignal(options: unknown): void {
  checkOptions(httpShape, options, { at: ['httpSignal'] });
}

/** @internal As {@link checkFileSignal}. */
export function checkDnsSignal(options: unknown): void {
  checkOptions(dnsShape, options, { at: ['dnsSignal'] });
}

/** @internal As {@link checkFileSignal}. What may be secret is not in the error. */
export function checkEurekaSignal(options: unknown): void {
  checkOptions(eurekaShape, options, { at: ['eurekaSignal'] });
}

function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return /^https?:$/.test(protocol) && [username, password].every(isDecodable);
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

function isNameServer(text: string): boolean {
  const [, bracketed, host, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (Number(port ?? 53) > 65_535) return false;
  if (host !== undefined) return canonicalRecord('A', host) !== undefined;
  return canonicalRecord('AAAA', bracketed ?? text) !== undefined;
}

/** The first key of a map that can never match, or that contradicts another one. */
function mapFault(
  type: DnsRecordType,
  map: Readonly<Record<string, string>>,
): { path: readonly string[]; message: string } | undefined {
  const aliases = new Map<string, string>();
  const entries = Object.entries(map);
  if (entries.length === 0) {
    return { path: ['map'], message: 'must have an entry for each cluster' };
  }
  for (const [key, alias] of entries) {
    const canonical = canonicalKey(type, key);
    if (canonical === undefined) {
      return { path: ['map', key], message: `its key must be what records of type ${type} hold` };
    }
    if ((aliases.get(canonical) ?? alias) !== alias) {
      return { path: ['map', key], message: 'its key stands in the map twice, for two clusters' };
    }
    aliases.set(canonical, alias);
  }
  return undefined;
}
