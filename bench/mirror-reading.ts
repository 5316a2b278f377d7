import { quickFetchAnswer } from '../src/cluster/quick-fetch.js';
import { OffsetSyncStore } from '../src/replication/offset-sync-store.js';
import { decodeOffsetSync, encodeOffsetSync } from '../src/replication/records.js';
import { answerOf, decoderOf, encodeBatch } from '../test/cluster/fetch-answers.js';
import { alternate, cpuMicrosPerRecord, perSecond, type Round } from './alternate.js';
import { startMeter } from './meter.js';
import { median, rounded } from './statistics.js';

/** @internal One way to read offset syncs. */
export interface ReadingFigures {
  readonly perSecond: number;
  readonly cpuMicrosPerRecord: number;
}

/** @internal From the bytes of Fetch answers, in memory: no broker, no socket. */
export interface MirrorReadingFigures {
  /** Offset syncs of one round. */
  readonly records: number;
  /** kafkajs's own decoder. */
  readonly kafkajs: ReadingFigures;
  /** The library's decoder. */
  readonly decoded: ReadingFigures;
  /** The library's decoder, and each offset sync taken into the store: all that reading costs but the socket. */
  readonly kept: ReadingFigures;
  /** The library's decoder by kafkajs's, in records a second: median over the pairs. */
  readonly ratio: number;
}

const RECORDS = 200_000;
/** MirrorMaker's producer sends what waits: few records in a batch. */
const BATCH_RECORDS = 16;
/** As many as the tailer's 64 KiB hold. */
const ANSWER_BATCHES = 80;
const PARTITIONS = 64;
const VERSION = 11;
const PAIRS = 5;

/** Measures how fast MirrorMaker's offset syncs are read, with the library's decoder and with kafkajs's. @internal */
export async function measureMirrorReading(): Promise<MirrorReadingFigures> {
  const answers = await writeAnswers();
  const decode = decoderOf(VERSION);
  const { ratio, pairs } = await alternate(
    PAIRS,
    () =>
      readRound(answers, async (bytes) => {
        const { responses } = (await decode(bytes)) as NonNullable<
          ReturnType<typeof quickFetchAnswer>
        >;
        return responses[0]?.partitions[0]?.messages.length ?? 0;
      }),
    () => readRound(answers, async (bytes) => quickly(bytes).length),
  );
  const kept: Round[] = [];
  for (let round = -1; round < PAIRS; round += 1) {
    const one = await keepRound(answers);
    if (round >= 0) kept.push(one);
  }
  return {
    records: RECORDS,
    kafkajs: figuresOf(pairs.map(({ bare }) => bare)),
    decoded: figuresOf(pairs.map(({ wrapped }) => wrapped)),
    kept: figuresOf(kept),
    ratio,
  };
}

async function keepRound(answers: readonly Buffer[]): Promise<Round> {
  const store = new OffsetSyncStore();
  store.beginReading();
  const round = await readRound(answers, async (bytes) => {
    const messages = quickly(bytes);
    for (const message of messages) {
      const sync = decodeOffsetSync(message);
      if (sync.kind !== 'offset-sync') throw new Error('a record is no offset sync');
      store.put(sync.key.topic, sync.key.partition, sync.value);
    }
    return messages.length;
  });
  store.finishReading();
  return round;
}

function quickly(bytes: Buffer): readonly { key: Buffer | null; value: Buffer | null }[] {
  const messages = quickFetchAnswer(bytes, VERSION)?.responses[0]?.partitions[0]?.messages;
  if (messages === undefined) throw new Error('the answer was left to kafkajs');
  return messages;
}

async function readRound(
  answers: readonly Buffer[],
  read: (bytes: Buffer) => Promise<number>,
): Promise<Round> {
  const stop = startMeter();
  let recordCount = 0;
  for (const bytes of answers) recordCount += await read(bytes);
  const effort = stop();
  if (recordCount !== RECORDS) throw new Error(`${recordCount} of ${RECORDS} records were read`);
  return { ...effort, recordCount, latenciesMs: [] };
}

/** The syncs of a topic that was mirrored without a gap, as Fetch answers. */
async function writeAnswers(): Promise<Buffer[]> {
  const batches: Buffer[] = [];
  for (let first = 0; first < RECORDS; first += BATCH_RECORDS) {
    const records = Array.from({ length: BATCH_RECORDS }, (_, index) => {
      const partition = (first + index) % PARTITIONS;
      const offset = BigInt(Math.floor((first + index) / PARTITIONS));
      const sync = { upstreamOffset: offset, downstreamOffset: offset };
      return {
        timestampDelta: 0,
        headers: {},
        ...encodeOffsetSync({ topic: 'orders', partition }, sync),
      };
    });
    batches.push(
      await encodeBatch({
        firstOffset: first,
        firstTimestamp: 1_700_000_000_000,
        isTransactional: false,
        isControl: false,
        isAppendTime: false,
        records,
      }),
    );
  }
  return Array.from({ length: Math.ceil(batches.length / ANSWER_BATCHES) }, (_, index) =>
    answerOf(
      VERSION,
      Buffer.concat(batches.slice(index * ANSWER_BATCHES, (index + 1) * ANSWER_BATCHES)),
      0,
    ),
  );
}

function figuresOf(rounds: readonly Round[]): ReadingFigures {
  return {
    perSecond: rounded(median(rounds.map(perSecond))),
    cpuMicrosPerRecord: rounded(median(rounds.map(cpuMicrosPerRecord))),
  };
}
