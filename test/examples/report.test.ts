import { expect, it } from 'vitest';
import { actsLine, actTable } from '../../examples/demo/report.js';
import type { Tally } from '../../examples/demo/tally.js';
import { Timeline } from '../../examples/demo/timeline.js';

const act: Tally = {
  name: 'killed',
  from: 'A',
  to: 'B',
  planned: false,
  acknowledged: 3000,
  acknowledgedBySource: 1500,
  mirrored: 1490,
  unmirrored: 10,
  unmirroredUnhandled: 4,
  handled: 2996,
  lostMirrored: 0,
  skipped: 0,
  duplicates: 12,
  storedTwice: 5,
  methods: { 'A.payments-0': 'exact', 'A.payments-1': 'exact', 'payments-0': 'earliest' },
  callerErrors: 0,
  producerPauseMs: 60,
  consumerPauseMs: 320,
  costs: { producerRtoMs: 55, consumerRtoMs: 318, rpoRecords: 10 },
  memberPausesMs: [{ member: 'consumer-1', pauseMs: 320 }],
};

it('puts exactly the agreed fields on the line for machines', () => {
  expect(JSON.stringify(actsLine([act], true))).toBe(
    '{"ok":true,"acts":[{"name":"killed","from":"A","to":"B","planned":false,"acknowledged":3000,"mirrored":1490,' +
      '"handled":2996,"lostMirrored":0,"skipped":0,"duplicates":12,"storedTwice":5,' +
      '"methods":{"A.payments-0":"exact","A.payments-1":"exact","payments-0":"earliest"},"callerErrors":0,"producerPauseMs":60,"consumerPauseMs":320,"producerRtoMs":55,"consumerRtoMs":318,"rpoRecords":10}]}',
  );
});

it('tells a reader what died with the cluster, and how long each member paused', () => {
  const table = actTable(act);
  expect(table).toMatch(/not mirrored +10 +died with A .*6 were handled before, 4 were not/);
  expect(table).toContain('exact 2, earliest 1');
  expect(table).toMatch(/consumer-1 pause +320 ms/);
  expect(table).toMatch(/RTO consumers +318 ms/);
  expect(table).toMatch(/handled twice +12 /);
  expect(table).toMatch(/stored twice +5 /);
  expect(table).toContain('passed');
  const unknown = { producerRtoMs: null, consumerRtoMs: null, rpoRecords: null };
  expect(actTable({ ...act, costs: unknown })).toMatch(/RPO +unknown/);
  expect(actTable({ ...act, skipped: 1 })).toContain('FAILED');
});

it('writes each fact with the seconds since the start', () => {
  const lines: string[] = [];
  let nowMs = 5000;
  const timeline = new Timeline({ write: (line) => lines.push(line), nowMs: () => nowMs });
  nowMs = 6234;
  timeline.fact('A', 'killed');
  timeline.fact('consumer-1', 'joined', 5100);
  expect(lines).toEqual(['   1.23 s  A           killed', '   0.10 s  consumer-1  joined']);
});

it('writes how far the records have come only where there is something new to say', () => {
  const lines: string[] = [];
  const timeline = new Timeline({ write: (line) => lines.push(line), nowMs: () => 0 });
  const flowing = { acknowledged: 5, onTarget: 0, handled: 3 };
  timeline.flow('B', { acknowledged: 0, onTarget: 0, handled: 0 });
  timeline.flow('B', flowing);
  timeline.flow('B', flowing);
  timeline.flow('B', { ...flowing, onTarget: 5 });
  timeline.flow('B', { ...flowing, onTarget: 10 });
  expect(lines).toEqual([
    '   0.00 s  flow        acknowledged 5, on B 0, handled 3',
    '   0.00 s  flow        acknowledged 5, on B 5, handled 3',
    '   0.00 s  flow        acknowledged 5, on B 10 (5 more: their acknowledgement is under way, or they were sent again), handled 3',
  ]);
});
