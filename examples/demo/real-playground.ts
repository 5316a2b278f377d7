import { Kafka, logLevel } from 'kafkajs-failover';
import { startStack, StackError } from '../../stack/index.js';
import { launchProcess } from './launch.js';
import type { Playground, PlaygroundOptions } from './playground.js';

/** Starts two real Kafka clusters and MirrorMaker 2, by the repository's own scripts; each service is a process. */
export async function realPlayground({
  policy,
  signal,
  onProgress,
}: PlaygroundOptions): Promise<Playground> {
  const starting = startStack({ policy, signal, onProgress, name: 'demo' });
  const stack = await starting.catch((error: unknown) => {
    throw error instanceof StackError && !signal.aborted ? withWayOut(error) : error;
  });
  const brokers = { A: stack.clusters.A.brokers, B: stack.clusters.B.brokers };
  const flows = stack.mirror.flows.map(({ name }) => name).join(', ');
  return {
    description: `Kafka ${stack.kafkaVersion} with MirrorMaker 2 (${flows}, ${policy} policy) is up`,
    kafka: {
      clusters: { A: { brokers: brokers.A }, B: { brokers: brokers.B } },
      mirror: { policy },
    },
    plainKafka: (alias) =>
      new Kafka({ clientId: 'demo', brokers: brokers[alias], logLevel: logLevel.NOTHING }),
    launch: launchProcess,
    kill: (alias) => stack.clusters[alias].kill(),
    restart: (alias) => stack.clusters[alias].start(),
    mirrorToB: async (what) => {
      const flow = stack.mirror.flow('A->B');
      await (what === 'stop' ? flow.stop() : flow.start());
    },
    close: async () => {
      await stack.stop();
    },
  };
}

function withWayOut(error: StackError): StackError {
  return new StackError(
    `${error.message}\nThe same services run without servers, on clusters in memory: npm run demo -- --memory`,
    { cause: error },
  );
}
