import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { httpSignal } from '../../src/signals/http.js';
import type { HttpRequest, HttpResponse } from '../../src/http.js';
import {
  type HttpHarness,
  type SeenQuestion,
  type ServerAnswer,
  httpContract,
} from './http-contract.js';
import { absent, manualStage, realStage, value, watch } from './stage.js';

/** Keeps what a test wants answered. */
function answering() {
  let current: (question: SeenQuestion) => ServerAnswer = () => 'hang up';
  const seen: SeenQuestion[] = [];
  return {
    seen,
    answer(next: ServerAnswer | ((question: SeenQuestion) => ServerAnswer)) {
      current = typeof next === 'function' ? next : () => next;
    },
    answerTo(question: SeenQuestion) {
      seen.push(question);
      return current(question);
    },
  };
}

async function memoryServer(): Promise<HttpHarness> {
  const stage = manualStage();
  const { seen, answer, answerTo } = answering();
  stage.world.http = async ({ url, headers = {}, maxBytes = 1_048_576 }) => {
    const { pathname, search } = new URL(url);
    const given = answerTo({ path: pathname + search, headers });
    if (given === 'hang up') throw new Error('ECONNRESET');
    if (given === 'hang') return new Promise<never>(() => {});
    const { body = '' } = given;
    if (body.length > maxBytes) throw new Error(`the answer is longer than ${maxBytes} bytes`);
    return { headers: {}, ...given, body };
  };
  return { ...stage, seen, answer, origin: 'http://config.example.com' };
}

