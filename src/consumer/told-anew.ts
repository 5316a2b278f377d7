import type { Consumer } from 'kafkajs';
import type { Dispatcher } from './dispatcher.js';
import type { InnerConsumerParts } from './inner-config.js';
import type { PausedTopic } from './pauses.js';
import type { TopicNames } from './subscription.js';

type PauseCall = readonly ['pause' | 'resume', readonly PausedTopic[]];

/**
 * What kafkajs does not know after a join, and the user takes for granted: it forgets pauses in every restart of its own, and a new inner
 * consumer knows no seek of the one before.
 *
 * @internal
 */
export class ToldAnew {
  readonly #consumer: Consumer;
  readonly #parts: InnerConsumerParts;
  #mustPause = true;
  #mustSeek: boolean;

  constructor(consumer: Consumer, parts: InnerConsumerParts) {
    this.#consumer = consumer;
    this.#parts = parts;
    this.#mustSeek = parts.carried.length > 0;
  }

  /** kafkajs restarts. */
  restarted(): void {
    this.#mustPause = true;
  }

  /** Seeks that the inner consumer before this one was given, and kafkajs had not carried out there; once. */
  seeks(dispatcher: Dispatcher | undefined): ReturnType<Dispatcher['pendingSeeks']> {
    const isFirst = this.#mustSeek;
    this.#mustSeek = false;
    return isFirst ? (dispatcher?.pendingSeeks() ?? []) : [];
  }

  /** The user's pauses, where kafkajs has not got them. */
  pauses(): readonly PauseCall[] {
    if (!this.#mustPause) return [];
    this.#mustPause = false;
    const { pause, resume } = this.#parts.pauses.calls();
    return [
      ['pause', pause],
      ['resume', resume],
    ];
  }

  /** For every log of each topic. */
  pause(method: 'pause' | 'resume', list: readonly PausedTopic[], names: TopicNames): void {
    this.#consumer[method](
      list.flatMap(({ topic, ...rest }) =>
        names.logsOf(topic).map((name) => ({ ...rest, topic: name })),
      ),
    );
  }
}
