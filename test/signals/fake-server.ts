import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { HttpRequest, HttpResponse } from '../../src/http.js';

/** A real HTTP server on loopback, in front of a function. It keeps its port through a restart. */
export class FakeServer {
  readonly #handle: (request: HttpRequest) => Promise<HttpResponse>;
  #server: Server | undefined;
  #port = 0;
  #connectionCount = 0;

  constructor(handle: (request: HttpRequest) => Promise<HttpResponse>) {
    this.#handle = handle;
  }

  get address(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Connections that are open now. */
  get connectionCount(): number {
    return this.#connectionCount;
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      void this.#answer(request, response);
    });
    server.on('connection', (socket) => {
      this.#connectionCount += 1;
      socket.once('close', () => {
        this.#connectionCount -= 1;
      });
    });
    server.listen(this.#port, '127.0.0.1');
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
        url: `${this.address}${request.url ?? ''}`,
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
