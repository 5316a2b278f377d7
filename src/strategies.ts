import type { ConsulSignalOptions } from './options-consul.js';
import { consulSignal } from './signals/consul.js';
import { dnsSignal, type DnsSignalOptions } from './signals/dns.js';
import { eurekaSignal, type EurekaSignalOptions } from './signals/eureka.js';
import { fileSignal, type FileSignalOptions } from './signals/file.js';
import { httpSignal, type HttpSignalOptions } from './signals/http.js';
import { followStrategy, type FollowOptions } from './strategy/follow.js';
import type { Strategy } from './strategy/strategy.js';

/**
 * What {@link consulStrategy} takes: {@link consulSignal}'s options, {@link followStrategy}'s, and more than one address.
 *
 * @public
 */
export interface ConsulStrategyOptions extends Omit<ConsulSignalOptions, 'address'>, FollowOptions {
  /**
   * One address, or several independent Consuls that hold the same key (Consul does not replicate keys between datacenters): the
   * highest valid epoch of all counts. Default: as {@link consulSignal}'s.
   */
  readonly address?: string | readonly string[];
}

/**
 * Follows a key of Consul: {@link followStrategy} of one {@link consulSignal}, or of several.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - as those two.
 * @example
 * ```ts
 * const strategy = combine({ follow: consulStrategy({ key: 'kafka/active' }), orElse: healthStrategy() });
 * ```
 * @public
 */
export function consulStrategy(options: ConsulStrategyOptions): Strategy {
  const { follow, source } = split(options);
  // Refuses what is no object, in its own words.
  if (typeof source !== 'object' || source === null) consulSignal(source);
  const { address, ...shared } = source;
  const addresses = typeof address === 'string' || address === undefined ? [address] : address;
  const signals = addresses.map((one) =>
    consulSignal(one === undefined ? shared : { ...shared, address: one }),
  );
  return followStrategy(signals, follow);
}

/**
 * Follows a file: {@link followStrategy} of {@link fileSignal}.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - as those two.
 * @public
 */
export function fileStrategy(options: FileSignalOptions & FollowOptions): Strategy {
  const { follow, source } = split(options);
  return followStrategy(fileSignal(source), follow);
}

/**
 * Follows a URL: {@link followStrategy} of {@link httpSignal}.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - as those two.
 * @public
 */
export function httpStrategy(options: HttpSignalOptions & FollowOptions): Strategy {
  const { follow, source } = split(options);
  return followStrategy(httpSignal(source), follow);
}

/**
 * Follows a DNS name: {@link followStrategy} of {@link dnsSignal}.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - as those two.
 * @public
 */
export function dnsStrategy(options: DnsSignalOptions & FollowOptions): Strategy {
  const { follow, source } = split(options);
  return followStrategy(dnsSignal(source), follow);
}

/**
 * Follows an application in Eureka: {@link followStrategy} of {@link eurekaSignal}. Eureka is slow by nature: tens of seconds.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - as those two.
 * @public
 */
export function eurekaStrategy(options: EurekaSignalOptions & FollowOptions): Strategy {
  const { follow, source } = split(options);
  return followStrategy(eurekaSignal(source), follow);
}

/** What belongs to the following, and what to the source. */
function split<Options extends FollowOptions>(
  options: Options,
): { follow: FollowOptions; source: Omit<Options, keyof FollowOptions> } {
  // What is no object is refused by the source's own check, in its own words.
  if (typeof options !== 'object' || options === null) return { follow: {}, source: options };
  const { initial, onUnknownAtStart, ...source } = options;
  return {
    follow: {
      ...(initial === undefined ? {} : { initial }),
      ...(onUnknownAtStart === undefined ? {} : { onUnknownAtStart }),
    },
    source,
  };
}
