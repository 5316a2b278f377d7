import { checkConsulSignal, type ConsulSignalOptions } from '../options-consul.js';
import { abortable, retry, type RetryPolicy } from '../wait.js';
import type { World } from '../world.js';
import { ConsulClient } from './consul-client.js';
import {
  confirmed,
  type ConsulAnswer,
  type ConsulContent,
  isSame,
  nextIndex,
  readAnswer,
} from './consul-query.js';
import { CONSUL_BACKOFF, DEFAULT_WAIT_MS, waitingFor } from './consul-waits.js';
import { Pace } from './pace.js';
import type { Reading, Signal, SignalWatch } from './signal.js';

/**
 * Watches one key of Consul's KV store, which holds an alias or JSON `{ cluster, epoch, mode, reason }`. A change is told
 * within milliseconds, by blocking queries; before it is told, the leader confirms it.
 *
 * - Ignorance is told as such: an agent that does not answer, no leader, a token that was revoked, an answer that is not
 *   understood. The watch goes on by itself, at most five seconds later, and tells what it finds then.
 * - A missing key is no opinion (`absent`); it never means a cluster.
 * - An old value that comes back (a restored snapshot) is told like any other: only an `epoch` in the value shows that it
 *   is old.
 * - A process asks about four times a minute while nothing changes, and about twice a second at most, whatever Consul does.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - at once, when an option is missing, unknown or wrong. What is
 *   wrong in the environment or in files is told by the watch instead.
 * @example
 * ```ts
 * const signal = consulSignal({ key: 'kafka/active', tokenFile: '/run/secrets/consul-token' });
 * ```
 * @see https://developer.hashicorp.com/consul/api-docs/features/blocking
 * @public
 */
export function consulSignal(options: ConsulSignalOptions): Signal {
  checkConsulSignal(options);
  const { key, datacenter, address } = options;
  const where = [
    ...(datacenter === undefined ? [] : [` in ${datacenter}`]),
    ...(address === undefined ? [] : [` at ${address}`]),
  ];
  return {
    name: `consul ${key}${where.join('')}`,
    watch: (world, tell) => new ConsulWatch(options, { world, tell }),
  };
}

/**
 * For a question that does not wait. Without a leader an agent answers it only when it has given up waiting for one: after
 * 9.5 to 14.5 s (measured with Consul 1.21). Whoever gives up earlier never hears why.
 */
const LOOK_TIMEOUT_MS = 16_000;

/** An alias and a sentence, many times over: what is longer is not even read to its end. */
const MAX_ANSWER_BYTES = 65_536;

/** What the documentation of blocking queries asks for: two at once, then slowly. */
const WATCH_PACE = { burst: 2, everyMs: 1_000 };

/** A question about the key. Only the answer to a `look` is told. */
type Question =
  /** What does it hold now? The leader makes sure that it still is one before it answers. */
  | { readonly kind: 'look' }
  /** Has anything changed since `index`? Held back by Consul until then; a deposed leader may answer what is old. */
  | { readonly kind: 'watch'; readonly index: bigint };

/**
 * Looks at the key, then watches until something may have changed, then looks again. The rules are those of Consul's
 * documentation (blocking queries, consistency modes) and of its own clients (hashicorp/consul `api/watch/plan.go`,
 * `api/lock.go`):
 *
 * - A return is no change: only content other than what was told last leads to a look.
 * - The index belongs to one history of the store. It is dropped after an error and where it goes back.
 * - An answer at the index that was asked for, before the wait is over, is the sign of a store that was replaced
 *   (`agent/blockingquery/blockingquery.go` ends a question so when a snapshot is restored): waiting on would find that
 *   out only after the whole wait.
 */
class ConsulWatch implements SignalWatch {
  readonly #key: string;
  readonly #world: World;
  readonly #tell: (reading: Reading) => void;
  readonly #client: ConsulClient;
  readonly #waitMs: number;
  readonly #pace: Pace;
  readonly #end = abortable();
  /** What was told last. Undefined: nothing yet, or a failure. */
  #told: ConsulContent | undefined;
  /** Undefined: nothing is known that could be waited for. */
  #index: bigint | undefined;

  constructor(
    options: ConsulSignalOptions,
    { world, tell }: { world: World; tell: (reading: Reading) => void },
  ) {
    this.#key = options.key;
    this.#world = world;
    this.#tell = tell;
    this.#client = new ConsulClient(options, world);
    this.#waitMs = options.waitMs ?? DEFAULT_WAIT_MS;
    this.#pace = new Pace(world, WATCH_PACE);
    void this.#run();
  }

  close(): void {
    this.#end.abort(new Error('the watch was closed'));
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    const policy: RetryPolicy = {
      ...CONSUL_BACKOFF,
      signal,
      onFailedAttempt: (error) => this.#fail(error),
    };
    while (!signal.aborted) {
      try {
        await retry(this.#world, policy, () => this.#step(signal));
      } catch (error) {
        // Closed: nothing else ends the retrying.
        if (!signal.aborted) throw error;
      }
    }
  }

  /** One look, or one wait and what it leads to. */
  async #step(signal: AbortSignal): Promise<void> {
    const asked = this.#index;
    if (asked === undefined) return this.#look(signal);
    await this.#pace.next({ signal });
    const askedAtMs = this.#world.nowMs();
    const { content, index } = await this.#ask({ kind: 'watch', index: asked }, signal);
    const waitedMs = this.#world.nowMs() - askedAtMs;
    this.#index = nextIndex(asked, index);
    const isOtherStore = index < asked || (index === asked && waitedMs < this.#waitMs);
    if (isOtherStore || !isSame(this.#told, content)) await this.#look(signal);
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { content, index } = await this.#ask({ kind: 'look' }, signal);
    this.#index = nextIndex(undefined, index);
    if (signal.aborted || isSame(this.#told, content)) return;
    this.#told = content;
    this.#tell(
      content.kind === 'value' ? { kind: 'value', text: content.text } : { kind: 'absent' },
    );
  }

  #fail({ message }: Error): void {
    if (this.#end.signal.aborted) return;
    this.#index = undefined;
    this.#told = undefined;
    this.#tell({ kind: 'failed', because: message });
  }

  /** @throws Error - (rejects) as {@link ConsulClient.ask}. */
  #ask(question: Question, signal: AbortSignal): Promise<ConsulAnswer> {
    const key = this.#key;
    const common = { key, maxBytes: MAX_ANSWER_BYTES, signal };
    if (question.kind === 'look') {
      return this.#client.ask(
        { ...common, parameters: [['consistent', '']], timeoutMs: LOOK_TIMEOUT_MS },
        (response) => confirmed(readAnswer(response, key)),
      );
    }
    return this.#client.ask(
      { ...common, ...waitingFor(question.index, this.#waitMs) },
      (response) => readAnswer(response, key),
    );
  }
}
