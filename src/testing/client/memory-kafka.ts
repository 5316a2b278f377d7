// oxlint-disable-next-line typescript/no-restricted-imports -- pure functions over paths
import { dirname } from 'node:path';
import type { ISocketFactory, Kafka, KafkaConfig } from 'kafkajs';
import { kafka } from '../../kafkajs.js';
import type { Clock } from '../clock.js';
import type { Random } from '../random.js';
import type { Mailroom } from '../wire.js';
import { clockGlobals } from './globals.js';
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
export function kafkajsOn(surroundings: {
  clock: Clock;
  random: Random;
  mailroom: Mailroom;
  openSocket: ISocketFactory;
}): new (config: KafkaConfig) => Kafka {
  const { clock, random, mailroom, openSocket } = surroundings;
  // kafkajs's modules have no types of their own; their shape is pinned by the conformance suite.
  const load: Load = loadPackage(packageDir(), {
    globals: clockGlobals(clock, random),
    modules: {
      'src/errors.js': () => ({ ...kafka, isRebalancing, isKafkaJSError }),
      'src/network/socketFactory.js': () => () => openSocket,
      'src/producer/partitioners/legacy/randomBytes.js': () => (size: number) =>
        Buffer.from(Array.from({ length: size }, () => random.below(256))),
      'src/broker/saslAuthenticator/index.js': () => AcceptedAuthenticator,
      'src/protocol/request.js': () => frameWriter(mailroom, () => clock.wallMs()),
      'src/protocol/requests/index.js': (original) =>
        unencodedRequests(
          original() as RequestsModule,
          load('src/protocol/error.js') as ErrorModule,
          mailroom,
        ),
    },
  });
  return load('src/index.js') as new (config: KafkaConfig) => Kafka;
}

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
