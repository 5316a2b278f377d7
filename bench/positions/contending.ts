import { FailoverKafka, Kafka, logLevel } from 'kafkajs-failover';
import { consumeRound, type ConsumerSource } from '../consumer.js';
import { untilMirrorsAreFollowed } from '../mirrored.js';

/** @internal What a contender's process is told at its start. */
export interface Contending {
  readonly kind: 'bare' | 'wrapped';
  readonly topic: string;
  /** Of nothing: a client stays connected to it between the rounds, as in a service that has run for a while. */
  readonly emptyTopic: string;
  readonly records: number;
  readonly brokers: { readonly A: readonly string[]; readonly B: readonly string[] };
}

/** Answers each number with a round, after a first answer when it is ready. */
async function contend({ kind, topic, records, ...own }: Contending): Promise<void> {
  const source = kind === 'bare' ? bare(own) : await wrapped(own);
  process.on('message', (index) => {
    globalThis.gc?.();
    consumeRound(source, topic, records, 'eachMessage', `bench-${kind}-${String(index)}`).then(
      (round) => process.send?.(round),
      failed,
    );
  });
  process.on('disconnect', () => process.exit());
  process.send?.('ready');
}

type Own = Pick<Contending, 'emptyTopic' | 'brokers'>;

const COMMON = { clientId: 'bench', logLevel: logLevel.NOTHING, retry: { retries: 5 } };

function bare({ brokers }: Own): ConsumerSource {
  return new Kafka({ ...COMMON, brokers: [...brokers.A] });
}

async function wrapped({ brokers: { A, B }, emptyTopic }: Own): Promise<ConsumerSource> {
  const kafka = new FailoverKafka({
    ...COMMON,
    clusters: { A: { brokers: [...A] }, B: { brokers: [...B] } },
  });
  const watcher = kafka.consumer({ groupId: 'bench-watch' });
  await watcher.connect();
  await watcher.subscribe({ topic: emptyTopic });
  await watcher.run({ eachMessage: () => Promise.resolve() });
  await untilMirrorsAreFollowed(kafka);
  return kafka;
}

function failed(error: unknown): void {
  console.error(error);
  process.exit(1);
}

contend(JSON.parse(process.argv[2] ?? '') as Contending).catch(failed);
