import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { HttpRequest, HttpResponse } from '../../src/http.js';

/** Where a server listens, and how. Default: HTTP on loopback, on a port that it keeps through restarts. */
export interface FakeServerOptions {
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Path of a Unix socket instead. */
  readonly socketPath?: string;
}

/** A real HTTP server in front of a function. */
export class FakeServer {
  readonly #handle: (request: HttpRequest) => Promise<HttpResponse>;
  readonly #options: FakeServerOptions;
  #server: Server | undefined;
  #port = 0;
  #connectionCount = 0;

  constructor(
    handle: (request: HttpRequest) => Promise<HttpResponse>,
    options: FakeServerOptions = {},
  ) {
    this.#handle = handle;
    this.#options = options;
  }

  get address(): string {
    const { tls, socketPath } = this.#options;
    if (socketPath !== undefined) return `unix://${socketPath}`;
    return `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}`;
  }

  /** Connections that are open now. */
  get connectionCount(): number {
    return this.#connectionCount;
  }

  async start(): Promise<void> {
    const { tls, socketPath } = this.#options;
    const server = tls === undefined ? createServer() : createTlsServer(tls);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void this.#answer(request, response);
    });
    server.on('connection', (socket) => {
      this.#connectionCount += 1;
      socket.once('close', () => {
        this.#connectionCount -= 1;
      });
    });
    if (socketPath === undefined) server.listen(this.#port, '127.0.0.1');
    else server.listen(socketPath);
    await once(server, 'listening');
    const address = server.address();
    if (typeof address === 'object' && address !== null) this.#port = address.port;
    this.#server = server;
  }

  /** As kill -9: every connection is cut, and nobody listens any more. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort(new Error('the connection is gone')));
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const headers = Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    try {
      const {
        status,
        headers: sent,
        body,
      } = await this.#handle({
        url: `http://127.0.0.1${request.url ?? ''}`,
        method: request.method as NonNullable<HttpRequest['method']>,
        headers,
        body: Buffer.concat(chunks).toString('utf8'),
        timeoutMs: Infinity,
        signal: gone.signal,
      });
      response.writeHead(status, { ...sent }).end(body);
    } catch {
      response.destroy();
    }
  }
}