async function realServer(): Promise<HttpHarness> {
  const stage = realStage();
  const { seen, answer, answerTo } = answering();
  const server = createServer((question, response) => {
    const headers = Object.fromEntries(
      Object.entries(question.headers).map(([name, field]) => [name, String(field)]),
    );
    const given = answerTo({ path: question.url ?? '', headers });
    if (given === 'hang') return;
    if (given === 'hang up') {
      question.socket.destroy();
      return;
    }
    response.writeHead(given.status, given.headers).end(given.body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { ...stage, seen, answer, origin: `http://127.0.0.1:${port}` };
}

httpContract('a simulated server', memoryServer);
httpContract('a real server', realServer);

/** A signal in simulated time, and the instants at which it asked. */
function timed(
  answer: (request: HttpRequest) => Partial<HttpResponse>,
  url = 'http://c.example/k',
) {
  const stage = manualStage();
  const askedAtMs: number[] = [];
  stage.world.http = async (request) => {
    askedAtMs.push(stage.world.nowMs());
    return { status: 200, headers: {}, body: '', ...answer(request) };
  };
  const signal = httpSignal({ url });
  return { ...stage, askedAtMs, signal, heard: watch(stage, signal) };
}

describe('an HTTP signal', () => {
  it('asks every five seconds, with a tenth of jitter', async () => {
    const { world, askedAtMs } = timed(() => ({ body: 'A' }));
    await world.advance(10_000);
    expect(askedAtMs).toEqual([0, 5_000, 10_000]);
    world.randomValue = 0;
    await world.advance(9_500);
    expect(askedAtMs.slice(3)).toEqual([15_000, 19_500]);
  });

  it.each([
    ['seconds', 429, { 'retry-after': '30' }, 30_000],
    ['seconds', 503, { 'retry-after': '30' }, 30_000],
    [
      "a date, by the server's own clock",
      503,
      {
        'retry-after': 'Thu, 26 Nov 2026 10:01:00 GMT',
        date: 'Thu, 26 Nov 2026 10:00:00 GMT',
      },
      60_000,
    ],
    // The manual world's wall clock begins at this instant.
    ['a date, by our clock', 503, { 'retry-after': 'Tue, 14 Nov 2023 22:14:00 GMT' }, 40_000],
    ['more than ten minutes', 503, { 'retry-after': '86400' }, 600_000],
    ['a date in a year', 503, { 'retry-after': 'Wed, 14 Nov 2029 22:14:00 GMT' }, 600_000],
  ])('waits where the server says so: %s with %d', async (_what, status, headers, askedMs) => {
    const { world, askedAtMs } = timed(() => ({ status, headers }));
    world.randomValue = 0;
    await world.advance(1_300_000);
    expect(askedAtMs[1]).toBe(askedMs);
  });

  it('comes back later than asked, never earlier, so that a fleet is spread', async () => {
    const { world, askedAtMs } = timed(() => ({ status: 503, headers: { 'retry-after': '30' } }));
    world.randomValue = 0.999;
    await world.advance(60_000);
    expect(askedAtMs[1]).toBeCloseTo(34_995);
  });

  it.each([
    ['no number', 503, 'soon'],
    ['a negative number', 503, '-5'],
    ['a date that has passed', 503, 'Tue, 14 Nov 2023 22:00:00 GMT'],
    ['with a status that has no use for it', 500, '600'],
  ])('does not wait for a Retry-After that is none: %s', async (_what, status, retryAfter) => {
    const { world, askedAtMs } = timed(() => ({
      status,
      headers: { 'retry-after': retryAfter },
    }));
    await world.advance(10_000);
    expect(askedAtMs).toEqual([0, 5_000, 10_000]);
  });

  it('shows no secret in its name, and none in the reasons', async () => {
    const secrets = ['us3r', 'pa5s:word', 't0ken', 'b3arer', 'c00kie', 'Basic '];
    const stage = manualStage();
    // A world that says all that it knows.
    stage.world.http = async ({ url, headers }) => {
      throw new Error(`cannot ask ${url} with ${JSON.stringify(headers)}`);
    };
    const signal = httpSignal({
      url: 'https://us3r:pa5s%3Aword@config.example.com/kafka?key=t0ken#b',
      headers: { 'X-Token': 'b3arer', cookie: 'c00kie' },
      pointer: '/active',
    });
    expect(signal.name).toBe('http https://config.example.com/kafka#/active');
    const because = await watch(stage, signal).failure();
    expect(because).toContain('cannot ask https://config.example.com/kafka');
    for (const secret of secrets) expect(because).not.toContain(secret);
  });

  it('shows no end of a secret that begins like another one', async () => {
    const stage = manualStage();
    stage.world.http = async ({ url, headers }) => {
      throw new Error(`cannot ask ${url} with ${JSON.stringify(headers)}`);
    };
    const url = 'https://kafka:kafka-9f3a@config.example.com/?a=kafka-9f3a-77';
    const headers = { 'x-password': 'kafka-9f3a' };
    const because = await watch(stage, httpSignal({ url, headers })).failure();
    expect(because).not.toMatch(/9f3a|77/);
  });

  it('prefers an Authorization of its own to the user info', async () => {
    const stage = manualStage();
    let authorization: string | undefined;
    stage.world.http = async ({ headers }) => {
      authorization = headers?.['authorization'];
      return { status: 204, headers: {}, body: '' };
    };
    const url = 'http://user:password@config.example.com/';
    const headers = { Authorization: 'Bearer abc' };
    await watch(stage, httpSignal({ url, headers })).hears(absent);
    expect(authorization).toBe('Bearer abc');
  });

  it('ends what is under way at its close, and leaves no timer', async () => {
    const stage = manualStage();
    let asked: AbortSignal | undefined;
    stage.world.http = ({ signal }) => {
      asked = signal;
      return new Promise(() => {});
    };
    const heard = watch(stage, httpSignal({ url: 'http://config.example.com/' }));
    await stage.until('the question', () => asked !== undefined);
    heard.close();
    await stage.world.advance(0);
    expect(asked?.aborted).toBe(true);
    expect(stage.world.timerCount).toBe(0);
    expect(heard.readings).toEqual([]);
  });

  it('fails where no server can be reached', async () => {
    const stage = realStage();
    const heard = watch(stage, httpSignal({ url: 'http://127.0.0.1:1/', pollMs: 100 }));
    expect(await heard.failure()).toContain('ECONNREFUSED');
  });

  it('tells the value that it knows again after a failure', async () => {
    let isUp = true;
    const { heard } = timed(() => (isUp ? { body: 'A' } : { status: 502 }));
    await heard.hears(value('A'));
    isUp = false;
    await heard.failure();
    isUp = true;
    await heard.hears(value('A'));
  });
});
