import { FailoverOptionsError } from './errors.js';
import type { FailoverKafkaConfig } from './options.js';

/**
 * Refuses what kafkajs takes and can never connect to: it reads a port from what stands behind the first colon, and has no
 * default for one. Of the cluster that is not active nobody would notice before the day of the switch. With a `socketFactory`
 * of the service's own kafkajs's port need not mean anything.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - a broker is no `host:port`.
 * @internal
 */
export function checkBrokers(
  alias: string,
  { clusters, socketFactory }: FailoverKafkaConfig,
): void {
  const cluster = clusters[alias];
  if (cluster === undefined || typeof cluster.brokers === 'function') return;
  if ((cluster.socketFactory ?? socketFactory) !== undefined) return;
  const wrong = cluster.brokers.find((broker) => !isAddress(broker));
  if (wrong === undefined) return;
  throw new FailoverOptionsError(
    `clusters.${alias}.brokers`,
    wrong,
    `clusters.${alias}.brokers: each broker must be "host:port", got ${JSON.stringify(wrong)}. Write ${suggestion(wrong)}.`,
  );
}

function isAddress(broker: string): boolean {
  const [host = '', port = ''] = broker.split(':');
  return host !== '' && /^\d+$/.test(port) && Number(port) > 0 && Number(port) < 65_536;
}

/** What was probably meant, as code. */
function suggestion(broker: string): string {
  const addresses = broker
    .split(',')
    .map((part) => part.trim().replace(/^\w+:\/\//, ''))
    .map((part) => (part.includes(':') || part === '' ? part : `${part}:9092`));
  return addresses.every(isAddress)
    ? addresses.map((address) => JSON.stringify(address)).join(', ')
    : 'for example "a1.example.com:9092"';
}
