import type { AgreementContext } from './agreement/agreement.js';
import { clusterNamed } from './clients.js';
import { openControlLog } from './cluster/control-log.js';
import type { ResolvedOptions } from './options.js';

/** @internal Opens the library's own logs on the clusters of these options. */
export function controlLogs(options: ResolvedOptions): AgreementContext['log'] {
  return (alias, topic, settings) =>
    openControlLog({
      alias,
      clusterOptions: clusterNamed(options, alias, 'clusters'),
      kafkaConfig: options.kafka,
      world: options.world,
      topic,
      settings,
    });
}
