import { asError } from '../caught.js';
import { checkDnsSignal } from '../options-signals.js';
import { untilAborted, untilDeadline, spread } from '../wait.js';
import type { DnsAnswer, DnsRecordType, World } from '../world.js';
import { type DnsRule, canonicalAliases, readRecords } from './dns-answer.js';
import { type Look, watchByPolling } from './polling.js';
import { isSame } from './reading.js';
import type { Reading, Signal } from './signal.js';

/**
 * Which DNS records hold the opinion.
 *
 * @public
 */
export interface DnsSignalOptions {
  /** The whole name that is asked for: no search list is used. */
  readonly name: string;
  /**
   * `TXT`: the record's text is an alias, or JSON `{ cluster, epoch, mode, reason }`; the best choice, because it is explicit
   * and can carry an epoch. `CNAME`: where the name points to. `A`, `AAAA`, `SRV`: the addresses, or `host:port`, behind it.
   */
  readonly type: DnsRecordType;
  /**
   * What an answer means: alias by target of the CNAME, by address or by `host:port`. With `A`, `AAAA` and `SRV` a key may also be a
   * whole set, joined by commas. Letter case and a final dot of names do not matter. Needed for all types but TXT, where it is the
   * alias by text; without it the text itself counts there.
   */
  readonly map?: Readonly<Record<string, string>>;
  /** TXT only: what the record begins with that counts, for example `kafka=`. Default: the name has no other TXT record. */
  readonly prefix?: string;
  /** Name servers to ask, `address` or `address:port`, one after the other until one answers. Default: those of the system. */
  readonly servers?: readonly string[];
  /**
   * Pause between two questions, in milliseconds; a tenth of it is jitter. At least 100. Default: the TTL of the answer, but at
   * least 1000 and at most 60000; where no TTL is known (TXT, CNAME, SRV, failures), 5000.
   */
  readonly pollMs?: number;
  /** How long one name server may take, in milliseconds. At least 100. Default 3000. */
  readonly timeoutMs?: number;
  /** How many answers in a row must mean the same before it counts; the second and later ones are asked for within a second. Default 2. */
  readonly equalAnswers?: number;
}

const UNKNOWN_TTL_MS = 5_000;
const MIN_TTL_MS = 1_000;
const MAX_TTL_MS = 60_000;

/** Longest pause before an answer is confirmed. */
const CONFIRM_MS = 1_000;

/** Servers of the system are at most three (resolv.conf, MAXNS). */
const SYSTEM_SERVER_COUNT = 3;

/**
 * The records of a DNS name. The library asks name servers itself, past the system's caches and hosts file, and moves nothing
 * by its answers but what the decision moves: the addresses that kafkajs connects to stay those of the options.
 *
 * Several answers in a row must mean the same. The order of records does not matter, and different addresses of one cluster
 * mean the same. No such name, no such record, a server that fails or does not answer, an unknown record, and records of two
 * clusters at a time are failures: the last value stays in force. No opinion is said by a blank TXT record, or by none that
 * begins with `prefix`. It cannot know how old the copies of caches are: a change is seen after the TTL at the latest, and not
 * by all processes at once.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - at once, when an option is missing, unknown or wrong.
 * @example
 * ```ts
 * const byText = dnsSignal({ name: 'active.kafka.example.com', type: 'TXT', prefix: 'kafka=' });
 * const byTarget = dnsSignal({
 *   name: 'kafka.example.com',
 *   type: 'CNAME',
 *   map: { 'kafka-a.example.com': 'A', 'kafka-b.example.com': 'B' },
 * });
 * ```
 * @public
 */
export function dnsSignal(options: DnsSignalOptions): Signal {
  checkDnsSignal(options);
  const { name, type, map, prefix } = options;
  const aliases = map === undefined ? undefined : canonicalAliases(type, map);
  const rule = { type, prefix, aliases };
  const suffix = prefix === undefined ? '' : ` ${prefix}`;
  // Taken apart now: the caller may change its object later.
  const asked = { ...options };
  return {
    name: `dns ${type} ${name}${suffix}`,
    watch: (world, tell) =>
      watchByPolling(
        world,
        { look: confirmedLooks(world, asked, rule), pollMs: asked.pollMs ?? UNKNOWN_TTL_MS },
        tell,
      ),
  };
}

/** Looks that bring a reading only once several in a row were equal. */
function confirmedLooks(
  world: World,
  options: DnsSignalOptions,
  rule: DnsRule,
): (signal: AbortSignal) => Promise<Look> {
  const { equalAnswers = 2 } = options;
  let last: { readonly reading: Reading; readonly count: number } | undefined;
  return async (signal) => {
    const before = last;
    // Forgotten until there is an answer: a failure in between begins the count anew.
    last = undefined;
    const { records, ttlSeconds } = await ask(world, options, signal);
    const restMs = spread(world, options.pollMs ?? ttlMs(ttlSeconds));
    const reading = readRecords(records, rule);
    if (reading.kind === 'failed') return { reading, restMs };
    const count = before !== undefined && isSame(before.reading, reading) ? before.count + 1 : 1;
    last = { reading, count };
    if (count >= equalAnswers) return { reading, restMs };
    return { reading: undefined, restMs: Math.min(restMs, CONFIRM_MS) };
  };
}

/** A resolver for each question: it takes the system's servers as they are now, and keeps no socket and no grudge. */
async function ask(
  world: World,
  { name, type, servers, timeoutMs = 3_000 }: DnsSignalOptions,
  signal: AbortSignal,
): Promise<DnsAnswer> {
  const limitMs = timeoutMs * ((servers?.length ?? SYSTEM_SERVER_COUNT) + 1);
  const resolver = world.dnsResolver({
    timeoutMs,
    ...(servers === undefined ? {} : { servers }),
  });
  try {
    const asking = untilAborted(signal, resolver.resolve(name, type));
    const answer = await untilDeadline(world, world.nowMs() + limitMs, asking);
    if (answer.kind === 'overrun') throw new Error(`no name server answered in ${limitMs} ms`);
    return answer.value;
  } catch (error) {
    throw inWords(asError(error), type, timeoutMs);
  } finally {
    resolver.cancel();
  }
}

function ttlMs(ttlSeconds: number | undefined): number {
  if (ttlSeconds === undefined) return UNKNOWN_TTL_MS;
  return Math.min(Math.max(ttlSeconds * 1_000, MIN_TTL_MS), MAX_TTL_MS);
}

/** Node's codes (`node:dns`, section "Error codes") in words. */
function inWords(error: Error, type: DnsRecordType, timeoutMs: number): Error {
  const words: Readonly<Record<string, string>> = {
    ENOTFOUND: 'the name does not exist (NXDOMAIN)',
    ENODATA: `the name has no ${type} record`,
    ESERVFAIL: 'the name server failed (SERVFAIL)',
    EREFUSED: 'the name server refused to answer (REFUSED)',
    ETIMEOUT: `no name server answered within ${timeoutMs} ms`,
    ECONNREFUSED: 'no name server could be reached',
  };
  const code = 'code' in error ? String(error.code) : '';
  const found = words[code];
  return found === undefined ? error : new Error(found, { cause: error });
}
