import type { Consumer } from 'kafkajs';
import type { ServiceParts } from './service.js';

/** What the library adds to kafkajs's payloads. */
interface Origin {
  readonly physicalTopic: string;
  readonly cluster: string;
  readonly switchEpoch: number;
}

/** What handlers work with. */
interface HandlerParts extends ServiceParts {
  /** Sends a record to another topic; never rejects. */
  sendReceipt(id: string): Promise<void>;
}

interface Partition {
  readonly topic: string;
  readonly partition: number;
}

/** The handlers of one service: they take their time, fail now and then, and write down what they did. */
export class Handlers {
  readonly #consumer: Consumer;
  readonly #name: string;
  readonly #parts: HandlerParts;
  #stallMs = 0;

  constructor(consumer: Consumer, name: string, parts: HandlerParts) {
    this.#consumer = consumer;
    this.#name = name;
    this.#parts = parts;
  }

  /** The next call takes this long, in milliseconds. */
  stall(forMs: number): void {
    this.#stallMs = forMs;
  }

  /** Begins to consume, in the way that the scenario says. */
  async run(): Promise<void> {
    const { kind, autoCommit, concurrency } = this.#parts.scenario.handler;
    const common = { autoCommit, partitionsConsumedConcurrently: concurrency };
    if (kind === 'eachMessage') {
      await this.#consumer.run({
        ...common,
        eachMessage: async (payload) => {
          const origin = payload as unknown as Origin;
          await this.#work(payload, origin, payload.message);
          await this.#commit(payload, origin, payload.message.offset);
        },
      });
      return;
    }
    await this.#consumer.run({
      ...common,
      eachBatchAutoResolve: false,
      eachBatch: async (payload) => {
        const { batch, resolveOffset, heartbeat, isRunning, isStale } = payload;
        const origin = payload as unknown as Origin;
        for (const message of batch.messages) {
          if (!isRunning() || isStale()) break;
          await this.#work(batch, origin, message);
          resolveOffset(message.offset);
          await this.#commit(batch, origin, message.offset);
          await heartbeat();
        }
      },
    });
  }

  async #work(
    { topic, partition }: Partition,
    { physicalTopic, cluster, switchEpoch }: Origin,
    { value, offset }: { value: Buffer | null; offset: string },
  ): Promise<void> {
    const { note, random, memory, scenario, number } = this.#parts;
    const { maxMs, failureRate } = scenario.handler;
    const facts = {
      process: number,
      consumer: this.#name,
      switchEpoch,
      id: value?.toString() ?? '',
      logical: `${topic}-${partition}`,
      place: { cluster, topic: physicalTopic, partition, offset: BigInt(offset) },
    };
    note({ kind: 'handling', ...facts });
    const tookMs = (maxMs > 0 ? random.below(maxMs) : 0) + this.#stallMs;
    this.#stallMs = 0;
    if (tookMs > 0) await memory.clock.sleep(tookMs);
    if (scenario.handler.sends) await this.#parts.sendReceipt(facts.id);
    if (random.chance(failureRate)) {
      note({ kind: 'handler-failed', ...facts });
      throw new Error('the handler failed, as handlers do');
    }
    note({ kind: 'handled', ...facts });
  }

  /** What the guide recommends: the payload says where an offset belongs. A refusal is what a switch brings. */
  async #commit(
    { topic, partition }: Partition,
    { physicalTopic, switchEpoch }: Origin,
    offset: string,
  ): Promise<void> {
    const { note, number, scenario } = this.#parts;
    if (scenario.handler.autoCommit) return;
    const next = String(BigInt(offset) + 1n);
    const entry = { topic, partition, offset: next, physicalTopic, switchEpoch };
    try {
      await this.#consumer.commitOffsets([entry]);
    } catch (error) {
      const { code } = error as { code?: string };
      note({ kind: 'fact', process: number, what: `commit refused: ${code ?? String(error)}` });
    }
  }
}
