import type { Message } from 'kafkajs';
import { topicLists, type Payload } from './payload.js';

/**
 * How often messages occur in a topic, by identity: a caller may pass one object twice, and then two copies of it are what was asked for.
 *
 * @internal
 */
export class MessageCounts {
  readonly #counts = new Map<string, Map<Message, number>>();

  add(topic: string, messages: readonly Message[]): void {
    let ofTopic = this.#counts.get(topic);
    if (ofTopic === undefined) {
      ofTopic = new Map();
      this.#counts.set(topic, ofTopic);
    }
    for (const message of messages) ofTopic.set(message, (ofTopic.get(message) ?? 0) + 1);
  }

  /** How many different ones were added. */
  get distinctCount(): number {
    let count = 0;
    for (const ofTopic of this.#counts.values()) count += ofTopic.size;
    return count;
  }

  /** Takes one out; false where there is none. */
  take(topic: string, message: Message): boolean {
    const ofTopic = this.#counts.get(topic);
    const count = ofTopic?.get(message) ?? 0;
    if (count === 0) return false;
    ofTopic?.set(message, count - 1);
    return true;
  }

  hasSomeOf(payload: Payload): boolean {
    for (const { topic, messages } of topicLists(payload)) {
      const ofTopic = this.#counts.get(topic);
      if (messages.some((message) => (ofTopic?.get(message) ?? 0) > 0)) return true;
    }
    return false;
  }

  /** Whether each of them is one of the payload's. */
  areAllIn(payload: Payload): boolean {
    const known = new Map<string, Set<Message>>();
    for (const { topic, messages } of topicLists(payload)) {
      known.set(topic, new Set([...(known.get(topic) ?? []), ...messages]));
    }
    for (const [topic, ofTopic] of this.#counts) {
      for (const message of ofTopic.keys())
        if (known.get(topic)?.has(message) !== true) return false;
    }
    return true;
  }
}
