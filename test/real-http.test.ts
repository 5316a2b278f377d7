import dns from 'node:dns';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { HttpRequest } from '../src/http.js';
import { realRequest } from '../src/real-http.js';
import { waitFor } from '../stack/index.js';
import { certificate as ca, certificateKey } from './support/certificate.js';
import { rejectionOf } from './support/failures.js';

/** For requests that are answered: a limit for what hangs. */
const timeoutMs = 20_000;

async function listen(server: Server, at: string | number = 0): Promise<string> {
  if (typeof at === 'string') server.listen(at);
  else server.listen(at, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  return typeof address === 'object' ? `127.0.0.1:${address?.port}` : (address ?? '');
}

/** The address of a server that answers with `listener`. */
async function serve(listener: RequestListener): Promise<string> {
  return `http://${await listen(createServer(listener))}`;
}

/** Answers with what it was asked. */
const echo: RequestListener = (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { method, url, headers } = request;
    response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }));
  });
};

async function asked(request: Omit<HttpRequest, 'timeoutMs'>): Promise<Record<string, unknown>> {
  const { body } = await realRequest({ timeoutMs, ...request });
  return JSON.parse(body) as Record<string, unknown>;
}

async function sandbox(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'http-test-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

describe('a real request', () => {
  it('sends method, path, query, headers and body as they are', async () => {
    const base = await serve(echo);
    expect(
      await asked({
        url: `${base}/v1/kv/a%20b/c?index=1&consistent=`,
        method: 'PUT',
        headers: { 'X-Token': 'secret' },
        body: 'grün',
      }),
    ).toMatchObject({
      method: 'PUT',
      url: '/v1/kv/a%20b/c?index=1&consistent=',
      headers: { 'x-token': 'secret', 'content-length': '5', host: base.slice('http://'.length) },
      body: 'grün',
    });
    expect(await asked({ url: base })).toMatchObject({ method: 'GET', url: '/', body: '' });
  });

  it('answers with status, headers by lower-case name, and a body that was cut inside a character', async () => {
    const bytes = Buffer.from('müde');
    const base = await serve((_request, response) => {
      response.writeHead(404, { 'X-Consul-Index': '7', 'Set-Cookie': ['a=1', 'b=2'] });
      response.write(bytes.subarray(0, 2));
      setImmediate(() => response.end(bytes.subarray(2)));
    });
    const { status, headers, body } = await realRequest({ url: base, timeoutMs });
    expect(status).toBe(404);
    expect(headers).toMatchObject({ 'x-consul-index': '7', 'set-cookie': 'a=1, b=2' });
    expect(body).toBe('müde');
  });

  it('follows no redirect', async () => {
    const base = await serve((_request, response) => {
      response.writeHead(301, { location: 'http://127.0.0.1:1/' }).end();
    });
    const { status, headers } = await realRequest({ url: base, timeoutMs });
    expect([status, headers['location']]).toEqual([301, 'http://127.0.0.1:1/']);
  });

  it('keeps no connection', async () => {
    const server = createServer(echo);
    const base = `http://${await listen(server)}`;
    expect(await asked({ url: base })).toMatchObject({ headers: { connection: 'close' } });
    await waitFor(
      'the connection to be gone',
      () => promisify(server.getConnections.bind(server))(),
      {
        until: (count) => count === 0,
      },
    );
  });

  it('connects to a Unix socket', async () => {
    const path = join(await sandbox(), 'agent.sock');
    await listen(createServer(echo), path);
    expect(await asked({ url: 'http://localhost/v1/kv/x', socketPath: path })).toMatchObject({
      url: '/v1/kv/x',
      headers: { host: 'localhost' },
    });
  });

  it('ends at its limit, whether or not the answer has begun, and leaves no connection', async () => {
    const server = createServer((request, response) => {
      if (request.url === '/begun') response.write('half');
    });
    const base = `http://${await listen(server)}`;
    for (const path of ['/silent', '/begun']) {
      const error = await rejectionOf(realRequest({ url: `${base}${path}`, timeoutMs: 50 }));
      expect(error).toMatchObject({
        code: 'ERR_HTTP_TIMEOUT',
        message: 'there was no answer within 50 ms',
      });
    }
    await waitFor(
      'the connections to be gone',
      () => promisify(server.getConnections.bind(server))(),
      {
        until: (count) => count === 0,
      },
    );
  });

  it('does not read an answer to its end that is too long', async () => {
    let isClosed = false;
    const base = await serve((_request, response) => {
      response.once('close', () => {
        isClosed = true;
      });
      const more = (): void => {
        while (!isClosed && response.write('x'.repeat(10_000)));
      };
      response.on('drain', more);
      more();
    });
    const error = await rejectionOf(realRequest({ url: base, timeoutMs, maxBytes: 100_000 }));
    expect(error).toMatchObject({
      code: 'ERR_HTTP_TOO_LARGE',
      message: 'the answer is longer than 100000 bytes',
    });
    await waitFor('the server to notice', () => isClosed);
  });

  it('takes an answer of exactly the longest length', async () => {
    const base = await serve((_request, response) => void response.end('x'.repeat(100)));
    const { body } = await realRequest({ url: base, timeoutMs, maxBytes: 100 });
    expect(body).toHaveLength(100);
  });

  it("ends with the signal's reason, before and while it waits", async () => {
    let requestCount = 0;
    const base = await serve(() => {
      requestCount += 1;
    });
    const told = new AbortController();
    const waiting = realRequest({ url: base, timeoutMs, signal: told.signal });
    await waitFor('the request', () => requestCount === 1);
    told.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(realRequest({ url: base, timeoutMs, signal: told.signal })).rejects.toThrow(
      'enough',
    );
    expect(requestCount).toBe(1);
  });

  it('leaves no listener on a signal that outlives it', async () => {
    const base = await serve(echo);
    const { signal } = new AbortController();
    const listeners = new Set<unknown>();
    const [add, remove] = [signal.addEventListener, signal.removeEventListener];
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners.add(args[1]);
      add.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners.delete(args[1]);
      remove.apply(signal, args);
    };
    await realRequest({ url: base, timeoutMs, signal });
    await rejectionOf(realRequest({ url: 'http://127.0.0.1:1', timeoutMs, signal }));
    expect(listeners.size).toBe(0);
  });

  it.each(['http://127.0.0.1:1/', 'http://localhost:1/', 'http://[::1]:1/'])(
    'says that nobody listens: %s',
    async (url) => {
      const error = await rejectionOf(realRequest({ url, timeoutMs }));
      expect(error.message).toMatch(/^connect E(CONNREFUSED|ADDRNOTAVAIL)/);
      expect(error).toHaveProperty('code');
    },
  );

  it('says what every address of a name answered', async () => {
    const lookup = vi.spyOn(dns, 'lookup').mockImplementation(((
      _name: string,
      _options: unknown,
      answer: (error: null, addresses: readonly dns.LookupAddress[]) => void,
    ) => {
      const addresses = [
        { address: '127.0.0.1', family: 4 },
        { address: '::1', family: 6 },
      ];
      answer(null, addresses);
    }) as typeof dns.lookup);
    onTestFinished(() => lookup.mockRestore());
    const error = await rejectionOf(realRequest({ url: 'http://agent.test:1/', timeoutMs }));
    expect(error.message).toMatch(/^connect ECONNREFUSED 127\.0\.0\.1:1; connect E\w+ ::1:1/);
    expect(error).toHaveProperty('code', 'ECONNREFUSED');
  });

  it.each([
    ['not an address', 'Invalid URL'],
    ['ftp://127.0.0.1/', 'must be http: or https:'],
  ])('refuses an address that is none: %s', async (url, words) => {
    const { message } = await rejectionOf(realRequest({ url, timeoutMs }));
    expect(message).toContain(words);
  });

  it('rejects where the connection ends before the answer', async () => {
    const base = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('short', () => response.destroy());
    });
    await expect(realRequest({ url: base, timeoutMs })).rejects.toThrow('aborted');
  });

  it('rejects where the other side speaks something else', async () => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.end('SSH-2.0-OpenSSH\r\n');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const error = await rejectionOf(realRequest({ url: `http://127.0.0.1:${port}`, timeoutMs }));
    expect(error.message).toMatch(/Parse Error|socket hang up/);
  });
});

