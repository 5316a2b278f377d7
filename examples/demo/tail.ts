import type { UnmirroredReport } from 'kafkajs-failover';
import type { Acknowledgement, Handling, LoggedRecord } from './tally.js';

/**
 * The judge of what a dead cluster had acknowledged and MirrorMaker had not copied: compares records' ids, and nothing else. Pure, so that a test can prove that it
 * would report a record that was not named, named wrongly, or handled twice.
 */

/** Everything that was seen. */
export interface TailEvidence {
  readonly topic: string;
  readonly acknowledged: readonly Acknowledgement[];
  readonly handled: readonly Handling[];
  /** The mirrored topic on B, read when A was dead and before anything was sent again. */
  readonly mirrored: readonly LoggedRecord[];
  /** A's own topic, read when it was back. */
  readonly onA: readonly LoggedRecord[];
  /** B's own topic, read at the end. */
  readonly onB: readonly LoggedRecord[];
  /** The library's own word. */
  readonly searched: UnmirroredReport | undefined;
}

/** Counts are records. */
export interface TailTally {
  readonly acknowledged: number;
  /** Acknowledged by A and not on B, by the logs. */
  readonly unmirrored: number;
  /** Named by the library. */
  readonly named: number;
  /** Of the unmirrored: not named. */
  readonly notNamed: number;
  /** Named, and not unmirrored. */
  readonly wronglyNamed: number;
  /** Sent again to B, by B's log. */
  readonly replayed: number;
  /** Of the unmirrored: handled once, more often, never. */
  readonly handledOnce: number;
  readonly handledTwice: number;
  readonly neverHandled: number;
  /** Acknowledged by anybody, and never handled. */
  readonly lost: number;
}

/** Counts. */
export function tallyTail(evidence: TailEvidence): TailTally {
  const { acknowledged, mirrored, onA, onB, handled, searched, topic } = evidence;
  const told = new Set(acknowledged.map(({ seq }) => seq));
  const elsewhere = new Set([
    ...mirrored.map(({ seq }) => seq),
    // What A was not known to have was sent to B, and B has acknowledged it.
    ...onB.filter(({ isReplay }) => isReplay !== true).map(({ seq }) => seq),
  ]);
  const unmirrored = new Set(
    onA.filter(({ seq }) => told.has(seq) && !elsewhere.has(seq)).map(({ seq }) => seq),
  );
  const named = namedIn(searched, onA, topic);
  const times = new Map<number, number>();
  for (const { seq } of handled) times.set(seq, (times.get(seq) ?? 0) + 1);
  const timesOf = (seq: number): number => times.get(seq) ?? 0;
  return {
    acknowledged: told.size,
    unmirrored: unmirrored.size,
    named: named.size,
    notNamed: [...unmirrored].filter((seq) => !named.has(seq)).length,
    wronglyNamed: [...named].filter((seq) => !unmirrored.has(seq)).length,
    replayed: onB.filter(({ isReplay }) => isReplay === true).length,
    handledOnce: [...unmirrored].filter((seq) => timesOf(seq) === 1).length,
    handledTwice: [...unmirrored].filter((seq) => timesOf(seq) > 1).length,
    neverHandled: [...unmirrored].filter((seq) => timesOf(seq) === 0).length,
    lost: [...told].filter((seq) => timesOf(seq) === 0).length,
  };
}

/** What stands in A's log in the places that the library has named. */
function namedIn(
  searched: UnmirroredReport | undefined,
  onA: readonly LoggedRecord[],
  topic: string,
): ReadonlySet<number> {
  const logs = searched?.logs.filter((log) => log.topic === topic) ?? [];
  return new Set(
    onA
      .filter(({ partition, offset }) =>
        logs.some(
          (log) =>
            log.partition === partition &&
            log.ranges.some(({ first, last }) => offset >= BigInt(first) && offset <= BigInt(last)),
        ),
      )
      .map(({ seq }) => seq),
  );
}

/** The list is the difference, there was something to name, and each of it was handled once. */
export function passesTail(tally: TailTally): boolean {
  const { unmirrored, notNamed, wronglyNamed, replayed, handledOnce, lost } = tally;
  return (
    unmirrored > 0 &&
    notNamed === 0 &&
    wronglyNamed === 0 &&
    replayed === unmirrored &&
    handledOnce === unmirrored &&
    lost === 0
  );
}

/** The reader's table. */
export function tailTable(tally: TailTally): string {
  const rows: (readonly [string, number, string])[] = [
    ['acknowledged', tally.acknowledged, 'records that the producer was told are safe'],
    ['not mirrored', tally.unmirrored, "acknowledged by A and not on B, by the clusters' own logs"],
    ['named', tally.named, 'by the library, place by place'],
    ['not named', tally.notNamed, 'not mirrored, and not in its list'],
    ['wrongly named', tally.wronglyNamed, 'in its list, and on B'],
    ['replayed', tally.replayed, "records with the library's header on B"],
    [
      'handled once',
      tally.handledOnce,
      'of those that were not mirrored, when A was back and MirrorMaker had brought them',
    ],
    ['handled twice', tally.handledTwice, 'of them'],
    ['never handled', tally.neverHandled, 'of them'],
    ['lost', tally.lost, 'acknowledged by anybody, and never handled'],
  ];
  const names = Math.max(...rows.map(([name]) => name.length));
  const counts = Math.max(...rows.map(([, value]) => value.toLocaleString('en-US').length));
  const title = `what was not mirrored - ${passesTail(tally) ? 'passed' : 'FAILED'}`;
  return [
    title,
    '-'.repeat(title.length),
    ...rows.map(
      ([name, value, note]) =>
        `${name.padEnd(names)}  ${value.toLocaleString('en-US').padStart(counts)}  ${note}`,
    ),
  ].join('\n');
}
