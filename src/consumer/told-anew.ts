import type { Consumer } from 'kafkajs';
import type { Dispatcher } from './dispatcher.js';
import type { InnerConsumerParts } from './inner-config.js';
import { PendingSeeks, type PendingSeeksParts } from './pending-seeks.js';
import type { PausedTopic } from './pauses.js';
import type { TopicNames } from './subscription.js';
import type { FailoverConsumerRunConfig } from './types.js';

type PhysicalSeek = ReturnType<Dispatcher['pendingSeeks']>[number];

type PauseCall = readonly ['pause' | 'resume', readonly PausedTopic[]];

/**
 * What kafkajs does not know after a join, and the user takes for granted: it forgets pauses in every restart of its own, and a new inner
 * consumer knows no seek of the one before.
 *
 * @internal
 */
export class ToldAnew {
  readonly pending: PendingSeeks;
  readonly #consumer: Consumer;
  readonly #parts: InnerConsumerParts;
  #mustPause = true;
  #mustSeek: boolean;
  /** Seeks from before a join, by partition and topic: kafkajs forgets them where it restarts until then. */
  readonly #early = new Map<string, PhysicalSeek>();
  #hasForgotten = false;

  constructor(
    consumer: Consumer,
    parts: InnerConsumerParts,
    progressOf: PendingSeeksParts['progressOf'],
  ) {
    this.#consumer = consumer;
    this.#parts = parts;
    this.pending = new PendingSeeks({ consumer, progressOf });
    this.#mustSeek = parts.carried.length > 0;
  }

  /** It begins to consume. */
  begins({ autoCommit = true }: FailoverConsumerRunConfig): void {
    this.pending.isAutoCommit = autoCommit;
  }

  /** kafkajs restarts. */
  restarted(): void {
    this.#mustPause = true;
    this.#hasForgotten = true;
    this.pending.forget();
  }

  /** User code sought in a partition that this member has not got: while it is in no group, it may get it with its join. */
  soughtElsewhere(seek: PhysicalSeek, memberId: string | undefined): void {
    this.pending.soughtElsewhere(seek);
    if (memberId !== undefined) return;
    this.#early.set(`${seek.partition} ${seek.topic}`, seek);
  }

  /** Seeks that kafkajs has not carried out in the inner consumer before this one, or has forgotten since; once. */
  seeks(dispatcher: Dispatcher | undefined): readonly PhysicalSeek[] {
    // Without auto-commit kafkajs forgets a seek in each join.
    const isForgotten = this.#mustSeek || !this.pending.isAutoCommit;
    const carried = isForgotten ? (dispatcher?.pendingSeeks() ?? []) : [];
    for (const one of carried) this.pending.add(one);
    const forgotten = this.#hasForgotten ? [...this.#early.values()] : [];
    this.#mustSeek = false;
    this.#hasForgotten = false;
    this.#early.clear();
    return [...carried, ...forgotten];
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
