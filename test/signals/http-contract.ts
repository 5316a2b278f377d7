import { describe, expect, it } from 'vitest';
import { type HttpSignalOptions, httpSignal } from '../../src/signals/http.js';
import type { HttpResponse } from '../../src/http.js';
import { type Stage, type Watched, absent, value, watch } from './stage.js';

/** What the server does with a question: it answers, hangs, or hangs up. */
export type ServerAnswer =
  (Pick<HttpResponse, 'status'> & Partial<HttpResponse>) | 'hang' | 'hang up';

/** What the server saw of a question. Names of header fields are in lower case. */
export interface SeenQuestion {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** An HTTP server that a test may make answer anything. */
export interface HttpHarness extends Stage {
  /** Without a path. */
  readonly origin: string;
  readonly seen: readonly SeenQuestion[];
  /** From now on each question is answered so. */
  answer(with_: ServerAnswer | ((question: SeenQuestion) => ServerAnswer)): void;
}

const ok = (body: string, headers: Record<string, string> = {}): ServerAnswer => ({
  status: 200,
  headers,
  body,
});

/** What an HTTP signal does with servers, simulated or real. */
export function httpContract(name: string, open: () => Promise<HttpHarness>): void {
  const start = async (
    answer: Parameters<HttpHarness['answer']>[0],
    options: Partial<HttpSignalOptions> = {},
  ): Promise<{ server: HttpHarness; heard: Watched }> => {
    const server = await open();
    server.answer(answer);
    const url = `${server.origin}/kafka`;
    const signal = httpSignal({ url, pollMs: 100, timeoutMs: 400, ...options });
    return { server, heard: watch(server, signal) };
  };

  describe(`an HTTP signal on ${name}`, () => {
    it('tells the body, then nothing while it stays, then a changed one', async () => {
      const { server, heard } = await start(ok('A\n'));
      await heard.hears(value('A\n'));
      await heard.answers(3);
      server.answer(ok('{"cluster":"B","epoch":2}'));
      await heard.hears(value('{"cluster":"B","epoch":2}'));
      expect(heard.readings).toHaveLength(2);
      expect(server.seen[0]?.path).toBe('/kafka');
    });

    it('asks with If-None-Match, and takes 304 for unchanged', async () => {
      let body = 'A';
      const { server, heard } = await start(({ headers }) =>
        headers['if-none-match'] === `"${body}"`
          ? { status: 304 }
          : ok(body, { etag: `"${body}"` }),
      );
      await heard.hears(value('A'));
      await heard.answers(3);
      expect(server.seen.at(-1)?.headers['if-none-match']).toBe('"A"');
      body = 'B';
      await heard.hears(value('B'));
      await heard.answers(2);
      expect(server.seen.at(-1)?.headers['if-none-match']).toBe('"B"');
      expect(heard.readings).toEqual([value('A'), value('B')]);
    });

    it('reads everything anew after a failure', async () => {
      const { server, heard } = await start(ok('A', { etag: '"1"' }));
      await heard.hears(value('A'));
      server.answer({ status: 500 });
      expect(await heard.failure()).toBe('the server answered 500');
      // What it answers now is of no use to whoever has forgotten the body.
      server.answer(({ headers }) =>
        headers['if-none-match'] === undefined ? ok('A', { etag: '"1"' }) : { status: 304 },
      );
      await heard.hears(value('A'));
      expect(heard.readings.filter(({ kind }) => kind === 'value')).toHaveLength(2);
    });

    it('takes a 304 that was not asked for as a failure', async () => {
      const { heard } = await start({ status: 304 });
      await heard.fails('304 to a question that had no If-None-Match');
    });

    it.each([
      ['404', { status: 404, body: 'no such page' }],
      ['204', { status: 204 }],
      ['a blank body', ok(' \n')],
    ] as const)('has no opinion after %s', async (_what, answer) => {
      const { server, heard } = await start(ok('A', { etag: '"1"' }));
      await heard.hears(value('A'));
      server.answer(answer);
      await heard.hears(absent);
      server.answer(ok('A'));
      await heard.hears(value('A'));
      expect(heard.readings).toEqual([value('A'), absent, value('A')]);
    });

    it.each([
      ['500', { status: 500 }, 'answered 500'],
      ['403', { status: 403 }, 'answered 403: the credentials'],
      ['206', { status: 206, body: 'A' }, 'answered 206'],
      ['410', { status: 410 }, 'answered 410'],
      ['NUL bytes', ok('A\0'), 'no text'],
      ['an answer that does not come', 'hang', ''],
      ['a connection that is closed', 'hang up', ''],
      ['more than 1 MiB', ok('A'.repeat(1_048_577)), ''],
    ] as const)('fails after %s, and recovers', async (_what, answer, words) => {
      const { server, heard } = await start(answer);
      expect(await heard.failure()).toContain(words);
      server.answer(ok('A'));
      await heard.hears(value('A'));
    });

    it('follows no redirect', async () => {
      const { server, heard } = await start(({ path }) =>
        path === '/kafka'
          ? { status: 302, headers: { location: '/other?signature=s3cret' } }
          : ok('B'),
      );
      const because = await heard.failure();
      expect(because).toBe('the server answered 302, and redirects are not followed');
      await heard.answers(2);
      expect(new Set(server.seen.map(({ path }) => path))).toEqual(new Set(['/kafka']));
    });

    it.each([
      ['a text', { kafka: { 'a/b': ['x', 'B'] } }, '/kafka/a~1b/1', value('B')],
      [
        'an object',
        { active: { cluster: 'B', epoch: 3 } },
        '/active',
        value('{"cluster":"B","epoch":3}'),
      ],
      ['the whole document', { cluster: 'B' }, '', value('{"cluster":"B"}')],
      ['nothing', { kafka: {} }, '/kafka/active', absent],
      ['null', { active: null }, '/active', absent],
      ['what every object inherits', {}, '/toString', absent],
    ])('finds %s at a pointer', async (_what, document, pointer, reading) => {
      const { heard } = await start(ok(JSON.stringify(document)), { pointer });
      await heard.hears(reading);
    });

    it.each([
      ['a number', '{"active":5}', '"/active" is a number'],
      ['a list', '{"active":["B"]}', '"/active" is a list'],
      ['half a document', '{"active":"B', 'no JSON'],
      ['a page', '<html>', 'no JSON'],
    ])('fails where the pointer finds %s', async (_what, body, words) => {
      const { heard } = await start(ok(body), { pointer: '/active' });
      expect(await heard.failure()).toContain(words);
    });

    it('sends its header fields, and the user info as Basic authorization', async () => {
      const server = await open();
      server.answer(ok('A'));
      const url = `${server.origin.replace('//', '//us%40er:s3cret@')}/kafka?key=t0ken`;
      const signal = httpSignal({ url, headers: { 'X-Api-Key': 'k3y' }, pollMs: 100 });
      const heard = watch(server, signal);
      await heard.hears(value('A'));
      const [question] = server.seen;
      expect(question?.path).toBe('/kafka?key=t0ken');
      expect(question?.headers['x-api-key']).toBe('k3y');
      const basic = Buffer.from('us@er:s3cret').toString('base64');
      expect(question?.headers['authorization']).toBe(`Basic ${basic}`);
    });

    it('tells nothing after its close, and asks no more', async () => {
      const { server, heard } = await start(ok('A'));
      await heard.hears(value('A'));
      heard.close();
      const { askedCount } = heard;
      server.answer(ok('B'));
      const other = watch(server, httpSignal({ url: `${server.origin}/other`, pollMs: 100 }));
      await other.hears(value('B'));
      await other.answers(3);
      expect(heard.readings).toEqual([value('A')]);
      expect(heard.askedCount).toBeLessThanOrEqual(askedCount + 1);
    });
  });
}
