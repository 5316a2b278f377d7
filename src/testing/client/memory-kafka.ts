// oxlint-disable-next-line typescript/no-restricted-imports -- pure functions over paths
import { dirname } from 'node:path';
import type { ISocketFactory, Kafka, KafkaConfig } from 'kafkajs';
import { kafka } from '../../kafkajs.js';
import type { Mailroom } from '../wire.js';
import { clockGlobals, type TimeAndChance } from './globals.js';
import {
  type ErrorModule,
  frameWriter,
  type RequestsModule,
  unencodedRequests,
} from './protocol-bridge.js';
import { type Load, loadPackage } from './source-loader.js';

/** The kafkajs whose inside is known here. Its last release is of 2023; 2.3.0-beta.3 has the same sources. */
const KNOWN_VERSION = /^2\.[23]\./;

/** Kafka's protocol errors that make a member join again (kafkajs `src/errors.js`). */
const REBALANCE_ERRORS = [
  'REBALANCE_IN_PROGRESS',
  'NOT_COORDINATOR_FOR_GROUP',
  'ILLEGAL_GENERATION',
];

/** @internal What a world puts in the place of the process's own. */
export interface KafkaJsSurroundings extends TimeAndChance {
  readonly mailroom: Mailroom;
  readonly openSocket: ISocketFactory;
}

/** @internal kafkajs's class `Kafka`, in a world. */
export type MemoryKafka = new (config: KafkaConfig) => Kafka;

/**
 * kafkajs itself, on another clock and another network.
 *
 * It is the installed package's own code, loaded once more with its timers, its `Date`, its `Math.random` and its sockets
 * replaced, and with requests that travel unencoded. So a simulation meets kafkajs's real retries, rebalances, crashes
 * and restarts (and its real defects), at a small part of their cost. The error classes are those of the installed copy:
 * `instanceof` holds.
 *
 * @internal
 */
export function kafkajsOn(surroundings: KafkaJsSurroundings): MemoryKafka {
  return load(() => surroundings);
}

/**
 * As {@link kafkajsOn}, for worlds that live one after the other: one copy of kafkajs, which is on the newest world that
 * asked for it. To V8 the classes of each copy are new ones, and code that has met many of them is slow: it costs a run of
 * thousands of worlds a quarter of its time.
 *
 * The world before has to be over, down to its last promise: what of it still runs would run in the new one.
 *
 * @internal
 */
export function kafkajsInTurn(): (surroundings: KafkaJsSurroundings) => MemoryKafka {
  let present: KafkaJsSurroundings | undefined;
  let loaded: MemoryKafka | undefined;
  const newest = (): KafkaJsSurroundings => {
    if (present === undefined) throw new Error('kafkajs is loaded and in no world');
    return present;
  };
  return (surroundings) => {
    present = surroundings;
    loaded ??= load(newest);
    return loaded;
  };
}

function load(present: () => KafkaJsSurroundings): MemoryKafka {
  const mailroom: Pick<Mailroom, 'post' | 'take'> = {
    post: (letter) => present().mailroom.post(letter),
    take: (ticket) => present().mailroom.take(ticket),
  };
  // kafkajs's modules have no types of their own; their shape is pinned by the conformance suite.
  const loadModule: Load = loadPackage(packageDir(), {
    globals: clockGlobals(present),
    modules: {
      'src/errors.js': () => ({ ...kafka, isRebalancing, isKafkaJSError }),
      'src/network/socketFactory.js': () => () => (args: SocketArguments) =>
        present().openSocket(args),
      'src/producer/partitioners/legacy/randomBytes.js': () => (size: number) =>
        Buffer.from(Array.from({ length: size }, () => present().random.below(256))),
      'src/broker/saslAuthenticator/index.js': () => AcceptedAuthenticator,
      'src/protocol/request.js': () => frameWriter(mailroom, () => present().clock.wallMs()),
      'src/protocol/requests/index.js': (original) =>
        unencodedRequests(
          original() as RequestsModule,
          loadModule('src/protocol/error.js') as ErrorModule,
          mailroom,
        ),
    },
  });
  return loadModule('src/index.js') as MemoryKafka;
}

type SocketArguments = Parameters<ISocketFactory>[0];

function packageDir(): string {
  const manifest = require.resolve('kafkajs/package.json');
  const { version } = require(manifest) as { version: string };
  if (KNOWN_VERSION.test(version)) return dirname(manifest);
  throw new Error(
    `kafkajs-failover/testing runs kafkajs 2.2 or 2.3 on its own clock and does not know ${version}: install kafkajs@2.2.4`,
  );
}

function isRebalancing(error: { type?: string }): boolean {
  return REBALANCE_ERRORS.includes(error.type ?? '');
}

function isKafkaJSError(error: unknown): boolean {
  return error instanceof kafka.KafkaJSError;
}

/** Memory clusters take every user for who he says he is. */
class AcceptedAuthenticator {
  readonly sessionLifetime = '0';

  authenticate(): Promise<void> {
    return Promise.resolve();
  }
}
