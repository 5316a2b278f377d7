import type { Socket } from 'node:net';
import type { MemoryWorld } from '../../src/testing/index.js';
import type { World } from '../../src/world.js';
import { Holding } from './holding.js';
import type { Host } from './hosts.js';

/** Kafka's keys of the requests that change a cluster. */
const WRITES = new Map<number, 'Produce' | 'OffsetCommit'>([
  [0, 'Produce'],
  [8, 'OffsetCommit'],
]);

/** The limit that a control log gives a Produce request, in milliseconds; the service's own producers give kafkajs's 30 s. */
const CONTROL_TIMEOUT_MS = 2_000;

/** Where a memory cluster's frame of a Produce request has its limit: before the ticket, from its end. */
const TIMEOUT_FROM_END = 12;

/** The environment variable that tells a process where the fleet is. */
export const ACTIVE_CLUSTER = 'KAFKA_ACTIVE_CLUSTER';

/** A service process as the rest of the world sees it: through its sockets. */
export interface ProcessWorld {
  readonly world: World;
  /** As kill -9 does: its connections are torn down, and no byte leaves it any more. */
  kill(): void;
  /** Its way to one cluster is cut: nothing arrives in either direction, and nothing is refused. */
  cut(cluster: string): void;
  /** What was sent meanwhile arrives. */
  uncut(cluster: string): void;
  /**
   * Its event loop is blocked: the library's timers fire late, and what has arrived is not read. kafkajs's own timers go on, so
   * that requests time out although their answers are there.
   */
  sleep(forMs: number): void;
  /** Its wall clock jumps. */
  jumpWall(byMs: number): void;
}

/** What a process is told at its start, and who watches it. */
export interface ProcessWorldParts {
  readonly memory: MemoryWorld;
  readonly activeCluster: string;
  /** Its machine, where it keeps a state file. */
  readonly host: Host | undefined;
  onWrite(cluster: string, apiName: 'Produce' | 'OffsetCommit'): void;
  /** It writes its state file. */
  onKept(text: string): void;
}

/** Gives one process its own door to the memory world. */
export function processWorld(parts: ProcessWorldParts): ProcessWorld {
  const { memory, activeCluster, host, onWrite, onKept } = parts;
  const sockets = new Set<Socket>();
  const aliases = new Map(
    memory.clusters.flatMap(({ alias, brokers }) => brokers.map((broker) => [broker, alias])),
  );
  const ways = new Map(memory.clusters.map(({ alias }) => [alias, new Holding()]));
  const eventLoop = new Holding();
  let isDead = false;
  let wallAheadMs = 0;
  const world: World = {
    ...memory.world,
    wallMs: () => memory.world.wallMs() + wallAheadMs,
    after(delayMs, callback) {
      let isCancelled = false;
      const fire = (): void => {
        if (!isCancelled) callback();
      };
      const cancel = memory.world.after(delayMs, () => eventLoop.pass(fire));
      return () => {
        isCancelled = true;
        cancel();
      };
    },
    openSocket(args) {
      if (isDead) throw new Error('the process is dead');
      const socket = memory.world.openSocket(args);
      const cluster = aliases.get(`${args.host}:${args.port}`) ?? '';
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      const way = ways.get(cluster) ?? new Holding();
      holdIncoming(socket, eventLoop, way);
      const write = socket.write.bind(socket) as (...rest: unknown[]) => boolean;
      socket.write = (chunk: unknown, ...rest: unknown[]): boolean => {
        const apiName = Buffer.isBuffer(chunk) ? writeIn(chunk) : undefined;
        if (apiName !== undefined) onWrite(cluster, apiName);
        if (!way.isHolding) return write(chunk, ...rest);
        way.pass(() => void write(chunk, ...rest));
        return true;
      };
      return socket;
    },
    environment: (name) => (name === ACTIVE_CLUSTER ? activeCluster : undefined),
    readText: (path) => (host === undefined ? memory.world.readText(path) : readFrom(host)),
    writeText(path, text) {
      if (host === undefined) return memory.world.writeText(path, text);
      if (isDead) return Promise.reject(new Error('the process is dead'));
      onKept(text);
      return host.write(text);
    },
  };
  return {
    world,
    kill() {
      isDead = true;
      // What is held is read by nobody; only its timers and sockets have to end.
      for (const way of ways.values()) way.letGo();
      eventLoop.letGo();
      for (const socket of [...sockets]) socket.resetAndDestroy();
    },
    cut: (cluster) => ways.get(cluster)?.hold(),
    uncut: (cluster) => ways.get(cluster)?.letGo(),
    sleep(forMs) {
      eventLoop.hold();
      memory.clock.after(forMs, () => eventLoop.letGo());
    },
    jumpWall(byMs) {
      wallAheadMs += byMs;
    },
  };
}

/** What a request changes that the service works with. What a fleet says of itself in a control log is none of that. */
function writeIn(frame: Buffer): 'Produce' | 'OffsetCommit' | undefined {
  const apiName = WRITES.get(frame.readInt16BE(4));
  const isControl =
    apiName === 'Produce' &&
    frame.readInt32BE(frame.length - TIMEOUT_FROM_END) === CONTROL_TIMEOUT_MS;
  return isControl ? undefined : apiName;
}

function readFrom(host: Host): Promise<string | undefined> {
  return Promise.resolve(host.read());
}

/** What a socket tells passes the way to its cluster, and then the event loop. */
function holdIncoming(socket: Socket, eventLoop: Holding, way: Holding): void {
  const emit = socket.emit.bind(socket) as (...rest: unknown[]) => boolean;
  const tell = (...rest: unknown[]): boolean => {
    if (!eventLoop.isHolding) return emit(...rest);
    eventLoop.pass(() => void emit(...rest));
    return true;
  };
  socket.emit = (...rest: unknown[]): boolean => {
    // Of its own end a socket learns without the network.
    if (!way.isHolding || socket.destroyed) return tell(...rest);
    way.pass(() => void (socket.destroyed || tell(...rest)));
    return true;
  };
}
