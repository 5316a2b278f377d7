import type { ExpectedRequest, ExpectedRequests } from './session.js';

/** So many requests of one broker may be between their encoding and their socket at the same time before it costs more. A power of two. */
const SLOT_COUNT = 1024;

/**
 * Which Produce requests of one client were written to a socket.
 *
 * A broker's name and a correlation id name one request at a time, nearly always: kafkajs has one connection to a broker for them. Where it has made that one anew and the old one is not
 * closed yet, the older request counts as written: the safe side.
 *
 * @internal
 */
export class WrittenRequests {
  /** All that were written so far, expected or not. */
  count = 0;
  readonly #brokers = new Map<string, Slots>();

  /** Those to this broker (`host:port`). */
  to(broker: string): ExpectedRequests {
    return this.#slotsOf(broker);
  }

  /** @returns to be told of each Produce request that is handed to a socket of this broker. */
  socketTo(broker: string): (correlationId: number, frame: Buffer) => void {
    const slots = this.#slotsOf(broker);
    return (correlationId, frame) => {
      this.count += 1;
      slots.wrote(correlationId, frame);
    };
  }

  #slotsOf(broker: string): Slots {
    let slots = this.#brokers.get(broker);
    if (slots === undefined) {
      slots = new Slots();
      this.#brokers.set(broker, slots);
    }
    return slots;
  }
}

/** By correlation id, which grows by one from request to request. An array, because a map costs more than all the rest of the account. */
class Slots implements ExpectedRequests {
  readonly #requests: (ExpectedRequest | undefined)[] = [];
  /** Of requests whose slot was taken by another one: very many are between their encoding and their socket. */
  readonly #crowded = new Map<number, ExpectedRequest>();

  expect(request: ExpectedRequest): void {
    const slot = request.correlationId & (SLOT_COUNT - 1);
    const older = this.#requests[slot];
    this.#requests[slot] = request;
    if (older === undefined) return;
    // Of two with one id (another connection) nobody knows which one is written.
    if (older.correlationId === request.correlationId) older.wrote(undefined);
    else {
      this.#crowded.get(older.correlationId)?.wrote(undefined);
      this.#crowded.set(older.correlationId, older);
    }
  }

  forget(request: ExpectedRequest): void {
    const { correlationId } = request;
    const slot = correlationId & (SLOT_COUNT - 1);
    if (this.#requests[slot] === request) this.#requests[slot] = undefined;
    else if (this.#crowded.get(correlationId) === request) this.#crowded.delete(correlationId);
  }

  wrote(correlationId: number, frame: Buffer): void {
    const slot = correlationId & (SLOT_COUNT - 1);
    const request = this.#requests[slot];
    if (request?.correlationId === correlationId) {
      this.#requests[slot] = undefined;
      request.wrote(frame);
      return;
    }
    this.#crowded.get(correlationId)?.wrote(frame);
    this.#crowded.delete(correlationId);
  }
}
