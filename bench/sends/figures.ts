import { rounded } from '../statistics.js';

/** In their order: memory is measured in a process that has done nothing else. @internal */
export const PART_NAMES = ['hold', 'planned', 'unplanned', 'overhead'] as const;
/** @internal */
export type PartName = (typeof PART_NAMES)[number];

/** @internal Planned switches under a steady flow of sends. */
export interface PlannedFigures {
  readonly runs: number;
  readonly sends: number;
  /** Sends that were rejected. */
  readonly callerErrors: number;
  /** Records that were acknowledged by a cluster, and are not in its log. */
  readonly lost: number;
  /** Of each switch: the longest time from the call of a send to its acknowledgement, in milliseconds. */
  readonly pauseMs: { readonly p50: number; readonly p95: number };
}

/** @internal A cluster is killed under the same flow. */
export interface UnplannedFigures {
  readonly runs: number;
  /** Records that it had acknowledged. */
  readonly acknowledged: number;
  /** Of those: named as not mirrored. */
  readonly named: number;
  /** Of those: neither on the other cluster when the report came, nor named. */
  readonly unaccounted: number;
  /** Named, and on the other cluster before the switch. */
  readonly wronglyNamed: number;
}

/** @internal Records a second, with by without. */
export interface OverheadFigures {
  /** Batches of 100. */
  readonly ledgerRatio: number;
  /** Single messages. */
  readonly singleLedgerRatio: number;
  /** With ids of their own as well (`producer.messageIdHeader`), batches of 100. */
  readonly identityRatio: number;
}

/** @internal What waits in a switch that does not end. */
export interface HoldFigures {
  readonly records: number;
  /** That the process has grown by. */
  readonly bytes: number;
  /** As `status()` counts them. */
  readonly heldBytes: number;
}

/** @internal */
export interface Result {
  readonly planned?: PlannedFigures;
  readonly unplanned?: UnplannedFigures;
  readonly overhead?: OverheadFigures;
  readonly hold?: HoldFigures;
}

type Row = readonly [measure: string, value: string, goal: string];

/** @internal For people: each figure beside its goal. */
export function sendsTable({ planned, unplanned, overhead, hold }: Result): string {
  const rows: Row[] = [['', 'measured', 'goal']];
  if (planned !== undefined) {
    const { runs, sends, callerErrors, lost, pauseMs } = planned;
    rows.push(
      [
        `${runs} planned switches, ${sends} sends: errors, lost`,
        `${callerErrors}, ${lost}`,
        '0, 0',
      ],
      ['longest pause: p50, p95', `${pauseMs.p50} ms, ${pauseMs.p95} ms`, 'p95 300 ms'],
    );
  }
  if (unplanned !== undefined) {
    const { runs, acknowledged, named, unaccounted, wronglyNamed } = unplanned;
    rows.push(
      [`killed ${runs} times, ${acknowledged} acknowledged: unaccounted`, String(unaccounted), '0'],
      ['named as not mirrored; of them wrongly', `${named}; ${wronglyNamed}`, '-; 0'],
    );
  }
  if (overhead !== undefined) {
    const { ledgerRatio, singleLedgerRatio, identityRatio } = overhead;
    rows.push(
      [
        'throughput with the ledger by without: batches, single messages',
        `${ledgerRatio}, ${singleLedgerRatio}`,
        '0.99',
      ],
      ['with ids as well, by without both: batches', `${identityRatio}`, '0.97'],
    );
  }
  if (hold !== undefined) {
    const { records, bytes, heldBytes } = hold;
    rows.push([
      `${records} records held: memory; counted`,
      `${megabytes(bytes)}; ${megabytes(heldBytes)}`,
      'bounded',
    ]);
  }
  const widths = [0, 1, 2].map((column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function megabytes(bytes: number): string {
  return `${rounded(bytes / 1_048_576)} MiB`;
}

/** @internal For machines: one line. */
export function jsonLine(result: Result): string {
  return JSON.stringify(result);
}
