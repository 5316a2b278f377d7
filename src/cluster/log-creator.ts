import type { logCreator, LogEntry } from 'kafkajs';
import { kafka } from '../kafkajs.js';

/**
 * kafkajs's `logCreator` with the cluster's alias as one more field, `cluster`, in every entry: two clusters log into
 * one stream. Everything else is as the user's own creator, or kafkajs's console output, makes it.
 *
 * @internal
 */
export function logCreatorFor(alias: string, own: logCreator | undefined): logCreator {
  const create = own ?? consoleLogCreator;
  return (level) => {
    const log = create(level);
    return (entry) => log({ ...entry, log: { ...entry.log, cluster: alias } });
  };
}

/** The words of kafkajs's levels as its loggers name their methods. */
const METHODS = { ERROR: 'error', WARN: 'warn', INFO: 'info', DEBUG: 'debug' } as const;

/**
 * kafkajs's own console output. kafkajs does not export it, so a kafkajs client that never connects lends its logger:
 * the entry goes through it once more and comes out as it went in.
 */
const consoleLogCreator: logCreator = () => {
  const root = new kafka.Kafka({ brokers: [], logLevel: kafka.logLevel.DEBUG }).logger();
  return ({ namespace, label, log }: LogEntry) => {
    const method = METHODS[label as keyof typeof METHODS] ?? 'info';
    const logger = namespace === undefined ? root : root.namespace(namespace, kafka.logLevel.DEBUG);
    logger[method](log.message, log);
  };
};
