import { passes, type Tally } from './tally.js';

/** The machine's last line. */
export function actsLine(tallies: readonly Tally[], ok: boolean) {
  const acts = tallies.map((act) => ({
    name: act.name,
    from: act.from,
    to: act.to,
    planned: act.planned,
    acknowledged: act.acknowledged,
    mirrored: act.mirrored,
    handled: act.handled,
    lostMirrored: act.lostMirrored,
    skipped: act.skipped,
    duplicates: act.duplicates,
    storedTwice: act.storedTwice,
    methods: act.methods,
    callerErrors: act.callerErrors,
    producerPauseMs: act.producerPauseMs,
    consumerPauseMs: act.consumerPauseMs,
    ...act.costs,
  }));
  return { ok, acts };
}

/** The reader's table of one act. */
export function actTable(act: Tally): string {
  const kind = act.planned ? 'planned' : 'unplanned';
  const rows: (readonly [string, string, string])[] = [
    ['acknowledged', count(act.acknowledged), 'records that the producer was told are safe'],
    ['  by ' + act.from, count(act.acknowledgedBySource), 'before the switch'],
    ['mirrored', count(act.mirrored), `acknowledged by ${act.from} and found on ${act.to}`],
    ['not mirrored', count(act.unmirrored), unmirroredNote(act)],
    ['handled', count(act.handled), 'different records'],
    ['lost', count(act.lostMirrored), `acknowledged, present on ${act.to}, never handled`],
    ['skipped', count(act.skipped), "below the group's committed position, never handled"],
    ['handled twice', count(act.duplicates), 'runs of the handler beyond one for each copy there'],
    [
      'stored twice',
      count(act.storedTwice),
      `records that stand on ${act.to} more than once: sent again after an unknown outcome, or copied twice`,
    ],
    ['resumed by', methodsIn(act), 'partitions by the way in which the position was found'],
    ['caller errors', count(act.callerErrors), 'sends that were rejected'],
    ['producer pause', `${count(act.producerPauseMs)} ms`, 'longest gap between acknowledgements'],
    ['RTO producer', known(act.costs.producerRtoMs, ' ms'), 'as its library measured it'],
    ['RTO consumers', known(act.costs.consumerRtoMs, ' ms'), 'the same, of the slowest member'],
    [
      'RPO',
      known(act.costs.rpoRecords, ''),
      `records beyond the mirror when ${act.from} was left, as all reports together say`,
    ],
    ...act.memberPausesMs.map(
      ({ member, pauseMs }) =>
        [`${member} pause`, `${count(pauseMs)} ms`, 'longest gap between handled records'] as const,
    ),
  ];
  const names = Math.max(...rows.map(([name]) => name.length));
  const values = Math.max(...rows.map(([, value]) => value.length));
  const title = `${act.name}: ${kind} switch from ${act.from} to ${act.to} - ${passes(act) ? 'passed' : 'FAILED'}`;
  return [
    title,
    '-'.repeat(title.length),
    ...rows.map(([name, value, note]) =>
      `${name.padEnd(names)}  ${value.padStart(values)}  ${note}`.trimEnd(),
    ),
  ].join('\n');
}

function methodsIn({ methods }: Tally): string {
  const counts = new Map<string, number>();
  for (const method of Object.values(methods)) counts.set(method, (counts.get(method) ?? 0) + 1);
  return [...counts].map(([method, times]) => `${method} ${times}`).join(', ');
}

function unmirroredNote(act: Tally): string {
  if (act.unmirrored === 0) return `every record of ${act.from} had reached ${act.to}`;
  const handledCount = act.unmirrored - act.unmirroredUnhandled;
  const fate = act.planned
    ? `of ${act.from}'s records are missing on ${act.to}`
    : `died with ${act.from} before MirrorMaker had copied them; back when ${act.from} is`;
  return `${fate} (${count(handledCount)} were handled before, ${count(act.unmirroredUnhandled)} were not)`;
}

function known(value: number | null, unit: string): string {
  return value === null ? 'unknown' : `${count(value)}${unit}`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
