import type { ExpectedRequest } from './session.js';

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
  readonly #expected = new Map<string, Map<number, ExpectedRequest>>();

  /**
   * This request will be written under this id, if at all.
   *
   * @returns to be called when it can come no more.
   */
  expect(broker: string, correlationId: number, request: ExpectedRequest): () => void {
    let ofBroker = this.#expected.get(broker);
    if (ofBroker === undefined) {
      ofBroker = new Map();
      this.#expected.set(broker, ofBroker);
    }
    const older = ofBroker.get(correlationId);
    if (older !== undefined) older.written = true;
    ofBroker.set(correlationId, request);
    return () => {
      // The id may be that of a newer connection.
      if (this.#expected.get(broker)?.get(correlationId) !== request) return;
      this.#expected.get(broker)?.delete(correlationId);
    };
  }

  /** A Produce request was handed to a socket of this broker. */
  wrote(broker: string, correlationId: number): void {
    this.count += 1;
    const ofBroker = this.#expected.get(broker);
    const request = ofBroker?.get(correlationId);
    if (request === undefined) return;
    request.written = true;
    ofBroker?.delete(correlationId);
  }
}
