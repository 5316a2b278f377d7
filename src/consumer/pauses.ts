import { kafka } from '../kafkajs.js';

/** @internal A topic and, where not all are meant, its partitions: what kafkajs's `pause` and `resume` take. */
export interface PausedTopic {
  topic: string;
  partitions?: number[];
}

/** kafkajs's own state of one topic (`src/consumer/subscriptionState.js`), with its meaning. */
interface TopicPauses {
  readonly paused: Set<number>;
  /** True where every partition is paused but those in `resumed`. */
  isAll: boolean;
  readonly resumed: Set<number>;
}

/**
 * What is paused, by original names. kafkajs keeps this inside its consumer group and forgets it in every restart; here it
 * survives switches and restarts, and is applied to each inner consumer anew.
 *
 * @internal
 */
export class Pauses {
  readonly #topics = new Map<string, TopicPauses>();

  pause(list: readonly PausedTopic[]): void {
    for (const { topic, partitions } of list) {
      const state = this.#of(topic);
      if (partitions === undefined) {
        state.paused.clear();
        state.resumed.clear();
        state.isAll = true;
        continue;
      }
      for (const partition of partitions) {
        state.paused.add(partition);
        state.resumed.delete(partition);
      }
      state.isAll = false;
    }
  }

  resume(list: readonly PausedTopic[]): void {
    for (const { topic, partitions } of list) {
      const state = this.#of(topic);
      if (partitions === undefined) {
        state.paused.clear();
        state.resumed.clear();
        state.isAll = false;
        continue;
      }
      for (const partition of partitions) {
        state.paused.delete(partition);
        if (state.isAll) state.resumed.add(partition);
      }
    }
  }

  isPaused(topic: string, partition: number): boolean {
    const state = this.#topics.get(topic);
    if (state === undefined) return false;
    return (state.isAll && !state.resumed.has(partition)) || state.paused.has(partition);
  }

  /** The calls that bring a new inner consumer into this state. */
  calls(): { pause: PausedTopic[]; resume: PausedTopic[] } {
    const pause: PausedTopic[] = [];
    const resume: PausedTopic[] = [];
    for (const [topic, { isAll, paused, resumed }] of this.#topics) {
      if (isAll) pause.push({ topic });
      else if (paused.size > 0) pause.push({ topic, partitions: [...paused] });
      if (isAll && resumed.size > 0) resume.push({ topic, partitions: [...resumed] });
    }
    return { pause, resume };
  }

  clear(): void {
    this.#topics.clear();
  }

  #of(topic: string): TopicPauses {
    const known = this.#topics.get(topic);
    if (known !== undefined) return known;
    const state: TopicPauses = { paused: new Set(), isAll: false, resumed: new Set() };
    this.#topics.set(topic, state);
    return state;
  }
}

/**
 * Checks what was passed to `pause` or `resume`.
 *
 * @throws KafkaJSNonRetriableError in kafkajs's own words.
 * @internal
 */
export function checkPausedTopics(list: readonly unknown[], word: 'pause' | 'resume'): void {
  for (const entry of list) {
    const { topic, partitions } = (entry ?? {}) as { topic?: unknown; partitions?: unknown };
    if (!topic) {
      throw new kafka.KafkaJSNonRetriableError(`Invalid topic ${String(topic ?? entry)}`);
    }
    if (partitions === undefined) continue;
    if (!Array.isArray(partitions) || partitions.some((one) => Number.isNaN(Number(one)))) {
      throw new kafka.KafkaJSNonRetriableError(
        `Array of valid partitions required to ${word} specific partitions instead of ${JSON.stringify(partitions)}`,
      );
    }
  }
}
