import { readFile } from 'node:fs/promises';
import { connect as connectTcp, isIP } from 'node:net';
import type { ISocketFactory, Kafka, KafkaConfig } from 'kafkajs';
import { connect as connectTls } from 'node:tls';
import type { HttpRequest, HttpResponse } from './http.js';
import { kafka } from './kafkajs.js';
import { realRequest } from './real-http.js';
import { TRANSPORT } from './transport.js';

/**
 * Stops a timer that was started by {@link World.after}. Calling it twice, or after the timer fired, does nothing.
 *
 * @public
 */
export type CancelTimer = () => void;

/**
 * Everything that the library takes from outside itself: time, randomness, sockets, kafkajs, the process's
 * environment, files and HTTP servers. The core reads none of them from globals, so a whole fleet with two clusters runs in one
 * process on a simulated clock, from a seed (`kafkajs-failover/testing`).
 *
 * @public
 */
export interface World {
  /** Monotonic time in milliseconds; its zero has no meaning. Every duration and deadline is measured with it. */
  nowMs(): number;
  /** Wall-clock time in milliseconds since 1970, for records and reports only. It may jump; nothing is decided by it. */
  wallMs(): number;
  /** Calls `callback` once, after `delayMs` milliseconds. */
  after(delayMs: number, callback: () => void): CancelTimer;
  /** A number in [0, 1), for jitter. */
  random(): number;
  /** Makes an inner kafkajs client. Called anew for every epoch of every cluster, and for every producer in it. */
  createKafka(config: KafkaConfig): Kafka;
  /** Opens a socket to a broker where the cluster's options give no `socketFactory` of their own. */
  readonly openSocket: ISocketFactory;
  /** An environment variable, or undefined. */
  environment(name: string): string | undefined;
  /** The text of a file, or undefined where it does not exist. Rejects for any other reason. */
  readText(path: string): Promise<string | undefined>;
  /**
   * An HTTP request, to a control plane for example. Resolves with the whole answer, whatever its status. Rejects where
   * there is none: nobody listens, TLS fails, a limit of the request is reached, or its signal is aborted.
   */
  request(request: HttpRequest): Promise<HttpResponse>;
}

/** kafkajs's own keep-alive delay (kafkajs `src/network/socketFactory.js`). */
const KEEP_ALIVE_DELAY_MS = 60_000;

const openSocket: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  if (!ssl) {
    const socket = connectTcp({ host, port }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
    return socket;
  }
  // The server name is sent for host names only: an IP address in SNI is refused by TLS (RFC 6066).
  const servername = isIP(host) === 0 ? { servername: host } : {};
  const options = { host, port, ...servername, ...ssl };
  // Layered by hand rather than by `tls.connect` so that the fence can reset the connection (`transport.ts`).
  const { host: toHost = host, port: toPort = port } = options;
  const transport =
    options.socket === undefined
      ? connectTcp({ ...options, host: toHost, port: toPort })
      : undefined;
  transport?.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
  const layer = transport === undefined ? {} : { socket: transport };
  return Object.assign(connectTls({ ...options, ...layer }, onConnect), { [TRANSPORT]: transport });
};

/**
 * The real world: the process's clock, timers, sockets and environment, and the installed kafkajs.
 *
 * @public
 */
export function realWorld(): World {
  return {
    nowMs: () => performance.now(),
    wallMs: () => Date.now(),
    after(delayMs, callback) {
      const timer = setTimeout(callback, delayMs);
      return () => clearTimeout(timer);
    },
    random: () => Math.random(),
    createKafka: (config) => new kafka.Kafka(config),
    openSocket,
    environment: (name) => process.env[name],
    async readText(path) {
      try {
        return await readFile(path, 'utf8');
      } catch (error) {
        if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
        throw error;
      }
    },
    request: realRequest,
  };
}
