import type { logCreator, LogEntry } from 'kafkajs';
import { kafka } from '../kafkajs.js';

/** The namespace in which kafkajs logs what the user's handlers throw (`src/consumer/runner.js`). */
const HANDLERS_NAMESPACE = 'Runner';

/** In which it logs that a consumer has ended (`src/consumer/index.js`). */
const CONSUMERS_NAMESPACE = 'Consumer';

/** @internal How far a session is from its end. */
export type SessionStage = 'in-use' | 'draining' | 'fenced';

/**
 * kafkajs's `logCreator` with the cluster's alias as one more field, `cluster`, in every entry: two clusters log into
 * one stream. Everything else is as the user's own creator, or kafkajs's console output, makes it.
 *
 * After the fence kafkajs complains of every socket, retry and join that the fence has ended, at ERROR, while the service
 * goes on elsewhere. These entries are of level DEBUG then; and before it those that call it a crash of a consumer that it is drained. What handlers throw keeps its level: they may overrun the
 * fence.
 *
 * @internal
 */
export function logCreatorFor(
  alias: string,
  own: logCreator | undefined,
  stage: () => SessionStage = () => 'in-use',
): logCreator {
  const create = own ?? consoleLogCreator;
  const { DEBUG } = kafka.logLevel;
  return (level) => {
    const log = create(level);
    return (entry) => {
      const named = { ...entry, log: { ...entry.log, cluster: alias } };
      if (!isExpected(entry.namespace, stage())) log(named);
      else if (level >= DEBUG) log({ ...named, level: DEBUG, label: 'DEBUG' });
    };
  };
}

/** It is the switch's own work that kafkajs complains of. */
function isExpected(namespace: string, stage: SessionStage): boolean {
  if (stage === 'draining') return namespace === CONSUMERS_NAMESPACE;
  return stage === 'fenced' && namespace !== HANDLERS_NAMESPACE;
}

/**
 * Asks a creator once for each level, however many clients there are: it may open a file at each call, and a service that
 * uses bare kafkajs has one client.
 *
 * @internal
 */
export function oneForEachLevel(create: logCreator): logCreator {
  const logs = new Map<number, ReturnType<logCreator>>();
  return (level) => {
    const log = logs.get(level) ?? create(level);
    logs.set(level, log);
    return log;
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
