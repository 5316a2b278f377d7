import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import type { ISocketFactory } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { SocketGate } from '../../src/cluster/socket-gate.js';
import { FencedError } from '../../src/errors.js';
import { thrownBy } from '../support/failures.js';
import { manualWorld, settle } from '../support/manual-world.js';
import { CORRELATION_ID, HEARTBEAT, PRODUCE, requestFrame } from './frames.js';

/** A user's own kind of socket: no net.Socket, and in no hurry to be destroyed. */
class SlowSocket extends Duplex {
  readonly written: Buffer[] = [];
  readonly #destroyAfter: Promise<void>;

  constructor(destroyAfter: Promise<void> = Promise.resolve()) {
    super();
    this.#destroyAfter = destroyAfter;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk);
    done();
  }

  override _read(): void {}

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // oxlint-disable-next-line promise/no-callback-in-promise -- streams speak in callbacks
    void this.#destroyAfter.then(() => done(error));
  }
}

const args = { host: 'broker', port: 9092, ssl: {}, onConnect: () => {} };
const reason = new FencedError('cluster A was fenced in epoch 1', {
  cluster: 'A',
  switchEpoch: 1,
});

function gateOver(...sockets: SlowSocket[]): { gate: SocketGate; opened: object[] } {
  const opened: object[] = [];
  const open: ISocketFactory = (given) => {
    opened.push(given);
    return sockets[opened.length - 1] as unknown as Socket;
  };
  return { gate: new SocketGate({ world: manualWorld(), open }), opened };
}

const closed = (socket: Duplex): Promise<void> =>
  new Promise((resolve) => {
    socket.once('close', () => resolve());
  });

const request = () => ({
  correlationId: CORRELATION_ID,
  written: false,
  frame: undefined as Buffer | undefined,
  wrote(frame: Buffer | undefined): void {
    this.written = true;
    this.frame = frame;
  },
});

