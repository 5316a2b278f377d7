import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SocketLine } from '../../src/cluster/wire.js';
import { CORRELATION_ID, FETCH, HEARTBEAT, PRODUCE, answerFrame, requestFrame } from './frames.js';

function newLine(): { line: SocketLine; clock: { nowMs: number }; wakeUps: () => number } {
  const clock = { nowMs: 1000 };
  let wakeUpCount = 0;
  const line = new SocketLine(
    'broker:9092',
    () => clock.nowMs,
    () => {
      wakeUpCount += 1;
    },
  );
  return { line, clock, wakeUps: () => wakeUpCount };
}

describe('SocketLine', () => {
  it('says which writes were Produce requests, by their correlation ids', () => {
    const { line } = newLine();
    expect(line.wrote(requestFrame(PRODUCE))).toBe(CORRELATION_ID);
    expect(line.wrote(requestFrame(HEARTBEAT))).toBeUndefined();
  });

  it('waits from the write of the oldest unanswered request on', () => {
    const { line, clock } = newLine();
    expect(line.stallsAtMs(3000)).toBeUndefined();
    line.wrote(requestFrame(PRODUCE));
    clock.nowMs = 1500;
    line.wrote(requestFrame(PRODUCE));
    expect(line.stallsAtMs(3000)).toBe(4000);
    expect(line.waitingMs()).toBe(500);
  });

  it('waits on for the second request when only the first was answered', () => {
    const { line, clock } = newLine();
    line.wrote(requestFrame(PRODUCE));
    line.wrote(requestFrame(PRODUCE));
    clock.nowMs = 2000;
    line.received(answerFrame(10));
    expect(line.stallsAtMs(3000)).toBe(5000);
    line.received(answerFrame(10));
    expect(line.stallsAtMs(3000)).toBeUndefined();
  });

  it('gives a request the time that the broker may rightly take', () => {
    const { line } = newLine();
    const body = Buffer.alloc(8);
    body.writeInt32BE(5000, 4);
    line.wrote(requestFrame(FETCH, body));
    expect(line.stallsAtMs(3000)).toBe(9000);
  });

  it('expects no answer to a Produce request with acks=0', () => {
    const { line } = newLine();
    expect(line.wrote(requestFrame(PRODUCE, Buffer.from([0xff, 0xff, 0, 0])))).toBeDefined();
    expect(line.stallsAtMs(3000)).toBeUndefined();
  });

  it('starts anew with every byte that arrives', () => {
    const { line, clock } = newLine();
    line.wrote(requestFrame(FETCH, Buffer.alloc(8)));
    clock.nowMs = 3500;
    line.received(answerFrame(1000).subarray(0, 100));
    expect(line.stallsAtMs(3000)).toBe(6500);
  });

  it('counts answers the same however the network cuts them', () => {
    const sizes = fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 12 });
    const cuts = fc.infiniteStream(fc.integer({ min: 1, max: 30 }));
    fc.assert(
      fc.property(sizes, cuts, (answers, lengths) => {
        const { line } = newLine();
        for (const _ of answers) line.wrote(requestFrame(HEARTBEAT));
        line.wrote(requestFrame(HEARTBEAT));
        let bytes = Buffer.concat(answers.map(answerFrame));
        while (bytes.length > 0) {
          const length = lengths.next().value ?? 1;
          line.received(bytes.subarray(0, length));
          bytes = bytes.subarray(length);
        }
        expect(line.stallsAtMs(0)).toBeDefined();
        line.received(answerFrame(3));
        expect(line.stallsAtMs(0)).toBeUndefined();
      }),
    );
  });

  it('takes anything as the answer to everything once the framing is lost', () => {
    const { line } = newLine();
    line.wrote(Buffer.from('a token without a length'));
    line.wrote(requestFrame(PRODUCE));
    expect(line.stallsAtMs(0)).toBeDefined();
    line.received(Buffer.from('ok'));
    expect(line.stallsAtMs(0)).toBeUndefined();
    const { line: garbled } = newLine();
    garbled.wrote(requestFrame(PRODUCE));
    garbled.received(Buffer.from([0xff, 0xff, 0xff, 0xfe, 1, 2]));
    expect(garbled.stallsAtMs(0)).toBeUndefined();
  });

  it('wakes the watchdog when it begins to wait, and when it waits on after a stall', () => {
    const { line, wakeUps } = newLine();
    line.wrote(requestFrame(PRODUCE));
    line.wrote(requestFrame(PRODUCE));
    expect(wakeUps()).toBe(1);
    line.received(answerFrame(1));
    expect(wakeUps()).toBe(1);
    line.stallReported = true;
    line.received(answerFrame(8).subarray(0, 6));
    expect(line.stallReported).toBe(false);
    expect(wakeUps()).toBe(2);
  });
});
