import { connect as connectTcp, isIP } from 'node:net';
import type { ISocketFactory, Kafka, KafkaConfig } from 'kafkajs';
import { connect as connectTls } from 'node:tls';
import type { HttpRequest, HttpResponse } from './http.js';
import { kafka } from './kafkajs.js';
import { realDnsResolver } from './real-dns.js';
import {
  appendToFile,
  filesIn,
  readBytesOf,
  readTextFile,
  removeFile,
  replaceTextFile,
} from './real-files.js';
import { realRequest } from './real-http.js';
import { TRANSPORT } from './transport.js';

/**
 * Stops a timer that was started by {@link World.after}. Calling it twice, or after the timer fired, does nothing.
 *
 * @public
 */
export type CancelTimer = () => void;

/** @public Kinds of DNS records that can be asked for. */
export type DnsRecordType = 'TXT' | 'CNAME' | 'A' | 'AAAA' | 'SRV';

/** @public What a name server answered. */
export interface DnsAnswer {
  /** One text for each record, in the order of the answer. The parts of a TXT record are joined; SRV is `host:port`. */
  readonly records: readonly string[];
  /** How long the answer may be kept, in seconds: the lowest TTL of the records. Undefined where it is not known. */
  readonly ttlSeconds: number | undefined;
}

/** @public How {@link World.dnsResolver} asks. */
export interface DnsResolverOptions {
  /** Name servers, `address` or `address:port`. Default: those of the system. */
  readonly servers?: readonly string[];
  /** How long one name server may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** @public Asks name servers, past the system's hosts file and caches. */
export interface DnsResolver {
  /**
   * Asks each server once until one answers. Rejects where there is no answer with such records; `code` of the error is
   * Node's, for example ENOTFOUND (no such name), ENODATA (no such record), ESERVFAIL, EREFUSED, ETIMEOUT.
   */
  resolve(name: string, type: DnsRecordType): Promise<DnsAnswer>;
  /** Ends what is under way, which then rejects with ECANCELLED. */
  cancel(): void;
}

/** @public How {@link World.readText} reads. */
export interface ReadTextOptions {
  /** Rejects a longer file, and whatever is no regular file, without reading on. Default: any length, and any kind. */
  readonly maxBytes?: number;
}

/** @public A file that is written at its end. One call at a time. */
export interface AppendFile {
  /** Writes at the end. Rejects where not all of it could be written: a part of it may stand there then. */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when the disk has all that was written. */
  sync(): Promise<void>;
  /** Lets go of the file. */
  close(): Promise<void>;
}

/**
 * Everything that the library takes from outside itself: time, randomness, sockets, HTTP, DNS, kafkajs, the process's
 * environment and files. The core reads none of them from globals, so a whole fleet with two clusters runs in one
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
  /** The text of a file, or undefined where it does not exist. Rejects for any other reason. Bytes that are not UTF-8 become U+FFFD. */
  readText(path: string, options?: ReadTextOptions): Promise<string | undefined>;
  /** Replaces a file at once and whole: whoever reads it finds the old text or the new one. Rejects where that fails. */
  writeText(path: string, text: string): Promise<void>;
  /** Opens a file to write at its end; makes it, for its owner only, where it does not exist. Its folder must exist. */
  appendTo(path: string): Promise<AppendFile>;
  /** The bytes of a file, or undefined where it does not exist. Rejects for any other reason. */
  readBytes(path: string): Promise<Uint8Array | undefined>;
  /** The names of the files in a folder, in any order. Rejects where there is no such folder. */
  listFiles(directory: string): Promise<readonly string[]>;
  /** Removes a file; resolves also where there is none. */
  removeFile(path: string): Promise<void>;
  /**
   * An HTTP request, to a control plane for example. Resolves with the whole answer, whatever its status. Rejects where
   * there is none: nobody listens, TLS fails, a limit of the request is reached, or its signal is aborted.
   */
  request(request: HttpRequest): Promise<HttpResponse>;
  /** Makes a resolver, which asks name servers and keeps nothing. Throws where a server is no address. */
  dnsResolver(options: DnsResolverOptions): DnsResolver;
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
 * The real world: the process's clock, timers, sockets, environment and files, and the installed kafkajs.
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
    readText: readTextFile,
    request: realRequest,
    dnsResolver: realDnsResolver,
    writeText: replaceTextFile,
    appendTo: appendToFile,
    readBytes: readBytesOf,
    listFiles: filesIn,
    removeFile,
  };
}