describe('SocketGate', () => {
  it('opens by the given factory, with what kafkajs asked for, and hands out its very socket', () => {
    const socket = new SlowSocket();
    const { gate, opened } = gateOver(socket);
    expect(gate.factory(args)).toBe(socket);
    expect(opened).toEqual([{ ...args, onConnect: expect.any(Function) }]);
    expect([...gate.lines()]).toMatchObject([{ broker: 'broker:9092' }]);
  });

  it('lets any number of failed sends listen to the socket of a dead broker, without a warning of a leak', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    const socket = new SlowSocket();
    gateOver(socket).gate.factory(args);
    for (let count = 0; count < 20; count += 1) socket.once('connect', () => {});
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });

  it('lets kafkajs use a socket when the name was looked behind, and not after the fence', async () => {
    const asked: boolean[] = [];
    let release = (): void => {};
    let connects = 0;
    const opened: Parameters<ISocketFactory>[0][] = [];
    const gate = new SocketGate({
      world: manualWorld(),
      open: (given) => {
        opened.push(given);
        return new SlowSocket() as unknown as Socket;
      },
      verify: (isAgain) => {
        asked.push(isAgain);
        if (asked.length === 1) return undefined;
        return new Promise((resolve) => {
          release = resolve;
        });
      },
    });
    const count = { ...args, onConnect: () => (connects += 1) };
    const connected = (): void => opened.at(-1)?.onConnect();
    gate.factory(count);
    connected();
    expect(connects).toBe(1);
    gate.factory(count);
    connected();
    expect(connects).toBe(1);
    release();
    await settle();
    expect(connects).toBe(2);
    gate.factory(count);
    connected();
    gate.fence(reason);
    release();
    await settle();
    expect(connects).toBe(2);
    expect(asked).toEqual([false, true, true]);
  });

  it.each([
    ['while it is being made', false],
    ['while the name is looked behind', true],
  ])('fails an attempt to connect that kafkajs has ended %s', async (_when, isMade) => {
    const world = manualWorld();
    const heard: string[] = [];
    const socket = new SlowSocket();
    let connected = (): void => {};
    let release = (): void => {};
    const gate = new SocketGate({
      world,
      open: ({ onConnect }) => {
        connected = onConnect;
        return socket as unknown as Socket;
      },
      verify: () =>
        new Promise((resolve) => {
          release = resolve;
        }),
    });
    gate.factory({ ...args, onConnect: () => heard.push('connected') });
    socket.on('error', ({ message }) => heard.push(message));
    if (isMade) connected();
    socket.end();
    await world.advance(0);
    if (!isMade) connected();
    release();
    await settle();
    expect(heard).toEqual(['the attempt to connect was ended by another one that had failed']);
  });

  it('says nothing of an attempt that was ended where kafkajs makes the next one already', async () => {
    const world = manualWorld();
    const sockets = [new SlowSocket(), new SlowSocket()] as const;
    const heard: string[] = [];
    let count = 0;
    const gate = new SocketGate({
      world,
      open: () => sockets[count++ === 0 ? 0 : 1] as unknown as Socket,
    });
    for (const socket of sockets) socket.on('error', ({ message }) => heard.push(message));
    gate.factory(args);
    sockets[0].end();
    gate.factory(args);
    await world.advance(0);
    expect(heard).toEqual([]);
  });

  it('tells of the end after the beginning, where a socket ended while the name was looked behind', async () => {
    let release = (): void => {};
    const heard: string[] = [];
    const socket = new SlowSocket();
    const opened: Parameters<ISocketFactory>[0][] = [];
    const gate = new SocketGate({
      world: manualWorld(),
      open: (given) => {
        opened.push(given);
        return socket as unknown as Socket;
      },
      verify: () =>
        new Promise((resolve) => {
          release = resolve;
        }),
    });
    gate.factory({ ...args, onConnect: () => heard.push('connected') });
    opened.at(-1)?.onConnect();
    socket.destroy();
    await closed(socket);
    socket.on('end', () => heard.push('ended'));
    release();
    await settle();
    expect(heard).toEqual(['connected', 'ended']);
  });

  it('forgets a socket that closes', async () => {
    const socket = new SlowSocket();
    const { gate } = gateOver(socket);
    gate.factory(args);
    socket.destroy();
    await closed(socket);
    expect([...gate.lines()]).toEqual([]);
    expect(gate.fence(reason)).toBe(0);
  });

  it('counts Produce requests and passes everything on unchanged', () => {
    const socket = new SlowSocket();
    const { gate } = gateOver(socket);
    const wire = gate.countedFactory();
    wire.factory(args);
    const chunks = [requestFrame(PRODUCE), requestFrame(HEARTBEAT), Buffer.from('?')];
    for (const chunk of chunks) expect(socket.write(chunk, 'binary')).toBe(true);
    expect(socket.written).toEqual(chunks);
    expect(wire.produceRequestCount).toBe(1);
  });

  it('knows a Produce request that is expected from the moment in which it is written, by its broker and its id', () => {
    const socket = new SlowSocket();
    const { gate } = gateOver(socket);
    const wire = gate.countedFactory();
    wire.factory(args);
    const [mine, elsewhere] = [request(), request()];
    wire.to(`${args.host}:${args.port}`).expect(mine);
    wire.to('another:9092').expect(elsewhere);
    expect([mine.written, elsewhere.written]).toEqual([false, false]);
    const frame = requestFrame(PRODUCE);
    socket.write(frame, 'binary');
    expect([mine.written, elsewhere.written]).toEqual([true, false]);
    expect(mine.frame).toBe(frame);
  });

  it('counts apart what each of its clients writes', () => {
    const sockets = [new SlowSocket(), new SlowSocket()];
    const { gate } = gateOver(...sockets);
    const [first, second] = [gate.countedFactory(), gate.countedFactory()];
    first.factory(args);
    second.factory(args);
    for (const socket of [...sockets, sockets[1]]) socket?.write(requestFrame(PRODUCE));
    expect([first.produceRequestCount, second.produceRequestCount]).toEqual([1, 2]);
  });

  it('destroys every socket with the Error, once', async () => {
    const sockets = [new SlowSocket(), new SlowSocket()];
    const { gate } = gateOver(...sockets);
    const errors: unknown[] = [];
    for (const socket of sockets) {
      gate.factory(args);
      socket.on('error', (error) => errors.push(error));
    }
    const closing = Promise.all(sockets.map(closed));
    expect(gate.fence(reason)).toBe(2);
    expect(gate.fence(new FencedError('again'))).toBe(0);
    expect([...gate.lines()]).toEqual([]);
    await closing;
    expect(errors).toEqual([reason, reason]);
  });

  it('lets nothing out after the fence, however long the socket takes to be destroyed', async () => {
    let release = (): void => {};
    const socket = new SlowSocket(
      new Promise((resolve) => {
        release = resolve;
      }),
    );
    const { gate } = gateOver(socket);
    const wire = gate.countedFactory();
    wire.factory(args);
    gate.fence(reason);
    // Not even where the socket itself would still take it.
    Object.defineProperty(socket, 'destroyed', { value: false });
    const told = await new Promise((resolve) => {
      expect(socket.write(requestFrame(PRODUCE), 'binary', resolve)).toBe(false);
    });
    expect(told).toBe(reason);
    expect(socket.write(requestFrame(PRODUCE))).toBe(false);
    expect(socket.written).toEqual([]);
    expect(wire.produceRequestCount).toBe(0);
    release();
  });

  it('refuses every later connection with an error that kafkajs cannot retry', () => {
    const { gate, opened } = gateOver();
    gate.fence(reason);
    for (const _ of [1, 2]) {
      const thrown = thrownBy(() => gate.factory(args));
      expect(thrown).toMatchObject({ code: 'ERR_FAILOVER_FENCED', cluster: 'A', switchEpoch: 1 });
      expect(() => (thrown as Error).message).toThrow(
        new RangeError('cluster A was fenced in epoch 1 (ERR_FAILOVER_FENCED)'),
      );
    }
    expect(opened).toEqual([]);
  });

  it('survives a socket that fails when nobody listens', async () => {
    const socket = new SlowSocket();
    const { gate } = gateOver(socket);
    gate.factory(args);
    const closing = closed(socket);
    socket.destroy(new Error('late'));
    await closing;
    expect([...gate.lines()]).toEqual([]);
  });
});
