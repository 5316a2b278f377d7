import { describe, expect, it } from 'vitest';
import { EventLog } from '../../../stack/proxy/event-log.js';
import type { ProxyEvent } from '../../../stack/proxy/event-log.js';
import {
  cutOf,
  delayFor,
  delayMs,
  departsAtMs,
  judge,
  limitFor,
} from '../../../stack/proxy/rules.js';
import type { ApiName } from '../../../stack/proxy/apis.js';
import type { Rule, RuleOf, Verdict } from '../../../stack/proxy/rules.js';

const all = { direction: 'both', apiKeys: undefined } as const;
const produceOnly = { direction: 'request', apiKeys: new Set<ApiName>(['Produce']) } as const;

const stall: Rule = { kind: 'stall', name: 'stall#1', ...produceOnly };
const drop: Rule = {
  kind: 'drop',
  name: 'drop#2',
  direction: 'response',
  apiKeys: new Set<ApiName>(['Produce', 'OffsetCommit']),
  timesLeft: 2,
};
const answer: Rule = {
  kind: 'answer',
  name: 'answer#3',
  ...produceOnly,
  errorCode: 19,
  timesLeft: 1,
};
const delay: RuleOf<'delay'> = {
  kind: 'delay',
  name: 'delay#4',
  ...all,
  ms: 50,
  jitterMs: 20,
  random: () => 0.25,
};

const produce = { direction: 'request', api: 'Produce' } as const;
const produced = { direction: 'response', api: 'Produce' } as const;
const metadata = { direction: 'request', api: 'Metadata' } as const;
const nameless = { direction: 'request', api: undefined } as const;

const pass: Verdict = { kind: 'pass' };
const hold: Verdict = { kind: 'hold', by: 'stall#1' };

describe('judge', () => {
  it.each([
    { what: 'passes where there is no rule', rules: [], frame: produce, verdict: pass },
    { what: 'holds what a stall is about', rules: [stall], frame: produce, verdict: hold },
    { what: 'passes other requests', rules: [stall], frame: metadata, verdict: pass },
    { what: 'passes the other direction', rules: [stall], frame: produced, verdict: pass },
    { what: 'passes what has no name', rules: [stall], frame: nameless, verdict: pass },
    {
      what: 'holds everything where no api is named',
      rules: [{ kind: 'stall', name: 'stall#1', ...all } as const],
      frame: nameless,
      verdict: hold,
    },
    {
      what: 'lets the newest rule decide',
      rules: [stall, answer],
      frame: produce,
      verdict: { kind: 'answer', by: 'answer#3', errorCode: 19 },
    },
    {
      what: 'leaves the older rule what the newer is not about',
      rules: [stall, drop],
      frame: produce,
      verdict: hold,
    },
    { what: 'does not hold for a delay', rules: [delay], frame: produce, verdict: pass },
  ])('$what', ({ rules, frame, verdict }) => {
    expect(judge(rules, frame).verdict).toEqual(verdict);
  });

  it('applies a rule as many times as it may, and then passes', () => {
    const first = judge([stall, drop], produced);
    const second = judge(first.rules, produced);
    const third = judge(second.rules, produced);
    expect([first, second, third].map(({ verdict }) => verdict.kind)).toEqual([
      'drop',
      'drop',
      'pass',
    ]);
    expect(third.rules).toEqual([stall]);
    expect(judge([answer], produce).rules).toEqual([]);
  });

  it('uses nothing up on frames that a rule is not about', () => {
    expect(judge([drop], metadata).rules).toEqual([drop]);
  });
});

describe('delays, limits and cuts', () => {
  it('takes the newest delay that is about the frame', () => {
    const later = { ...delay, name: 'delay#5', ...produceOnly };
    expect(delayFor([delay, later, stall], produce)).toBe(later);
    expect(delayFor([delay, later, stall], metadata)).toBe(delay);
    expect(delayFor([later], metadata)).toBeUndefined();
  });

  it('spreads a delay evenly around its middle, never below nothing', () => {
    expect(delayMs(delay)).toBe(40);
    expect(delayMs({ ...delay, random: () => 1 })).toBe(70);
    expect(delayMs({ ...delay, jitterMs: 0 })).toBe(50);
    expect(delayMs({ ...delay, jitterMs: 500, random: () => 0 })).toBe(0);
  });

  it('hands a frame on when its last byte has passed the line', () => {
    expect(departsAtMs(0, 1000, 500, 1000)).toBe(1500);
    expect(departsAtMs(3000, 1000, 500, 1000)).toBe(3500);
  });

  it('knows which direction is cut or limited', () => {
    const cut: Rule = { kind: 'cut', name: 'cut#1', direction: 'request', apiKeys: undefined };
    const limit: Rule = { kind: 'limit', name: 'limit#2', ...all, bytesPerSecond: 1 };
    expect(cutOf([cut, limit], 'request')).toBe('cut#1');
    expect(cutOf([cut, limit], 'response')).toBeUndefined();
    expect(cutOf([{ ...cut, direction: 'both' }], 'response')).toBe('cut#1');
    expect(limitFor([cut, limit], 'response')).toBe(limit);
    expect(limitFor([cut], 'request')).toBeUndefined();
  });
});

describe('EventLog', () => {
  const event = (connection: number, api: ProxyEvent['api'] = 'Produce'): ProxyEvent => ({
    atMs: 0,
    connection,
    direction: 'request',
    api,
    apiVersion: 7,
    correlationId: 1,
    byteCount: 10,
    fate: 'passed',
    by: undefined,
    waitedMs: 0,
  });

  it('shows what is behind a mark, and of that what is asked for', () => {
    const log = new EventLog(10);
    log.add(event(1));
    const mark = log.mark();
    log.add(event(2));
    log.add(event(3, 'Metadata'));
    expect(log.events().map(({ connection }) => connection)).toEqual([1, 2, 3]);
    expect(log.events({}, mark).map(({ connection }) => connection)).toEqual([2, 3]);
    expect(log.events({ api: 'Produce', fate: 'passed' }, mark)).toEqual([event(2)]);
    expect(log.events({ api: 'Produce', fate: 'dropped' }, mark)).toEqual([]);
    expect(log.events({}, log.mark())).toEqual([]);
  });

  it('keeps the newest, and does not pretend to know what it has forgotten', () => {
    const log = new EventLog(3);
    const early = log.mark();
    for (let connection = 1; connection <= 4; connection += 1) log.add(event(connection));
    const late = log.mark();
    for (let connection = 5; connection <= 7; connection += 1) log.add(event(connection));
    expect(log.events({}, late).map(({ connection }) => connection)).toEqual([5, 6, 7]);
    expect(() => log.events({}, early)).toThrow(/has forgotten 3 of those asked for/);
  });
});
