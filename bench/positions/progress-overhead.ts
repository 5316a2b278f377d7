import { Kafka, logLevel } from 'kafkajs-failover';
import { startStack } from '../../stack/index.js';
import { alternate, cpuMicrosPerRecord } from '../alternate.js';
import { measureOverhead } from '../overhead.js';
import { median, rounded } from '../statistics.js';
import { createTopics } from '../topics.js';
import { startContender, type Contender } from './contender.js';
import type { OverheadFigures } from './figures.js';

/** MirrorMaker leaves topics of such names alone: copying millions of records would disturb what is measured. */
const TOPIC = 'bench-overhead.replica';
const EMPTY = 'bench-empty';
const PARTITIONS = 6;
const BATCH = 1_000;
const PROGRESS_TOPIC = '__kafkajs-failover.progress';

/**
 * Compares a consumer of the library as it is by default, with fingerprints and progress records, with one of bare kafkajs, in
 * neighbouring rounds, each in a process of its own. Beside both the library follows the mirrors: that is in no ratio.
 *
 * @internal
 */
export async function measureProgressOverhead({
  pairs,
  records,
  say,
}: {
  pairs: number;
  records: number;
  say(words: string): void;
}): Promise<OverheadFigures> {
  const stack = await startStack({ name: 'bench-positions', onProgress: say });
  const { A, B } = stack.clusters;
  const common = { clientId: 'bench', logLevel: logLevel.NOTHING, retry: { retries: 5 } };
  const bare = new Kafka({ ...common, brokers: A.brokers });
  const onB = new Kafka({ ...common, brokers: B.brokers });
  const contenders: Contender[] = [];
  const contender = async (kind: 'bare' | 'wrapped'): Promise<Contender> => {
    const brokers = { A: A.brokers, B: B.brokers };
    const one = await startContender({ kind, topic: TOPIC, emptyTopic: EMPTY, records, brokers });
    contenders.push(one);
    return one;
  };
  try {
    await createTopics(bare, [TOPIC, EMPTY], PARTITIONS);
    await createTopics(onB, [EMPTY], PARTITIONS);
    await fill(bare, records);
    const addedNs = await measureOverhead();
    const alone = await contender('bare');
    const ours = await contender('wrapped');
    const { pairs: rounds, ...figures } = await alternate(
      pairs,
      (index) => alone.round(index),
      (index) => ours.round(index),
    );
    const bareRounds = rounds.map((pair) => pair.bare);
    const bareNs = median(bareRounds.map(cpuMicrosPerRecord)) * 1_000;
    return {
      ...figures,
      addedNs,
      addedShare: rounded(addedNs / bareNs),
      waitingShare: rounded(median(bareRounds.map((one) => one.waitingSeconds / one.seconds))),
      progressRecords: await countProgress(onB),
    };
  } finally {
    for (const one of contenders) one.close();
    await stack.stop();
  }
}

async function fill(kafka: Kafka, records: number): Promise<void> {
  const messages = Array.from({ length: BATCH }, (_, index) => ({
    key: `key-${index % 64}`,
    value: Buffer.alloc(200, 'v'),
  }));
  const producer = kafka.producer();
  await producer.connect();
  for (let sent = 0; sent < records; sent += BATCH) await producer.send({ topic: TOPIC, messages });
  await producer.disconnect();
}

async function countProgress(kafka: Kafka): Promise<number> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const ends = await admin.fetchTopicOffsets(PROGRESS_TOPIC);
    return ends.reduce((sum, { high }) => sum + Number(high), 0);
  } finally {
    await admin.disconnect();
  }
}