describe('a real request over TLS', () => {
  /** The address of a server that says whether it trusts its client. */
  async function secure(): Promise<string> {
    const server = createTlsServer({
      key: certificateKey,
      cert: ca,
      ca,
      requestCert: true,
      rejectUnauthorized: false,
    });
    server.on('request', (request, response) => {
      const { authorized } = request.socket as TLSSocket;
      response.end(JSON.stringify({ authorized }));
    });
    return `https://${await listen(server)}`;
  }

  it('trusts the CA that it is given, and nobody else', async () => {
    const base = await secure();
    expect(await asked({ url: base, tls: { ca } })).toEqual({ authorized: false });
    await expect(realRequest({ url: base, timeoutMs })).rejects.toThrow(/self-signed certificate/);
  });

  it('shows the client certificate', async () => {
    const base = await secure();
    expect(await asked({ url: base, tls: { ca, cert: ca, key: certificateKey } })).toEqual({
      authorized: true,
    });
  });

  it('checks the name that it is told to, and no certificate where it is told so', async () => {
    const base = await secure();
    expect(await asked({ url: base, tls: { ca, servername: 'consul.test' } })).toBeDefined();
    await expect(
      realRequest({ url: base, timeoutMs, tls: { ca, servername: 'other.test' } }),
    ).rejects.toThrow(/other\.test/);
    expect(await asked({ url: base, tls: { rejectUnauthorized: false } })).toBeDefined();
  });

  it('rejects where the server does not speak TLS', async () => {
    const base = await serve(echo);
    await expect(realRequest({ url: base.replace('http:', 'https:'), timeoutMs })).rejects.toThrow(
      /SSL|wrong version|packet length/,
    );
  });
});
