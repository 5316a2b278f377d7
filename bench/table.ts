import type { LatencyFigures } from './latency.js';
import type { MirrorReadingFigures } from './mirror-reading.js';
import type { SwitchFigures } from './planned.js';
import { rounded } from './statistics.js';
import type { TranslateFigures } from './translate.js';

/** @internal Ratios are wrapper by bare. */
export interface ProducerResult {
  readonly ratio: number;
  readonly cpuRatio: number;
  readonly p50Ratio: number;
  readonly p99Ratio: number;
}

/** @internal Ratios are wrapper by bare. */
export interface ConsumerResult {
  readonly ratio: number;
  readonly cpuRatio: number;
}

/** @internal Everything that `--json` prints. */
export interface Result {
  readonly producer: { readonly batch: ProducerResult; readonly single: ProducerResult };
  readonly consumer: {
    readonly eachMessage: ConsumerResult & {
      /** What the wrapper adds to a record, in nanoseconds, and as a share of bare kafkajs's CPU for it. */
      readonly addedNs: number;
      readonly addedShare: number;
    };
    readonly eachBatch: ConsumerResult;
    readonly latency: LatencyFigures;
  };
  readonly translate: TranslateFigures;
  readonly planned: SwitchFigures;
  readonly plannedIdle: SwitchFigures;
  readonly mirrorReading: MirrorReadingFigures;
  /** Percent of a core. */
  readonly restCpu: { readonly bare: number; readonly wrapped: number };
  /** Records a second, by name of the measurement. */
  readonly perSecond: Readonly<Record<string, number>>;
}

type Row = readonly [name: string, value: string];

/** @internal For people. */
export function table(result: Result): string {
  const rows = [
    ...producerRows('producer, batches of 100', result.producer.batch),
    ...producerRows('producer, single messages', result.producer.single),
    ...consumerRows(result.consumer),
    ...mirrorRows(result),
    ...translateRows(result.translate),
    ...switchRows('planned switch, idle', result.plannedIdle),
    ...switchRows('planned switch, busy', result.planned),
    ...Object.entries(result.perSecond).map(([name, value]) => [
      `${name}, records a second`,
      String(value),
    ]),
  ] as readonly Row[];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

function producerRows(name: string, figures: ProducerResult): readonly Row[] {
  return [
    [`${name}: throughput, wrapper / bare`, String(figures.ratio)],
    [`${name}: CPU per record, wrapper / bare`, String(figures.cpuRatio)],
    [`${name}: p50 latency, wrapper / bare`, String(figures.p50Ratio)],
    [`${name}: p99 latency, wrapper / bare`, String(figures.p99Ratio)],
  ];
}

function consumerRows({ eachMessage, eachBatch, latency }: Result['consumer']): readonly Row[] {
  const { bareMs, wrappedMs } = latency;
  const name = 'consumer, 500 records a second';
  return [
    ['consumer, eachMessage: throughput, wrapper / bare', String(eachMessage.ratio)],
    ['consumer, eachMessage: CPU per record, wrapper / bare', String(eachMessage.cpuRatio)],
    [
      "consumer, eachMessage: the wrapper's own work for a record",
      `${eachMessage.addedNs} ns, ${rounded(eachMessage.addedShare * 100)} % of bare kafkajs's CPU`,
    ],
    ['consumer, eachBatch: throughput, wrapper / bare', String(eachBatch.ratio)],
    ['consumer, eachBatch: CPU per record, wrapper / bare', String(eachBatch.cpuRatio)],
    [`${name}: p50 from send to handler`, ofBare(latency.p50Ratio, wrappedMs.p50, bareMs.p50)],
    [`${name}: p99 from send to handler`, ofBare(latency.p99Ratio, wrappedMs.p99, bareMs.p99)],
    [`${name}: CPU per record, wrapper / bare`, String(latency.cpuRatio)],
  ];
}

function ofBare(ratio: number, wrappedMs: number, bareMs: number): string {
  return `${ratio} (${wrappedMs} / ${bareMs} ms)`;
}

function mirrorRows({ mirrorReading, restCpu }: Result): readonly Row[] {
  const { kafkajs, decoded, kept, ratio } = mirrorReading;
  const speed = ({ perSecond, cpuMicrosPerRecord }: typeof kafkajs): string =>
    `${perSecond} a second, ${cpuMicrosPerRecord} us CPU each`;
  return [
    ["offset syncs, kafkajs's decoder", speed(kafkajs)],
    ["offset syncs, the library's decoder", `${speed(decoded)} (${ratio} x)`],
    ['offset syncs, decoded and kept', speed(kept)],
    ['CPU at rest, clients of bare kafkajs', `${restCpu.bare} % of a core`],
    ['CPU at rest, with the wrapper, mirrors followed', `${restCpu.wrapped} % of a core`],
  ];
}

function translateRows(figures: TranslateFigures): readonly Row[] {
  const { partitions, ms, firstMs, planMs, firstPlanMs, bytesPerPartition } = figures;
  return [
    [`translate one group, ${partitions} partitions`, `${ms} ms (first call ${firstMs} ms)`],
    ['the same with bounds and plan', `${planMs} ms (first call ${firstPlanMs} ms)`],
    ['memory per tracked partition', `${bytesPerPartition} bytes`],
  ];
}

function switchRows(name: string, { firstAckMs, firstRecordMs }: SwitchFigures): readonly Row[] {
  const spread = ({ p50, p95 }: { p50: number; p95: number }): string =>
    `p50 ${p50}, p95 ${p95} ms`;
  return [
    [`${name}: first acknowledged send`, spread(firstAckMs)],
    [`${name}: first record handled`, spread(firstRecordMs)],
  ];
}
